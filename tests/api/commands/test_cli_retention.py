"""`retention` on the command line."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any


def test_a_rule_is_set_shown_and_swept(shingan: Callable[..., Any], photo: Path) -> None:
    assert "for ever" in shingan("retention", "show").out
    assert shingan("retention", "set", "--answer-days", "30", "--zero").code == 0
    (rule,) = shingan("retention", "show", "--json").documents
    assert (rule["answer_days"], rule["file_days"], rule["zero"]) == (30, None, True)
    shingan("verify", photo)
    assert shingan("retention", "sweep", "--json").documents == []
    assert "Nothing is older" in shingan("retention", "sweep").out


def test_a_file_is_erased(shingan: Callable[..., Any], photo: Path) -> None:
    shingan("verify", photo)
    digest = sha256(photo.read_bytes()).hexdigest()
    (done,) = shingan("retention", "erase", digest, "--json").documents
    assert done["erased"]["answers"] == 1
    assert done["receipt"]["entry"] == 3
    assert shingan("retention", "erase", "ver_unknown").err.startswith("shingan: not_found: ")
