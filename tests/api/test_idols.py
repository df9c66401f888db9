"""An idol leaves as everything does: decided, marked, signed, registered, logged; and its mark outlives a platform."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import jsonschema
import pytest

from api import idols, products
from api.auth import Actor
from api.contract import schema
from api.errors import PolicyDenied
from api.idols import IdolRequest
from api.products import Workplace
from api.receipts import verify_receipt
from api.settings import Settings
from generator.errors import SpeechUnusable, UnsupportedAttribute

LOCAL = Actor.local()
WISH = IdolRequest("a woman", say="Hi.", seconds=1.4, seed=7, purpose="research")


@pytest.fixture
async def workplace(home: Path) -> AsyncIterator[Workplace]:
    async with await Workplace.open(Settings(home=home, blob_url="memory:///", daily_generations=2)) as opened:
        yield opened


async def _log(workplace: Workplace) -> Sequence[tuple[str, Any]]:
    async with workplace.database.read() as session:
        return [(entry.kind, json.loads(entry.body)) for entry in await workplace.audit.page(session)]


def _again(data: bytes) -> bytes:
    """The clip as a platform would send it on: encoded anew, without metadata."""
    out = io.BytesIO()
    with av.open(io.BytesIO(data), "r") as source, av.open(out, "w", format="mp4") as writer:
        stream = writer.add_stream("libx264", rate=25, options={"crf": "26", "threads": "1"})
        stream.width, stream.height = source.streams.video[0].width, source.streams.video[0].height
        for frame in source.decode(video=0):
            writer.mux(stream.encode(frame.reformat(format="yuv420p")))
        writer.mux(stream.encode())
    return out.getvalue()


async def test_an_idol_is_on_record_and_recognised_after_another_encoding(workplace: Workplace) -> None:
    made = await idols.perform(workplace, LOCAL, WISH)
    jsonschema.validate(made.document, schema("idol"))
    assert made.document.keys() == schema("idol")["properties"].keys()
    assert verify_receipt(made.receipt.as_dict(), made.entry.json, workplace.audit.verifier)
    assert [kind for kind, _ in await _log(workplace)] == ["policy.decided", "idol.completed"]
    assert made.document["speech"] == {"seconds": 1.4, "source": "text", "unread": []}
    assert made.record.backend == idols.SOFTWARE
    found = await products.verify(workplace, Actor.anonymous(), made.data, name="idol.mp4")
    assert found.document["credentials"]["state"] == "trusted"
    stripped = await products.verify(workplace, Actor.anonymous(), _again(made.data), name="copy.mp4")
    for document in (found.document, stripped.document):
        assert document["verdict"]["label"] == "synthetic_declared"
        assert document["watermark"]["record_id"] == made.record.record_id
        assert document["record"]["sha256"] == made.record.sha256


async def test_a_still_is_a_picture_and_the_quota_counts_it(workplace: Workplace) -> None:
    for seed in (1, 2):
        made = await idols.perform(workplace, LOCAL, IdolRequest(seed=seed, purpose="art", still=True))
        assert made.document["mime"] == "image/png"
        assert made.document["speech"]["seconds"] is None
        jsonschema.validate(made.document, schema("idol"))
    with pytest.raises(PolicyDenied, match="quota"):
        await idols.perform(workplace, LOCAL, IdolRequest(seed=3, purpose="art", still=True))


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": ""},
        {"purpose": "impersonation"},
        {"prompt": "a 12 year old girl"},
        {"say": "I am Marguerite Fenwick."},
        {"say": "I am a schoolgirl."},
    ],
)
async def test_what_is_said_is_screened_like_what_is_drawn(change: dict[str, str], workplace: Workplace) -> None:
    with pytest.raises(PolicyDenied):
        await idols.perform(workplace, LOCAL, replace(WISH, **change))  # type: ignore[arg-type]
    [(kind, body)] = await _log(workplace)
    assert (kind, body["allowed"]) == ("policy.decided", False)


async def test_a_failure_is_on_record_and_nothing_left(workplace: Workplace) -> None:
    with pytest.raises(SpeechUnusable):
        await idols.perform(workplace, LOCAL, replace(WISH, say="Привет"))
    with pytest.raises(UnsupportedAttribute):
        await idols.perform(workplace, LOCAL, replace(WISH, prompt="a woman on a unicycle"))
    failed = [body["code"] for kind, body in await _log(workplace) if kind == "idol.failed"]
    assert failed == ["speech_unusable", "unsupported_attribute"]
