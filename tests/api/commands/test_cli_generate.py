"""`shingan generate`: files that are marked, signed and recorded, or a line that says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from api.contract import schema


def test_generate_writes_marked_faces_that_verify(shingan: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "faces"
    ran = shingan("generate", "a smiling woman", "-n", "2", "--seed", "7", "--out", out, "--json")
    assert ran.code == 0
    for document in ran.documents:
        jsonschema.validate(document, schema("generate"))
        assert document.keys() == schema("generate")["properties"].keys()
        assert Path(document["path"]).parent == out
        assert document["attributes"]["asked"] == document["attributes"]["honoured"]
    assert [document["seed"] for document in ran.documents] == [7, 8]
    verified = shingan("verify", "--json", out)
    assert verified.code == 3
    found = {document["watermark"]["record_id"]: document for document in verified.documents}
    assert found.keys() == {document["record_id"] for document in ran.documents}
    for document in found.values():
        assert document["credentials"]["state"] == "trusted"
        assert document["record"]["seed"] in (7, 8)


def test_what_cannot_be_drawn_is_named(shingan: Callable[..., Any], tmp_path: Path) -> None:
    ran = shingan("generate", "a woman on a unicycle", "-n", "2", "--out", tmp_path / "none", "--json")
    assert ran.code == 1
    assert len(ran.documents) == 2
    for document in ran.documents:
        jsonschema.validate(document, schema("generate"))
        assert document["error"]["code"] == "unsupported_attribute"
        assert "unicycle" in document["error"]["detail"]
    assert not (tmp_path / "none").exists()


def test_denial_is_an_error_that_the_log_keeps(shingan: Callable[..., Any], tmp_path: Path) -> None:
    ran = shingan("generate", "a woman", "--purpose", "fraud", "--out", tmp_path / "none", "--json")
    assert ran.code == 1
    assert ran.documents[0]["error"]["code"] == "policy_denied"
    assert not (tmp_path / "none").exists()
    checked = shingan("audit", "verify", "--json")
    assert checked.code == 0
    assert checked.documents[0]["size"] == 1


def test_folder_that_cannot_be_written_is_one_line(shingan: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = shingan("generate", "a man", "--seed", "1", "--out", tmp_path / "file" / "below", "--json")
    assert ran.code == 1
    assert ran.documents[0]["error"]["code"] == "output_unwritable"
