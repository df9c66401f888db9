"""A time-stamp authority (RFC 3161) on loopback that answers as it is told to: honestly, wrongly, or not at all."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

POLICY = "1.3.6.1.4.1.99999.1"
LIFE = timedelta(days=30)


class Authority:
    """Its certificates and its key; `root` is a PEM text for trust stores, `asked` counts the requests."""

    def __init__(self, root_key: rsa.RSAPrivateKey, key: rsa.RSAPrivateKey) -> None:
        now, self._key = datetime.now(UTC), key
        ca = x509.BasicConstraints(ca=True, path_length=0)
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        root_name, name = _name("Test time-stamp root"), _name("Test time-stamp unit")
        root = _certify(root_key, root_name, by=root_key, issuer=root_name, now=now, extensions=[(ca, True)])
        self._leaf = _certify(self._key, name, by=root_key, issuer=root_name, now=now, extensions=[(stamping, True)])
        self._root = root
        self.root = root.public_bytes(Encoding.PEM).decode()
        self.answer: Callable[[bytes], tuple[int, bytes]] = self.honest
        self.asked = 0
        self.url = ""

    def honest(self, query: bytes) -> tuple[int, bytes]:
        """A granted token for `query`, with the time of now."""
        return 200, self.reply(query)

    def reply(self, query: bytes, *, at: datetime | None = None) -> bytes:
        asked = tsp.TimeStampReq.load(query)
        info = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": asked["message_imprint"],
            "serial_number": secrets.randbits(63),
            "gen_time": (at or datetime.now(UTC)).replace(microsecond=0),
        }
        if asked["nonce"].native is not None:
            info["nonce"] = asked["nonce"].native
        token = self._signed(tsp.TSTInfo(info).dump())
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _signed(self, content: bytes) -> cms.ContentInfo:
        leaf, root = (
            asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
            for certificate in (self._leaf, self._root)
        )
        fingerprint = {"cert_hash": hashlib.sha256(leaf.dump()).digest()}
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [fingerprint]})]},
            ]
        )
        signer = {
            "version": "v1",
            "sid": cms.IssuerAndSerialNumber({"issuer": leaf.issuer, "serial_number": leaf.serial_number}),
            "digest_algorithm": {"algorithm": "sha256"},
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_rsa"},
            "signature": self._key.sign(attributes.dump(), padding.PKCS1v15(), SHA256()),
        }
        signed = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [leaf, root],
            "signer_infos": [signer],
        }
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: whoever asked did not wait for the answer."""


@pytest.fixture(scope="session")
def rsa_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


@pytest.fixture
def authority(rsa_keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> Iterator[Authority]:
    """An `Authority` that is listening at its `url`; set its `answer` to what it shall say."""
    told = Authority(*rsa_keys)
    with _listening(told):
        yield told


@contextmanager
def _listening(told: Authority) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked += 1
            status, body = told.answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def _certify(
    key: rsa.RSAPrivateKey,
    name: x509.Name,
    *,
    by: rsa.RSAPrivateKey,
    issuer: x509.Name,
    now: datetime,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    authority = any(isinstance(extension, x509.BasicConstraints) for extension, _ in extensions)
    usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by, SHA256())


def _name(common_name: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shingan tests")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
