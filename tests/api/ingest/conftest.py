"""A host on loopback that gives out whatever a test wants, and counts who came."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Host:
    """`routes` maps paths to (status, headers, body); `asked` are the paths that were asked for, in order."""

    def __init__(self) -> None:
        self.routes: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        self.slowly: Callable[[], None] = lambda: None
        self.port = 0

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def host() -> Iterator[Host]:
    described = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            described.asked.append(self.path)
            status, headers, body = described.routes.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if not {"content-length", "connection"} & headers.keys():
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            described.slowly()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    described.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield described
    server.shutdown()
    server.server_close()
    thread.join()
