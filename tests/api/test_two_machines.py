"""Two services with homes of their own, one PostgreSQL and one S3 bucket: each serves what the other made."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.audit import verify_database
from api.checkpoints import Verifier
from api.errors import KeyUnusable
from api.receipts import verify_receipt
from api.settings import Settings
from api.workplace import Workplace

SCOPES = ("inspect", "generate", "read_audit")
AT_ONCE = 8
"""Verifications that each of the two is sent at the same time."""


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of both."""
    postgres, bucket = request.getfixturevalue("postgres"), request.getfixturevalue("bucket")
    return {"SHINGAN_DATABASE_URL": postgres.empty(), "SHINGAN_BLOB_URL": bucket.url, **bucket.environment}


def _token(home: Path, shared: dict[str, str]) -> str:
    command = [str(Path(sys.executable).parent / "shingan"), "keys", "create", "test"]
    command += [argument for scope in SCOPES for argument in ("--scope", scope)]
    environment = os.environ | shared | {"SHINGAN_HOME": str(home)}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def _caller(address: str, token: str) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(base_url=address, headers=headers, timeout=120, trust_env=False)


@pytest.mark.postgres
async def test_what_one_made_the_other_serves(
    serve: Callable[..., Any],
    shared: dict[str, str],
    tmp_path: Path,
    make_photo: Callable[..., Any],
    encode: Callable[..., bytes],
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    one = serve(first, **shared)
    assert httpx.get(f"{one.address}/readyz", timeout=60, trust_env=False).status_code == 200
    shutil.copytree(first / "keys", second / "keys")
    two = serve(second, **shared)
    token = _token(first, shared)
    async with _caller(one.address, token) as a, _caller(two.address, token) as b:
        photo = {"file": ("photo.png", encode(make_photo()))}
        inspected = (await a.post("/v1/inspections", files=photo)).json()
        made = (await b.post("/v1/generations", json={"prompt": "a smiling woman", "purpose": "research"})).json()
        key = (await b.get("/v1/audit/key")).text

        found = (await b.get(f"/v1/inspections/{inspected['id']}")).json()
        entry = (await b.get(f"/v1/audit/entries/{inspected['receipt']['entry']}")).content
        assert verify_receipt(inspected["receipt"], entry, key)
        assert verify_receipt(found.pop("receipt"), entry, key)
        assert found == {name: value for name, value in inspected.items() if name != "receipt"}
        report = await b.get(f"/v1/inspections/{inspected['id']}/report.html")
        assert "data:image/jpeg;base64," in report.text

        image = (await a.get(f"/v1/generations/{made['id']}/image")).content
        assert image == (await b.get(f"/v1/generations/{made['id']}/image")).content
        checked = (await a.post("/v1/verifications", files={"file": ("face.png", image)})).json()
        assert checked["record"]["record_id"] == made["record_id"]

        posts = (each.post("/v1/verifications", files=photo) for _ in range(AT_ONCE) for each in (a, b))
        answers = [answer.json() for answer in await asyncio.gather(*posts)]
        assert len({answer["receipt"]["entry"] for answer in answers}) == 2 * AT_ONCE
        entries = [(await each.get("/v1/audit/entries", params={"limit": 1000})).json() for each in (a, b)]
        assert entries[0] == entries[1]
        heads = [(await each.get("/v1/audit/checkpoint")).text for each in (a, b)]
        assert heads[0] == heads[1]
    check = await verify_database(shared["SHINGAN_DATABASE_URL"], verifier=Verifier.parse(key))
    assert (check.ok, check.signed, check.size) == (True, True, entries[0]["size"])


@pytest.mark.postgres
async def test_a_machine_with_a_key_of_its_own_is_refused(shared: dict[str, str], tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "first", database_url=shared["SHINGAN_DATABASE_URL"])
    async with await Workplace.open(settings) as workplace, workplace.database.write() as session:
        await workplace.audit.append(session, "test.filled", {})
    with pytest.raises(KeyUnusable, match="copy the folder `keys`"):
        await Workplace.open(settings.model_copy(update={"home": tmp_path / "second"}))
