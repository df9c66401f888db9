"""Fetches a manifest that lies at a remote address, from those hosts alone that the operator listed: by default none.

The address comes out of a hostile file. So it is asked over https only, without redirects or proxies, with limits on
size and time, and at a public network address: a name that leads into the operator's own network leads nowhere, unless
the address that it stands for is on the list as well. What comes back is as little trusted as the file, and is read in
the sandbox with it.
"""

import ipaddress
import socket
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_BYTES: Final = 10 * 1024 * 1024
SECONDS: Final = 4.0
"""For everything, from looking the name up to the last byte."""
HTTPS_PORT: Final = 443
THREADS: Final = 2


class NotFetched(Exception):
    """Why there is no manifest, as a code."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An address that may be asked: `peer` is where its name leads, looked up once so that it cannot change."""

    parts: SplitResult
    host: str
    port: int
    peer: Address


class RemoteManifests:
    """Manifests at these `hosts` (names or network addresses, in lower case). Thread-safe."""

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self._hosts = frozenset(hosts)
        # Looking a name up has no time limit of its own, so that the caller waits for a thread and not for the answer.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="remote")

    def allows(self, url: str) -> bool:
        """Whether the host of `url` is on the list."""
        return _host(url) in self._hosts

    def fetch(self, url: str) -> bytes:
        """What lies at `url`. Raises `NotFetched`."""
        try:
            return self._threads.submit(self._fetch, url, time.monotonic() + SECONDS).result(SECONDS)
        except OutOfTime as error:
            raise NotFetched("timed_out") from error

    def _fetch(self, url: str, deadline: float) -> bytes:
        return _download(self._place(url), deadline)

    def _place(self, url: str) -> _Place:
        """Raises `NotFetched` unless `url` may be asked."""
        host, parts = _host(url), urlsplit(url)
        if host not in self._hosts:
            raise NotFetched("host_not_allowed")
        peers = _look_up(host)
        local = all(peer.is_loopback for peer in peers)
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise NotFetched("not_https")
        if not all(peer.is_global or str(peer) in self._hosts for peer in peers):
            raise NotFetched("address_not_public")
        port = parts.port or (HTTPS_PORT if parts.scheme == "https" else 80)
        if parts.username is not None or (port != HTTPS_PORT and not local):
            raise NotFetched("address_refused")
        return _Place(parts, host, port, peers[0])


def _host(url: str) -> str:
    """The host in `url` in lower case; empty if there is none, or the address is malformed."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "" if parts.port != 0 else ""
    except ValueError:
        return ""


def _look_up(host: str) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        peers = [_plain(ipaddress.ip_address(str(item[4][0]).partition("%")[0])) for item in found]
    except (OSError, ValueError) as error:
        raise NotFetched("unknown_host") from error
    if not peers:
        raise NotFetched("unknown_host")
    return peers


def _plain(peer: Address) -> Address:
    """`peer` itself where it hides in an IPv6 address."""
    return (peer.ipv4_mapped or peer) if isinstance(peer, ipaddress.IPv6Address) else peer


def _download(place: _Place, deadline: float) -> bytes:
    import httpx  # a fifth of a second, for something that is off by default

    peer = f"[{place.peer}]" if place.peer.version == 6 else str(place.peer)
    target = place.parts._replace(netloc=f"{peer}:{place.port}", fragment="").geturl()
    # Compression would hide how much comes.
    headers = {"host": place.parts.netloc, "accept": "application/c2pa", "accept-encoding": "identity"}
    try:
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=SECONDS) as client,
            client.stream("GET", target, headers=headers, extensions={"sni_hostname": place.host}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise NotFetched(f"status_{answer.status_code}")
            return _collected(answer.iter_raw(), deadline)
    except httpx.TimeoutException as error:
        raise NotFetched("timed_out") from error
    except httpx.HTTPError as error:
        raise NotFetched("unreachable") from error


def _collected(chunks: Iterable[bytes], deadline: float) -> bytes:
    collected = bytearray()
    for chunk in chunks:
        collected += chunk
        if len(collected) > MAX_BYTES:
            raise NotFetched("too_large")
        if time.monotonic() > deadline:
            raise NotFetched("timed_out")
    return bytes(collected)
