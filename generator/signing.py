"""Where signatures come from: a development authority that this instance makes for itself, or PEM files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Protocol

import c2pa
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from detector.provenance.trust import OWN_ROOT
from generator.errors import SigningFailed

ROOT_LIFE = timedelta(days=20 * 365)
LEAF_LIFE = timedelta(days=2 * 365)
RENEW_BEFORE = timedelta(days=365)
"""Without a time-stamp a signature ends with its certificate: so a file holds for a year at the least."""
CLOCK_SKEW = timedelta(minutes=5)
ORGANISATION = "Shingan development CA (this instance only, not trusted elsewhere)"
"""At most 64 characters, the bound of an organisation name (RFC 5280, appendix A)."""
CURVE_ALGORITHMS = {
    "secp256r1": c2pa.C2paSigningAlg.ES256,
    "secp384r1": c2pa.C2paSigningAlg.ES384,
    "secp521r1": c2pa.C2paSigningAlg.ES512,
}


class KeySource(Protocol):
    """Gives a fresh C2PA signer for each signature, since the library consumes them."""

    @property
    def name(self) -> str:
        """Who signs, for people."""

    @property
    def timestamp_url(self) -> str | None:
        """The authority (RFC 3161) that is to time-stamp each signature; null if none is (`generator.timestamping`)."""

    def signer(self, *, timestamp_url: str | None = None) -> c2pa.Signer:
        """A signer; with `timestamp_url` one that asks there for a time-stamp, and does not sign without it.

        Raises `SigningFailed` if key or certificate is unusable.
        """

    def certificate(self) -> x509.Certificate:
        """The leaf that it signs with. Raises `SigningFailed`."""


class PemFiles:
    """An operator's key and certificate chain (leaf first), read at every signature so that they can be renewed."""

    def __init__(self, cert: Path, key: Path, *, timestamp_url: str | None = None) -> None:
        self._cert = cert
        self._key = key
        self.timestamp_url = timestamp_url

    @property
    def name(self) -> str:
        return self._cert.name

    def signer(self, *, timestamp_url: str | None = None) -> c2pa.Signer:
        return _signer(_read(self._cert), _read(self._key), timestamp_url)

    def certificate(self) -> x509.Certificate:
        return leaf_of(_read(self._cert))


class DevelopmentCA:
    """A root and a leaf (ES256) under `home/keys/ca`, made on first use; nobody but this instance trusts them."""

    def __init__(self, home: Path, *, timestamp_url: str | None = None) -> None:
        self._root_path = home / OWN_ROOT
        self._folder = self._root_path.parent
        self._files = PemFiles(self._folder / "leaf.pem", self._folder / "leaf.key")
        self.timestamp_url = timestamp_url

    @property
    def name(self) -> str:
        return ORGANISATION

    def signer(self, *, timestamp_url: str | None = None) -> c2pa.Signer:
        self.ensure()
        return self._files.signer(timestamp_url=timestamp_url)

    def certificate(self) -> x509.Certificate:
        self.ensure()
        return self._files.certificate()

    def ensure(self, *, now: datetime | None = None) -> None:
        """Make what is missing and renew the leaf that would end within a year. Raises `SigningFailed`."""
        now = now or datetime.now(UTC)
        try:
            with _locked(self._folder):
                if not self._root_path.exists():
                    self._make_root(now)
                if not self._leaf_lasts(now):
                    self._make_leaf(now)
        except (OSError, ValueError, TypeError) as error:
            raise SigningFailed(f"The development CA in {self._folder} is unusable.") from error

    def _leaf_lasts(self, now: datetime) -> bool:
        leaf = self._folder / "leaf.pem"
        if not leaf.exists():
            return False
        certificate, issuer = x509.load_pem_x509_certificates(leaf.read_bytes())[0], self._root()
        try:
            certificate.verify_directly_issued_by(issuer)
        except InvalidSignature:
            return False
        return certificate.not_valid_after_utc - now > RENEW_BEFORE

    def _make_root(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Shingan development root")
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_key_usage(signs_certificates=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        ]
        root = _certify(key.public_key(), name, by=key, issuer=name, start=now, life=ROOT_LIFE, extensions=extensions)
        _write_secret(self._folder / "root.key", _private_bytes(key))
        _write_secret(self._root_path, root.public_bytes(Encoding.PEM))

    def _make_leaf(self, now: datetime) -> None:
        root = self._root()
        root_key = load_pem_private_key((self._folder / "root.key").read_bytes(), password=None)
        if not isinstance(root_key, ec.EllipticCurvePrivateKey):
            raise ValueError("root.key is of another kind")
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False),
        ]
        name = _name("Shingan development signer")
        leaf = _certify(
            key.public_key(), name, by=root_key, issuer=root.subject, start=now, life=LEAF_LIFE, extensions=extensions
        )
        chain = leaf.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)
        _write_secret(self._folder / "leaf.key", _private_bytes(key))
        _write_secret(self._folder / "leaf.pem", chain)

    def _root(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self._root_path.read_bytes())


def leaf_of(chain: bytes) -> x509.Certificate:
    """The first certificate of a PEM `chain`. Raises `SigningFailed`."""
    try:
        return x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise SigningFailed("The signing certificate is unusable.") from error


def algorithm_of(key: CertificatePublicKeyTypes) -> c2pa.C2paSigningAlg:
    """The C2PA algorithm for signatures that `key` verifies (C2PA 2.4, section 13.2.1). Raises `SigningFailed`."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVE_ALGORITHMS:
        return CURVE_ALGORITHMS[key.curve.name]
    if isinstance(key, ed25519.Ed25519PublicKey):
        return c2pa.C2paSigningAlg.ED25519
    if isinstance(key, rsa.RSAPublicKey):
        return c2pa.C2paSigningAlg.PS256
    raise SigningFailed("C2PA has no signature algorithm for a key of this type.")


def _signer(chain: bytes, key: bytes, timestamp_url: str | None) -> c2pa.Signer:
    public_key = leaf_of(chain).public_key()
    try:
        private_key = load_pem_private_key(key, password=None)
        if public_key != private_key.public_key():
            raise SigningFailed("The signing key is not that of its certificate.")
        info = c2pa.C2paSignerInfo(
            alg=algorithm_of(public_key),
            sign_cert=chain,
            private_key=_private_bytes(private_key),
            ta_url=timestamp_url,  # null and never empty: an empty address makes the library fail
        )
        return c2pa.Signer.from_info(info)
    except (ValueError, TypeError, c2pa.C2paError) as error:
        raise SigningFailed("The signing key or its certificate is unusable.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningFailed("The signing key or its certificate cannot be read.") from error


def _certify(
    public_key: CertificatePublicKeyTypes,
    subject: x509.Name,
    *,
    by: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    start: datetime,
    life: timedelta,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - CLOCK_SKEW)
        .not_valid_after(start + life)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by, SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private_bytes(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_secret(path: Path, data: bytes) -> None:
    """Replace `path` by a complete file of mode 0600."""
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds `folder`, made with mode 0700 if missing, against another process that starts at the same moment."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        yield
