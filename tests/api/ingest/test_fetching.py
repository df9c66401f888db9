"""Files from addresses: nothing leads inside, and nothing is too much, too slow or too far away."""

import socket
import time
from pathlib import Path

import pytest

from api.errors import PayloadTooLarge
from api.ingest.addresses import AddressRefused
from api.ingest.fetching import FetchFailed, fetch, name_of
from api.settings import Settings
from tests.api.ingest.conftest import Host


@pytest.fixture
def open_settings(home: Path) -> Settings:
    """Of an operator who lets the host on loopback be asked."""
    return Settings(home=home, fetch_hosts=frozenset({"127.0.0.1"}), max_bytes=2000, fetch_seconds=1.0)


async def test_a_file_comes_with_the_last_part_of_its_path_as_name(host: Host, open_settings: Settings) -> None:
    host.routes["/a/face%20one.png?secret=1"] = (200, {}, b"bytes")
    found = await fetch(host.url("/a/face%20one.png?secret=1"), open_settings)
    assert (found.name, found.data) == ("face one.png", b"bytes")


async def test_a_redirect_is_followed_and_checked(host: Host, open_settings: Settings) -> None:
    host.routes["/moved"] = (302, {"location": "/here.png"}, b"")
    host.routes["/here.png"] = (200, {}, b"bytes")
    assert (await fetch(host.url("/moved"), open_settings)).name == "here.png"
    for target in ("http://localhost:1/x", "http://[::1]:80/", "file:///etc/passwd", "http://u:p@127.0.0.1/", ""):
        host.routes["/astray"] = (307, {"location": target}, b"")
        with pytest.raises((AddressRefused, FetchFailed)):
            await fetch(host.url("/astray"), open_settings)
    host.routes["/loop"] = (301, {"location": "/loop"}, b"")
    host.asked.clear()
    with pytest.raises(FetchFailed, match="3 times"):
        await fetch(host.url("/loop"), open_settings)
    assert len(host.asked) == 4


async def test_a_name_cannot_lead_elsewhere_after_its_check(
    host: Host, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def rebinding(name: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        looked_up.append(name)
        return [(0, 0, 0, "", ("127.0.0.2" if len(looked_up) == 1 else "127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    listed = Settings(home=home, fetch_hosts=frozenset({"127.0.0.2"}), fetch_ports=frozenset({host.port}))
    with pytest.raises(FetchFailed):  # nothing listens at 127.0.0.2, which is what was checked
        await fetch(host.url("/", host="rebinding.example"), listed)
    assert looked_up == ["rebinding.example"]
    with pytest.raises(AddressRefused):  # the second look-up leads to an address that is not listed
        await fetch(host.url("/", host="rebinding.example"), listed)
    assert host.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[fd00::1]/",
        "http://0.0.0.0/",
        "https://user@cdn.example/",
        "http://93.184.216.34:22/",
        "ftp://93.184.216.34/",
        "gopher://93.184.216.34/",
        "http:///nowhere",
        "http://[::1",
        "http://cdn.example/\r\nhost: inside",
        "http://" + "a" * 3000,
    ],
)
async def test_an_address_is_refused_before_anything_is_sent(url: str, home: Path) -> None:
    with pytest.raises(AddressRefused):
        await fetch(url, Settings(home=home))


async def test_an_operator_can_turn_it_off(host: Host, open_settings: Settings) -> None:
    with pytest.raises(AddressRefused, match="operator"):
        await fetch(host.url("/"), open_settings.model_copy(update={"fetch": False}))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((404, {}, b""), FetchFailed),
        ((200, {"content-length": "2001"}, b"x" * 2001), PayloadTooLarge),
        ((200, {"connection": "close"}, b"x" * 2001), PayloadTooLarge),
        ((200, {"content-encoding": "gzip"}, b"x"), FetchFailed),
        ((200, {"content-length": "100"}, b"cut off"), FetchFailed),
    ],
)
async def test_an_answer_that_will_not_do(
    host: Host, open_settings: Settings, answer: tuple[int, dict[str, str], bytes], problem: type[Exception]
) -> None:
    host.routes["/x"] = answer
    with pytest.raises(problem):
        await fetch(host.url("/x"), open_settings)


async def test_a_host_that_takes_its_time_is_left(host: Host, open_settings: Settings) -> None:
    host.slowly = lambda: time.sleep(1.5)
    host.routes["/slow"] = (200, {}, b"late")
    with pytest.raises(FetchFailed, match="longer than 1 s"):
        await fetch(host.url("/slow"), open_settings)


def test_names_are_harmless() -> None:
    assert name_of("http://a/b/..%2f..%2fetc%2fpasswd") == "passwd"
    assert name_of("http://a/") == "download"
    assert name_of("http://a/%00%1b%5b31m.png") == "[31m.png"
