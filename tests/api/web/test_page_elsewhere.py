"""The page as it looks where it has no session: it says so, and offers nothing that would be refused."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings


@pytest.mark.browser
def test_without_a_session_every_form_is_shut(chromium: Browser, home: Path) -> None:
    with TestClient(create_app(Settings(home=home, local_page=False))) as client:
        answer = client.get("/")
    assert "works without a key only" in answer.text
    page = chromium.new_page()
    page.set_content(answer.text)
    forms = page.locator("form")
    expect(forms).to_have_count(6)
    assert page.locator("form button[type=submit]:enabled, [data-file]:enabled").count() == 0
    page.close()
