"""Asks a time-stamp authority on the library's behalf: within a bound of time, and with the fault known afterwards.

The signing library gives an authority that hangs 30 s (measured with c2pa-rs 0.91.3) and takes a reply of any length.
So it is sent to this relay on loopback instead, which is there for one signature.
"""

import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self, TypeAlias

import httpx

SECONDS: Final = 4.0
"""All that an authority may take, names and connections included; a reply from one on loopback took 20 ms."""
MAX_REPLY_BYTES: Final = 64 * 1024
"""A signature has room for a token of 10 kB (measured with c2pa-rs 0.91.3), so that no larger reply is of use."""
QUERY_TYPE: Final = "application/timestamp-query"
REPLY_TYPE: Final = "application/timestamp-reply"
POLL_SECONDS: Final = 0.01
"""How often the relay looks whether it may end: that is added to a signature."""
Answer: TypeAlias = tuple[bytes, str | None]
"""The authority's reply, and the fault if there is none."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a caller that leaves early, or that is not the library, is no matter of ours."""


class Relay:
    """A relay to `authority`: the library is given `url`, and `fault` says why there is no reply; null where one is."""

    def __init__(self, authority: str) -> None:
        self._authority = authority
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self.fault: str | None = "not_asked"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forward(self, query: bytes) -> bytes | None:
        """The authority's reply to `query`; null after a fault."""
        reply, self.fault = ask(self._authority, query)
        return None if self.fault else reply


def ask(authority: str, query: bytes) -> Answer:
    """The reply of `authority` to `query` (DER), or why there is none, within `SECONDS`."""
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    # A thread of its own, because a name server that hangs cannot be told to stop.
    threading.Thread(target=lambda: answers.put(_ask(authority, query)), daemon=True).start()
    try:
        return answers.get(timeout=SECONDS)
    except queue.Empty:
        return b"", "timeout"


def _ask(authority: str, query: bytes) -> Answer:
    deadline, reply = time.monotonic() + SECONDS, bytearray()
    headers = {"content-type": QUERY_TYPE, "accept": REPLY_TYPE}
    try:
        with httpx.stream("POST", authority, content=query, headers=headers, timeout=SECONDS) as response:
            if response.status_code != httpx.codes.OK:
                return b"", f"http_{response.status_code}"
            for part in response.iter_bytes():
                reply += part
                if len(reply) > MAX_REPLY_BYTES:
                    return b"", "too_large"
                if time.monotonic() > deadline:
                    return b"", "timeout"
    except httpx.TimeoutException:
        return b"", "timeout"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return b"", type(error).__name__
    return bytes(reply), None


def _handler(relay: Relay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply = relay.forward(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(502 if reply is None else 200)
            self.send_header("content-type", REPLY_TYPE)
            self.send_header("content-length", str(len(reply or b"")))
            self.end_headers()
            self.wfile.write(reply or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the fault is logged by whoever signs."""

    return Handler
