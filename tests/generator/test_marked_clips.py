"""A clip from elsewhere leaves with a mark in every frame, its sound, its times and its history."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from detector.errors import MediaTooLarge, UnreadableMedia
from detector.provenance.check import ProvenanceChecker
from detector.provenance.credentials import SOURCE_TYPES
from detector.provenance.keys import load_mark_keys
from detector.provenance.trust import TrustStore
from detector.sandbox import Limits, Sandbox
from detector.types import CredentialState, Label, Pixels, Provenance
from detector.verdict import decide
from detector.video import stills
from generator.claim import EDITED, GENERATED
from generator.clips import mark_clip
from generator.elsewhere import Order
from generator.errors import AlreadyMarked, MediaTooSmall
from generator.marking import sign
from generator.release import Release
from generator.signing import DevelopmentCA


@pytest.fixture(scope="module")
def transcoder() -> Iterator[Sandbox]:
    with Sandbox(limits=replace(Limits(), seconds=120.0)) as made:
        yield made


@pytest.fixture
def scene(make_photo: Callable[..., Pixels]) -> list[Pixels]:
    """Half a second of a slow pan, 640 by 360."""
    photo = make_photo(6, width=700, height=360)
    return [photo[:, 4 * at : 4 * at + 640] for at in range(12)]


def marked(
    data: bytes, home: Path, sandbox: Sandbox, transcoder: Sandbox, *, kind: str = GENERATED
) -> tuple[Release, Provenance]:
    key, source, checker = load_mark_keys(home)[0], DevelopmentCA(home), checker_of(home, sandbox)
    released = mark_clip(data, Order("director 2", kind, key, source), checker=checker, transcoder=transcoder)
    return released, found_in(released.data, checker)


def checker_of(home: Path, sandbox: Sandbox) -> ProvenanceChecker:
    return ProvenanceChecker(sandbox=sandbox, keys=load_mark_keys(home), trust=TrustStore.load(home))


def found_in(data: bytes, checker: ProvenanceChecker) -> Provenance:
    media, pictures = stills(data, sandbox=checker.sandbox)
    return checker.check(data, media, pictures[0], more=pictures[1:])


def again(data: bytes, crf: int) -> bytes:
    """The clip as a platform would send it on: encoded anew, without metadata."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp4") as writer:
        stream = writer.add_stream("libx264", rate=25, options={"crf": str(crf), "threads": "1"})
        stream.width, stream.height = source.streams.video[0].width, source.streams.video[0].height
        for frame in source.decode(video=0):
            writer.mux(stream.encode(frame.reformat(format="yuv420p")))
        writer.mux(stream.encode())
    return out.getvalue()


def test_a_clip_is_marked_and_declared(
    scene: list[Pixels], film: Callable[..., bytes], home: Path, sandbox: Sandbox, transcoder: Sandbox
) -> None:
    released, found = marked(film(scene, rate=25), home, sandbox, transcoder)
    assert found.credentials.state is CredentialState.TRUSTED
    assert found.credentials.actions == ("c2pa.created", "c2pa.watermarked.bound")
    assert found.watermark.record_id == found.credentials.soft_binding == released.record.record_id
    assert found.declaration.digital_source_type == GENERATED
    assert decide(found, looked=False).label is Label.SYNTHETIC_DECLARED
    with pytest.raises(AlreadyMarked):
        marked(released.data, home, sandbox, transcoder)


@pytest.mark.parametrize("crf", [23, 28, 33])
def test_the_mark_outlives_another_encoding(
    crf: int, scene: list[Pixels], film: Callable[..., bytes], home: Path, sandbox: Sandbox, transcoder: Sandbox
) -> None:
    released, _ = marked(film(scene * 3, rate=25), home, sandbox, transcoder)
    found = found_in(again(released.data, crf), checker_of(home, sandbox))
    assert found.credentials.state is CredentialState.ABSENT
    assert found.watermark.record_id == released.record.record_id


def test_sound_and_times_stay(
    scene: list[Pixels], film: Callable[..., bytes], home: Path, sandbox: Sandbox, transcoder: Sandbox
) -> None:
    times = [0.0, 0.1, 0.15, 0.4, 0.45, 0.9, 1.0, 1.3, 1.35, 1.6, 1.7, 2.0]
    original = film(scene, rate=25, times=times, sound=True)
    released, _ = marked(original, home, sandbox, transcoder)
    shown = [shown_of(data) for data in (original, released.data)]
    assert shown[0][0] == pytest.approx(shown[1][0], abs=0.002)
    assert shown[0][1] == shown[1][1] > 0


def shown_of(data: bytes) -> tuple[list[float], int]:
    """Times of the frames, and bytes of sound."""
    with av.open(io.BytesIO(data), "r") as clip:
        times = [float(frame.time or 0) for frame in clip.decode(video=0)]
    with av.open(io.BytesIO(data), "r") as clip:
        return times, sum(int(packet.size) for packet in clip.demux(audio=0))


def test_older_credentials_stay_as_ingredient(
    scene: list[Pixels], film: Callable[..., bytes], home: Path, sandbox: Sandbox, transcoder: Sandbox
) -> None:
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
    manifest = {
        "claim_generator_info": [{"name": "camera"}],
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action]}}],
    }
    original, _, _ = sign(film(scene), manifest, DevelopmentCA(home), mime="video/mp4", parent=None)
    _, found = marked(original, home, sandbox, transcoder, kind=EDITED)
    assert [item.relationship for item in found.credentials.ingredients] == ["parentOf"]
    assert found.credentials.actions == ("c2pa.opened", "c2pa.edited", "c2pa.watermarked.bound")
    assert not found.credentials.declares_capture


def test_what_cannot_be_marked_is_refused(
    scene: list[Pixels],
    film: Callable[..., bytes],
    home: Path,
    sandbox: Sandbox,
    transcoder: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(MediaTooSmall):
        marked(film([picture[:90] for picture in scene]), home, sandbox, transcoder)
    with pytest.raises(UnreadableMedia):
        marked(film(scene)[:400], home, sandbox, transcoder)
    monkeypatch.setattr("generator.clips.MAX_FRAMES", 5)
    with pytest.raises(MediaTooLarge):
        marked(film(scene), home, sandbox, transcoder)
