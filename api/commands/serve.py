"""`serve`: the HTTP service and the page."""

import os
import threading
from typing import TYPE_CHECKING, Annotated, Final

import typer

from api.commands.running import load_settings

if TYPE_CHECKING:
    import uvicorn

CLOSING_SECONDS: Final = 15
"""Patience for what follows the last request: work in threads, the database, the sandbox."""


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: SHINGAN_HOST or 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; default: SHINGAN_PORT or 8080.")] = None,
) -> None:
    """Serve the API and the page until interrupted; requests in work may then end, for SHINGAN_SHUTDOWN_SECONDS."""
    import uvicorn

    from api import logs
    from api.app import create_app
    from api.http_heads import BoundedHeads
    from api.live import MAX_MESSAGE

    settings = load_settings()
    logs.configure(settings.log_level)
    # Behind a proxy the caller's address is the proxy's to tell, and here nobody's to believe.
    config = uvicorn.Config(
        create_app(settings, worker=settings.serve_jobs),
        host=host or settings.host,
        port=settings.port if port is None else port,
        http=BoundedHeads,
        proxy_headers=False,
        ws_max_size=MAX_MESSAGE,
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    _server(config, patience=settings.shutdown_seconds + CLOSING_SECONDS).run()


def _server(config: "uvicorn.Config", *, patience: float) -> "uvicorn.Server":
    """A server that says where it listens, and whose end takes no longer than `patience` seconds."""
    import logging
    import socket

    import uvicorn

    log = logging.getLogger("shingan.serve")

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            for server in self.servers:
                for listener in server.sockets:
                    address, port = listener.getsockname()[:2]
                    where = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
                    log.info(f"running on {where}", extra={"address": where})

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            log.info("stopping")
            watch = threading.Timer(patience, lambda: os._exit(1))
            watch.daemon = True
            watch.start()
            await super().shutdown(sockets)

    return Server(config)
