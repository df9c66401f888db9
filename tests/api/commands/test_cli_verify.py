"""`shingan verify` and `shingan watermark`: one line a file, whatever the files are."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import c2pa
import jsonschema
import pytest

from api.contract import schema
from detector.provenance.credentials import SOURCE_TYPES
from generator.marking import SETTINGS
from generator.signing import DevelopmentCA

SHINGAN = str(Path(sys.executable).parent / "shingan")
RECORD = "0123456789ab"


@pytest.fixture
def bad_files(tmp_path: Path) -> Path:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "1_empty.jpg").touch()
    (folder / "2_text.jpg").write_text("not a picture")
    (folder / "3_cut.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    (folder / os.fsdecode(b"4_\xff.jpg")).write_bytes(b"x")
    return folder


def test_verify_gives_a_line_a_file_and_goes_on(shingan: Callable[..., Any], photo: Path, bad_files: Path) -> None:
    ran = shingan("verify", "--json", bad_files, photo, bad_files / "missing")
    assert ran.code == 1
    assert ran.err == ""
    codes = [(document["error"] or {}).get("code") for document in ran.documents]
    assert codes == [
        "empty_media",
        "unsupported_media",
        "unreadable_media",
        "unsupported_media",
        None,
        "source_not_found",
    ]
    for document in ran.documents:
        jsonschema.validate(document, schema("verify"))
        assert document.keys() == schema("verify")["properties"].keys()
    assert [Path(document["path"]).exists() for document in ran.documents] == [True] * 5 + [False]


def test_verified_photo_is_clean_and_has_a_receipt(shingan: Callable[..., Any], photo: Path) -> None:
    ran = shingan("verify", "--json", photo)
    assert ran.code == 0
    (document,) = ran.documents
    assert document["verdict"]["label"] == "no_evidence_found"
    assert "classifier_not_run" in document["verdict"]["reasons"]
    assert document["credentials"]["state"] == "absent"
    assert document["receipt"]["entry"] == document["receipt"]["tree_size"] - 1
    assert shingan("audit", "verify").code == 0


def test_crjson_is_one_line_a_file_and_says_where_there_is_none(
    shingan: Callable[..., Any], photo: Path, tmp_path: Path, home: Path
) -> None:
    signed = tmp_path / "signed.jpg"
    signed.write_bytes(_signed(photo, DevelopmentCA(home)))
    ran = shingan("verify", "--crjson", signed)
    assert ran.code == 0
    (report,) = ran.documents
    assert report["manifests"][0]["validationResults"]["failure"] == []
    ran = shingan("verify", "--crjson", photo, signed, tmp_path / "missing")
    assert (ran.code, ran.err) == (1, "")
    absent, second, missing = ran.documents
    assert absent == {"path": str(photo), "state": "absent", "error": None}
    assert second["manifests"][0]["label"] == report["manifests"][0]["label"]
    assert (missing["state"], missing["error"]["code"]) == (None, "source_not_found")


def _signed(photo: Path, source: DevelopmentCA) -> bytes:
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
    manifest = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]}
    signed = io.BytesIO()
    with c2pa.Builder(manifest, c2pa.Context.from_dict(dict(SETTINGS))) as builder, source.signer() as signer:
        builder.sign(signer, "image/jpeg", io.BytesIO(photo.read_bytes()), signed)
    return signed.getvalue()


def test_table_for_people_has_the_codes(shingan: Callable[..., Any], photo: Path, bad_files: Path) -> None:
    ran = shingan("verify", photo, bad_files)
    assert ran.code == 1
    for code in ("no_evidence_found", "classifier_not_run", "empty_media", "inconclusive", str(photo)):
        assert code in ran.out


def test_watermark_comes_back_and_counts_as_a_finding(shingan: Callable[..., Any], photo: Path, tmp_path: Path) -> None:
    marked = tmp_path / "out" / "marked.png"
    embedded = shingan("watermark", "embed", photo, marked, "--record-id", RECORD, "--json")
    assert embedded.code == 0
    found = shingan("watermark", "detect", "--json", photo, marked)
    assert found.code == 3
    for document in (*embedded.documents, *found.documents):
        jsonschema.validate(document, schema("watermark"))
    assert [document["watermark"]["record_id"] for document in found.documents] == [None, RECORD]
    assert shingan("watermark", "detect", "--json", photo).code == 0


def test_verify_knows_a_mark_whose_record_it_does_not_know(
    shingan: Callable[..., Any], photo: Path, tmp_path: Path
) -> None:
    marked = tmp_path / "marked.webp"
    shingan("watermark", "embed", photo, marked, "--record-id", RECORD)
    ran = shingan("verify", "--json", marked)
    assert ran.code == 3
    assert ran.documents[0]["record"] is None
    assert "record_unknown" in ran.documents[0]["verdict"]["reasons"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("watermark", "embed", "a.png", "b.png", "--record-id", "XYZ"),
        ("watermark", "embed", "a.png", "b.gif", "--record-id", RECORD),
        ("watermark", "embed", "a.png", "b.png"),
        ("verify",),
        ("verify", "--json", "--crjson", "a.png"),
        ("verify", "--nonsense", "a"),
        ("nonsense",),
    ],
)
def test_wrong_usage_is_code_2(shingan: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    ran = shingan(*arguments)
    assert ran.code == 2
    assert ran.out == ""


def test_wrong_setting_is_code_2(shingan: Callable[..., Any], photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHINGAN_PORT", "many")
    ran = shingan("verify", photo)
    assert ran.code == 2
    assert "SHINGAN_PORT" in ran.err


def test_home_that_cannot_be_made_is_one_line(
    shingan: Callable[..., Any], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHINGAN_HOME", str(photo / "home"))
    ran = shingan("verify", photo)
    assert ran.code == 1
    assert ran.err.startswith("shingan: home_unusable: ")
    assert ran.err.count("\n") == 1


def test_paths_from_standard_input_and_a_reader_that_leaves(photo: Path, tmp_path: Path) -> None:
    environment = os.environ | {"SHINGAN_HOME": str(tmp_path / "piped"), "TERM": "dumb"}
    names = f"{photo}\n" * 3 + "\n"
    with subprocess.Popen(
        [SHINGAN, "verify", "--json", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(names)
        process.stdin.close()
        assert json.loads(process.stdout.readline())["path"] == str(photo)
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()


def test_verify_never_loads_torch(photo: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from api.cli import main\n"
        "try: main()\n"
        "finally: print('torch' in sys.modules, file=sys.stderr)"
    )  # fmt: skip
    command = [sys.executable, "-c", code, "verify", "--json", str(photo)]
    environment = os.environ | {"SHINGAN_HOME": str(tmp_path / "light")}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    assert result.returncode == 0
    assert result.stderr.strip() == "False"
