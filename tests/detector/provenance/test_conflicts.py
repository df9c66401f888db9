"""Files that contradict themselves, made with the real signer and the real watermark, and what each is called."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import pytest

from detector.media import open_media
from detector.provenance.check import ProvenanceChecker
from detector.provenance.credentials import SOFT_BINDING_ALGORITHM, SOURCE_TYPES, soft_binding_value
from detector.provenance.keys import MarkKey
from detector.provenance.payload import Payload
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import embed
from detector.reasons import Reason
from detector.sandbox import Sandbox
from detector.types import Action, Label, Pixels, Provenance
from detector.verdict import decide
from generator.signing import LEAF_LIFE, DevelopmentCA, KeySource, PemFiles

Maker: TypeAlias = Callable[..., bytes]
FIRST, SECOND = "00112233aabb", "ffeeddccbbaa"
KEYS = (MarkKey(1, b"b" * 32), MarkKey(0, b"a" * 32))
GENERATED = ({"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "trainedAlgorithmicMedia"},)


class Forge:
    """Makes the files; `sign` signs as this instance, whom the reader trusts, unless told another source."""

    def __init__(self, sign: Maker, transplant: Maker, encode: Maker, photo: Pixels, folder: Path) -> None:
        self.sign = sign
        self._transplant = transplant
        self._folder = folder
        once = _mark(photo, FIRST)
        self.plain, self.marked = encode(photo), encode(once)
        self.twice = encode(_mark(once, SECOND, key=KEYS[0]))

    @property
    def stranger(self) -> KeySource:
        """An authority that is on no list."""
        return DevelopmentCA(self._folder / "stranger")

    def expired(self) -> bytes:
        """Signed in the last two seconds of a certificate, without a time-stamp, and given away after its end."""
        home, end = self._folder / "expired", datetime.now(UTC) + timedelta(seconds=2)
        DevelopmentCA(home).ensure(now=end - LEAF_LIFE)
        leaf, key = (home / "keys" / "ca" / name for name in ("leaf.pem", "leaf.key"))
        data = self.sign(self.plain, source=PemFiles(leaf, key))
        time.sleep((end - datetime.now(UTC)).total_seconds() + 1)
        return data

    def bound(self, record_id: str) -> bytes:
        """The picture marked as FIRST in an intact credential of ours that names `record_id`."""
        blocks = [{"scope": {}, "value": soft_binding_value(record_id)}]
        assertion = {"label": "c2pa.soft-binding", "data": {"alg": SOFT_BINDING_ALGORITHM, "blocks": blocks}}
        return self.sign(self.marked, actions=GENERATED, assertions=(assertion | {"created": True},))

    def broken_ingredient(self) -> bytes:
        """A trusted credential over a parent whose pixels are not those that were signed."""
        return self.sign(self.plain, actions=(), parent=self._transplant(self.sign(self.plain), self.marked))


def _mark(pixels: Pixels, record_id: str, *, key: MarkKey = KEYS[1]) -> Pixels:
    return embed(pixels, payload=Payload(record_id, key.key_id), key=key)


DECLARED, REVIEWED = (Label.SYNTHETIC_DECLARED, Action.FLAG), (Label.INCONCLUSIVE, Action.REVIEW)
CASES: Mapping[str, tuple[Callable[[Forge], bytes], tuple[Label, Action], set[Reason], set[Reason]]] = {
    # the file -> label and action, reasons that must be there, conflicts
    "mark as it left": (lambda forge: forge.bound(FIRST), DECLARED, {Reason.WATERMARK_FOUND}, set()),
    "relabelled mark": (
        lambda forge: forge.sign(forge.marked, actions=GENERATED, source=forge.stranger),
        DECLARED,
        {Reason.WATERMARK_FOUND, Reason.CREDENTIAL_UNTRUSTED},
        {Reason.WATERMARK_RELABELLED},
    ),
    "capture over our mark": (
        lambda forge: forge.sign(forge.marked),
        DECLARED,
        {Reason.WATERMARK_FOUND},
        {Reason.WATERMARK_RELABELLED, Reason.CAPTURE_CLAIM_ON_MARKED},
    ),
    "trusted over broken ingredient": (
        lambda forge: forge.broken_ingredient(),
        REVIEWED,
        {Reason.INGREDIENT_INVALID},
        {Reason.INGREDIENT_INVALID},
    ),
    "expired without a time-stamp": (lambda forge: forge.expired(), REVIEWED, {Reason.CREDENTIAL_EXPIRED}, set()),
    "declared by a stranger": (
        lambda forge: forge.sign(forge.plain, actions=GENERATED, source=forge.stranger),
        REVIEWED,
        {Reason.CREDENTIAL_UNTRUSTED, Reason.CREDENTIAL_DECLARES_AI},
        set(),
    ),
    "declared by a stranger's ingredient": (
        lambda forge: forge.sign(
            forge.plain, actions=(), parent=forge.sign(forge.plain, actions=GENERATED, source=forge.stranger)
        ),
        REVIEWED,
        {Reason.CREDENTIAL_DECLARES_AI},
        set(),
    ),
    "declared by an ingredient": (
        lambda forge: forge.sign(forge.plain, actions=(), parent=forge.sign(forge.plain, actions=GENERATED)),
        DECLARED,
        {Reason.CREDENTIAL_DECLARES_AI},
        set(),
    ),
    "two marks": (lambda forge: forge.twice, DECLARED, {Reason.WATERMARK_FOUND}, {Reason.MARKS_DISAGREE}),
    "mark of another record": (
        lambda forge: forge.bound(SECOND),
        DECLARED,
        {Reason.WATERMARK_FOUND},
        {Reason.MARKS_DISAGREE},
    ),
}


@pytest.fixture(scope="module")
def forge(
    sign: Maker,
    transplant: Maker,
    encode: Maker,
    make_photo: Callable[..., Pixels],
    tmp_path_factory: pytest.TempPathFactory,
) -> Forge:
    folder = tmp_path_factory.mktemp("forge")
    return Forge(sign, transplant, encode, make_photo(6, width=512, height=512), folder)


@pytest.fixture(scope="module")
def read(own_home: Path, sandbox: Sandbox) -> Callable[[bytes], Provenance]:
    checker = ProvenanceChecker(sandbox=sandbox, keys=KEYS, trust=TrustStore.load(own_home))

    def found(data: bytes) -> Provenance:
        media, frame = open_media(data, sandbox=sandbox)
        return checker.check(data, media, frame.pixels)

    return found


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_called_what_it_is(case: str, forge: Forge, read: Callable[[bytes], Provenance]) -> None:
    make, ending, reasons, conflicts = CASES[case]
    verdict = decide(read(make(forge)), looked=False)
    assert (verdict.label, verdict.action) == ending
    assert reasons <= set(verdict.reasons)
    assert set(verdict.conflicts) == conflicts


def test_both_marks_are_shown(forge: Forge, read: Callable[[bytes], Provenance]) -> None:
    found = read(forge.twice)
    assert {found.watermark.record_id, *(mark.record_id for mark in found.other_marks)} == {FIRST, SECOND}
