"""Every file ends in a typed state, and only an intact one that a trusted authority signed is trusted."""

import io
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from detector.provenance.check import READ_CREDENTIALS
from detector.provenance.credentials import (
    MAX_TEXT,
    MOST_ACTIONS,
    SOFT_BINDING_ALGORITHM,
    crjson,
    from_json,
    read_credentials,
    record_id_of,
    soft_binding_value,
)
from detector.provenance.trust import ListKind, TrustStore
from detector.sandbox import Sandbox
from detector.types import CredentialState, Pixels
from generator.signing import LEAF_LIFE, DevelopmentCA, PemFiles

GENERATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
}
EDITED = {
    "action": "c2pa.edited",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
}
_SOURCE = {"digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"}
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Sign = Callable[..., bytes]


@pytest.fixture(scope="session")
def png(make_photo: Callable[..., Pixels], encode: Callable[..., bytes]) -> bytes:
    return encode(make_photo(3, width=64, height=48))


@pytest.fixture(scope="session")
def trusting(own_home: Path) -> dict[str, Any]:
    return TrustStore.load(own_home).settings()


@pytest.fixture(scope="session")
def signed(sign: Sign, png: bytes) -> bytes:
    return sign(png)


def _binding(value: str, alg: str = SOFT_BINDING_ALGORITHM) -> dict[str, Any]:
    blocks = [{"scope": {}, "value": value}]
    return {"label": "c2pa.soft-binding", "data": {"alg": alg, "blocks": blocks}, "created": True}


def test_signed_by_this_instance_is_trusted_here(signed: bytes, trusting: dict[str, Any]) -> None:
    found = read_credentials(signed, "image/png", trusting)
    assert found.state is CredentialState.TRUSTED
    assert (found.failures, found.ingredients) == ((), ())
    assert found.declares_capture
    assert not found.declares_ai
    assert found.actions == ("c2pa.created",)
    assert found.generator == "Test camera 1"
    assert found.issuer is not None
    assert "development CA" in found.issuer


def test_signed_by_this_instance_is_untrusted_elsewhere(signed: bytes, home: Path) -> None:
    found = read_credentials(signed, "image/png", TrustStore.load(home).settings())
    assert found.state is CredentialState.VALID
    assert found.failures == ("signingCredential.untrusted",)


def test_time_stamp_authority_vouches_for_no_signer(signed: bytes, own_home: Path, home: Path) -> None:
    store = TrustStore.load(home)
    store.import_file(own_home / "keys" / "ca" / "root.pem", kind=ListKind.TSA)
    found = read_credentials(signed, "image/png", store.settings())
    assert found.state is CredentialState.VALID
    assert found.failures == ("signingCredential.untrusted",)
    store.import_file(own_home / "keys" / "ca" / "root.pem", kind=ListKind.SIGNER)
    assert read_credentials(signed, "image/png", store.settings()).state is CredentialState.TRUSTED


def test_repainted_pixel_breaks_the_hard_binding(
    png: bytes,
    signed: bytes,
    transplant: Callable[[bytes, bytes], bytes],
    encode: Callable[..., bytes],
    make_photo: Callable[..., Pixels],
    trusting: dict[str, Any],
) -> None:
    assert read_credentials(transplant(signed, png), "image/png", trusting).state is CredentialState.TRUSTED
    pixels = make_photo(3, width=64, height=48)
    pixels[5, 7, 1] ^= 1
    found = read_credentials(transplant(signed, encode(pixels)), "image/png", trusting)
    assert found.state is CredentialState.INVALID
    assert found.failures == ("assertion.dataHash.mismatch",)


def test_stripped_file_is_absent(signed: bytes, trusting: dict[str, Any]) -> None:
    again = io.BytesIO()
    Image.open(io.BytesIO(signed)).save(again, "PNG")
    assert read_credentials(again.getvalue(), "image/png", trusting).state is CredentialState.ABSENT


def test_expired_certificate_is_invalid(sign: Sign, png: bytes, home: Path) -> None:
    end = datetime.now(UTC) + timedelta(seconds=2)
    DevelopmentCA(home).ensure(now=end - LEAF_LIFE)
    folder = home / "keys" / "ca"
    data = sign(png, source=PemFiles(folder / "leaf.pem", folder / "leaf.key"))
    time.sleep((end - datetime.now(UTC)).total_seconds() + 1)
    found = read_credentials(data, "image/png", TrustStore.load(home).settings())
    assert found.state is CredentialState.INVALID
    assert "signingCredential.expired" in found.failures


def test_broken_ingredient_shows_under_a_trusted_manifest(
    sign: Sign,
    png: bytes,
    signed: bytes,
    transplant: Callable[[bytes, bytes], bytes],
    encode: Callable[..., bytes],
    make_photo: Callable[..., Pixels],
    trusting: dict[str, Any],
) -> None:
    forged = transplant(signed, encode(make_photo(4, width=64, height=48)))
    found = read_credentials(sign(png, actions=(), parent=forged), "image/png", trusting)
    assert found.state is CredentialState.TRUSTED
    assert found.failures == ()
    (ingredient,) = found.ingredients
    assert "assertion.dataHash.mismatch" in ingredient.failures
    assert ingredient.relationship == "parentOf"
    assert not found.declares_capture


def test_whole_parent_passes_on_what_it_says(sign: Sign, png: bytes, signed: bytes, trusting: dict[str, Any]) -> None:
    found = read_credentials(sign(png, actions=(), parent=signed), "image/png", trusting)
    assert found.state is CredentialState.TRUSTED
    assert [item.failures for item in found.ingredients] == [()]
    assert found.declares_capture


