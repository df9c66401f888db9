"""A key that only its keeper holds signs like a file, and a keeper that errs signs nothing."""

import gc
import io
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from detector.provenance.credentials import read_credentials
from detector.provenance.trust import TrustStore
from detector.types import CredentialState, Pixels
from generator.callback_key import CallbackKey, raw_ecdsa
from generator.errors import SigningFailed
from generator.marking import SETTINGS
from generator.timestamping import with_stamp

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
MANIFEST = {
    "claim_generator_info": [{"name": "Test", "version": "1"}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [CREATED]}, "created": True}],
}
HASHES = {256: SHA256(), 384: SHA384(), 521: SHA512()}
KEYS: dict[str, CertificateIssuerPrivateKeyTypes] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "ED25519": ed25519.Ed25519PrivateKey.generate(),
    "PS256": rsa.generate_private_key(65537, 2048),
}


def _certificate(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """A leaf that fits C2PA's profile, by an authority that is nowhere."""
    by, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test keeper")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test root")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, SHA256())
        .public_bytes(Encoding.PEM)
    )


class Keeper:
    """Holds a key and signs with it, ECDSA in DER as key management services do."""

    def __init__(self, key: CertificateIssuerPrivateKeyTypes) -> None:
        self._key = key
        self.chain = _certificate(key)

    def sign(self, data: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(data, ec.ECDSA(HASHES[self._key.curve.key_size]))
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        assert isinstance(self._key, rsa.RSAPrivateKey)
        return self._key.sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


@pytest.fixture
def png(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo(3, width=64, height=48))


def _signed(png: bytes, source: CallbackKey) -> bytes:
    def sign(signer: c2pa.Signer) -> bytes:
        signed = io.BytesIO()
        gc.collect()  # what the library calls has to be alive still
        with c2pa.Context.from_dict(dict(SETTINGS)) as context, c2pa.Builder(MANIFEST, context) as builder:
            builder.sign(signer, "image/png", io.BytesIO(png), signed)
        return signed.getvalue()

    return with_stamp(source, sign)[0]


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm_signs(algorithm: str, png: bytes, home: Path) -> None:
    keeper = Keeper(KEYS[algorithm])
    source = CallbackKey(keeper.sign, chain=keeper.chain, name="keeper")
    assert (source.algorithm.name, source.name) == (algorithm, "keeper")
    assert source.certificate().public_bytes(Encoding.PEM) == keeper.chain
    for _ in range(2):
        found = read_credentials(_signed(png, source), "image/png", TrustStore.load(home).settings())
        assert (found.state, found.failures) == (CredentialState.VALID, ("signingCredential.untrusted",))


def test_signature_side_by_side_is_taken_as_it_is(png: bytes, home: Path) -> None:
    keeper = Keeper(KEYS["ES256"])
    source = CallbackKey(lambda data: raw_ecdsa(keeper.sign(data), ec.SECP256R1()), chain=keeper.chain, name="keeper")
    assert read_credentials(_signed(png, source), "image/png", {}).state is not CredentialState.INVALID


def _refuse(data: bytes) -> bytes:
    raise ConnectionError("secret of the keeper")


@pytest.mark.parametrize(
    "sign",
    [
        _refuse,
        lambda data: b"",
        lambda data: b"no signature",
        lambda data: bytes(64),
        lambda data: None,
        Keeper(ec.generate_private_key(ec.SECP256R1())).sign,
        lambda data: Keeper(KEYS["ES256"]).sign(data + b"."),
    ],
    ids=["fails", "empty", "garbage", "zeros", "nothing", "another key", "other bytes"],
)
def test_keeper_that_errs_signs_nothing(
    sign: Callable[[bytes], bytes], png: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    source = CallbackKey(sign, chain=Keeper(KEYS["ES256"]).chain, name="keeper")
    with caplog.at_level(logging.ERROR, "generator"), pytest.raises(c2pa.C2paError):
        _signed(png, source)
    assert {record.msg for record in caplog.records} == {"signing_callback_failed"}
    assert "secret" not in caplog.text


def test_unusable_chains_are_refused() -> None:
    for chain in (b"", b"garbage", _certificate(dsa.generate_private_key(2048))):
        with pytest.raises(SigningFailed):
            CallbackKey(_refuse, chain=chain, name="keeper")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_der_becomes_two_numbers_of_fixed_length(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    size = {256: 32, 384: 48, 521: 66}[curve.key_size]
    assert {len(raw_ecdsa(key.sign(bytes([n]), ec.ECDSA(SHA256())), curve)) for n in range(50)} == {2 * size}
    with pytest.raises(ValueError, match="another curve"):
        raw_ecdsa(ec.generate_private_key(ec.SECP521R1()).sign(b"", ec.ECDSA(SHA256())), ec.SECP256R1())


@given(signature=st.binary(max_size=80))
def test_garbage_is_no_signature(signature: bytes) -> None:
    try:
        assert len(raw_ecdsa(signature, ec.SECP256R1())) == 64
    except ValueError:
        assert len(signature) != 64
