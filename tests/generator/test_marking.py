"""A marked file says what it is in every layer, and each layer can be read by its own standard."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from detector.media import sha256_hex
from detector.provenance.credentials import crjson, read_credentials
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import load_mark_keys
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import detect
from detector.types import CredentialState, Pixels
from generator.claim import EDITED, Statement, claim
from generator.errors import SigningFailed
from generator.marking import Marked, mark
from generator.packet import xmp
from generator.signing import DevelopmentCA, PemFiles

RECORD = "0a1b2c3d4e5f"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
AIGC = "{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC"
STATEMENT = Statement(seed=7, backend="embedded", created_at="2026-11-24T12:00:00Z")


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def marked(own_home: Path, make_photo: Callable[..., Pixels]) -> Marked:
    pixels = make_photo(8, width=512, height=512)
    key = load_mark_keys(own_home)[0]
    return mark(pixels, record_id=RECORD, key=key, source=DevelopmentCA(own_home), statement=STATEMENT)


def _report(marked: Marked, home: Path) -> dict[str, Any]:
    report = json.loads(crjson(marked.data, "image/png", TrustStore.load(home).settings()) or "{}")
    assert isinstance(report, dict)
    return report["manifests"][0]  # type: ignore[no-any-return]


def test_credential_is_trusted_at_home_only(marked: Marked, own_home: Path, home: Path) -> None:
    found = read_credentials(marked.data, "image/png", TrustStore.load(own_home).settings())
    assert found.state is CredentialState.TRUSTED
    assert found.declares_ai
    assert found.actions == ("c2pa.created", "c2pa.watermarked.bound")
    assert found.soft_binding == RECORD
    elsewhere = read_credentials(marked.data, "image/png", TrustStore.load(home).settings())
    assert elsewhere.state is CredentialState.VALID


def test_manifest_follows_the_profile(marked: Marked, own_home: Path) -> None:
    manifest = _report(marked, own_home)
    actions = manifest["assertions"]["c2pa.actions.v2"]
    assert actions["allActionsIncluded"] is True
    assert all(action["softwareAgent"]["name"] == "Shingan" for action in actions["actions"])
    assert manifest["claim.v2"]["claim_generator_info"]["specVersion"] == "2.4"
    assert manifest["claim.v2"]["gathered_assertions"] == []
    created = {entry["url"].rsplit("/", 1)[-1] for entry in manifest["claim.v2"]["created_assertions"]}
    assert created == {"c2pa.actions.v2", "c2pa.soft-binding", "c2pa.hash.data"}
    binding = manifest["assertions"]["c2pa.soft-binding"]
    assert binding["alg"] == "shingan.wm.1"
    assert base64.b64decode(binding["blocks"][0]["value"]) == RECORD.encode()


def test_pixels_carry_the_record_and_its_fingerprint(marked: Marked, own_home: Path) -> None:
    with Image.open(io.BytesIO(marked.data)) as picture:
        pixels = _array(picture)
    assert detect(pixels, keys=load_mark_keys(own_home)).record_id == RECORD
    assert marked.fingerprint == pdq(pixels)[0]
    assert marked.sha256 == sha256_hex(marked.data)


def test_xmp_is_inside_the_signed_bytes(marked: Marked) -> None:
    with Image.open(io.BytesIO(marked.data)) as picture:
        packet = picture.info["XML:com.adobe.xmp"]
    assert _fields(packet)[IPTC].endswith("/trainedAlgorithmicMedia")


def test_aigc_field_names_producer_and_record() -> None:
    field = json.loads(_fields(xmp(RECORD, STATEMENT))[AIGC])
    assert field["Label"] == "1"
    assert field["ContentProducer"] == "Shingan"
    assert field["ProduceID"] == RECORD


@given(backend=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_xmp_and_claim_hold_any_statement(backend: str) -> None:
    statement = Statement(1, backend, "2026-11-24T12:00:00Z", prompt=backend, digital_source_type=EDITED)
    assert _fields(xmp(RECORD, statement))[IPTC].endswith(EDITED)
    parameters = claim(RECORD, statement)["assertions"][0]["data"]["actions"][0]["parameters"]
    assert parameters == {"shingan.seed": "1", "shingan.backend": backend, "shingan.prompt": backend}


def test_prompt_is_said_only_if_given() -> None:
    assert "prompt" not in json.dumps(claim(RECORD, STATEMENT))


def test_unusable_key_is_an_error_of_ours(own_home: Path, tmp_path: Path, make_photo: Callable[..., Pixels]) -> None:
    key = load_mark_keys(own_home)[0]
    source = PemFiles(tmp_path / "none.pem", tmp_path / "none.key")
    with pytest.raises(SigningFailed):
        mark(make_photo(width=512, height=512), record_id=RECORD, key=key, source=source, statement=STATEMENT)


def _fields(packet: str) -> dict[str, str]:
    return {element.tag: element.text or "" for element in ElementTree.fromstring(packet).iter()}


def _array(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGB"))