def test_capture_claim_of_a_stranger_is_not_passed_on(
    sign: Sign, png: bytes, home: Path, trusting: dict[str, Any]
) -> None:
    strange = sign(png, source=DevelopmentCA(home))
    found = read_credentials(sign(png, actions=(), parent=strange), "image/png", trusting)
    assert found.state is CredentialState.TRUSTED
    assert [item.failures for item in found.ingredients] == [("signingCredential.untrusted",)]
    assert not found.declares_capture


@pytest.mark.parametrize("actions", [(GENERATED,), (GENERATED, EDITED)])
def test_declares_ai(sign: Sign, png: bytes, trusting: dict[str, Any], actions: tuple[dict[str, Any], ...]) -> None:
    first = sign(png, actions=actions)
    assert read_credentials(first, "image/png", trusting).declares_ai
    assert read_credentials(sign(png, actions=(), parent=first), "image/png", trusting).declares_ai


def test_soft_binding_is_read_if_it_is_ours(sign: Sign, png: bytes, trusting: dict[str, Any]) -> None:
    ours = sign(png, assertions=(_binding(soft_binding_value("00ff00ff00ff")),))
    assert read_credentials(ours, "image/png", trusting).soft_binding == "00ff00ff00ff"
    theirs = sign(png, assertions=(_binding(soft_binding_value("00ff00ff00ff"), alg="com.example.wm"),))
    assert read_credentials(theirs, "image/png", trusting).soft_binding is None
    nonsense = sign(png, assertions=(_binding("AAAA"),))
    assert read_credentials(nonsense, "image/png", trusting).soft_binding is None


def test_remote_manifest_is_named_and_not_fetched(sign: Sign, png: bytes, trusting: dict[str, Any]) -> None:
    data = sign(png, remote="https://manifests.example/1")
    found = read_credentials(data, "image/png", trusting)
    assert found.state is CredentialState.REMOTE
    assert found.remote_url == "https://manifests.example/1"


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "application/octet-stream"])
def test_content_counts_and_not_its_declared_type(signed: bytes, trusting: dict[str, Any], mime: str) -> None:
    assert read_credentials(signed, mime, trusting).state is CredentialState.TRUSTED


@pytest.mark.parametrize("data", [b"", b"\0", b"garbage" * 100, b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "application/octet-stream", "", "image/\0"])
def test_garbage_has_a_typed_state(data: bytes, mime: str, trusting: dict[str, Any]) -> None:
    found = read_credentials(data, mime, trusting)
    assert found.state in (CredentialState.UNREADABLE, CredentialState.ABSENT)


def test_format_without_room_for_manifests_is_absent(
    encode: Callable[..., bytes], make_photo: Callable[..., Pixels], trusting: dict[str, Any]
) -> None:
    assert read_credentials(encode(make_photo(), "BMP"), "image/bmp", trusting).state is CredentialState.ABSENT


@FEW
@given(share=st.floats(0, 0.999))
def test_truncated_file_is_never_trusted(
    share: float, signed: bytes, trusting: dict[str, Any], sandbox: Sandbox
) -> None:
    part = signed[: int(len(signed) * share)]
    found = from_json(sandbox.call(READ_CREDENTIALS, part, mime="image/png", settings=trusting))
    assert found.state is not CredentialState.TRUSTED


@FEW
@given(position=st.integers(0, 1 << 16), mask=st.integers(1, 255))
def test_mutated_manifest_has_a_typed_state(
    position: int,
    mask: int,
    signed: bytes,
    trusting: dict[str, Any],
    sandbox: Sandbox,
    flip: Callable[[bytes, int, int], bytes],
) -> None:
    mutated = flip(signed, position, mask)
    found = from_json(sandbox.call(READ_CREDENTIALS, mutated, mime="image/png", settings=trusting))
    assert found.state in CredentialState


def test_sandbox_answer_is_the_same(signed: bytes, trusting: dict[str, Any], sandbox: Sandbox) -> None:
    answer = sandbox.call(READ_CREDENTIALS, signed, mime="image/png", settings=trusting)
    assert from_json(answer) == read_credentials(signed, "image/png", trusting)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"state": "trusted"}, {"state": "trusted", "failures": [1], "actions": []}]
)
def test_answer_of_another_form_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match="no "):
        from_json(answer)


def test_crjson_names_the_signer(signed: bytes, png: bytes, trusting: dict[str, Any]) -> None:
    report = crjson(signed, "image/png", trusting)
    assert report is not None
    assert "signingCredential.trusted" in report
    assert crjson(png, "image/png", trusting) is None


@given(value=st.one_of(st.text(), st.integers(), st.none()))
def test_foreign_soft_binding_values_are_none(value: object) -> None:
    assert record_id_of(value) is None


@given(number=st.integers(0, 2**48 - 1))
def test_soft_binding_value_comes_back(number: int) -> None:
    assert record_id_of(soft_binding_value(f"{number:012x}")) == f"{number:012x}"


def test_what_is_told_of_a_credential_has_an_end(sign: Sign, png: bytes, trusting: dict[str, Any]) -> None:
    many = ({**GENERATED, "softwareAgent": {"name": "x" * 9000}}, *[{"action": "c2pa.edited", **_SOURCE}] * 400)
    found = read_credentials(sign(png, actions=many), "image/png", trusting)
    assert (found.state, len(found.actions), found.declares_ai) == (CredentialState.TRUSTED, MOST_ACTIONS, True)
    foreign = ({"action": "com.example." + "y" * 9000, **_SOURCE},)
    found = read_credentials(sign(png, actions=(GENERATED, *foreign)), "image/png", trusting)
    assert max(map(len, found.actions)) == MAX_TEXT
