"""`serve`: the HTTP service and the page."""

from typing import Annotated

import typer

from api.commands.running import load_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: SHINGAN_HOST or 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; default: SHINGAN_PORT or 8080.")] = None,
) -> None:
    """Serve the API and the page until interrupted."""
    import uvicorn

    from api.app import create_app
    from api.live import MAX_MESSAGE

    settings = load_settings()
    # Behind a proxy the caller's address is the proxy's to tell, and here nobody's to believe.
    uvicorn.run(
        create_app(settings, worker=settings.serve_jobs),
        host=host or settings.host,
        port=settings.port if port is None else port,
        proxy_headers=False,
        ws_max_size=MAX_MESSAGE,
        server_header=False,
    )
