"""A service that is told to stop ends what it has begun, and ends even if what it has begun does not."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

BOUNDARY = "x"
PATIENCE_SECONDS = 60


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _in_work(address: str) -> int:
    text = httpx.get(f"{address}/metrics", trust_env=False).text
    return int(float(text.partition("\nshingan_http_in_flight ")[2].splitlines()[0]))


def _body(data: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="Jane Doe.png"\r\n\r\n'
    return head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def test_a_request_in_work_is_answered_after_the_signal(
    serve: Callable[..., Any], tmp_path: Path, make_photo: Callable[..., Any], encode: Callable[..., bytes]
) -> None:
    served = serve(tmp_path / "home")
    body = _body(encode(make_photo()))

    def in_two_parts() -> Iterator[bytes]:
        yield body[:1000]
        _until(lambda: _in_work(served.address) == 2)  # this one, and the question itself
        served.process.send_signal(signal.SIGTERM)
        _until(lambda: any(line["event"] == "stopping" for line in served.lines))
        yield body[1000:]

    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", "content-length": str(len(body))}
    with httpx.Client(base_url=served.address, timeout=120, trust_env=False) as client:
        answer = client.post("/v1/verifications", content=in_two_parts(), headers=headers)
    assert answer.status_code == 201
    assert served.process.wait(timeout=60) == -signal.SIGTERM
    served.stop()
    (line,) = (line for line in served.lines if line.get("route") == "/v1/verifications")
    assert (line["status"], line["request_id"]) == (201, answer.headers["x-request-id"])
    assert "Jane" not in str(served.lines)
    assert answer.json()["id"] not in str(served.lines)


def test_a_request_that_never_ends_does_not_keep_it(serve: Callable[..., Any], tmp_path: Path) -> None:
    served = serve(tmp_path / "home", SHINGAN_SHUTDOWN_SECONDS="1")
    address = urlsplit(served.address)
    with socket.create_connection((address.hostname, address.port)) as connection:
        head = "POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n--x".encode())
        _until(lambda: _in_work(served.address) == 2)
        assert served.stop() == -signal.SIGTERM
