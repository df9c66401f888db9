"""`shingan idol`: clips and stills that are marked and recorded, or a line that says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema

from api.contract import schema


def test_idols_are_written_and_verify(shingan: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "idols"
    asked = ("--purpose", "research", "--seed", "3", "--out", out, "--json")
    ran = shingan("idol", "a woman", "--say", "はい。", "--seconds", "1.2", *asked)
    stills = shingan("idol", "--still", "-n", "2", *asked)
    assert (ran.code, stills.code) == (0, 0)
    documents = [*ran.documents, *stills.documents]
    for document in documents:
        jsonschema.validate(document, schema("idol"))
        assert Path(document["path"]).parent == out
    assert [Path(document["path"]).suffix for document in documents] == [".mp4", ".png", ".png"]
    assert [document["seed"] for document in documents] == [3, 3, 4]
    verified = shingan("verify", "--json", out)
    assert verified.code == 3
    assert {document["verdict"]["label"] for document in verified.documents} == {"synthetic_declared"}


def test_what_goes_wrong_is_one_line(shingan: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_bytes(b"no sound")
    asked = ("--out", tmp_path / "none", "--json")
    cases = (
        (("--say", "Привет", "--purpose", "research"), "speech_unusable"),
        (("--say", "Hi.", "--purpose", "fraud"), "policy_denied"),
        (("--wav", tmp_path / "voice.wav", "--purpose", "research"), "unreadable_media"),
        (("--wav", tmp_path / "missing.wav", "--purpose", "research"), "source_not_found"),
    )
    for options, code in cases:
        ran = shingan("idol", *options, *asked)
        assert ran.code == 1
        jsonschema.validate(ran.documents[0], schema("idol"))
        assert ran.documents[0]["error"]["code"] == code
    assert not (tmp_path / "none").exists()


def test_a_purpose_is_needed_and_one_voice_at_a_time(shingan: Callable[..., Any], tmp_path: Path) -> None:
    assert shingan("idol", "a woman").code == 2
    assert shingan("idol", "--purpose", "art", "--say", "Hi.", "--wav", tmp_path / "voice.wav").code == 2
