"""Work in order, files written whole."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from api.commands.outcome import OutputUnwritable
from api.commands.running import in_order, stored_name, write_whole


async def test_results_come_in_order_with_few_at_once() -> None:
    busy, most = 0, 0

    async def work(number: int) -> int:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.002 * (5 - number % 5))
        busy -= 1
        return number

    async with aclosing(in_order(range(20), work, ahead=3)) as results:
        assert [result async for result in results] == list(range(20))
    assert most == 3


async def test_leaving_early_cancels_what_is_in_work() -> None:
    cancelled = []

    async def work(number: int) -> int:
        try:
            await asyncio.sleep(0 if number == 0 else 60)
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    async with aclosing(in_order(range(20), work, ahead=3)) as results:
        async for _ in results:
            break
    await asyncio.sleep(0)
    assert cancelled == [1, 2]


def test_stored_name_is_text_that_can_be_encoded() -> None:
    assert stored_name("/a/é\udcff").encode() == "/a/é\\udcff".encode()


def test_write_whole_replaces_and_leaves_no_draft(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "file", b"one")
    write_whole(tmp_path / "new" / "file", b"two")
    assert [path.read_bytes() for path in (tmp_path / "new").iterdir()] == [b"two"]


def test_write_whole_says_what_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="Cannot write"):
        write_whole(tmp_path / "file" / "below", b"")
