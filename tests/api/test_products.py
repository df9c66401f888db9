"""The products as procedures: nothing happens undecided or ends unrecorded, and what is released is found again."""

import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from api import products
from api.auth import Actor
from api.brought import Brought
from api.errors import PolicyDenied
from api.policy import SHIPPED, Policy
from api.products import GenerateRequest, Workplace
from api.receipts import verify_receipt
from api.rendering import report_html
from api.settings import Settings
from api.shelf import case_of, inspection
from detector.errors import DetectorError, UnsupportedMedia
from detector.provenance.credentials import SOURCE_TYPES
from detector.types import CredentialState, Label, Pixels
from generator.errors import UnsupportedAttribute
from generator.marking import sign

LOCAL = Actor.local()
WISH = GenerateRequest("a smiling woman", purpose="research", seed=7)


@pytest.fixture
async def workplace(home: Path) -> AsyncIterator[Workplace]:
    async with await Workplace.open(Settings(home=home, blob_url="memory:///", daily_generations=2)) as opened:
        yield opened


async def _log(workplace: Workplace) -> Sequence[tuple[str, Any]]:
    async with workplace.database.read() as session:
        return [(entry.kind, json.loads(entry.body)) for entry in await workplace.audit.page(session)]


async def test_verification_leaves_a_decision_and_an_outcome(
    workplace: Workplace, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    answer = await products.verify(workplace, Actor.anonymous(), encode(make_photo()), name="photo.png")
    assert verify_receipt(answer.receipt.as_dict(), answer.entry.json, workplace.audit.verifier)
    (decided, decision), (completed, outcome) = await _log(workplace)
    assert (decided, decision["allowed"]) == ("policy.decided", True)
    assert (completed, outcome["label"]) == ("verification.completed", "no_evidence_found")


async def test_bytes_that_come_again_are_judged_without_decoding_and_logged_alike(
    workplace: Workplace,
    make_photo: Callable[..., Pixels],
    encode: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encode(make_photo())
    first = await products.verify(workplace, LOCAL, data, name="photo.png")
    await products.verify(workplace, Actor.anonymous(), data, name="photo.png")
    monkeypatch.setattr(Brought, "_open", lambda *_: pytest.fail("decoded again"))
    again = await products.verify(workplace, LOCAL, data, name="photo.png")
    assert again.document["verdict"] == first.document["verdict"]
    assert [kind for kind, _ in await _log(workplace)].count("verification.completed") == 3
    with pytest.raises(pytest.fail.Exception):
        await products.verify(workplace, Actor.anonymous(), data, name="photo.png")


async def test_a_verification_that_fails_leaves_its_decision_too(workplace: Workplace) -> None:
    with pytest.raises(UnsupportedMedia):
        await products.verify(workplace, LOCAL, b"no picture at all", name="x")
    assert [kind for kind, _ in await _log(workplace)] == ["policy.decided", "verification.failed"]


async def test_a_verification_that_is_denied_leaves_that_alone(
    workplace: Workplace, tmp_path: Path, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    for shipped in SHIPPED.glob("*.cedar*"):
        (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    rule = '@id("nobody") @reason("Closed today.") forbid (principal, action == Action::"verify", resource);'
    (tmp_path / "99_closed.cedar").write_text(rule)
    workplace.policies.instance = Policy.load(tmp_path)
    with pytest.raises(PolicyDenied, match="Closed today"):
        await products.verify(workplace, LOCAL, encode(make_photo()), name="x")
    [(kind, body)] = await _log(workplace)
    assert (kind, body["allowed"], body["policy_ids"]) == ("policy.decided", False, ["nobody"])


async def test_a_denial_is_on_record_and_nothing_else_happened(workplace: Workplace) -> None:
    with pytest.raises(PolicyDenied):
        await products.inspect(workplace, Actor.anonymous(), b"never looked at", name="x")
    [(kind, body)] = await _log(workplace)
    assert (kind, body["allowed"]) == ("policy.decided", False)
    assert "detector" not in vars(workplace)


async def test_a_clip_is_inspected_and_shown_by_one_of_its_frames(
    workplace: Workplace, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    data = film([make_photo()] * 10)
    answer = await products.inspect(workplace, LOCAL, data, name="clip.mp4", keep_preview=True)
    case = await case_of(workplace, await inspection(workplace, LOCAL, answer.id))
    assert case.preview is not None
    assert (case.preview.width, case.preview.height) == (320, 240)
    assert case.preview.frame in {moment["frame"] for moment in answer.document["timeline"]}
    assert 'class="chart"' in report_html([case])


async def test_the_origin_of_a_clip_is_verified(
    workplace: Workplace, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    answer = await products.verify(workplace, LOCAL, film([make_photo()] * 10), name="clip.mp4")
    assert answer.provenance.credentials.state is CredentialState.ABSENT
    assert answer.provenance.fingerprint
    assert not answer.provenance.watermark.detected


async def test_a_failure_is_on_record_and_raised(workplace: Workplace) -> None:
    with pytest.raises(UnsupportedMedia):
        await products.verify(workplace, LOCAL, b"no picture at all", name="x")
    assert (await _log(workplace))[-1] == ("verification.failed", await _body(workplace, code="unsupported_media"))


async def test_credentials_speak_for_a_clip_that_does_not_decode(
    workplace: Workplace, film: Callable[..., bytes], make_photo: Callable[..., Pixels]
) -> None:
    clip = film([make_photo()] * 3)
    at = clip.index(b"mdat")
    size = int.from_bytes(clip[at - 4 : at], "big")
    broken = clip[: at + 4] + bytes(size - 8) + clip[at + size - 4 :]  # every frame is zeros
    with pytest.raises(DetectorError):
        await products.verify(workplace, LOCAL, broken, name="x.mp4")
    action = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPES + "digitalCapture"}
    manifest = {
        "claim_generator_info": [{"name": "camera"}],
        "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": [action]}}],
    }
    data, _, _ = sign(broken, manifest, workplace.key_source, mime="video/mp4", parent=None)
    answer = await products.verify(workplace, LOCAL, data, name="x.mp4")
    assert answer.provenance.credentials.state is CredentialState.TRUSTED
    assert answer.provenance.fingerprint is None


async def _body(workplace: Workplace, *, code: str) -> dict[str, Any]:
    """The last body, which must carry `code`; the HMACs in it differ every time."""
    body: dict[str, Any] = (await _log(workplace))[-1][1]
    return body | {"code": code}


async def test_a_released_face_is_found_again_without_its_metadata(workplace: Workplace) -> None:
    made = await products.generate(workplace, LOCAL, WISH)
    whole = await products.verify(workplace, LOCAL, made.data, name="whole.png")
    assert whole.verdict.label is Label.SYNTHETIC_DECLARED
    assert whole.provenance.credentials.declares_ai
    stripped = io.BytesIO()
    Image.open(io.BytesIO(made.data)).convert("RGB").save(stripped, "JPEG", quality=60)
    found = await products.verify(workplace, LOCAL, stripped.getvalue(), name="stripped.jpg")
    assert found.provenance.credentials.state is CredentialState.ABSENT
    assert found.verdict.label is Label.SYNTHETIC_DECLARED
    assert found.provenance.record == made.record
    assert "manifest_recovered" in found.document["verdict"]["reasons"]


async def test_a_generation_is_registered_before_it_leaves(workplace: Workplace) -> None:
    made = await products.generate(workplace, LOCAL, WISH)
    stored = await workplace.registry.find(made.record.record_id)
    assert stored is not None
    assert stored.record == made.record
    assert len(stored.manifest) > 0
    assert made.document["record_id"] == made.record.record_id
    assert made.document["attributes"]["honoured"]["expression"] == "smile"
    assert verify_receipt(made.receipt.as_dict(), made.entry.json, workplace.audit.verifier)
    assert WISH.prompt.encode() not in made.data


async def test_refused_wishes(workplace: Workplace) -> None:
    for prompt, purpose in (("a child", "research"), ("a smiling woman", "fraud"), ("a smiling woman", "")):
        with pytest.raises(PolicyDenied):
            await products.generate(workplace, LOCAL, GenerateRequest(prompt, purpose=purpose))
    with pytest.raises(UnsupportedAttribute):
        await products.generate(workplace, LOCAL, GenerateRequest("a woman with a purple hat", purpose="research"))
    kinds = [kind for kind, _ in await _log(workplace)]
    assert kinds == ["policy.decided"] * 4 + ["generation.failed"]


async def test_the_quota_ends(workplace: Workplace) -> None:
    for _ in range(2):
        await products.generate(workplace, LOCAL, WISH)
    with pytest.raises(PolicyDenied, match="quota"):
        await products.generate(workplace, LOCAL, WISH)
