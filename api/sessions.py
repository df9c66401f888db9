"""The local operator's session: the page works on one's own machine without a key, and only there.

A cookie is issued only if the connection comes from this machine, names this machine in `Host` (so that a foreign name
pointed at 127.0.0.1 gets none) and shows no sign of a proxy. It is HttpOnly and SameSite=Strict, lives as long as the
process, and opens only what the page needs. With it, a request that changes anything must also name the page itself
in `Origin`, and any request that a browser marks as coming from another site is refused. Whoever else has an account
on this machine could open the page as well; `SHINGAN_LOCAL_PAGE=false` turns the session off and leaves API keys.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from ipaddress import ip_address

from fastapi import Response
from starlette.requests import HTTPConnection

from api.auth import Actor, Scope
from api.errors import PolicyDenied
from api.settings import Settings

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
PAGE_SCOPES = frozenset(
    {
        Scope.VERIFY.value,
        Scope.INSPECT.value,
        Scope.GENERATE.value,
        Scope.MARK.value,
        Scope.EDIT_PORTRAIT.value,
        Scope.STYLISE.value,
        Scope.READ_AUDIT.value,
    }
)
"""What the page has forms for. Changing portraits is among it because whoever gets the session may do the same with
`shingan portrait` already; consent, purpose, known media and apparent age are the policy's to ask for, here as there.
Whatever reaches further (keys, lists, exports, reviews) stays with API keys and the command line."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PAGE_SCHEMES = {"ws": "http", "wss": "https"}
"""Scheme of a page that opens a WebSocket of this scheme on its own site."""
OWN_SITES = frozenset({"same-origin", "none"})
"""`Sec-Fetch-Site` of the page's own requests and of an address typed by hand."""


@dataclass(frozen=True, slots=True)
class Session:
    cookie: str
    token: str = field(repr=False)

    def give(self, response: Response) -> None:
        response.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")


class LocalSessions:
    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.local_page
        self._actor = Actor("local_page", settings.tenant, PAGE_SCOPES)
        self._token = secrets.token_urlsafe(32)

    def open(self, request: HTTPConnection) -> Session | None:
        """A session, if it is the operator of this machine who asks."""
        return Session(_cookie(request), self._token) if self._enabled and _from_here(request) else None

    def actor(self, request: HTTPConnection) -> Actor | None:
        """The operator if `request` carries the session; raises `PolicyDenied` if another site sent it."""
        given = request.cookies.get(_cookie(request), "")
        if not (self._enabled and hmac.compare_digest(given.encode(), self._token.encode())):
            return None
        if not _from_here(request) or not _own_site(request):
            raise PolicyDenied("This session is only for the page on this machine.")
        return self._actor


def _cookie(request: HTTPConnection) -> str:
    # Cookies ignore ports: two instances on one machine need two names.
    return f"shingan_session_{request.url.port or 80}"


def _from_here(request: HTTPConnection) -> bool:
    if request.client is None or request.url.hostname not in LOCAL_HOSTS:
        return False
    return _loopback(request.client.host) and not any(name in request.headers for name in PROXY_HEADERS)


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _own_site(request: HTTPConnection) -> bool:
    if request.headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return False
    if request.scope.get("method") in SAFE_METHODS:  # a WebSocket has no method, and no same-origin policy either
        return True
    scheme = PAGE_SCHEMES.get(request.url.scheme, request.url.scheme)
    return request.headers.get("origin") == f"{scheme}://{request.headers.get('host')}"
