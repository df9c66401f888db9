"""The load in short: ten clients for three seconds, on both databases; how long they wait is not asked here."""

import pytest

from tests.api.conftest import INSTALLED
from tests.drill.clients import Plan, Watch, faults, load

NEEDS_POSTGRES = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL's server is not installed")


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, NEEDS_POSTGRES])]
)
async def test_every_client_gets_whole_answers(database: str) -> None:
    plan = Plan(clients=10, seconds=3, database=database, pictures=4)
    figures = await load(plan)
    assert figures["errors"] == {}
    assert figures["requests"] >= plan.clients
    assert figures["log_entries"] == 2 * (figures["requests"] + plan.pictures)  # the decision, and what came of it
    assert min(figures["memory_mib_by_quarter"]) > 0


def test_what_does_not_hold_is_named() -> None:
    steady = [100] * 8
    assert faults(Watch(waits=[0.1] * 99 + [0.9], memory=steady)) == []
    assert faults(Watch(waits=[0.1] * 9 + [1.1], memory=steady)) == ["spread"]
    assert faults(Watch(memory=steady)) == ["errors"]
    failed = Watch(waits=[0.1], memory=[100] * 6 + [120] * 2)
    failed.errors["503 not_ready"] += 1
    assert faults(failed) == ["errors", "memory"]
