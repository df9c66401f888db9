"""Live art over a WebSocket: first a text message with what is wanted, then a picture in for each picture out.

The caller's messages: a JSON object (`style`, `strength`, `seed`, `purpose`, `consent`, `consent_reference`, `label`),
then frames as binary messages, and the text `stop`. The service's: JSON objects with an `event` (`started`, `waiting`,
`recorded`, `ended`, or `refused` with a `code` and a `detail`), and pictures as binary messages. Of frames that come
faster than they can be painted, only the latest counts.
"""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any, Final

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from api.access import known_actor
from api.auth import Actor
from api.errors import ApiError, InvalidRequest, QuotaExceeded, Unauthenticated, problem_of
from api.labels import AUTO, LABELS
from api.live import MAX_FRAME, LiveSession
from api.portraits import PortraitRequest
from api.problems import problem_response
from api.uploads import MAX_PURPOSE

router = APIRouter(tags=["portraits"])
SESSIONS: Final = 2
"""At once on one instance: each takes up a core."""
PATIENCE: Final = 30.0
"""Seconds without a message after which a session ends."""
MAX_WISH: Final = 4096
MAX_REFERENCE: Final = 256
STOP: Final = "stop"
SETTINGS: Final = ("style", "strength", "seed")
OTHERS: Final = ("purpose", "consent", "consent_reference", "label")
REFUSED_CODE, NORMAL_CODE = 1008, 1000
"""Why a WebSocket was closed (RFC 6455, 7.4.1)."""


class Latest:
    """The newest frame that is not in work yet, and whether more can come."""

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._ended = False
        self.busy = False
        """Whether a frame is in work: a caller who waits for it is not silent."""
        self._changed = asyncio.Event()

    def put(self, data: bytes) -> None:
        self._data = data
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def take(self) -> bytes | None:
        """The newest frame as soon as there is one; null at the end."""
        self.busy = False
        await self._changed.wait()
        data, self._data = self._data, None
        if self._ended:
            return None
        self._changed.clear()
        self.busy = True
        return data


@router.websocket("/v1/portraits/live")
async def live(socket: WebSocket) -> None:
    """One session."""
    try:
        actor = await known_actor(socket)
        if actor is None:
            raise Unauthenticated("Send an API key as `Authorization: Bearer …` or `X-API-Key: …`.")
    except ApiError as error:
        await _turn_away(socket, error)
        return
    await socket.accept()
    try:
        await _hold(socket, actor)
    except (WebSocketDisconnect, TimeoutError):
        await _close(socket, NORMAL_CODE)
    except Exception as error:  # whatever it was, it is said in the one shape of every error answer
        body = problem_of(error).body
        await _say(socket, {"event": "refused", "code": body["code"], "detail": body["detail"]})
        await _close(socket, REFUSED_CODE)


async def _hold(socket: WebSocket, actor: Actor) -> None:
    seats: asyncio.Semaphore = socket.app.state.live
    if seats.locked():
        raise QuotaExceeded(f"There are {SESSIONS} live sessions already.")
    async with seats:
        async with asyncio.timeout(PATIENCE):
            wish = _wish(await socket.receive_text())
        session = LiveSession(socket.app.state.workplace, actor, wish)
        await session.begin()
        await _say(socket, {"event": "started"})
        try:
            await _paint_all(socket, session)
        finally:
            await _put_on_record(socket, session)
        await _say(socket, {"event": "ended", "frames": session.frames})
        await _close(socket, NORMAL_CODE)


async def _put_on_record(socket: WebSocket, session: LiveSession) -> None:
    """The end of `session` is logged whole, even if this task is cancelled meanwhile; the service waits for it."""
    endings: set[asyncio.Task[None]] = socket.app.state.live_endings
    ending = asyncio.create_task(session.end())
    endings.add(ending)
    ending.add_done_callback(endings.discard)
    await asyncio.shield(ending)


async def _paint_all(socket: WebSocket, session: LiveSession) -> None:
    latest = Latest()
    reader = asyncio.create_task(_read(socket, latest))
    try:
        while (data := await latest.take()) is not None:
            await _answer(socket, session, data)
    finally:
        reader.cancel()


async def _answer(socket: WebSocket, session: LiveSession, data: bytes) -> None:
    if session.frames:
        await socket.send_bytes(await session.next(data))
        return
    released = await session.first(data)
    if released is None:
        await _say(socket, {"event": "waiting", "detail": "There is no face in the picture."})
        return
    await _say(socket, {"event": "recorded", "portrait": dict(released.document)})
    await socket.send_bytes(released.data)


async def _read(socket: WebSocket, latest: Latest) -> None:
    """Takes in frames until the caller stops, leaves or falls silent."""
    try:
        while (message := await _heard(socket, latest)) is not None:
            if message["type"] == "websocket.disconnect" or message.get("text") == STOP:
                break
            if data := message.get("bytes"):
                latest.put(data[: MAX_FRAME + 1])
    finally:
        latest.end()


async def _heard(socket: WebSocket, latest: Latest) -> MutableMapping[str, Any] | None:
    """The next message; null if the caller falls silent, which waiting for a frame in work is not."""
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                return await socket.receive()
        except TimeoutError:
            if not latest.busy:
                return None


def _wish(text: str) -> PortraitRequest:
    try:
        asked = json.loads(text[: MAX_WISH + 1])
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The first message is no JSON.") from error
    if not isinstance(asked, dict) or asked.keys() - {*SETTINGS, *OTHERS}:
        raise InvalidRequest(f"The first message is a JSON object of {', '.join((*SETTINGS, *OTHERS))}.")
    label = asked.get("label", AUTO)
    if label not in LABELS:
        raise InvalidRequest(f"The field `label` is one of {', '.join(LABELS)}.")
    return PortraitRequest(
        "artwork",
        b"",
        "",
        purpose=str(asked.get("purpose", ""))[:MAX_PURPOSE],
        consent=asked.get("consent") is True,
        consent_reference=str(asked.get("consent_reference", ""))[:MAX_REFERENCE],
        settings={name: asked[name] for name in SETTINGS if name in asked},
        label=label,
    )


async def _turn_away(socket: WebSocket, error: ApiError) -> None:
    """Answers the handshake with a problem, where the server can, and else with a bare refusal."""
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(problem_response(problem_of(error, instance=socket.url.path)))
    else:
        await socket.close(REFUSED_CODE)


async def _say(socket: WebSocket, event: dict[str, Any]) -> None:
    if socket.client_state is WebSocketState.CONNECTED and socket.application_state is WebSocketState.CONNECTED:
        await socket.send_text(json.dumps(event, ensure_ascii=False))


async def _close(socket: WebSocket, code: int) -> None:
    if socket.client_state is WebSocketState.CONNECTED and socket.application_state is WebSocketState.CONNECTED:
        await socket.close(code)
