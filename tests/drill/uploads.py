"""The borders of a running service: files, forms and bare requests, sent over real HTTP to `shingan serve`."""

import asyncio
import json
import socket
from collections.abc import Collection, Mapping
from typing import Any, Final

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.auth import Scope
from api.errors import PROBLEM_JSON, ApiError, NotOffered
from tests.conftest import _encode, _photo
from tests.drill.borders import Border
from tests.drill.machine import Machine
from tests.drill.mutations import mutated_json, mutated_lines
from tests.drill.specimens import Specimens

BOUNDARY: Final = "f00dfeed"
TIMEOUT: Final = 120.0
PAUSE_SECONDS: Final = 1.0
"""How long a bare request waits for its answer."""
ENVIRONMENT: Final[Mapping[str, str]] = {
    "SHINGAN_DAILY_GENERATIONS": "1000000000",
    "SHINGAN_FETCH": "false",
    "SHINGAN_DECODE_SECONDS": "3",
}
"""Marks are not counted, and nothing is fetched."""


class Failed(Exception):
    """The service failed, or is gone."""


class Service:
    """A `shingan serve` that is asked one thing at a time, and started again if it died."""

    def __init__(self, machine: Machine) -> None:
        machine.environment |= ENVIRONMENT
        scopes = [word for scope in Scope for word in ("--scope", scope.value)]
        token = json.loads(machine.command("keys", "create", "fuzz", "--json", *scopes))["token"]
        self._machine = machine
        self._faceless = _encode(_photo(5, width=160, height=128), "JPEG")
        self._headers = {"authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=machine.url, headers=self._headers, trust_env=False, timeout=TIMEOUT)

    def __enter__(self) -> "Service":
        self._machine.start("serve")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._machine.stop()

    def borders(self, made: Specimens) -> list[Border]:
        pictures = [*made.pictures, *made.signed]
        forms = [_form(made.pictures[0]), _form(made.signed[0], purpose="research"), _form(b"", url="http://127.0.0.1")]
        wishes = [json.dumps({tool: settings}).encode() for tool, settings in SETTINGS.items()]
        bodies = [json.dumps({path: body}).encode() for path, body in BODIES.items()]
        return [
            Border("http_verifications", [*pictures, *made.clips], lambda data: self._file("/v1/verifications", data)),
            Border("http_inspections", made.pictures, lambda data: self._file("/v1/inspections", data)),
            Border("http_marks", pictures, lambda data: self._file("/v1/marks", data, purpose="research")),
            Border("http_by_content", pictures, lambda data: self._post("/v1/soft-bindings/matches/byContent", data)),
            Border("http_known_media", made.lists, lambda data: self._file("/v1/known-media", data), mutated_lines),
            Border("http_form", forms, self._form),
            Border("http_json", bodies, self._json, mutated_json),
            Border(
                "http_cosignatures", made.heads, lambda data: self._post("/v1/audit/cosignatures", data), mutated_lines
            ),
            Border("http_portraits", wishes, self._portrait, mutated_json),
            Border("live", [json.dumps(wish).encode() for wish in LIVE], self._live, mutated_json),
            Border("http_bare", [_request(form) for form in forms], self._bare, mutated_lines),
        ]

    def _file(self, path: str, data: bytes, **fields: str) -> str:
        return self._asked("POST", path, files={"file": ("file", data)}, data=fields)

    def _post(self, path: str, data: bytes) -> str:
        return self._asked("POST", path, content=data, headers={"content-type": "image/jpeg"})

    def _form(self, data: bytes) -> str:
        """The whole body of a form, its boundaries included, to every route that takes one."""
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        paths = ("/v1/verifications", "/v1/jobs", "/v1/known-media")
        return self._asked("POST", paths[len(data) % len(paths)], content=data, headers=headers)

    def _json(self, data: bytes) -> str:
        """A body under the path that it is for; what is no JSON any more goes to a route that reads JSON."""
        path, body = _under(data, BODIES) or ("/v1/jobs", None)
        content = data if body is None else json.dumps(body).encode()
        return self._asked("POST", path, content=content, headers={"content-type": "application/json"})

    def _portrait(self, data: bytes) -> str:
        """Settings under the tool that they are for, with a picture that has no face."""
        tool, settings = _under(data, SETTINGS) or ("artwork", None)
        text = data.decode("latin-1") if settings is None else json.dumps(settings)
        fields = {"purpose": "entertainment", "consent": "true", "settings": text}
        return self._asked("POST", f"/v1/portraits/{tool}", files={"file": ("file", self._faceless)}, data=fields)

    def _live(self, data: bytes) -> str:
        """The wish of a live session, then the same bytes as a frame."""
        url = f"ws://127.0.0.1:{self._machine.port}/v1/portraits/live"
        heard = ""
        try:
            with connect(url, additional_headers=self._headers, proxy=None, open_timeout=TIMEOUT) as session:
                session.send(data.decode("latin-1"))
                heard = _event(session.recv(TIMEOUT))
                if heard == "started":
                    session.send(data)
                    session.send("stop")
                    heard = _event(session.recv(TIMEOUT))
        except ConnectionClosed:
            self._alive()
        except TimeoutError as error:
            raise Failed("a live session did not answer") from error
        if heard == ApiError.code:
            raise Failed("a live session failed")
        return heard or "closed"

    def _bare(self, data: bytes) -> str:
        """A request as bytes, on a connection of its own; the service may wait for the rest of one that was cut."""
        with socket.create_connection(("127.0.0.1", self._machine.port), timeout=PAUSE_SECONDS) as connection:
            try:
                connection.sendall(data)
                answer = connection.recv(4096)
            except TimeoutError:
                return "waiting"
            except ConnectionError:
                answer = b""
        if not answer:
            self._alive()
            return "closed"
        status = answer.split(b" ", 2)[1].decode("latin-1")
        if status.startswith("5"):
            raise Failed(answer.decode("latin-1"))
        return status

    def _asked(self, method: str, path: str, **content: Any) -> str:  # noqa: ANN401 - httpx's own
        """The code of a problem, or the status of a success; raises `Failed` for anything else."""
        try:
            answer = self._client.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise Failed(f"{path} did not answer") from error
        except httpx.TransportError:
            self._alive()
            return "closed"
        if answer.status_code < 400:
            return str(answer.status_code)
        told = answer.json() if answer.headers.get("content-type") == PROBLEM_JSON else {}
        if "code" not in told or (answer.status_code >= 500 and told["code"] != NotOffered.code):
            raise Failed(f"{path}: {answer.status_code} {answer.text[:400]}")
        return str(told["code"])

    def _alive(self) -> None:
        """Raises `Failed`, and starts the service again, if it ended or answers nobody."""
        try:
            answer = self._client.get("/readyz")
        except httpx.TransportError as error:
            asyncio.run(self._machine.ready())  # which starts it again
            raise Failed("the service is gone") from error
        if answer.status_code != 200:
            raise Failed(f"the service is not ready: {answer.text[:400]}")


SETTINGS: Final[Mapping[str, Mapping[str, object]]] = {
    "artwork": {"style": "low_poly", "strength": 0.5, "seed": 3},
    "surgery": {"changes": {"alar_width": -4}, "view": "turntable"},
    "reconstruct": {"output": "views", "hidden": ["left_eye"]},
}
LIVE: Final = (
    {"style": "ink", "strength": 0.5, "seed": 3, "purpose": "entertainment", "consent": True, "label": "none"},
    {"style": "watercolour", "purpose": "entertainment", "consent": True, "consent_reference": "form 17"},
)
BODIES: Final[Mapping[str, Mapping[str, object]]] = {
    "/v1/verifications": {"url": "http://127.0.0.1/picture.png", "purpose": "research"},
    "/v1/jobs": {"urls": ["http://127.0.0.1/a.png"], "purpose": "research", "priority": "low"},
    "/v1/soft-bindings/matches/byBinding": {"alg": "shingan.wm.1", "value": "MDEyMzQ1Njc4OWFi"},
    "/v1/policies/decide": {"action": "generate", "purpose": "research", "prompt": "a smiling woman", "quota_left": 3},
    "/v1/consents": {"subject": "somebody", "purpose": "research", "days": 30},
    "/v1/erasures": {"target": "0" * 64},
    "/v1/webhooks": {"url": "https://127.0.0.1/hook", "events": ["inspection.completed"]},
}


def _under(data: bytes, known: Collection[str]) -> tuple[str, object] | None:
    """Name and value of a JSON object with one entry; null if that is not one of those known."""
    try:
        ((name, value),) = json.loads(data).items()
    except (ValueError, AttributeError, RecursionError):
        return None
    return (name, value) if name in known else None


def _event(message: str | bytes) -> str:
    """A message of a live session in a word: the code of a refusal, or the event."""
    told = json.loads(message) if isinstance(message, str) else {"event": "picture"}
    return str(told.get("code") or told["event"])


def _form(data: bytes, **fields: str) -> bytes:
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{fields[name]}' for name in fields]
    if data:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        parts.append(f"{head}Content-Type: image/png\r\n\r\n{data.decode('latin-1')}")
    return "\r\n".join([*parts, f"--{BOUNDARY}--\r\n"]).encode("latin-1")


def _request(form: bytes) -> bytes:
    lines = (
        "POST /v1/verifications HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {len(form)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + form
