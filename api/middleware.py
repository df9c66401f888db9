"""What every request passes on its way in and every answer on its way out, as plain ASGI."""

import logging
import re
import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import STANDINGS
from api.logs import request_id
from api.metrics import Metrics
from api.rates import headers as rate_headers

FORM_OVERHEAD = 64 * 1024
"""Bytes that boundaries and small fields add to an uploaded file."""
SMALL_BODY = 64 * 1024
"""Largest body that is not an upload, in bytes."""
BATCHES = "/v1/jobs"
"""The route whose form may hold many files."""
BARE_CONTENT = "/v1/soft-bindings/matches/byContent"
"""The route whose body is a picture or a clip as such."""
REQUEST_ID = "x-request-id"
GIVEN_ID = re.compile(r"[0-9a-fA-F]{8,32}(-[0-9a-fA-F]{4,12}){0,4}")
"""What a caller's own request id may look like: a UUID or hexadecimal, which says nothing about anybody."""
ID_BYTES = 16
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
log = logging.getLogger("shingan.http")
SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""A route's own header of the same name wins."""


class SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded if scope["type"] == "http" else send)


class RateHeaders:
    """Tells a caller who was counted how much is left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            standings = scope.get("state", {}).get(STANDINGS)
            if message["type"] == "http.response.start" and standings:
                MutableHeaders(scope=message).update(rate_headers(standings))
            await send(message)

        await self._app(scope, receive, telling if scope["type"] == "http" else send)


class RequestIds:
    """Names each request, with the caller's id if it is a bare number, and tells the name to the log and the caller."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        given = Headers(scope=scope).get(REQUEST_ID, "")
        chosen = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(ID_BYTES)
        request_id.set(chosen)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = chosen
            await send(message)

        return await self._app(scope, receive, named)


class BodyLimit:
    """Ends a request with 413 as soon as its body is, or says it is, larger than allowed."""

    def __init__(self, app: ASGIApp, *, max_upload: int, max_batch: int) -> None:
        self._app = app
        self._max_upload = max_upload + FORM_OVERHEAD
        self._max_batch = max_batch + FORM_OVERHEAD

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers, left = Headers(scope=scope), SMALL_BODY
        if _brings_file(scope["path"], headers.get("content-type", "")):
            left = self._max_batch if scope["path"] == BATCHES else self._max_upload
        declared = headers.get("content-length", "")
        too_large = declared.isdecimal() and int(declared) > left

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if too_large or left < 0:
                raise HTTPException(413, "The upload is larger than this instance accepts.")
            return message

        return await self._app(scope, counted, send)


def _brings_file(path: str, content_type: str) -> bool:
    """A form may hold a file; of bare content, only that route is told which asks for some."""
    return content_type.startswith("multipart/form-data") or (
        path == BARE_CONTENT and content_type.startswith(("image/", "video/"))
    )


class Measured:
    """Counts, times and logs answers by route template, so that ids never become label values or lines."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, start = 500, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            with self._metrics.in_flight.track_inprogress():
                await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._note(_known_method(scope["method"]), route, status, time.perf_counter() - start)

    def _note(self, method: str, route: str, status: int, seconds: float) -> None:
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(method, route).observe(seconds)
        facts = {"method": method, "route": route, "status": status, "ms": round(1000 * seconds, 1)}
        log.info("request", extra=facts)


def _known_method(method: str) -> str:
    """Callers may send any word as a method; a label must not take as many values as they like."""
    return method if method in METHODS else "other"
