"""The timeline of a clip: nothing is drawn outside of the sheet, and every value stands in a table as well."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rendering import Case, Preview, case_html
from api.timeline import MAX_LANES, WIDTH, drawing_of, shown_frame, tracks_of


def moment(
    frame: int, *, shot: int = 0, manipulation: float | None = 0.2, synthesis: float | None = 0.1
) -> dict[str, Any]:
    scores = {"manipulation": manipulation, "synthesis": synthesis}
    return {"frame": frame, "time_s": frame / 10, "shot": shot, "scores": scores}


def face(frame: int, *, track: int = 0) -> dict[str, Any]:
    scores = {"manipulation": 0.2, "synthesis": None}
    return {"box": [1.4, 2.6, 30, 40], "frame": frame, "time_s": frame / 10, "track": track, "scores": scores}


def clip(**changes: object) -> dict[str, Any]:
    where = {"face": None, "frame": None, "time_s": None, "track": 0}
    return {
        "path": "/tmp/clip.mp4",
        "kind": "video",
        "verdict": {"label": "no_evidence_found", "action": "allow", "reasons": ["sound_not_analysed"]},
        "scores": {"manipulation": 0.3, "synthesis": 0.1},
        "faces": [face(0), face(10), face(10, track=1)],
        "timeline": [moment(0), moment(10, manipulation=0.9), moment(20, shot=1, manipulation=None, synthesis=None)],
        "evidence": [{"kind": "manipulation", "state": "clear", "score": 0.25, "where": where}],
        "error": None,
    } | changes


def test_a_picture_has_no_timeline() -> None:
    assert drawing_of({"timeline": []}) is None
    assert drawing_of({}) is None
    assert shown_frame({}) is None
    assert 'class="chart"' not in case_html(Case("One", clip(timeline=[])))


def test_dots_lines_and_cuts() -> None:
    drawing = drawing_of(clip())
    assert drawing is not None
    assert [dot.value for dot in drawing.dots["manipulation"]] == [0.2, 0.9]
    assert drawing.peaks["manipulation"].time_s == 1.0
    assert len(drawing.cuts) == 1
    assert drawing.dots["manipulation"][1].x < drawing.cuts[0] < WIDTH
    assert [lane.track for lane in drawing.lanes] == [0, 1]


def test_tracks_have_the_scores_of_their_evidence() -> None:
    first, second = tracks_of(clip())
    assert (first.number, first.faces, first.start_s, first.end_s) == (0, 2, 0.0, 1.0)
    assert first.scores == {"manipulation": 0.25, "synthesis": None}
    assert second.scores == {"manipulation": None, "synthesis": None}


def test_the_most_telling_frame_is_shown() -> None:
    assert shown_frame(clip()) == (10, 1.0)
    blind = [moment(at, manipulation=None, synthesis=None) for at in range(5)]
    assert shown_frame({"timeline": blind}) == (2, 0.2)


def test_many_tracks_do_not_grow_the_drawing_without_end() -> None:
    drawing = drawing_of(clip(faces=[face(0, track=number) for number in range(40)]))
    assert drawing is not None
    assert len(drawing.lanes) == MAX_LANES
    assert len(drawing.tracks) == 40


@given(st.lists(st.tuples(st.integers(0, 10**6), st.none() | st.floats(0, 1)), min_size=1, max_size=64))
def test_nothing_lies_outside(rows: list[tuple[int, float | None]]) -> None:
    moments = [moment(frame, manipulation=score) for frame, score in sorted(rows, key=lambda row: row[0])]
    drawing = drawing_of({"timeline": moments, "faces": [face(int(one["frame"])) for one in moments]})
    assert drawing is not None
    everything = [*drawing.dots["manipulation"], *drawing.ticks, *(dot for lane in drawing.lanes for dot in lane.dots)]
    assert all(0 <= dot.x <= drawing.width and 0 <= dot.y <= drawing.height for dot in everything)
    assert all(0 <= cut <= drawing.width for cut in drawing.cuts)


def test_the_sheet_says_in_words_and_tables_what_it_draws() -> None:
    sheet = case_html(Case("Clip", clip(), preview=Preview(b"", 640, 480, frame=10, time_s=1.0)))
    label = re.search(r'role="img" aria-label="([^"]*)"', sheet)
    assert label is not None
    assert "Highest manipulation 0.90 at 1.0 s" in label[1]
    assert "2 face track(s)" in label[1]
    assert "1, 3, 30, 40" in sheet
    assert "Sound was not analysed." in sheet
    assert sheet.count('class="face-box"') == 2  # those of frame 10 alone
    assert "Frame 10 of the examined clip" in sheet
    assert " style=" not in sheet  # the page's policy forbids it


@pytest.mark.parametrize("missing", sorted(clip().keys() - {"timeline"}))
def test_any_other_key_may_be_missing(missing: str) -> None:
    result = clip()
    del result[missing]
    assert 'class="chart"' in case_html(Case("One", result))


def test_a_clip_of_one_moment() -> None:
    drawing = drawing_of({"timeline": [moment(0)]})
    assert drawing is not None
    assert np.isfinite([dot.x for dot in drawing.ticks]).all()
