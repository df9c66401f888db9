"""A report is C2PA's own, and a file without one says why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from detector.provenance.report import _from_json, read_report
from detector.provenance.trust import TrustStore
from detector.sandbox import Limits, Sandbox
from detector.types import CredentialState, Pixels


@pytest.fixture
def png(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo(3, width=64, height=48))


def test_report_names_the_checks(sign: Callable[..., bytes], png: bytes, own_home: Path, sandbox: Sandbox) -> None:
    found = read_report(sign(png), sandbox=sandbox, trust=TrustStore.load(own_home))
    assert found.state is CredentialState.TRUSTED
    assert found.crjson is not None
    (manifest,) = found.crjson["manifests"]
    passed = {entry["code"] for entry in manifest["validationResults"]["success"]}
    assert {"signingCredential.trusted", "assertion.dataHash.match"} <= passed


def test_without_a_manifest_there_is_a_state(
    sign: Callable[..., bytes], png: bytes, own_home: Path, sandbox: Sandbox
) -> None:
    trust = TrustStore.load(own_home)
    cases = {
        CredentialState.ABSENT: png,
        CredentialState.REMOTE: sign(png, remote="https://manifests.example/1"),
        CredentialState.UNREADABLE: b"garbage",
    }
    for state, data in cases.items():
        found = read_report(data, sandbox=sandbox, trust=trust)
        assert (found.state, found.crjson) == (state, None)


def test_reader_that_hits_a_limit_is_a_finding(own_home: Path) -> None:
    with Sandbox(limits=Limits(max_bytes=1024)) as tight:
        found = read_report(bytes(1025), sandbox=tight, trust=TrustStore.load(own_home))
    assert found.state is CredentialState.UNREADABLE


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"state": "fine"},
        {"state": "trusted", "crjson": "[]"},
        {"state": "trusted", "crjson": "NaN"},
        {"state": "trusted", "crjson": '{"a": Infinity}'},
        {"state": "trusted", "crjson": 7},
    ],
)
def test_answer_of_another_form_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"report|JSON|CredentialState|Expecting"):
        _from_json(answer)
