"""Sends every file of a folder to a running service: each must be refused with a code, soon, and leave it healthy.

    python -m tests.drill.malformed FOLDER [--allow NAME ...]

A file that is no error after all (a good picture of an odd kind) may be named with `--allow`; its verdict is printed.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx

from tests.drill.load import _still
from tests.drill.machine import Machine

SECONDS: Final = 10.0
"""Longest that a bad file may take, by the clock."""


def send(client: httpx.Client, route: str, name: str, data: bytes) -> tuple[int, str, float]:
    """Status, code or label, and seconds."""
    start = time.monotonic()
    answer = client.post(route, files={"file": (name, data)})
    body: dict[str, Any] = answer.json()
    told = body.get("code") or body["verdict"]["label"]
    return answer.status_code, str(told), time.monotonic() - start


def send_folder(client: httpx.Client, folder: Path, allowed: frozenset[str]) -> dict[str, Any]:
    """Figures; raises `AssertionError` for the first file that does not fare as it must.

    A verification may answer for a kind of file that is not decoded here: it looks for credentials alone.
    """
    codes: Counter[str] = Counter()
    slowest, read = 0.0, {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for route in ("/v1/inspections", "/v1/verifications"):
            status, told, seconds = send(client, route, path.name, path.read_bytes())
            assert seconds <= SECONDS, f"{path.name} took {seconds:.1f} s"
            if status == 201 and (path.name in allowed or route == "/v1/verifications"):
                read[f"{route} {path.name}"] = told
            else:
                assert 400 <= status < 500, f"{route} {path.name}: {status} {told}"
            codes[f"{status} {told}"] += 1
            slowest = max(slowest, seconds)
            assert client.get("/readyz").status_code == 200
    good = send(client, "/v1/inspections", "good.png", _still(1))
    assert good[0] == 201, good
    return {"answers": dict(codes), "slowest_seconds": round(slowest, 2), "read_after_all": read}


def main() -> None:
    parser = argparse.ArgumentParser(description="Malformed files against a running service.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--allow", nargs="*", default=[])
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="shingan-malformed-"))
    machine = Machine(place / "home", database_url=None, cache=place / "cache")
    token = json.loads(machine.command("keys", "create", "drill", "--json", "--scope", "inspect"))["token"]
    machine.start("serve")
    try:
        with httpx.Client(
            base_url=machine.url, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=300
        ) as client:
            _until_ready(client)
            print(json.dumps(send_folder(client, chosen.folder, frozenset(chosen.allow)), indent=1))
    finally:
        machine.stop()


def _until_ready(client: httpx.Client) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if client.get("/readyz").status_code == 200:
                break
        except httpx.HTTPError:
            time.sleep(0.2)
    send(client, "/v1/inspections", "first.png", _still(0))  # the networks are loaded by now


if __name__ == "__main__":
    main()
