"""A judgement of credentials holds while nothing that it depends on has changed, and not a moment longer."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector.media import open_media
from detector.provenance import judgement as judgements
from detector.provenance.check import ProvenanceChecker
from detector.provenance.judgement import TrustWatch, judged
from detector.provenance.looks import Looks
from detector.provenance.trust import OWN_ROOT, ListKind, TrustStore
from detector.sandbox import Sandbox
from detector.types import Credentials, CredentialState, Media, Pixels
from generator.signing import LEAF_LIFE, DevelopmentCA, PemFiles

Picture = tuple[bytes, Media, Pixels]


@pytest.fixture
def checker(own_home: Path, sandbox: Sandbox) -> ProvenanceChecker:
    return ProvenanceChecker(sandbox=sandbox, keys=(), trust=TrustStore.load(own_home))


@pytest.fixture
def opened(
    sandbox: Sandbox, make_photo: Callable[..., Pixels], encode: Callable[..., bytes], sign: Callable[..., bytes]
) -> Callable[..., Picture]:
    def _opened(**options: object) -> Picture:
        data = sign(encode(make_photo(5, width=64, height=48)), **options)
        media, frame = open_media(data, sandbox=sandbox)
        return data, media, frame.pixels

    return _opened


def _looked(checker: ProvenanceChecker, picture: Picture) -> tuple[Credentials, Looks]:
    found, looks = checker.check_and_look(*picture)
    assert looks is not None
    return found.credentials, looks


def _again(checker: ProvenanceChecker, picture: Picture, looks: Looks) -> tuple[Credentials, Looks]:
    found = checker.recheck(picture[0], picture[1], looks)
    assert found is not None
    return found[0].credentials, found[1]


def test_nothing_is_read_again_while_it_holds(checker: ProvenanceChecker, opened: Callable[..., Picture]) -> None:
    picture = opened()
    first, looks = _looked(checker, picture)
    assert first.state is CredentialState.TRUSTED
    again, kept = _again(checker, picture, looks)
    assert (again, kept) == (first, looks)
    assert kept.judgement is looks.judgement


def test_after_its_time_it_is_made_anew(
    checker: ProvenanceChecker, opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgements, "HELD_SECONDS", 0.0)
    picture = opened()
    first, looks = _looked(checker, picture)
    again, kept = _again(checker, picture, looks)
    assert again == first
    assert kept.judgement is not looks.judgement


def test_a_certificate_that_ends_meanwhile_counts(
    sandbox: Sandbox, tmp_path: Path, opened: Callable[..., Picture]
) -> None:
    end = datetime.now(UTC) + timedelta(seconds=3)
    DevelopmentCA(tmp_path).ensure(now=end - LEAF_LIFE)
    leaf, key = (tmp_path / "keys" / "ca" / name for name in ("leaf.pem", "leaf.key"))
    checker = ProvenanceChecker(sandbox=sandbox, keys=(), trust=TrustStore.load(tmp_path))
    picture = opened(source=PemFiles(leaf, key))
    first, looks = _looked(checker, picture)
    assert first.state is CredentialState.TRUSTED
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds() + 1))
    assert checker.recheck(picture[0], picture[1], looks) is None  # nobody vouches any more: the pixels are asked
    assert _looked(checker, picture)[0].state is CredentialState.INVALID


def test_an_imported_list_counts_at_once(
    sandbox: Sandbox, tmp_path: Path, own_home: Path, opened: Callable[..., Picture]
) -> None:
    checker = ProvenanceChecker(sandbox=sandbox, keys=(), trust=TrustStore.load(tmp_path))
    picture = opened()
    first, looks = _looked(checker, picture)
    assert first.state is CredentialState.VALID
    TrustStore.load(tmp_path).import_file(own_home / OWN_ROOT, kind=ListKind.SIGNER)
    assert _again(checker, picture, looks)[0].state is CredentialState.TRUSTED


def test_a_list_that_is_changed_in_place_counts_though_it_looks_as_old(tmp_path: Path, own_home: Path) -> None:
    store = TrustStore.load(tmp_path)
    store.import_file(own_home / OWN_ROOT, kind=ListKind.SIGNER)
    (kept,) = (tmp_path / "trust").iterdir()
    watch, was = TrustWatch(store), kept.stat()
    time.sleep(judgements.TICK_SECONDS + 0.1)
    before = watch.now()
    assert watch.now() is before
    kept.write_bytes(kept.read_bytes().replace(b"root", b"toor"))
    os.utime(kept, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (kept.stat().st_size, kept.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    (anchor,) = watch.now().settings["trust"]["anchors"]
    assert anchor["trust_uri"] == "signer:toor"


def test_a_clock_that_goes_back_counts(
    checker: ProvenanceChecker, opened: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, looks = _looked(checker, opened())
    assert looks.judgement is not None
    monkeypatch.setattr(time, "time", lambda: looks.judgement.since - 1 if looks.judgement else 0.0)
    assert not looks.judgement.holds(looks.judgement.trust)


def test_credentials_from_elsewhere_are_never_held(checker: ProvenanceChecker, opened: Callable[..., Picture]) -> None:
    found, looks = _looked(checker, opened(remote="https://shingan.example/manifest"))
    assert found.state is CredentialState.REMOTE
    assert looks.judgement is not None
    assert not looks.judgement.holds(looks.judgement.trust)


@pytest.mark.parametrize("dates", ["soon", [7], ["no date"]])
def test_a_child_that_lies_about_dates_is_not_believed(tmp_path: Path, dates: object) -> None:
    answer = {"credentials": {"state": "absent", "failures": [], "actions": [], "ingredients": []}, "dates": dates}
    trust = TrustWatch(TrustStore.load(tmp_path)).now()
    with pytest.raises(ValueError, match=r"date|format"):
        judged(answer, trust, since=time.time())
    with pytest.raises(ValueError, match="no judgement"):
        judged([], trust, since=time.time())
