"""The local session: for this machine's own page and for nobody who only looks like it."""

from pathlib import Path

import pytest
from fastapi import Request, Response

from api.errors import PolicyDenied
from api.sessions import PAGE_SCOPES, LocalSessions
from api.settings import Settings

HERE = "127.0.0.1:8080"


def _request(method: str = "GET", *, host: str = HERE, client: str = "127.0.0.1", **headers: str) -> Request:
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    scope = {"type": "http", "method": method, "path": "/", "query_string": b"", "scheme": "http"}
    return Request(scope | {"headers": raw, "client": (client, 5), "server": ("127.0.0.1", 8080)})


@pytest.fixture
def sessions(home: Path) -> LocalSessions:
    return LocalSessions(Settings(home=home))


@pytest.fixture
def cookie(sessions: LocalSessions) -> str:
    session = sessions.open(_request())
    assert session is not None
    return f"{session.cookie}={session.token}"


def test_cookie_is_out_of_reach_of_scripts_and_other_sites(sessions: LocalSessions) -> None:
    session, response = sessions.open(_request()), Response()
    assert session is not None
    session.give(response)
    attributes = response.headers["set-cookie"].lower()
    assert "httponly" in attributes
    assert "samesite=strict" in attributes


@pytest.mark.parametrize("host", [HERE, "localhost:8080", "[::1]:8080"])
def test_issued_on_this_machine(sessions: LocalSessions, host: str) -> None:
    assert sessions.open(_request(host=host)) is not None


@pytest.mark.parametrize(
    "request_",
    [
        _request(client="192.0.2.7"),
        _request(client="testclient"),
        _request(host="rebound.example:8080"),
        _request(host="127.0.0.1.rebound.example"),
        _request(x_forwarded_for="192.0.2.7"),
        _request(forwarded="for=192.0.2.7"),
    ],
)
def test_not_issued_to_others(sessions: LocalSessions, request_: Request) -> None:
    assert sessions.open(request_) is None


def test_the_page_may_act(sessions: LocalSessions, cookie: str) -> None:
    reading, posting = _request(cookie=cookie), _request("POST", cookie=cookie, origin=f"http://{HERE}")
    for request in (reading, posting):
        actor = sessions.actor(request)
        assert actor is not None
        assert actor.scopes == PAGE_SCOPES


def test_the_page_changes_portraits_and_reaches_no_keys_lists_exports_or_reviews() -> None:
    assert {"generate", "mark", "edit_portrait", "stylise"} <= PAGE_SCOPES
    assert not PAGE_SCOPES & {"manage", "manage_known_media", "export", "review"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": f"http://{HERE}", "sec_fetch_site": "same-site"},
    ],
)
def test_another_site_may_not(sessions: LocalSessions, cookie: str, headers: dict[str, str]) -> None:
    with pytest.raises(PolicyDenied):
        sessions.actor(_request("POST", cookie=cookie, **headers))


def test_reads_that_another_site_started_are_refused(sessions: LocalSessions, cookie: str) -> None:
    with pytest.raises(PolicyDenied):
        sessions.actor(_request(cookie=cookie, sec_fetch_site="cross-site"))


def test_a_guess_is_nobody(sessions: LocalSessions) -> None:
    assert sessions.actor(_request(cookie="shingan_session_8080=guess")) is None
    assert sessions.actor(_request()) is None


def test_can_be_turned_off(home: Path, cookie: str) -> None:
    closed = LocalSessions(Settings(home=home, local_page=False))
    assert closed.open(_request()) is None
    assert closed.actor(_request(cookie=cookie)) is None
