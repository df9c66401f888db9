"""Every duty that is said to be done is held against a file that was really released."""

import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from api import products
from api.auth import Actor
from api.compliance import DUTIES, Standing, compliance
from api.errors import PolicyDenied
from api.making import GenerateRequest
from api.releases import Released
from api.settings import Settings
from api.workplace import Workplace
from detector.types import CredentialState

LOCAL, ANYONE = Actor.local(), Actor.anonymous()
WISH = GenerateRequest("a smiling woman", purpose="research", seed=7)


@pytest.fixture(params=["eu", "california", "china"])
async def workplace(home: Path, request: pytest.FixtureRequest) -> AsyncIterator[Workplace]:
    settings = Settings(home=home, blob_url="memory:///", jurisdiction=request.param, provider="Faces & Sons <東京>")
    async with await Workplace.open(settings) as opened:
        yield opened


@pytest.fixture
async def released(workplace: Workplace) -> Released:
    return await products.generate(workplace, LOCAL, WISH)


async def test_what_is_done_is_in_the_file(workplace: Workplace, released: Released) -> None:
    answer = await products.verify(workplace, ANYONE, released.data, name="face.png")  # free, and needs no account
    credentials, mark = answer.provenance.credentials, answer.provenance.watermark
    assert credentials.state is CredentialState.TRUSTED
    assert mark.record_id == credentials.soft_binding == released.record.record_id  # two layers, one identifier
    assert credentials.generator is not None  # provider, system and version
    assert credentials.generator.startswith("Shingan ")
    assert released.record.created_at[:10].encode() in released.data
    packet = Image.open(io.BytesIO(released.data)).info["XML:com.adobe.xmp"]
    (field,) = ElementTree.fromstring(packet).iter("{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC")
    aigc = json.loads(field.text or "")
    assert (aigc["Label"], aigc["ContentProducer"], aigc["ProduceID"]) == ("1", "Faces & Sons <東京>", mark.record_id)
    assert credentials.manifest_id is not None
    assert "Faces & Sons <東京>".encode() in released.data.partition(credentials.manifest_id.encode())[2]
    assert "smiling" not in json.dumps(dict(answer.document))  # nor does the record show the prompt


async def test_china_alone_labels_every_picture(workplace: Workplace, released: Released) -> None:
    china = workplace.settings.jurisdiction == "china"
    assert released.document["label"] == ("china" if china else "none")
    corner = np.asarray(Image.open(io.BytesIO(released.data)))[-40:, -120:]
    assert (corner.min(axis=2) > 240).any() == china
    if china:
        for other in ("none", "eu"):
            with pytest.raises(PolicyDenied, match="visible label"):
                await products.generate(workplace, LOCAL, GenerateRequest("a man", purpose="research", label=other))


async def test_a_label_can_be_asked_for_anywhere(workplace: Workplace) -> None:
    label = "china" if workplace.settings.jurisdiction == "china" else "eu"
    made = await products.generate(workplace, LOCAL, GenerateRequest("a man", purpose="research", seed=1, label=label))
    assert made.document["label"] == label


def test_the_table_is_whole(home: Path) -> None:
    table = compliance(Settings(home=home, jurisdiction="china"))
    assert table["jurisdiction"] == "china"
    assert len({duty["key"] for duty in table["duties"]}) == len(DUTIES)
    assert {duty["jurisdiction"] for duty in table["duties"]} == {"eu", "california", "china"}
    assert {duty.standing for duty in DUTIES} == set(Standing)
    json.dumps(table)
