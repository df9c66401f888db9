"""Fuzzing in short: some inputs at every border; and what fails is found, kept, and fails again."""

from pathlib import Path

import pytest

from detector.errors import UnreadableMedia
from tests.drill.borders import Border
from tests.drill.fuzz import MOST_FAILURES, Plan, all_borders, attempt, fuzz, made_case

CASES = 3


@pytest.mark.filterwarnings("ignore")  # libraries warn of what is odd, and that is all of it here
def test_every_border_answers_or_refuses(tmp_path: Path, cache: Path) -> None:
    with all_borders(cache=cache) as (borders, _):
        figures = fuzz(Plan(cases=CASES, out=tmp_path / "failed"), borders)
    assert figures["failures"] == []
    assert {border["cases"] for border in figures["borders"].values()} == {CASES}
    assert figures["cases"] == CASES * len(borders)


def _fragile(data: bytes) -> str:
    if len(data) > 40:
        raise UnreadableMedia("too long")
    return data.decode("ascii")[:1]


def test_a_failure_is_kept_and_repeated(tmp_path: Path) -> None:
    border = Border("fragile", [b"abc" * 10, b"xyz"], _fragile)
    figures = fuzz(Plan(cases=400, seed=3, out=tmp_path), [border])
    assert len(figures["failures"]) == MOST_FAILURES  # then the border is left alone
    assert figures["borders"]["fragile"]["outcomes"]["unreadable_media"] > 0
    for failure in figures["failures"]:
        data = Path(failure["file"]).read_bytes()
        assert data == made_case(border, seed=3, number=failure["case"])
        with pytest.raises(UnicodeDecodeError):
            attempt(border, data)
        assert "UnicodeDecodeError" in Path(f"{failure['file']}.txt").read_text()
