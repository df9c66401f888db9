"""Readiness breaks with the part that breaks and names it; liveness does not."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.readiness import ReadinessCheck
from api.weights_check import CARDS, ROOT, WeightsCheck
from api.workplace import Workplace
from detector.errors import ModelUnavailable

PARTS = {"database", "blobs", "audit_key", "signing_key", "sandbox", "weights"}


@pytest.fixture
def place(app: FastAPI) -> Workplace:
    found: Workplace = app.state.workplace
    return found


async def _state(place: Workplace, part: str) -> str:
    with ReadinessCheck(place) as check:
        found = await check.now()
    assert found.parts.keys() == PARTS
    assert found.ready == (set(found.parts.values()) == {"ok"})
    return found.parts[part]


@pytest.mark.parametrize("part", sorted(PARTS))
async def test_a_whole_instance_is_ready(place: Workplace, part: str) -> None:
    assert await _state(place, part) == "ok"


async def test_a_database_that_takes_no_writes_is_found(place: Workplace) -> None:
    async with place.database.write() as session:
        refusal = "CREATE TRIGGER full BEFORE UPDATE ON probes BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        await session.execute(text(refusal))
    assert await _state(place, "database") in ("database_unavailable", "conflict")


async def test_a_signing_key_that_was_lost_is_found(place: Workplace) -> None:
    assert await _state(place, "signing_key") == "ok"
    for file in (place.settings.keys / "ca").iterdir():
        file.write_bytes(b"damaged")
    assert await _state(place, "signing_key") == "signing_failed"


async def test_weights_that_were_changed_are_found(tmp_path: Path) -> None:
    for folder in CARDS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    check = WeightsCheck(tmp_path)
    assert check.require_intact() == WeightsCheck().require_intact()
    (tmp_path / "detector/weights/manipulation.safetensors").write_bytes(b"others")
    with pytest.raises(ModelUnavailable, match=r"manipulation\.safetensors"):
        check.require_intact()


async def test_a_broken_part_is_a_problem_with_its_name(
    app: FastAPI, client: httpx.AsyncClient, place: Workplace
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    async with place.database.write() as session:
        await session.execute(text("DROP TABLE probes"))
    with ReadinessCheck(place) as app.state.readiness:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert answer.json()["parts"]["database"] == "database_unavailable"
        assert answer.json()["parts"]["weights"] == "ok"
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert 'shingan_ready{part="database"} 0.0' in (await client.get("/metrics")).text


async def test_an_answer_holds_for_a_while(place: Workplace) -> None:
    with ReadinessCheck(place, fresh_seconds=3600) as check:
        first = await check.now()
        async with place.database.write() as session:
            await session.execute(text("DROP TABLE probes"))
        assert await check.now() is first


async def test_liveness_needs_no_database(
    client: httpx.AsyncClient, issue: Callable[..., Awaitable[dict[str, str]]], place: Workplace
) -> None:
    await place.database.close()
    place.settings.home.joinpath("shingan.db").unlink()
    assert (await client.get("/healthz")).status_code == 200
