"""Live art over a real WebSocket: refused without consent, marked with one record, and in the log at both ends."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from api import live
from api.app import create_app
from api.live import FRAME_SIDE, LIVE_STYLES, MAX_FRAME
from api.settings import Settings
from detector.types import Pixels
from generator.backends.embedded import Embedded
from generator.portrait.artwork import STYLES
from generator.prompt import parse

PATH = "/v1/portraits/live"
WISH = {"style": "low_poly", "purpose": "entertainment", "consent": True}


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    """A caller from elsewhere, over the whole application."""
    settings = Settings(home=home, blob_url="memory:///")
    with TestClient(create_app(settings), client=("192.0.2.7", 50_000)) as caller:
        yield caller


@pytest.fixture(scope="module")
def face() -> Pixels:
    return Embedded.load().synthesise(parse("a woman"), seed=3).pixels


def holder(client: TestClient, *scopes: str) -> dict[str, str]:
    app: Any = client.app

    async def issued() -> str:
        async with app.state.workplace.database.write() as session:
            token: str = (await app.state.keys.issue(session, name="test", scopes=scopes)).token
            return token

    assert client.portal is not None
    return {"authorization": f"Bearer {client.portal.call(issued)}"}


def frame(pixels: Pixels, *, side: int = 320) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((side, side)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def entries(client: TestClient) -> list[dict[str, Any]]:
    items = client.get("/v1/audit/entries?limit=100", headers=holder(client, "read_audit")).json()["items"]
    return [json.loads(item["json"]) for item in items]


@pytest.mark.parametrize("kept_at_once", [1, 50])
def test_a_session_has_one_record_and_every_frame_bears_it(
    client: TestClient, face: Pixels, kept_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "KEPT_AT_ONCE", kept_at_once)
    with client.websocket_connect(PATH, headers=holder(client, "stylise")) as socket:
        socket.send_text(json.dumps(WISH))
        assert socket.receive_json()["event"] == "started"
        socket.send_bytes(frame(np.full_like(face, 127)))
        assert socket.receive_json()["event"] == "waiting"
        socket.send_bytes(frame(face))
        recorded = socket.receive_json()
        pictures = [socket.receive_bytes()]
        for shift in (3, 60):
            socket.send_bytes(frame(np.roll(face, shift, axis=1)))
            pictures.append(socket.receive_bytes())
        socket.send_text("stop")
        assert socket.receive_json() == {"event": "ended", "frames": 3}
    record_id = recorded["portrait"]["record_id"]
    for picture in pictures:
        found = client.post("/v1/verifications", files={"file": ("a.jpg", picture)}).json()
        assert found["verdict"]["label"] == "synthetic_declared"
        assert found["watermark"]["record_id"] == found["record"]["record_id"] == record_id
    log = [entry for entry in entries(client) if entry["kind"].startswith("live.")]
    assert [entry["kind"] for entry in log] == ["live.started", "live.ended"]
    assert (log[1]["body"]["frames"], log[1]["body"]["record_id"]) == (3, record_id)


def test_without_consent_it_is_refused_and_the_refusal_is_in_the_log(client: TestClient) -> None:
    with client.websocket_connect(PATH, headers=holder(client, "stylise")) as socket:
        socket.send_text(json.dumps(WISH | {"consent": False}))
        told = socket.receive_json()
        assert (told["event"], told["code"]) == ("refused", "policy_denied")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_json()
    decided = [entry["body"] for entry in entries(client) if entry["kind"] == "policy.decided"]
    assert decided[0]["policy_ids"] == ["consent_missing"]
    assert decided[0]["allowed"] is False
    assert not [entry for entry in entries(client) if entry["kind"].startswith("live.")]


def test_strangers_do_not_get_in(client: TestClient) -> None:
    for headers in ({}, {"authorization": "Bearer sgn_wrong"}):
        with pytest.raises(WebSocketDenialResponse) as refused, client.websocket_connect(PATH, headers=headers):
            pass
        assert refused.value.status_code == 401


def test_the_scope_is_needed(client: TestClient) -> None:
    with client.websocket_connect(PATH, headers=holder(client, "inspect")) as socket:
        socket.send_text(json.dumps(WISH))
        assert socket.receive_json()["code"] == "policy_denied"


@pytest.mark.parametrize(("origin", "allowed"), [("http://127.0.0.1:8080", True), ("http://evil.example", False)])
def test_the_page_gets_in_and_other_sites_do_not(home: Path, origin: str, allowed: bool) -> None:
    app = create_app(Settings(home=home, blob_url="memory:///"))
    with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as browser:
        assert "camera=(self)" in browser.get("/").headers["permissions-policy"]
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"origin": origin, "cookie": cookie, "host": "127.0.0.1:8080"}
        address = f"ws://127.0.0.1:8080{PATH}"
        if allowed:
            with browser.websocket_connect(address, headers=headers) as socket:
                socket.send_text(json.dumps(WISH))
                assert socket.receive_json()["event"] == "started"
                socket.send_text("stop")
                assert socket.receive_json() == {"event": "ended", "frames": 0}
            return
        with pytest.raises(WebSocketDenialResponse) as refused, browser.websocket_connect(address, headers=headers):
            pass
        assert refused.value.status_code == 403


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("no json", "invalid_request"),
        (json.dumps([1]), "invalid_request"),
        (json.dumps(WISH | {"style": "style_picture"}), "invalid_request"),
        (json.dumps(WISH | {"label": "france"}), "invalid_request"),
        (json.dumps(WISH | {"strength": 7}), "invalid_settings"),
        (json.dumps(WISH | {"camera": 1}), "invalid_request"),
    ],
)
def test_what_is_refused_at_the_start(client: TestClient, first: str, code: str) -> None:
    with client.websocket_connect(PATH, headers=holder(client, "stylise")) as socket:
        socket.send_text(first)
        assert socket.receive_json()["code"] == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "unsupported_media"),
        (b"\xff\xd8\xff" + bytes(MAX_FRAME), "media_too_large"),
        (frame(np.zeros((8, 8, 3), np.uint8), side=FRAME_SIDE + 8), "media_too_large"),
        (b"\xff\xd8\xff\xe0 damaged", "unreadable_media"),
    ],
)
def test_a_bad_frame_ends_the_session(client: TestClient, data: bytes, code: str) -> None:
    with client.websocket_connect(PATH, headers=holder(client, "stylise")) as socket:
        socket.send_text(json.dumps(WISH))
        assert socket.receive_json()["event"] == "started"
        socket.send_bytes(data)
        assert socket.receive_json()["code"] == code
    assert [entry["kind"] for entry in entries(client)][-1] == "live.ended"


def test_live_styles_are_the_styles() -> None:
    assert set(LIVE_STYLES) == set(STYLES)
