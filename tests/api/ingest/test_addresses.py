"""Whatever is not of the public internet is no address to ask, in whatever form it is written."""

import ipaddress
import socket

import pytest

from api.ingest.addresses import AddressRefused, is_public, resolve

PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("text", PRIVATE)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_may_be_asked(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("leads_to", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["fe80::1%eth0"], []])
async def test_a_name_that_leads_astray_is_refused(leads_to: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (item, 0)) for item in leads_to])
    with pytest.raises(AddressRefused):
        await resolve("cdn.example", 80, listed=frozenset())


async def test_a_listed_name_may_lead_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("10.0.0.1", 0))])
    assert [str(item) for item in await resolve("nas.example", 80, listed={"nas.example"})] == ["10.0.0.1"]
    assert [str(item) for item in await resolve("other.example", 80, listed={"10.0.0.1"})] == ["10.0.0.1"]
