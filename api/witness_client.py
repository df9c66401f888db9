"""Asks a witness for its cosignature of the log's newest head (C2SP tlog-witness, add-checkpoint).

1 take the head, and the proof that it grew from what the witness saw last  2 send both, in a thread  3 where it says
that it saw another size, prove from that one, once  4 check, keep and log what it signed.
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from api.attestations import AttestationRepository
from api.auth import Actor
from api.errors import ApiError
from api.witnessing import Cosigned, accept
from api.workplace import Workplace

SECONDS: Final = 10.0
MAX_REPLY_BYTES: Final = 64 * 1024
SIZE_TYPE: Final = "text/x.tlog.size"
"""Type of an answer that says which size the witness saw last."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of the head at `size`: its cosignatures, or the `fault` for which there are none."""

    size: int
    taken: Cosigned | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    kind: str
    text: str


async def submit(workplace: Workplace, actor: Actor, url: str) -> Submitted:
    """Sends the newest head to the witness at `url`, its submission prefix; raises `NotFound` if the log is empty."""
    size, old, note = await workplace.database.look(lambda connection: _newest(workplace, connection))
    reply = await _send(workplace, url, size, old, note)
    if reply is not None and reply.status == 409 and reply.kind == SIZE_TYPE and _seen(reply.text, size) is not None:
        reply = await _send(workplace, url, size, _seen(reply.text, size) or 0, note)
    if reply is None or reply.status != 200:
        return Submitted(size, None, "unreachable" if reply is None else f"http_{reply.status}")
    try:
        return Submitted(size, await accept(workplace, actor, note + reply.text))
    except ApiError as error:
        return Submitted(size, None, error.code)


def _newest(workplace: Workplace, connection: Connection) -> tuple[int, int, str]:
    """Size and note of the newest head without cosignatures, and in between the size that was last cosigned."""
    head = workplace.audit.within(connection).head(attested=False)
    return head.size, AttestationRepository(connection).newest_cosigned() or 0, head.note


async def _send(workplace: Workplace, url: str, size: int, old: int, note: str) -> _Reply | None:
    proof = await workplace.database.look(
        lambda connection: workplace.audit.within(connection).consistency(old, size) if old else ()
    )
    lines = [f"old {old}", *(b64encode(each).decode() for each in proof), "", note]
    return await workplace.run(lambda: _post(f"{url.rstrip('/')}/add-checkpoint", "\n".join(lines).encode()))


def _post(url: str, body: bytes) -> _Reply | None:
    import httpx

    text = bytearray()
    try:
        with httpx.stream("POST", url, content=body, timeout=SECONDS, follow_redirects=False) as answer:
            for part in answer.iter_bytes():
                text += part
                if len(text) > MAX_REPLY_BYTES:
                    return None
        return _Reply(answer.status_code, answer.headers.get("content-type", ""), text.decode())
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return None


def _seen(text: str, size: int) -> int | None:
    """The size that a witness says it saw; null unless the log can prove its growth from there."""
    stated = text.strip()
    return int(stated) if stated.isdecimal() and int(stated) <= size else None
