"""What the drill sends: mixed work, each piece under an Idempotency-Key and sent until it has an answer."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.conftest import _encode, _film, _photo

AT_ONCE: Final = 4
LASTING: Final = 500
"""Statuses from here on, and 409 and 429, are tried again."""
PAUSE_SECONDS: Final = 0.5


@dataclass(slots=True)
class Piece:
    """One request; `inspections` is how many it asks for, `in_place` whether it is answered at once."""

    route: str
    files: Sequence[tuple[str, bytes]]
    inspections: int
    in_place: bool = False
    later: bool = False
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    answer: dict[str, Any] = field(default_factory=dict)
    sendings: int = 0


def pieces(inspections: int, *, seed: int) -> list[Piece]:
    """Mixed requests that ask for `inspections` altogether, every file unlike the others."""
    chance, made, left = random.Random(seed), [], inspections
    while left > 0:
        number = seed * 10_000 + inspections - left
        kind = chance.choice(("batch", "clip", "later", "now", "bad"))
        if kind == "batch" and left >= 3:
            files = [("a.png", _still(number)), ("b.txt", b"no picture %d" % number), ("c.mp4", _clip(number + 2))]
            made.append(Piece("/v1/jobs", files, 3))
        elif kind == "clip":
            made.append(Piece("/v1/inspections", [("clip.mp4", _clip(number))], 1))
        elif kind == "later":
            made.append(Piece("/v1/inspections", [("later.png", _still(number))], 1, later=True))
        elif kind == "bad":
            made.append(Piece("/v1/inspections", [("bad.png", _still(number)[:200])], 1, later=True))
        else:
            made.append(Piece("/v1/inspections", [("now.png", _still(number))], 1, in_place=True))
        left -= made[-1].inspections
    return made


async def send_all(url: str, token: str, work: Sequence[Piece]) -> None:
    """Returns once every piece has its answer."""
    gate = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        await asyncio.gather(*(_send(client, token, piece, gate) for piece in work))


async def _send(client: httpx.AsyncClient, token: str, piece: Piece, gate: asyncio.Semaphore) -> None:
    headers = {"authorization": f"Bearer {token}", "idempotency-key": piece.key}
    if piece.later:
        headers["prefer"] = "respond-async"
    files = [("file", file) for file in piece.files]
    while not piece.answer:
        async with gate:
            piece.sendings += 1
            try:
                answer = await client.post(piece.route, files=files, headers=headers)
            except httpx.HTTPError:
                answer = None
        if answer is not None and answer.status_code in (201, 202):
            piece.answer = answer.json()
        elif answer is not None and answer.status_code < LASTING and answer.status_code not in (409, 429):
            raise AssertionError(f"{piece.route} was refused: {answer.text}")
        else:
            await asyncio.sleep(PAUSE_SECONDS)


def _still(number: int) -> bytes:
    return _encode(_photo(number, width=160, height=120))


def _clip(number: int) -> bytes:
    return _film([_photo(number, width=128, height=96)] * 4)
