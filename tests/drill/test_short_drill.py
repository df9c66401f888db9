"""The fault drill in short: about ten inspections, two kills, on both databases."""

import pytest

from tests.api.conftest import INSTALLED
from tests.drill.run import Plan, drill

NEEDS_POSTGRES = pytest.mark.skipif(not INSTALLED, reason="PostgreSQL's server is not installed")


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, NEEDS_POSTGRES])]
)
async def test_nothing_is_lost_or_done_twice(database: str) -> None:
    figures = await drill(Plan(inspections=10, kills=2, database=database))
    assert figures["kills"] >= 2
    assert figures["ends"] > 0
    assert figures["log"] == "verified"
