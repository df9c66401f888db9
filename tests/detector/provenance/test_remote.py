"""A manifest that lies elsewhere is fetched where the operator said so and nowhere else; failing that, it stays."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import c2pa
import pytest

from detector.media import sha256_hex, sniff
from detector.provenance import remote
from detector.provenance.check import ProvenanceChecker
from detector.provenance.credentials import SOURCE_TYPES
from detector.provenance.remote import MAX_BYTES, NotFetched, RemoteManifests
from detector.provenance.trust import TrustStore
from detector.sandbox import Sandbox
from detector.types import Credentials, CredentialState, Media, Pixels
from generator.elsewhere import history
from generator.errors import CredentialsUnreadable
from generator.marking import SETTINGS
from generator.signing import DevelopmentCA

LOOPBACK = "127.0.0.1"
CREATED = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
MANIFEST = {
    "claim_generator_info": [{"name": "Test camera", "version": "1"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [CREATED]}, "created": True}],
}


class Host:
    """A server on loopback that gives `body` with `status` out, and counts who asked."""

    def __init__(self) -> None:
        self.status, self.body, self.asked, self.delay = 200, b"", 0, 0.0
        self.headers: dict[str, str] = {}
        self.url = ""


@pytest.fixture
def host() -> Iterator[Host]:
    told = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            time.sleep(told.delay)
            self.send_response(told.status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Nothing: whoever asked did not wait for the answer."""

    with Server((LOOPBACK, 0), Handler) as server:
        told.url = f"http://{LOOPBACK}:{server.server_address[1]}/manifest.c2pa"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def file(host: Host, own_home: Path, encode: Callable[..., bytes], make_photo: Callable[..., Pixels]) -> bytes:
    """A picture whose manifest the host has."""
    signed = io.BytesIO()
    with (
        c2pa.Context.from_dict(dict(SETTINGS)) as context,
        c2pa.Builder(dict(MANIFEST), context) as builder,
        DevelopmentCA(own_home).signer() as signer,
    ):
        builder.set_no_embed()
        builder.set_remote_url(host.url)
        picture = encode(make_photo(3, width=64, height=48), "JPEG")
        host.body = bytes(builder.sign(signer, "image/jpeg", io.BytesIO(picture), signed))
    return signed.getvalue()


@pytest.fixture
def read(own_home: Path, sandbox: Sandbox) -> Callable[..., Credentials]:
    def found(data: bytes, *hosts: str) -> Credentials:
        checker = ProvenanceChecker(sandbox=sandbox, keys=(), trust=TrustStore.load(own_home), remote_hosts=hosts)
        kind, mime = sniff(data)
        return checker.check(data, Media(sha256_hex(data), kind, mime, len(data), 0, 0), None).credentials

    return found


Read = Callable[..., Credentials]


def test_nothing_is_fetched_unless_the_host_is_listed(host: Host, file: bytes, read: Read) -> None:
    for hosts in ((), ("manifests.example", "127.0.0.2")):
        found = read(file, *hosts)
        assert (found.state, found.remote_url, found.failures) == (CredentialState.REMOTE, host.url, ())
    assert host.asked == 0


def test_a_listed_hosts_manifest_is_read_with_the_file(host: Host, file: bytes, read: Read) -> None:
    found = read(file, LOOPBACK)
    assert (found.state, found.declares_capture, found.remote_url) == (CredentialState.TRUSTED, True, host.url)
    changed = bytearray(file)
    changed[-20] ^= 1
    found = read(bytes(changed), LOOPBACK)
    assert (found.state, found.failures) == (CredentialState.INVALID, ("assertion.dataHash.mismatch",))


def test_what_lies_elsewhere_is_not_taken_for_an_ingredient(file: bytes, read: Read) -> None:
    media = Media(sha256_hex(file), *sniff(file), len(file), 64, 48)
    with pytest.raises(CredentialsUnreadable):
        history(file, media, read(file, LOOPBACK), "trainedAlgorithmicMedia")


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (404, {}, b"", "status_404"),
        (302, {"location": "/elsewhere"}, b"", "status_302"),
        (200, {}, b"no manifest", "no_manifest"),
        (200, {}, bytes(MAX_BYTES + 1), "too_large"),
        (200, {"content-length": "10"}, b"cut", "unreachable"),
    ],
)
def test_a_fetch_that_fails_says_why(
    host: Host, file: bytes, read: Read, status: int, headers: dict[str, str], body: bytes, code: str
) -> None:
    host.status, host.headers, host.body = status, headers, body
    found = read(file, LOOPBACK)
    assert (found.state, found.failures) == (
        CredentialState.REMOTE,
        ("manifest.inaccessible", f"shingan.remote.{code}"),
    )
    assert host.asked == 1


def test_a_slow_host_is_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SECONDS", 0.2)
    host.delay = 1.0
    start = time.monotonic()
    with pytest.raises(NotFetched, match="timed_out"):
        RemoteManifests([LOOPBACK]).fetch(host.url)
    assert time.monotonic() - start < 0.9


@pytest.mark.parametrize(
    ("url", "leads_to", "code"),
    [
        ("https://other.example/m", "93.184.216.34", "host_not_allowed"),
        ("https://listed.example:99999/m", "93.184.216.34", "host_not_allowed"),
        ("http://listed.example/m", "93.184.216.34", "not_https"),
        ("ftp://listed.example/m", "93.184.216.34", "not_https"),
        ("https://listed.example/m", "10.0.0.7", "address_not_public"),
        ("https://listed.example/m", "169.254.169.254", "address_not_public"),
        ("https://listed.example/m", "::ffff:192.168.1.1", "address_not_public"),
        ("https://listed.example/m", "127.0.0.1", "address_not_public"),
        ("https://listed.example:8443/m", "93.184.216.34", "address_refused"),
        ("https://me@listed.example/m", "93.184.216.34", "address_refused"),
        ("https://listed.example/m", None, "unknown_host"),
    ],
)
def test_an_address_is_refused_before_anything_is_sent(
    url: str, leads_to: str | None, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object, **__: object) -> list[tuple[object, ...]]:
        if leads_to is None:
            raise socket.gaierror
        return [(0, 0, 0, "", (leads_to, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NotFetched, match=code):
        RemoteManifests(["listed.example"]).fetch(url)
