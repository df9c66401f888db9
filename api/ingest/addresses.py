"""Which network addresses a caller's address may lead to: public ones, and what the operator listed."""

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from typing import Final, TypeAlias

from api.errors import ApiError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv6 addresses that end in an IPv4 address and lead to it (RFC 6052)."""


class AddressRefused(ApiError):
    """The address is not one that this instance fetches from or sends to."""

    status, code, title = 422, "address_refused", "This address is not one that may be asked"


def is_public(address: Address) -> bool:
    """Whether `address` is one of the public internet, whatever form it is written in.

    Private, link-local, loopback, multicast, reserved and unspecified addresses are not, nor are those shared by a
    carrier's customers (RFC 6598), nor IPv6 addresses that stand for such an IPv4 address.
    """
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    closed = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not closed


async def resolve(host: str, port: int, *, listed: Collection[str]) -> list[Address]:
    """Where `host` leads now. Raises `AddressRefused` unless all of it may be asked: what is checked is connected to.

    `listed` are names and addresses, in lower case, that may lie in the operator's own network.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]
    except (OSError, ValueError) as error:
        raise AddressRefused("The host of this address is not known.") from error
    if not addresses:
        raise AddressRefused("The host of this address is not known.")
    if host.lower() not in listed and not all(is_public(item) or str(item) in listed for item in addresses):
        raise AddressRefused("This address leads into a network that is not public.")
    return addresses


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
