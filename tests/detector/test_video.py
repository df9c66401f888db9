"""Clips of every kind that people send: cut, turned, stuttering, silent, cut off, hostile, and very long."""

import contextlib
import io
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import DetectorError, EmptyMedia, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from detector.sandbox import Limits, Sandbox
from detector.shots import LEAST, MOST
from detector.types import Frame, MediaKind, Pixels
from detector.video import (
    MARK_FRAMES,
    MARK_KEYS,
    Clip,
    Sample,
    is_clip,
    mark_stills,
    open_clip,
    read_frames,
    read_keys,
    spread,
    still_at,
    stills,
)

Film = Callable[..., bytes]
Photo = Callable[..., Pixels]
FASTSTART = {"movflags": "faststart"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=Limits(max_bytes=32 * 1024 * 1024)) as own:
        yield own


def plain(level: int, *, width: int = 160, height: int = 96) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def pan(photo: Pixels, count: int, *, width: int = 160, height: int = 96) -> list[Pixels]:
    """A camera that moves slowly over `photo`."""
    return [np.ascontiguousarray(photo[at // 8 : at // 8 + height, at // 4 : at // 4 + width]) for at in range(count)]


def watch(data: bytes, sandbox: Sandbox) -> tuple[Clip, list[tuple[Sample, Frame]]]:
    clip = open_clip(data, sandbox=sandbox)
    return clip, [item for batch in read_frames(data, clip, sandbox=sandbox) for item in batch]


@pytest.mark.parametrize(
    ("format", "codec", "mime", "pixel_format"),
    [
        ("mp4", "libx264", "video/mp4", "yuv420p"),
        ("mp4", "libx264", "video/mp4", "yuv420p10le"),
        ("mov", "libx265", "video/quicktime", "yuv420p"),
        ("webm", "libvpx-vp9", "video/webm", "yuv420p"),
        ("matroska", "libsvtav1", "video/x-matroska", "yuv420p"),
        ("avi", "mpeg4", "video/x-msvideo", "yuv420p"),
    ],
)
def test_every_container_and_codec(
    format: str, codec: str, mime: str, pixel_format: str, film: Film, make_photo: Photo, sandbox: Sandbox
) -> None:
    quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    pictures = pan(make_photo(), 20)
    data = film(pictures, format=format, codec=codec, pixel_format=pixel_format, options=quiet)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # or what it runs now would stop the machine
    assert is_clip(data)
    clip, seen = watch(data, sandbox)
    media = clip.media
    assert (media.kind, media.mime, media.width, media.height) == (MediaKind.VIDEO, mime, 160, 96)
    assert media.duration_s == pytest.approx(2.0, abs=0.11)
    assert (clip.frames, clip.shots, clip.whole) == (20, 1, True)
    assert len(seen) == len(clip.samples) == LEAST
    for sample, frame in seen:
        assert (frame.index, frame.time_s) == (sample.frame, sample.time_s)
        assert sample.time_s == pytest.approx(sample.frame / 10, abs=0.01)
        assert np.abs(frame.pixels.astype(int) - pictures[sample.frame]).mean() < 12


def test_both_shots_are_seen_however_short(film: Film, make_photo: Photo, sandbox: Sandbox) -> None:
    first, second = pan(make_photo(1), 60), pan(make_photo(2), 3)
    clip, seen = watch(film([*first, *second], options={"x264-params": "scenecut=0"}), sandbox)
    assert clip.shots == 2
    assert {sample.shot for sample, _ in seen} == {0, 1}
    assert all((sample.frame >= 60) == (sample.shot == 1) for sample, _ in seen)


def test_a_variable_frame_rate_keeps_real_times(film: Film, make_photo: Photo, sandbox: Sandbox) -> None:
    times = [*np.arange(20) / 100, *(1.0 + np.arange(10))]
    clip, seen = watch(film(pan(make_photo(), 30), rate=100, times=times), sandbox)
    assert clip.frames == 30
    assert clip.media.duration_s == pytest.approx(10.0, abs=1.1)
    assert [sample.time_s for sample, _ in seen] == pytest.approx(
        [times[sample.frame] for sample, _ in seen], abs=0.002
    )
    assert max(sample.time_s for sample, _ in seen) > 8


def test_frames_are_looked_at_evenly(film: Film, sandbox: Sandbox) -> None:
    _clip, seen = watch(film([plain(at % 200) for at in range(120)]), sandbox)
    assert len(seen) == 12
    assert max(np.diff([sample.time_s for sample, _ in seen])) < 1.3


MATRICES = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.mark.parametrize("degrees", MATRICES)
def test_the_turn_in_the_file_is_undone(degrees: int, film: Film, sandbox: Sandbox) -> None:
    upright = np.zeros((96, 160, 3), np.uint8)
    upright[:48, :80] = (250, 30, 30)  # red, top left
    stored = np.ascontiguousarray(np.rot90(upright, degrees // 90))
    data = turned(film([stored] * 10), MATRICES[degrees])
    clip, seen = watch(data, sandbox)
    assert (clip.media.width, clip.media.height) == (160, 96)
    red = seen[0][1].pixels[..., 0].astype(int)
    assert seen[0][1].pixels.shape == (96, 160, 3)
    assert red[10:40, 10:70].mean() > 200 > 60 > max(red[60:, :].mean(), red[:, 100:].mean())


def turned(data: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """The clip with another matrix in its track header (ISO/IEC 14496-12, 8.3.2)."""
    start = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    return data[:start] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + data[start + 36 :]


def test_wide_pixels_are_made_square(film: Film, sandbox: Sandbox) -> None:
    clip, seen = watch(film([plain(90)] * 10, aspect=Fraction(3, 2)), sandbox)
    assert (clip.media.width, clip.media.height) == (240, 96)
    assert seen[0][1].pixels.shape == (96, 240, 3)


def test_sound_is_passed_over(film: Film, make_photo: Photo, sandbox: Sandbox) -> None:
    clip, seen = watch(film(pan(make_photo(), 20), sound=True), sandbox)
    assert (clip.frames, clip.whole, len(seen)) == (20, True, LEAST)


def sound_alone(*, cover: Pixels | None = None) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        track = container.add_stream("aac", rate=16000)
        picture = container.add_stream("mjpeg", rate=1) if cover is not None else None
        if picture is not None and cover is not None:
            picture.width, picture.height, picture.pix_fmt = cover.shape[1], cover.shape[0], "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
            container.mux(picture.encode(None))
        for start in range(0, 16000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.pts, frame.sample_rate = start, 16000
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return buffer.getvalue()


def test_sound_alone_is_no_clip(sandbox: Sandbox) -> None:
    with pytest.raises(UnsupportedMedia, match="sound but no moving picture"):
        open_clip(sound_alone(), sandbox=sandbox)


def test_a_cover_picture_is_no_clip(sandbox: Sandbox) -> None:
    with pytest.raises(UnsupportedMedia, match="sound but no moving picture"):
        open_clip(sound_alone(cover=plain(90)), sandbox=sandbox)


@pytest.mark.parametrize("format", ["mp4", "matroska"])
def test_a_clip_that_was_cut_off_is_judged_by_what_is_left(
    format: str, film: Film, make_photo: Photo, sandbox: Sandbox
) -> None:
    data = faststart(pan(make_photo(), 100)) if format == "mp4" else film(pan(make_photo(), 100), format=format)
    clip, seen = watch(data[: int(0.6 * len(data))], sandbox)
    assert not clip.whole
    assert len(seen) == len(clip.samples) >= 4


def faststart(pictures: list[Pixels]) -> bytes:
    """A clip whose index comes first, as a stream has it."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def test_a_clip_without_its_index_is_unreadable(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(90)] * 20)
    with pytest.raises(UnreadableMedia, match="cut off"):
        open_clip(data[: data.index(b"moov") - 8], sandbox=sandbox)


def test_damage_in_the_middle_is_kept_out(film: Film, make_photo: Photo, sandbox: Sandbox) -> None:
    data = bytearray(film(pan(make_photo(), 100), options={"g": "10"}))
    start = data.index(b"mdat") + (data.index(b"moov") - data.index(b"mdat")) // 2
    data[start : start + 1500] = np.random.default_rng(1).bytes(1500)
    clip, seen = watch(bytes(data), sandbox)
    assert not clip.whole
    pictures = pan(make_photo(), 100)
    assert len(seen) >= 6
    assert max(np.abs(frame.pixels.astype(int) - pictures[sample.frame]).mean() for sample, frame in seen) < 12


@pytest.mark.parametrize(
    "data", [b"\0\0\0\x18ftypmp42" + bytes(12), b"RIFF\x10\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3webm"]
)
def test_a_head_without_frames_is_unreadable(data: bytes, sandbox: Sandbox) -> None:
    with pytest.raises(UnreadableMedia):
        open_clip(data, sandbox=sandbox)


@pytest.mark.parametrize("refresh", ["intra-refresh=1:keyint=50", "open-gop=1:bframes=3:ref=4:keyint=50"])
def test_key_frames_that_need_frames_before_them_smear_nothing(
    refresh: str, film: Film, make_photo: Photo, sandbox: Sandbox
) -> None:
    pictures = pan(make_photo(), 400)
    data = film(pictures, options={"x264-params": refresh, "crf": "18"})
    clip = open_clip(data, sandbox=sandbox)
    late = [sample for sample in clip.samples if sample.frame > 200]
    for sample in late:  # one by one, so that decoding starts anew for each
        ((_, frame),) = next(read_frames(data, clip, sandbox=sandbox, samples=[sample]))
        assert np.abs(frame.pixels.astype(int) - pictures[sample.frame]).mean() < 6
    assert len(late) >= 15


def test_no_bytes(sandbox: Sandbox) -> None:
    with pytest.raises(EmptyMedia):
        open_clip(b"", sandbox=sandbox)


def test_huge_frames_are_refused_by_their_header(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(90, width=256, height=256)] * 2)
    with Sandbox(limits=Limits(max_pixels=255 * 256)) as small, pytest.raises(MediaTooLarge):
        open_clip(data, sandbox=small)
    assert open_clip(data, sandbox=sandbox).media.width == 256


def test_an_endless_clip_is_refused(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(90)] * 3, times=[0.0, 1.0, 90_000.0], format="matroska")
    with pytest.raises(MediaTooLarge, match="longer than"):
        open_clip(data, sandbox=sandbox)


def test_a_playlist_in_disguise_opens_no_other_file(sandbox: Sandbox) -> None:
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"
    for head in (b"\0\0\0\x18ftypmp42" + bytes(12), b"\x1a\x45\xdf\xa3webm"):
        with pytest.raises(UnreadableMedia):
            open_clip(head + playlist, sandbox=sandbox)


MEASURE = """
import sys
from pathlib import Path
from detector.sandbox import Sandbox
from detector.video import open_clip, read_frames
data = Path(sys.argv[1]).read_bytes()
with Sandbox() as sandbox:
    clip = open_clip(data, sandbox=sandbox)
    frames = sum(len(batch) for batch in read_frames(data, clip, sandbox=sandbox))
    child = sandbox._idle.queue[-1]._process.pid
    for process in ("self", child):
        status = Path(f"/proc/{process}/status").read_text()
        print(frames, status.split("VmHWM:")[1].split()[0])
"""


def test_memory_does_not_grow_with_the_clip(film: Film, tmp_path: Path) -> None:
    """Ten minutes of full HD: all its frames are 3.7 GB, those that are looked at 400 MB, and a batch of them 16."""
    frame = np.zeros((1080, 1920, 3), np.uint8)
    path = tmp_path / "long.mp4"
    path.write_bytes(film((frame for _ in range(600)), rate=1, options={"preset": "ultrafast", "g": "20"}))
    ran = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    for line in ran.stdout.splitlines():
        frames, kilobytes = map(int, line.split())
        assert frames == MOST
        assert kilobytes < 260 * 1024


def test_ten_minutes_in_little_memory(film: Film) -> None:
    data = film((plain(at % 200) for at in range(600)), rate=1)
    with Sandbox(limits=Limits(max_bytes=len(data), memory_bytes=400 * 1024 * 1024)) as tight:
        clip, seen = watch(data, tight)
    assert clip.media.duration_s == pytest.approx(600, abs=2)
    assert len(seen) == MOST


def test_stills_come_from_all_over_the_middle_first(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(at * 2) for at in range(100)])
    media, pictures = stills(data, sandbox=sandbox, count=3)
    first, key, second, third = (float(picture.mean()) for picture in pictures)
    assert len(pictures) == 4 < MARK_FRAMES
    assert key == pytest.approx(0, abs=1)
    assert second < first < third
    assert media.kind is MediaKind.VIDEO
    frame = still_at(data, 50, sandbox=sandbox)
    assert abs(frame.index - 50) <= 10
    assert float(frame.pixels.mean()) == pytest.approx(2 * frame.index, abs=8)


def test_key_frames_come_after_the_middle_one(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(at * 2) for at in range(100)], options={"g": "30", "x264-params": "scenecut=0"})
    clip = open_clip(data, sandbox=sandbox)
    assert all(sample.key != sample.tick for sample in clip.samples)
    seen = [float(picture.mean()) for picture in mark_stills(data, clip, sandbox=sandbox)]
    assert len(seen) == MARK_FRAMES + MARK_KEYS
    assert seen[1:3] == pytest.approx([60, 180], abs=2)
    assert seen[3:] == sorted(seen[3:])
    assert seen[0] == pytest.approx(2 * spread(clip.samples, MARK_FRAMES)[MARK_FRAMES // 2].frame, abs=2)


def test_where_all_frames_are_key_frames_no_others_are_read(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(at * 2) for at in range(100)], options={"g": "1"})
    clip = open_clip(data, sandbox=sandbox)
    assert read_keys(data, clip, sandbox=sandbox, samples=clip.samples) == []
    assert len(mark_stills(data, clip, sandbox=sandbox)) == MARK_FRAMES


def test_key_frames_that_fail_are_left_out(film: Film, sandbox: Sandbox) -> None:
    data = film([plain(at * 2) for at in range(100)])
    clip = open_clip(data, sandbox=sandbox)
    nowhere = [replace(sample, key=sample.tick + 10**6) for sample in clip.samples]
    assert read_keys(data, clip, sandbox=sandbox, samples=nowhere) == []


def test_spread_takes_no_more_than_there_are() -> None:
    samples = [Sample(at, float(at), 0, at, 0) for at in range(10)]
    assert [one.frame for one in spread(samples, 3)] == [1, 5, 8]
    assert [one.frame for one in spread(samples, 1)] == [5]
    assert len(spread(samples[:2], 3)) == 2


def test_reading_clips_needs_no_decoder_in_this_process() -> None:
    assert "detector.video_decoder" not in sys.modules


@settings(max_examples=25, deadline=None)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6),
    cut=st.floats(0.2, 1),
    format=st.sampled_from(["mp4", "matroska", "avi"]),
)
def test_damaged_bytes_give_frames_or_a_typed_error(
    sandbox: Sandbox, film: Film, edits: list[tuple[float, bytes]], cut: float, format: str
) -> None:
    data = bytearray(film([plain(40 + 5 * at, width=64, height=48) for at in range(12)], format=format, codec="mpeg4"))
    for place, replacement in edits:
        start = int(place * (len(data) - 1))
        data[start : start + len(replacement)] = replacement
    with contextlib.suppress(DetectorError):
        _, seen = watch(bytes(data[: int(len(data) * cut)]), sandbox)
        assert all(frame.pixels.ndim == 3 for _, frame in seen)
