"""What every request passes on its way in and every answer on its way out, as plain ASGI."""

import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.admission import STANDINGS
from api.metrics import Metrics
from api.rates import headers as rate_headers

FORM_OVERHEAD = 64 * 1024
"""Bytes that boundaries and small fields add to an uploaded file."""
SMALL_BODY = 64 * 1024
"""Largest body that is not an upload, in bytes."""
BATCHES = "/v1/jobs"
"""The route whose form may hold many files."""
BARE_PICTURE = "/v1/soft-bindings/matches/byContent"
"""The route whose body is a picture as such."""
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
    """A form may hold a file; of bare pictures, only that route is told which asks for one."""
    return content_type.startswith("multipart/form-data") or (
        path == BARE_PICTURE and content_type.startswith("image/")
    )


class Measured:
    """Counts and times answers by route template, so that ids never become label values."""

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
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(scope["method"], route, str(status)).inc()
            self._metrics.seconds.labels(scope["method"], route).observe(time.perf_counter() - start)
