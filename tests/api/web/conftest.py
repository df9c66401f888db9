"""A real Chromium, and the page of a real server on this machine with a home of its own."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.app import create_app
from api.settings import Settings

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS: Final = 120_000
"""The first inspection loads the experts, and the machine may be busy with other tests."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, as which containers run tests.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        settings = Settings(home=tmp_path_factory.mktemp("web") / "home")
        server = uvicorn.Server(uvicorn.Config(create_app(settings, worker=True), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        end = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """The page, opened; fails the test if a script or the content security policy complained."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, base_url=address)
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(address)
    yield opened
    context.close()
    # Chromium notes every answer of 400 and up.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
