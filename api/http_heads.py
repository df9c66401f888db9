"""HTTP as the service takes it off the wire: uvicorn's quick parser, with the bound on heads that it lacks.

`httptools` keeps what it was sent of a head until that is complete, however long it gets.
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request line with its header fields, of trailers, or of what stands around the chunks of a body."""


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection with 400 that sends so much without completing a head, a piece of a body or a request."""

    _idle_bytes = 0
    _in_head = False

    def data_received(self, data: bytes) -> None:
        """Whatever a callback below completes starts the count anew, however much of `data` came after it."""
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._idle_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers, which come after the body, are read and dropped: nobody asks for them."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._idle_bytes = False, 0
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            raise ValueError("the head came whole, and is too long")  # which the parser makes a 400 of
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._idle_bytes = 0
        super().on_message_complete()
