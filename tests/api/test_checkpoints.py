"""Signed notes: a published one of the format's own documentation, and notes that must not open."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.checkpoints import Checkpoint, Signer, Verifier, load_verifier, parse_checkpoint
from api.errors import AuditBroken, KeyUnusable
from api.settings import Settings

ROOT = bytes(range(32))
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""Example of the Go package golang.org/x/mod/sumdb/note, which defined the format: a signed note, but no checkpoint."""


@pytest.fixture
def signer() -> Signer:
    return Signer("example.org/log", Ed25519PrivateKey.generate())


def test_what_was_signed_opens(signer: Signer) -> None:
    assert signer.verifier.open(signer.sign(7, ROOT)) == Checkpoint("example.org/log", 7, ROOT)


def test_the_note_has_the_published_form(signer: Signer) -> None:
    lines = signer.sign(7, ROOT).split("\n")
    assert lines[:4] == ["example.org/log", "7", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", ""]
    assert lines[4].startswith("— example.org/log ")
    assert lines[5:] == [""]


def test_the_published_note_has_a_good_signature() -> None:
    with pytest.raises(AuditBroken, match="no checkpoint"):
        Verifier.parse(GO_KEY).open(GO_NOTE)
    with pytest.raises(AuditBroken, match="not signed"):
        Verifier.parse(GO_KEY).open(GO_NOTE.replace("problem is", "problem was"))


def test_a_public_key_survives_its_text(signer: Signer) -> None:
    again = Verifier.parse(str(signer.verifier))
    assert str(again) == str(signer.verifier)
    assert again.open(signer.sign(1, ROOT)).size == 1


def test_the_signature_of_a_witness_does_no_harm(signer: Signer) -> None:
    witness = Signer("example.org/witness", Ed25519PrivateKey.generate())
    foreign = witness.sign(1, ROOT).splitlines()[-1]
    assert signer.verifier.open(signer.sign(1, ROOT) + foreign + "\n").size == 1


def test_what_another_key_signed_does_not_open(signer: Signer) -> None:
    impostor = Signer("example.org/log", Ed25519PrivateKey.generate())
    with pytest.raises(AuditBroken, match="not signed"):
        signer.verifier.open(impostor.sign(7, ROOT))


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n7\n", "\n8\n"), ("AAEC", "AAED"), ("example.org/log\n7", "example.org/gol\n7"), ("— ", "- "), ("\n\n", "\n")],
)
def test_a_changed_note_does_not_open(signer: Signer, old: str, new: str) -> None:
    with pytest.raises(AuditBroken):
        signer.verifier.open(signer.sign(7, ROOT).replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "a\n1\n", "a\n-1\nAAAA\n", "a\n01\n" + "A" * 43 + "=\n", "a\n1\nAAAA\n"])
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(AuditBroken):
        parse_checkpoint(text)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AAAA", GO_KEY.replace("c74f", "c74e"), "a+b+%%%"])
def test_malformed_public_keys_are_refused(text: str) -> None:
    with pytest.raises(KeyUnusable):
        Verifier.parse(text)


def test_the_key_is_made_once_and_is_secret() -> None:
    settings = Settings()
    first = str(Signer.open(settings).verifier)
    assert str(Signer.open(settings).verifier) == first == str(load_verifier(settings))
    key = settings.keys / "audit.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.keys.stat().st_mode) == stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_a_broken_key_file_is_named_as_such() -> None:
    settings = Settings()
    (settings.keys / "audit.key").write_text("no key")
    with pytest.raises(KeyUnusable, match="signing key"):
        Signer.open(settings)


def test_a_log_keeps_its_name() -> None:
    Signer.open(Settings())
    with pytest.raises(KeyUnusable, match="another name or key"):
        Signer.open(Settings(log_origin="example.org/other"))


def test_an_instance_that_never_signed_has_no_public_key() -> None:
    with pytest.raises(KeyUnusable, match="no public key"):
        load_verifier(Settings())
