"""`shingan portrait`: of several faces one is named by its number, and otherwise nothing is made."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from generator.backends.embedded import Embedded
from generator.prompt import parse


def test_of_several_faces_one_is_to_be_named(shingan: Callable[..., Any], tmp_path: Path) -> None:
    face, out = Embedded.load().synthesise(parse("a woman"), seed=3).pixels, tmp_path / "out"
    path = tmp_path / "two.png"
    Image.fromarray(np.hstack([face, face])).save(path)
    command = ("portrait", "artwork", path, "--purpose", "art", "--consent", "--out", out, "--json")
    refused = shingan(*command)
    (line,) = refused.documents
    assert (refused.code, line["error"]["code"], out.exists()) == (1, "several_faces", False)
    assert "There are 2 faces in the picture" in line["error"]["detail"]
    done = shingan(*command, "--face", 1)
    (line,) = done.documents
    assert (done.code, line["error"], line["settings"]["face"]) == (0, None, 1)
    assert Path(line["path"]).is_file()
