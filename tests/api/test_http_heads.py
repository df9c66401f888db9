"""A head that has no end is ended by the service, whatever way it grows; what is no larger than it may be passes."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.http_heads import MAX_HEAD_BYTES, BoundedHeads

BLOCK = b"x" * 4096
BLOCKS = 4 * MAX_HEAD_BYTES // len(BLOCK)
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


async def _length(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % length})


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(_length, http=BoundedHeads, lifespan="off", log_level="critical"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def _answer(address: tuple[str, int], *parts: bytes) -> bytes:
    """What comes back until the service has nothing more to say."""
    with socket.create_connection(address, timeout=60) as connection:
        with contextlib.suppress(ConnectionError):  # it does not wait for the end of what it refuses
            for part in parts:
                connection.sendall(part)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(4096):
                answer += piece
        return answer


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX-Long: ",
        b"GET / HTTP/1.1\r\nX-",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-T: ",
    ],
    ids=["address", "value", "name", "trailer"],
)
def test_what_never_ends_is_ended(address: tuple[str, int], start: bytes) -> None:
    answer = _answer(address, start, *[BLOCK] * BLOCKS)
    assert b"200 OK" not in answer
    assert b"400 Bad Request" in answer or answer == b""


def test_many_fields_are_too_long_together(address: tuple[str, int]) -> None:
    fields = b"".join(b"X-%d: %s\r\n" % (number, BLOCK) for number in range(MAX_HEAD_BYTES // len(BLOCK)))
    assert _answer(address, POST + fields + b"\r\n").startswith(b"HTTP/1.1 400")


def test_many_trailers_are_ended(address: tuple[str, int]) -> None:
    start = POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    answer = _answer(address, start, *[b"X-T: %s\r\n" % BLOCK] * BLOCKS)
    assert b"400 Bad Request" in answer or answer == b""


def test_a_long_body_behind_a_long_head_is_read(address: tuple[str, int]) -> None:
    head = POST + b"Connection: close\r\nX-Long: %s\r\nContent-Length: %d\r\n\r\n" % (15 * BLOCK, BLOCKS * len(BLOCK))
    assert _answer(address, head, *[BLOCK] * BLOCKS).endswith(b"\r\n%d\r\n0\r\n\r\n" % (BLOCKS * len(BLOCK)))


def test_a_body_in_small_chunks_is_read(address: tuple[str, int]) -> None:
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = _answer(address, head, b"1\r\nx\r\n" * MAX_HEAD_BYTES, b"0\r\n\r\n")
    assert answer.endswith(b"\r\n%d\r\n0\r\n\r\n" % MAX_HEAD_BYTES)


def test_a_connection_bears_many_requests(address: tuple[str, int]) -> None:
    one = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n" % BLOCK
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert _answer(address, *[one] * BLOCKS, last).count(b"HTTP/1.1 200 OK") == BLOCKS + 1
