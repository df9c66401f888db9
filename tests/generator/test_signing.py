"""Keys are made once, kept from others, renewed in time, and refused when they do not fit."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

from generator.errors import SigningFailed
from generator.signing import LEAF_LIFE, RENEW_BEFORE, DevelopmentCA, PemFiles, algorithm_of


def _leaf(home: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((home / "keys" / "ca" / "leaf.pem").read_bytes())[0]


def _root(home: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home / "keys" / "ca" / "root.pem").read_bytes())


def test_first_use_makes_private_files(home: Path) -> None:
    DevelopmentCA(home).signer().close()
    folder = home / "keys" / "ca"
    assert {path.name for path in folder.glob("*.*")} >= {"root.pem", "root.key", "leaf.pem", "leaf.key"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_say_that_it_is_for_development(home: Path) -> None:
    DevelopmentCA(home).ensure()
    for certificate in (_leaf(home), _root(home)):
        assert "development CA" in certificate.subject.rfc4514_string()
        assert "not trusted elsewhere" in certificate.subject.rfc4514_string()


def test_second_use_keeps_the_keys(home: Path) -> None:
    DevelopmentCA(home).ensure()
    first = (_root(home), _leaf(home))
    DevelopmentCA(home).ensure()
    assert (_root(home), _leaf(home)) == first


def test_leaf_is_renewed_before_it_ends(home: Path) -> None:
    start = datetime.now(UTC)
    DevelopmentCA(home).ensure(now=start)
    root, leaf = _root(home), _leaf(home)
    close = start + LEAF_LIFE - RENEW_BEFORE
    DevelopmentCA(home).ensure(now=close - timedelta(days=1))
    assert _leaf(home) == leaf
    DevelopmentCA(home).ensure(now=close + timedelta(days=1))
    assert _leaf(home) != leaf
    assert _root(home) == root
    _leaf(home).verify_directly_issued_by(root)


def test_lost_leaf_key_of_another_root_is_replaced(home: Path, tmp_path: Path) -> None:
    DevelopmentCA(home).ensure()
    DevelopmentCA(tmp_path / "other").ensure()
    (home / "keys" / "ca" / "leaf.pem").write_bytes((tmp_path / "other" / "keys" / "ca" / "leaf.pem").read_bytes())
    DevelopmentCA(home).signer().close()
    _leaf(home).verify_directly_issued_by(_root(home))


def test_starting_together_makes_one_authority(home: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: DevelopmentCA(home).ensure(), range(8)))
    _leaf(home).verify_directly_issued_by(_root(home))
    DevelopmentCA(home).signer().close()


@pytest.mark.parametrize("name", ["root.pem", "leaf.pem"])
def test_damaged_file_is_an_error_of_ours(home: Path, name: str) -> None:
    DevelopmentCA(home).ensure()
    (home / "keys" / "ca" / name).write_bytes(b"damaged")
    with pytest.raises(SigningFailed):
        DevelopmentCA(home).signer()


def test_key_of_another_certificate_is_refused(home: Path, tmp_path: Path) -> None:
    DevelopmentCA(home).ensure()
    DevelopmentCA(tmp_path / "other").ensure()
    with pytest.raises(SigningFailed, match="not that of its certificate"):
        PemFiles(home / "keys" / "ca" / "leaf.pem", tmp_path / "other" / "keys" / "ca" / "leaf.key").signer()


def test_missing_or_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SigningFailed):
        PemFiles(tmp_path / "none.pem", tmp_path / "none.key").signer()
    (tmp_path / "x").write_text("x")
    with pytest.raises(SigningFailed):
        PemFiles(tmp_path / "x", tmp_path / "x").signer()


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (ed25519.Ed25519PrivateKey.generate(), "ED25519"),
        (rsa.generate_private_key(65537, 2048), "PS256"),
    ],
)
def test_algorithm_follows_the_key(key: CertificateIssuerPrivateKeyTypes, name: str) -> None:
    assert algorithm_of(key.public_key()).name == name


def test_key_without_c2pa_algorithm_is_refused() -> None:
    for key in (dsa.generate_private_key(2048), ec.generate_private_key(ec.SECP256K1())):
        with pytest.raises(SigningFailed):
            algorithm_of(key.public_key())
