"""A clip's timeline as it is drawn: where the dots, lines and lanes lie, so that templates only place them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

Document = Mapping[str, Any]

WIDTH: Final = 720
LEFT, RIGHT, TOP = 44, 12, 10
"""Margins in units of the drawing, which is `WIDTH` wide: the left one holds the labels."""
PLOT: Final = 120
LANE: Final = 18
AXIS: Final = 26
MAX_LANES: Final = 10
"""Tracks that get a lane, those with the most faces; the table below the drawing has all."""
KINDS: Final = ("manipulation", "synthesis")
TICKS: Final = 6


@dataclass(frozen=True, slots=True)
class Dot:
    """`value` is a score; null for a face of a track, which has only a place."""

    x: float
    y: float
    time_s: float
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    track: int
    y: float
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """One row of the table: a track's faces, its span in seconds, and its scores by kind."""

    number: int
    faces: int
    start_s: float
    end_s: float
    scores: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """`dots` are by kind, `lines` are the points of polylines by kind, `cuts` are where a new shot begins."""

    height: int
    base: float
    dots: Mapping[str, tuple[Dot, ...]]
    lines: Mapping[str, str]
    cuts: tuple[float, ...]
    ticks: tuple[Dot, ...]
    lanes: tuple[Lane, ...]
    tracks: tuple[Track, ...]
    peaks: Mapping[str, Dot]

    @property
    def width(self) -> int:
        return WIDTH


def drawing_of(result: Document) -> Drawing | None:
    """The timeline of a scan object; null where it has none."""
    moments: Sequence[Document] = result.get("timeline") or ()
    if not moments:
        return None
    end = max(max(float(moment["time_s"] or 0.0) for moment in moments), 1e-3)
    dots = {kind: _dots(moments, kind, end) for kind in KINDS}
    lanes = _lanes(result, end)
    return Drawing(
        height=TOP + PLOT + AXIS + LANE * len(lanes),
        base=TOP + PLOT,
        dots=dots,
        lines={kind: " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in row) for kind, row in dots.items()},
        cuts=tuple(
            (_x(before["time_s"], end) + _x(after["time_s"], end)) / 2
            for before, after in pairwise(moments)
            if before["shot"] != after["shot"]
        ),
        ticks=tuple(Dot(_x(end * at / TICKS, end), TOP + PLOT, end * at / TICKS) for at in range(TICKS + 1)),
        lanes=lanes,
        tracks=tracks_of(result),
        peaks={kind: max(row, key=lambda dot: dot.value or 0.0) for kind, row in dots.items() if row},
    )


def tracks_of(result: Document) -> tuple[Track, ...]:
    """The tracks of a scan object, in the order of their numbers."""
    rows = []
    for number, faces in _by_track(result).items():
        times = [float(face.get("time_s") or 0.0) for face in faces]
        rows.append(Track(number, len(faces), min(times), max(times), _track_scores(result, number)))
    return tuple(rows)


def shown_frame(result: Document) -> tuple[int, float] | None:
    """Number and time of the frame that stands for a clip: that of its most suspicious face, or else its middle one."""
    moments: Sequence[Document] = result.get("timeline") or ()
    if not moments:
        return None
    scored = [moment for moment in moments if _highest(moment) is not None]
    chosen = max(scored, key=lambda moment: _highest(moment) or 0.0) if scored else moments[len(moments) // 2]
    return int(chosen["frame"]), float(chosen["time_s"] or 0.0)


def _highest(moment: Document) -> float | None:
    return max((score for score in moment["scores"].values() if score is not None), default=None)


def _by_track(result: Document) -> dict[int, list[Document]]:
    found: dict[int, list[Document]] = {}
    for face in result.get("faces") or ():
        if face.get("track") is not None:
            found.setdefault(int(face["track"]), []).append(face)
    return dict(sorted(found.items()))


def _track_scores(result: Document, track: int) -> dict[str, float | None]:
    """What the evidence says of the track as a whole; of several experts of one kind the highest."""
    scores: dict[str, float | None] = dict.fromkeys(KINDS)
    for item in result.get("evidence") or ():
        where, kind, score = item.get("where") or {}, item.get("kind"), item.get("score")
        if where.get("face") is None and where.get("track") == track and kind in scores and score is not None:
            known = scores[kind]
            scores[kind] = score if known is None else max(known, score)
    return scores


def _dots(moments: Sequence[Document], kind: str, end: float) -> tuple[Dot, ...]:
    rows = [(float(moment["time_s"] or 0.0), moment["scores"].get(kind)) for moment in moments]
    scored = [(time, float(score)) for time, score in rows if score is not None]
    return tuple(Dot(_x(time, end), TOP + PLOT * (1.0 - score), time, score) for time, score in scored)


def _lanes(result: Document, end: float) -> tuple[Lane, ...]:
    tracks = _by_track(result)
    longest = sorted(sorted(tracks, key=lambda number: -len(tracks[number]))[:MAX_LANES])
    lanes = []
    for place, number in enumerate(longest):
        y = TOP + PLOT + AXIS + LANE * (place + 0.5)
        times = [float(face.get("time_s") or 0.0) for face in tracks[number]]
        lanes.append(Lane(number, y, tuple(Dot(_x(time, end), y, time) for time in times)))
    return tuple(lanes)


def _x(time_s: float | None, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * float(time_s or 0.0) / end
