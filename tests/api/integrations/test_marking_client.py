"""The client against the real service: what comes back verifies, and each failure is a type of its own."""

import hashlib
import io
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api.integrations.marking_client import (
    AnswerMalformed,
    MarkedFile,
    MarkingClient,
    MarkingError,
    MarkRefused,
    NotMarkable,
    Service,
    ServiceUnreachable,
    mark_images,
)
from detector.types import Pixels

Say = Callable[[Service, bytes], dict[str, Any]]


def client_of(service: Service, *, purpose: str = "advertising") -> MarkingClient:
    return MarkingClient(service, purpose=purpose, software="painter 3")


@pytest.fixture
def image(make_photo: Callable[..., Pixels]) -> Image.Image:
    return Image.fromarray(make_photo(4, width=384, height=320))


@pytest.fixture
def marked(service: Service, image: Image.Image) -> MarkedFile:
    with client_of(service) as client:
        return mark_images([image], client)[0]


def test_what_comes_back_verifies(service: Service, marked: MarkedFile, said: Say, tmp_path: Path) -> None:
    path = marked.save(tmp_path / "new")
    assert path.name == f"shingan-{marked.record_id}.png"
    found = said(service, path.read_bytes())
    assert found["verdict"]["label"] == "synthetic_declared"
    assert (found["credentials"]["state"], found["watermark"]["record_id"]) == ("trusted", marked.record_id)
    assert hashlib.sha256(marked.data).hexdigest() == marked.answer["sha256"]
    assert marked.answer["software"] == "painter 3"


def test_the_watermark_alone_stays_in_the_pixels(service: Service, marked: MarkedFile, said: Say) -> None:
    buffer = io.BytesIO()
    marked.picture().save(buffer, "JPEG", quality=80)
    found = said(service, buffer.getvalue())
    assert (found["credentials"]["state"], found["watermark"]["record_id"]) == ("absent", marked.record_id)


def test_a_refusal_says_which(service: Service, marked: MarkedFile, image: Image.Image) -> None:
    with client_of(service) as client, pytest.raises(MarkRefused) as again:
        client.mark(marked.data)
    assert (again.value.status, again.value.code) == (409, "already_marked")
    with client_of(service, purpose="deception") as client, pytest.raises(MarkRefused) as forbidden:
        mark_images([image], client)
    assert (forbidden.value.status, forbidden.value.code) == (403, "policy_denied")
    with client_of(Service(service.url, "sgn_wrong")) as client, pytest.raises(MarkRefused) as unknown:
        mark_images([image], client)
    assert (unknown.value.status, unknown.value.code) == (401, "unauthenticated")


def test_nobody_answers(image: Image.Image) -> None:
    with client_of(Service("http://127.0.0.1:9", "key")) as client, pytest.raises(ServiceUnreachable):
        mark_images([image], client)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>", AnswerMalformed),
        (201, b'{"id": "mrk_1"}', AnswerMalformed),
        (201, b'{"id": "../x", "record_id": "0", "sha256": "0", "mime": "image/png"}', AnswerMalformed),
        (201, b'{"id": "mrk_1", "record_id": "0", "sha256": "0", "mime": "image/png"}', AnswerMalformed),
        (302, b"", MarkRefused),
        (502, b"<html>", MarkRefused),
        (403, b"[]", MarkRefused),
    ],
)
def test_other_services_are_not_believed(
    status: int, body: bytes, kind: type[MarkingError], image: Image.Image
) -> None:
    with _answering(status, body) as url, client_of(Service(url, "key")) as client, pytest.raises(kind):
        mark_images([image], client)


def test_only_pictures_are_sent(image: Image.Image) -> None:
    with client_of(Service("http://127.0.0.1:9", "key")) as client, pytest.raises(NotMarkable):
        mark_images([image, "picture"], client)  # type: ignore[list-item]


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHINGAN_API_KEY", raising=False)
    monkeypatch.delenv("SHINGAN_URL", raising=False)
    with pytest.raises(MarkingError, match="SHINGAN_API_KEY"):
        Service.from_environment()
    monkeypatch.setenv("SHINGAN_API_KEY", "sgn_secret")
    assert Service.from_environment().url == "http://127.0.0.1:8080"
    assert "sgn_secret" not in repr(Service.from_environment())


@pytest.mark.parametrize("module", ["marking_client", "diffusers_marking", "comfyui_node"])
def test_nothing_heavy_is_loaded(module: str) -> None:
    heavy = "{'torch', 'diffusers', 'c2pa', 'fastapi', 'cv2'}"
    code = f"import sys, api.integrations.{module}; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[str]:
    """The address of a server that gives this one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers["content-length"] or 0))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
