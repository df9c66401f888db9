"""A real Chromium, and the page of a real server on this machine with a home of its own."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from api.app import create_app
from api.settings import Settings

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium's own sandbox refuses to run as root, as which containers run tests.
ARGUMENTS: Final = ("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE_MS: Final = 120_000
"""The first inspection loads the experts, and the machine may be busy with other tests."""
START_SECONDS: Final = 30.0
Opened: TypeAlias = Callable[[str], AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """With a camera that shows a pattern."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server that does jobs as well."""
    with served(tmp_path_factory.mktemp("web") / "home", worker=True) as at:
        yield at


@pytest.fixture
def page(opened: Opened, address: str) -> Iterator[Page]:
    """The page, opened; fails the test if a script or the content security policy complained."""
    with opened(address) as page:
        yield page


@pytest.fixture
def opened(chromium: Browser) -> Opened:
    """`with opened(address) as page`, which fails as `page` does."""

    @contextmanager
    def at(address: str) -> Iterator[Page]:
        complaints: list[str] = []
        context = chromium.new_context(viewport={"width": 1200, "height": 900}, base_url=address)
        context.set_default_timeout(PATIENCE_MS)
        try:
            page = context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if _is_fault(said) else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(address)
            yield page
        finally:
            context.close()
        assert complaints == []

    return at


@contextmanager
def served(home: Path, *, worker: bool) -> Iterator[str]:
    """The address of a server that listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(Settings(home=home), worker=worker), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            end = time.monotonic() + START_SECONDS
            while not server.started:
                assert time.monotonic() < end, "the server did not start"
                time.sleep(0.05)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=START_SECONDS)


def _is_fault(said: ConsoleMessage) -> bool:
    """An error in the console, except that Chromium notes every answer of 400 and up there."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")
