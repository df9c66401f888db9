"""Whoever may write to the database, but has not the key, is found out at the first entry that he touched.

He takes the triggers away, and makes leaf hashes, tree and the roots of the heads fit whatever he did.
"""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from api.attestations import AttestationRepository
from api.audit import AuditCheck, AuditLog
from api.audit_check import check_log
from api.audit_repository import AuditRepository
from api.audit_standards import Standards
from api.checkpoints import Signer
from api.db import Database
from api.entries import entry_json
from api.merkle import Frontier, leaf_hash
from api.migrations.run import upgrade

SIZE = 11
RELAXED = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
PLACES = st.integers(0, SIZE - 1)
SIGNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
Content: TypeAlias = tuple[str, str, bytes]
"""Time, kind and body of an entry."""


async def _make(folder: Path) -> None:
    url = f"sqlite+aiosqlite:///{folder / 'log.db'}"
    await upgrade(url)
    database, log = Database(url), AuditLog(SIGNER)
    for number in range(SIZE):
        async with database.write() as session:
            await log.append(session, "test.made", {"number": number})
    await database.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a log of `SIZE` entries, in one file, its triggers taken away."""
    folder = tmp_path_factory.mktemp("whole")
    asyncio.run(_make(folder))
    with closing(sqlite3.connect(folder / "log.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA journal_mode = DELETE")
    return folder / "log.db"


@contextmanager
def _copy(whole: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    target = whole.with_name("copy.db")
    shutil.copy(whole, target)
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        yield target, connection


def _check(path: Path, standards: Standards = Standards(SIGNER.verifier)) -> AuditCheck:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        check = check_log(AuditRepository(connection), AttestationRepository(connection), standards)
    engine.dispose()
    return check


def _tampered(whole: Path, change: Callable[[list[Content]], None], standards: Standards | None = None) -> AuditCheck:
    """The check after `change` of the entries, to which everything but the signatures was made to fit."""
    with _copy(whole) as (path, connection):
        rows = connection.execute("SELECT ts, kind, body FROM audit_entries ORDER BY entry").fetchall()
        change(rows)
        _rewrite(connection, rows)
    return _check(path, standards or Standards(SIGNER.verifier))


def _rewrite(connection: sqlite3.Connection, rows: list[Content]) -> None:
    for table in ("audit_entries", "audit_nodes"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("DELETE FROM audit_checkpoints WHERE size > ?", [len(rows)])
    frontier = Frontier()
    for entry, (ts, kind, body) in enumerate(rows):
        leaf = leaf_hash(entry_json(entry, ts, kind, body))
        connection.execute("INSERT INTO audit_entries VALUES (?, ?, ?, ?, ?)", [entry, ts, kind, body, leaf])
        for node, digest in frontier.append(leaf):
            place = [node.level, node.position, entry, digest]
            connection.execute("INSERT INTO audit_nodes (level, position, entry, hash) VALUES (?, ?, ?, ?)", place)
        connection.execute("UPDATE audit_checkpoints SET root = ? WHERE size = ?", [frontier.root(), frontier.size])


def test_the_log_is_whole_as_it_is_and_rewritten_as_it_is(whole: Path) -> None:
    assert _check(whole).ok
    assert _tampered(whole, lambda rows: None).ok


@RELAXED
@given(PLACES, st.sampled_from(["ts", "kind", "body"]))
def test_a_changed_entry_is_named(whole: Path, place: int, part: str) -> None:
    def change(rows: list[Content]) -> None:
        ts, kind, body = rows[place]
        rows[place] = {"ts": ("2020" + ts[4:], kind, body), "kind": (ts, "x", body), "body": (ts, kind, b"{}")}[part]

    assert _tampered(whole, change).first_bad == place


@RELAXED
@given(PLACES)
def test_a_deleted_entry_is_named(whole: Path, place: int) -> None:
    kept = [SIGNER.verifier.open(_note(whole, SIZE))]
    check = _tampered(whole, lambda rows: rows.pop(place) and None, Standards(SIGNER.verifier, kept=kept))
    assert check.first_bad == place


@RELAXED
@given(PLACES, PLACES)
def test_swapped_entries_are_named(whole: Path, one: int, two: int) -> None:
    def swap(rows: list[Content]) -> None:
        rows[one], rows[two] = rows[two], rows[one]

    assert _tampered(whole, swap).first_bad == (None if one == two else min(one, two))


@RELAXED
@given(st.randoms(use_true_random=False))
def test_any_other_order_is_named(whole: Path, chance: random.Random) -> None:
    order = list(range(SIZE))
    chance.shuffle(order)

    def shuffle(rows: list[Content]) -> None:
        rows[:] = [rows[place] for place in order]

    wrong = [place for place in range(SIZE) if order[place] != place]
    assert _tampered(whole, shuffle).first_bad == (wrong[0] if wrong else None)


@RELAXED
@given(st.integers(0, SIZE - 1), st.integers(1, SIZE))
def test_a_head_that_was_kept_tells_where_the_end_was_cut_off(whole: Path, length: int, kept_size: int) -> None:
    def cut(rows: list[Content]) -> None:
        del rows[length:]

    assert _tampered(whole, cut).ok  # what is left is whole
    kept = Standards(SIGNER.verifier, kept=[SIGNER.verifier.open(_note(whole, kept_size))])
    assert _tampered(whole, cut, kept).first_bad == (length if kept_size > length else None)


@RELAXED
@given(st.integers(0, SIZE - 1))
def test_without_care_for_the_rest_a_cut_is_named_at_once(whole: Path, length: int) -> None:
    with _copy(whole) as (path, connection):
        connection.execute("DELETE FROM audit_entries WHERE entry >= ?", [length])
    assert _check(path).first_bad == length


def _note(whole: Path, size: int) -> str:
    with closing(sqlite3.connect(whole)) as connection:
        note: str = connection.execute("SELECT note FROM audit_checkpoints WHERE size = ?", [size]).fetchone()[0]
        return note
