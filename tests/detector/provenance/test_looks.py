"""Pixels that were seen are not seen again; credentials are, and nobody learns what another had checked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.keys import load_mark_keys
from detector.provenance.looks import LookMemory, Looks
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import embed
from detector.sandbox import Sandbox
from detector.types import CredentialState, Media, MediaKind, Pixels, WatermarkReading

LOOKS = Looks(WatermarkReading(detected=False), "f" * 64, 100, ())


def _media(name: str) -> Media:
    return Media(name, MediaKind.IMAGE, "image/png", 1, 1, 1)


def test_a_tenant_finds_only_what_it_had_looked_at() -> None:
    memory = LookMemory()
    memory.keep("one", _media("a"), LOOKS)
    assert memory.find("one", "a") == (_media("a"), LOOKS)
    assert memory.find("two", "a") is None
    assert memory.find("one", "b") is None


def test_the_longest_unused_is_forgotten_first() -> None:
    memory = LookMemory(capacity=2)
    for name in ("a", "b"):
        memory.keep("one", _media(name), LOOKS)
    memory.find("one", "a")
    memory.keep("one", _media("c"), LOOKS)
    assert memory.find("one", "b") is None
    assert memory.find("one", "a") is not None


@pytest.fixture
def checker(own_home: Path, sandbox: Sandbox) -> ProvenanceChecker:
    return ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(own_home), trust=TrustStore.load(own_home))


def test_a_recheck_says_the_same_without_pixels(
    checker: ProvenanceChecker, own_home: Path, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    key = load_mark_keys(own_home)[0]
    data = encode(embed(make_photo(6, width=512, height=512), payload=Payload("0123456789ab", key.key_id), key=key))
    media, frame = open_media(data, sandbox=checker.sandbox)
    found, looks = checker.check_and_look(data, media, frame.pixels)
    assert looks is not None
    assert found.watermark.record_id == "0123456789ab"
    assert checker.recheck(data, media, looks) == (found, looks)


def test_where_trust_ended_the_pixels_are_asked_for_again(
    checker: ProvenanceChecker,
    tmp_path: Path,
    make_photo: Callable[..., Pixels],
    encode: Callable[..., bytes],
    sign: Callable[..., bytes],
) -> None:
    data = sign(encode(make_photo(5)))
    media, frame = open_media(data, sandbox=checker.sandbox)
    found, looks = checker.check_and_look(data, media, frame.pixels)
    assert looks is not None
    assert found.credentials.state is CredentialState.TRUSTED
    distrusting = ProvenanceChecker(sandbox=checker.sandbox, keys=(), trust=TrustStore.load(tmp_path))
    assert distrusting.recheck(data, media, replace(looks, others=None)) is None
    again = distrusting.recheck(data, media, replace(looks, others=()))
    assert again is not None
    assert again[0].credentials.state is CredentialState.VALID
