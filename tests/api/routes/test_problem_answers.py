"""Whatever goes wrong comes back as one shape, `application/problem+json`, without a word about the inside."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from api.errors import PROBLEM_JSON
from api.middleware import SECURITY_HEADERS

FIELDS = {"type", "title", "status", "detail", "code", "instance"}


def _check(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.headers["content-type"] == PROBLEM_JSON
    body = answer.json()
    assert body.keys() >= FIELDS
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert "Traceback" not in answer.text
    assert answer.headers.keys() >= SECURITY_HEADERS.keys()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/static/nowhere.js", 404, "not_found"),
        ("PUT", "/healthz", 405, "method_not_allowed"),
        ("GET", "/v1/verifications/ver_unknown", 404, "not_found"),
        ("POST", "/v1/verifications", 422, "invalid_request"),
    ],
)
async def test_framework_failures(client: httpx.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    _check(await client.request(method, path), status, code)


async def test_malformed_fields_are_named_and_not_echoed(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    wrong = {"prompt": "", "purpose": "Research!", "colour": "secret"}
    answer = await client.post("/v1/generations", json=wrong, headers=await issue("generate"))
    _check(answer, 422, "invalid_request")
    assert {fault["where"][-1] for fault in answer.json()["errors"]} == {"prompt", "purpose", "colour"}
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/webhooks", r'{"url": "https://example.org/", "events": ["\ud800"]}'),
        ("/v1/webhooks", r'{"url": "https://example.org/", "\ud800": 1}'),
        ("/v1/keys", r'{"name": "a", "scopes": ["\udfff"]}'),
        ("/v1/policies", r'{"files": {"\ud800": ""}}'),
        ("/v1/policies", r'{"files": {"a.cedar": "\ud800"}}'),
        ("/v1/generations", r'{"prompt": "a woman", "purpose": "research", "label": "\ud800"}'),
        ("/v1/soft-bindings/matches/byBinding", r'{"alg": "\ud800", "value": ""}'),
    ],
)
async def test_half_a_surrogate_pair_is_no_text(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]], path: str, body: str
) -> None:
    headers = await issue("manage_webhooks", "manage", "generate")
    answer = await client.post(path, content=body, headers={**headers, "content-type": "application/json"})
    _check(answer, *((400, "invalid_query") if "soft-bindings" in path else (422, "invalid_request")))


async def test_what_a_refusal_quotes_may_be_no_text(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    form = {"purpose": "entertainment", "consent": "true", "settings": r'{"\ud800": 1}'}
    headers = await issue("stylise")
    answer = await client.post("/v1/portraits/artwork", files={"file": ("a.png", b"")}, data=form, headers=headers)
    _check(answer, 422, "invalid_settings")


async def test_index_out_of_range(client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]) -> None:
    headers = await issue("read_audit")
    _check(await client.get(f"/v1/audit/entries/{2**80}", headers=headers), 422, "invalid_request")
    _check(await client.get("/v1/audit/proof/0", headers=headers), 404, "not_found")
    _check(await client.get("/v1/audit/checkpoint", headers=headers), 404, "not_found")


async def test_bad_media_is_typed_and_audited(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    _check(await client.post("/v1/verifications", files={"file": ("x.jpg", b"")}), 422, "empty_media")
    answer = await client.post("/v1/verifications", files={"file": ("x.jpg", b"\xff\xd8\xff broken")})
    _check(answer, 422, "unreadable_media")
    entries = (await client.get("/v1/audit/entries", headers=await issue("read_audit"))).json()["items"]
    assert '"code":"unreadable_media"' in entries[-1]["json"]
    assert '"kind":"verification.failed"' in entries[-1]["json"]


async def test_declared_size_is_refused_unread(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/verifications", files={"file": ("x.jpg", bytes(1_000_000))})
    _check(answer, 413, "payload_too_large")


async def test_undeclared_size_is_refused_while_it_streams(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while sent < 50_000_000:
            sent += 100_000
            yield bytes(100_000)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    _check(await client.post("/v1/verifications", content=endless(), headers=headers), 413, "payload_too_large")


async def test_small_bodies_stay_small(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]]
) -> None:
    answer = await client.post("/v1/generations", content=b" " * 100_000, headers=await issue("generate"))
    _check(answer, 413, "payload_too_large")


async def test_the_unforeseen_keeps_its_text_to_itself(app: FastAPI, client: httpx.AsyncClient) -> None:
    def broken() -> None:
        raise RuntimeError("the password is 1234")

    app.add_api_route("/broken", broken)
    answer = await client.get("/broken")
    _check(answer, 500, "internal_error")
    assert "1234" not in answer.text
