"""Tokens of an issuer on loopback: real keys, real signatures, real HTTP; and whatever is wrong with one is a 401."""

import base64
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, KeyParameters, OctKey, RSAKey
from pydantic import ValidationError

from api.app import create_app
from api.auth import ApiKeys
from api.errors import IssuerUnavailable, Unauthenticated
from api.jwks import FRESH, KEPT, MAX_BYTES, PATIENCE, IssuerKeys
from api.oidc import MAX_TOKEN, BearerTokens
from api.settings import Settings
from api.tenant_repository import ensure_tenant

NAME = "https://issuer.example/"
AUDIENCE = "shingan"


class Issuer:
    """`url` serves the public half of `keys`; `asked` counts how often, `body` overrides the answer, `up` allows it."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAKey | ECKey] = {}
        self.asked = 0
        self.up = True
        self.body: bytes | None = None
        self.url = ""

    def add(self, key_id: str, *, kind: str = "EC") -> None:
        parameters: KeyParameters = {"kid": key_id, "use": "sig"}
        made = ECKey.generate_key("P-256", parameters) if kind == "EC" else RSAKey.generate_key(2048, parameters)
        self.keys[key_id] = made

    def public(self) -> bytes:
        return json.dumps({"keys": [key.as_dict(private=False) for key in self.keys.values()]}).encode()

    def token(self, key_id: str = "one", *, header: dict[str, Any] | None = None, **claims: Any) -> str:  # noqa: ANN401
        """A token that is good unless `claims` (null takes one out) or `header` say otherwise."""
        now = int(time.time())
        body = {"iss": NAME, "aud": AUDIENCE, "sub": "user 7", "exp": now + 300, "iat": now, "nbf": now}
        body |= {"tenant": "acme", "scope": "inspect read_audit"}
        chosen = {name: value for name, value in (body | claims).items() if value is not None}
        key = self.keys[key_id]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": key_id} | (header or {}), chosen, key)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """With one key, `one`; it listens until the test ends."""
    issuer = Issuer()
    issuer.add("one")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            body = issuer.public() if issuer.body is None else issuer.body
            self.send_response(200 if issuer.up else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Tests are silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    issuer.url = f"http://127.0.0.1:{server.server_address[1]}/jwks"
    yield issuer
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(home: Path, issuer: Issuer) -> Settings:
    return Settings(home=home, oidc_issuer=NAME, oidc_audience=AUDIENCE, oidc_jwks_url=issuer.url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(settings: Settings, issuer: Issuer, clock: Clock) -> BearerTokens:
    return BearerTokens(settings, ApiKeys(b"pepper"), IssuerKeys(issuer.url, clock=clock))


async def test_claims_become_an_actor(tokens: BearerTokens, issuer: Issuer) -> None:
    actor = await tokens.authenticate(issuer.token())
    assert (actor.tenant, sorted(actor.scopes)) == ("acme", ["inspect", "read_audit"])
    assert actor.id.startswith("oidc_")
    assert "user" not in actor.id
    again = await tokens.authenticate(issuer.token(jti="other"))
    other = await tokens.authenticate(issuer.token(sub="user 8"))
    assert actor.id == again.id != other.id


@pytest.mark.parametrize("kind", ["EC", "RSA"])
async def test_both_kinds_of_keys_sign(tokens: BearerTokens, issuer: Issuer, kind: str) -> None:
    issuer.add("two", kind=kind)
    assert (await tokens.authenticate(issuer.token("two"))).tenant == "acme"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example/"},
        {"iss": NAME.rstrip("/")},
        {"iss": None},
        {"aud": "another service"},
        {"aud": ["a", "b"]},
        {"aud": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": int(time.time()) + 3600},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"sub": 7},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": 7},
        {"tenant": ["acme"]},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    tokens: BearerTokens, issuer: Issuer, claims: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(issuer.token(**claims))


async def test_the_issuers_clock_may_be_off_by_the_leeway(tokens: BearerTokens, issuer: Issuer) -> None:
    now = int(time.time())
    assert await tokens.authenticate(issuer.token(exp=now - 10, nbf=now + 10))
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(issuer.token(exp=now - 60))


async def test_one_of_several_audiences_is_enough(tokens: BearerTokens, issuer: Issuer) -> None:
    assert await tokens.authenticate(issuer.token(aud=["other", AUDIENCE]))


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


async def test_a_forged_signature_is_refused(tokens: BearerTokens, issuer: Issuer) -> None:
    good = issuer.token()
    header, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    stranger = ECKey.generate_key("P-256", {"kid": "one"})
    public = issuer.keys["one"].as_dict(private=False)
    shared = OctKey.import_key({"kty": "oct", "k": encoded(public), "kid": "one"})
    forged = [
        f"{header}.{encoded(claims | {'tenant': 'default'})}.{signature}",
        f"{encoded({'alg': 'none', 'kid': 'one'})}.{body}.",
        f"{encoded({'alg': 'none', 'kid': 'one'})}.{body}.{signature}",
        f"{encoded({'alg': 'RS256', 'kid': 'one'})}.{body}.{signature}",
        jwt.encode({"alg": "ES256", "kid": "one"}, claims, stranger),
        jwt.encode({"alg": "HS256", "kid": "one"}, claims, shared),
        jwt.encode({"alg": "ES256", "kid": "one", "jwk": stranger.as_dict(private=False)}, claims, stranger),
        f"{header}.{body}",
        f"{header}.{body}.{signature}.",
        "..",
        "a.b.c",
        "x" * (MAX_TOKEN + 1),
        "ü.ü.ü",
        f"{encoded({'alg': 'ES256'})}.{body}.{signature}",
        f"{encoded({'alg': 'ES256', 'kid': 7})}.{body}.{signature}",
    ]
    for token in forged:
        with pytest.raises(Unauthenticated):
            await tokens.authenticate(token)
    assert await tokens.authenticate(good)


async def test_an_algorithm_that_is_not_listed_is_refused(settings: Settings, issuer: Issuer) -> None:
    narrow = settings.model_copy(update={"oidc_algorithms": frozenset({"RS256"})})
    with pytest.raises(Unauthenticated):
        await BearerTokens(narrow, ApiKeys(b""), IssuerKeys(issuer.url)).authenticate(issuer.token())


async def test_claims_are_mapped(settings: Settings, issuer: Issuer) -> None:
    update = {
        "oidc_tenants": {"org-1": "acme"},
        "oidc_scopes": {"editor": "generate mark", "viewer": "inspect everything"},
        "oidc_tenant_claim": "org",
        "oidc_scope_claim": "roles",
    }
    tokens = BearerTokens(settings.model_copy(update=update), ApiKeys(b""), IssuerKeys(issuer.url))
    actor = await tokens.authenticate(issuer.token(org="org-1", roles=["editor", "viewer", "manage", 7]))
    assert (actor.tenant, sorted(actor.scopes)) == ("acme", ["generate", "inspect", "mark"])
    for wrong in ("acme", "org-2", "", "ｏｒｇ-1"):
        with pytest.raises(Unauthenticated):
            await tokens.authenticate(issuer.token(org=wrong, roles=["editor"]))


@pytest.mark.parametrize("claimed", [None, "", "everything", 7, {"manage": True}, ["manage inspect"]])
async def test_a_scope_that_means_nothing_opens_nothing(tokens: BearerTokens, issuer: Issuer, claimed: object) -> None:
    assert (await tokens.authenticate(issuer.token(scope=claimed))).scopes == frozenset()


async def test_keys_are_fetched_seldom(tokens: BearerTokens, issuer: Issuer, clock: Clock) -> None:
    for _ in range(5):
        await tokens.authenticate(issuer.token())
    assert issuer.asked == 1
    clock.now += FRESH + 1
    await tokens.authenticate(issuer.token())
    assert issuer.asked == 2


async def test_an_unknown_key_is_asked_for_once_in_a_while(tokens: BearerTokens, issuer: Issuer, clock: Clock) -> None:
    await tokens.authenticate(issuer.token())
    clock.now += PATIENCE
    issuer.add("two")
    made_up = [issuer.token(header={"kid": f"made up {number}"}) for number in range(9)]
    assert await tokens.authenticate(issuer.token("two"))
    for token in made_up:
        with pytest.raises(Unauthenticated):
            await tokens.authenticate(token)
    assert issuer.asked == 2


async def test_a_key_that_the_issuer_withdrew_ends(tokens: BearerTokens, issuer: Issuer, clock: Clock) -> None:
    old = issuer.token()
    await tokens.authenticate(old)
    issuer.add("two")
    del issuer.keys["one"]
    clock.now += FRESH + 1
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(old)


async def test_a_short_outage_is_bridged_and_a_long_one_is_not(
    tokens: BearerTokens, issuer: Issuer, clock: Clock
) -> None:
    await tokens.authenticate(issuer.token())
    issuer.up = False
    clock.now += FRESH + 1
    assert await tokens.authenticate(issuer.token())
    issuer.add("two")
    with pytest.raises(IssuerUnavailable):
        await tokens.authenticate(issuer.token("two"))
    clock.now += KEPT
    with pytest.raises(IssuerUnavailable):
        await tokens.authenticate(issuer.token())
    issuer.up = True
    clock.now += PATIENCE
    assert await tokens.authenticate(issuer.token())


async def test_an_issuer_that_is_down_is_not_asked_again_at_once(
    tokens: BearerTokens, issuer: Issuer, clock: Clock
) -> None:
    issuer.up = False
    for _ in range(5):
        with pytest.raises(IssuerUnavailable):
            await tokens.authenticate(issuer.token())
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": 7}',
        b'{"keys": []}',
        b'{"keys": [7]}',
        b'{"keys": [{}]}',
        b"[" * 9999,
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]}',
        b" " * (MAX_BYTES + 1),
    ],
)
async def test_a_faulty_key_set_is_an_outage(tokens: BearerTokens, issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    with pytest.raises(IssuerUnavailable):
        await tokens.authenticate(issuer.token())


async def test_an_issuer_that_is_not_there_is_an_outage(settings: Settings, issuer: Issuer) -> None:
    tokens = BearerTokens(settings, ApiKeys(b""), IssuerKeys("http://127.0.0.1:1/jwks"))
    with pytest.raises(IssuerUnavailable):
        await tokens.authenticate(issuer.token())


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": NAME},
        {"oidc_issuer": NAME, "oidc_audience": AUDIENCE},
        {"oidc_jwks_url": "http://issuer.example/jwks"},
        {"oidc_jwks_url": "http://127.0.0.1.example/jwks"},
        {"oidc_algorithms": "HS256"},
        {"oidc_algorithms": "none"},
        {"oidc_algorithms": ""},
    ],
)
def test_settings_that_would_weaken_it_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app: FastAPI = create_app(settings)
    async with app.router.lifespan_context(app):
        await ensure_tenant(app.state.workplace.database, "acme")
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://shingan.example") as caller:
            yield caller


async def test_a_token_opens_routes_as_a_key_does(client: httpx.AsyncClient, issuer: Issuer) -> None:
    good = {"authorization": f"Bearer {issuer.token()}"}
    assert (await client.get("/v1/inspections", headers=good)).json() == {"items": []}
    narrow = {"authorization": f"Bearer {issuer.token(scope='verify')}"}
    assert (await client.get("/v1/inspections", headers=narrow)).status_code == 403
    expired = {"authorization": f"Bearer {issuer.token(exp=1)}"}
    answer = await client.get("/v1/inspections", headers=expired)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_tenant_that_nobody_made_is_refused_and_audited(client: httpx.AsyncClient, issuer: Issuer) -> None:
    for name in ("nobody", "ａｃｍｅ", "аcme", "acme\u200b"):
        stranger = {"authorization": f"Bearer {issuer.token(tenant=name)}"}
        assert (await client.get("/v1/inspections", headers=stranger)).status_code == 401
    reader = {"authorization": f"Bearer {issuer.token(tenant='default')}"}
    entries = (await client.get("/v1/audit/entries", headers=reader)).json()["items"]
    bodies = [json.loads(entry["json"]) for entry in entries]
    assert [body["kind"] for body in bodies] == ["access.refused"] * 4
    assert bodies[0]["body"]["code"] == "unauthenticated"


async def test_an_outage_of_the_issuer_is_a_typed_answer(client: httpx.AsyncClient, issuer: Issuer) -> None:
    issuer.up = False
    answer = await client.get("/v1/inspections", headers={"authorization": f"Bearer {issuer.token()}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
    assert answer.headers["content-type"] == "application/problem+json"
