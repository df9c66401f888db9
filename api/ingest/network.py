"""Connections to addresses that a caller chose: each name is looked up once, checked, and what was checked is used.

That leaves a name no time to lead elsewhere between the check and the connection, redirects included: there is no other
way out than through `Guarded`. Proxies of the environment are not asked, since they would look the name up themselves.
"""

import ssl
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpcore

from api.ingest.addresses import AddressRefused, resolve
from api.settings import Settings

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL = 2048


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects to what `resolve` allows, and to nothing else."""

    def __init__(self, listed: Collection[str]) -> None:
        self._listed = listed
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in await resolve(host, port, listed=self._listed):
            try:
                return await self._plain.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("Sockets of this machine are not asked.")

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


@asynccontextmanager
async def connections(settings: Settings) -> AsyncIterator[httpcore.AsyncConnectionPool]:
    """A pool for one errand; nothing is kept open after it."""
    async with httpcore.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        max_connections=1,
        network_backend=Guarded(settings.fetch_hosts),
    ) as pool:
        yield pool


def checked(url: str, settings: Settings) -> SplitResult:
    """The parts of `url`. Raises `AddressRefused` if its form alone rules it out."""
    if not settings.fetch:
        raise AddressRefused("This instance asks no other machine; its operator turned that off.")
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressRefused("The address is malformed.") from error
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressRefused("The address is malformed.")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise AddressRefused("An address begins with http:// or https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("An address with a user's name or password is not asked.")
    if port not in settings.fetch_ports and parts.hostname.lower() not in settings.fetch_hosts:
        raise AddressRefused("This port is not one that may be asked.")
    return parts
