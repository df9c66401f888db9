"""Exports checked without the service: every change of any line is noticed, and the first wrong entry is named."""

import asyncio
import json
import random
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.audit import AuditLog
from api.audit_export import check_export, export_lines
from api.audit_standards import Standards
from api.checkpoints import Signer
from api.db import Database
from api.errors import InvalidRequest, KeyUnusable
from api.ledger import Fact
from api.migrations.run import upgrade
from api.time_stamps import Query

from ..generator.conftest import Authority, authority, rsa_keys

__all__ = ["authority", "rsa_keys"]
SIZE = 13
RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
PLACES = st.integers(0, SIZE - 1)
SIGNER = Signer("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STANDARDS = Standards(SIGNER.verifier)


async def _made(folder: Path, entries: int) -> list[str]:
    url = f"sqlite+aiosqlite:///{folder / 'made.db'}"
    await upgrade(url)
    database, log = Database(url), AuditLog(SIGNER)
    facts = [Fact("test.made", {"number": number}, {"name": str(number)}) for number in range(entries)]
    await database.change(lambda connection: log.within(connection).append(facts))
    lines = await database.look(lambda connection: list(export_lines(connection, SIGNER.verifier)))
    await database.close()
    return [json.dumps(line) for line in lines]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An export: a header and `SIZE` entries."""
    return asyncio.run(_made(tmp_path_factory.mktemp("export"), SIZE))


def _named(lines: Sequence[str], standards: Standards = STANDARDS) -> int | None:
    check = check_export(lines, standards)
    assert check.ok == (check.first_bad is None)
    assert check.size == SIZE if check.ok else check.size == check.first_bad
    return check.first_bad


def test_an_export_is_whole(lines: list[str]) -> None:
    assert check_export(lines, STANDARDS).detail == "The log is whole."
    unsigned = check_export(lines, Standards())
    assert (unsigned.ok, unsigned.signed) == (True, False)


@RELAXED
@given(PLACES, st.randoms(use_true_random=False))
def test_a_changed_entry_is_named(lines: list[str], place: int, chance: random.Random) -> None:
    fields = json.loads(lines[place + 1])
    at = chance.randrange(len(fields["json"]))
    other = chance.choice([letter for letter in '09azAZ{}" ' if letter != fields["json"][at]])
    fields["json"] = fields["json"][:at] + other + fields["json"][at + 1 :]
    assert _named([*lines[: place + 1], json.dumps(fields), *lines[place + 2 :]]) == place


@RELAXED
@given(PLACES)
def test_a_deleted_entry_is_named(lines: list[str], place: int) -> None:
    assert _named([*lines[: place + 1], *lines[place + 2 :]]) == place


@RELAXED
@given(PLACES, PLACES)
def test_moved_entries_are_named(lines: list[str], one: int, two: int) -> None:
    swapped = list(lines)
    swapped[one + 1], swapped[two + 1] = swapped[two + 1], swapped[one + 1]
    assert _named(swapped) == (None if one == two else min(one, two))


@RELAXED
@given(PLACES, PLACES, st.booleans())
def test_a_twin_or_a_stranger_is_named(lines: list[str], place: int, other: int, renumber: bool) -> None:
    """An entry put in between, as it was or with the numbers that its place asks for."""
    fields = json.loads(lines[other + 1])
    if renumber:
        fields["entry"] = place
        fields["json"] = json.dumps(
            json.loads(fields["json"]) | {"entry": place}, sort_keys=True, separators=(",", ":")
        )
    named = _named([*lines[: place + 1], json.dumps(fields), *lines[place + 1 :]])
    assert named == (place + 1 if other == place else place)


@RELAXED
@given(st.integers(0, SIZE))
def test_where_the_end_was_cut_off_is_named(lines: list[str], length: int) -> None:
    cut = lines[: length + 1]
    assert _named(cut) == (None if length == SIZE else length)
    honest_header = json.dumps(json.loads(lines[0]) | {"size": length})
    forged = [honest_header, *cut[1:]]
    assert check_export(forged, STANDARDS).ok  # nothing in the file tells any more; a head that was kept does
    kept = SIGNER.verifier.open(_head(lines, SIZE))
    assert _named(forged, Standards(SIGNER.verifier, kept=[kept])) == (None if length == SIZE else length)


def _head(lines: list[str], size: int) -> str:
    from api.merkle import Frontier, leaf_hash

    frontier = Frontier()
    for line in lines[1 : size + 1]:
        frontier.append(leaf_hash(json.loads(line)["json"].encode()))
    return SIGNER.sign(size, frontier.root())


@RELAXED
@given(st.integers(1, SIZE), st.integers(1, SIZE), PLACES)
def test_a_rewrite_with_the_key_lies_between_the_heads_that_were_kept(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], first: int, second: int, place: int
) -> None:
    """Whoever has the key makes a log that fits itself; heads kept elsewhere bound the place where it turns off."""
    texts = [json.loads(line)["json"] for line in lines[1:]]
    texts[place] = texts[place].replace("test.made", "test.fake")
    forged = _signed(lines[0], texts)
    assert check_export(forged, STANDARDS).ok
    sizes = sorted({first, second})
    kept = [SIGNER.verifier.open(_head(lines, size)) for size in sizes]
    named = _named(forged, Standards(SIGNER.verifier, kept=kept)) if sizes[-1] > place else None
    assert named == max((size for size in sizes if size <= place), default=0) if sizes[-1] > place else named is None


def _signed(header: str, texts: Sequence[str]) -> list[str]:
    from api.merkle import Frontier, leaf_hash

    frontier, made = Frontier(), [header]
    for number, text in enumerate(texts):
        frontier.append(leaf_hash(text.encode()))
        signature = SIGNER.sign(frontier.size, frontier.root()).splitlines()[-1]
        made.append(json.dumps({"entry": number, "json": text, "signature": signature}))
    return made


DEEP = pytest.param("[" * 100_000, id="deep")
UNREADABLE = ["", "{", "[]", '"x"', "{}", '{"entry": 3}', '{"entry": null, "json": 1}', "\0", DEEP]
HALF = "\ud800"
"""Of a surrogate pair, which is no letter; JSON can say it all the same."""


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_that_cannot_be_read_is_named(lines: list[str], line: str) -> None:
    assert _named([*lines[:4], line, *lines[5:]]) == 3


@pytest.mark.parametrize(
    ("field", "value"), [("entry", float("inf")), ("json", f'{{"entry": 3, "kind": "{HALF}"}}'), ("stamp", HALF)]
)
def test_a_value_that_no_line_has_is_named(lines: list[str], field: str, value: object) -> None:
    fields = json.loads(lines[4]) | {field: value}
    assert _named([*lines[:4], json.dumps(fields), *lines[5:]]) == 3


def test_half_a_letter_beside_a_true_signature_is_named(lines: list[str], authority: Authority) -> None:
    stamp = b64encode(authority.reply(Query.about(b"anything").data)).decode()
    fields = json.loads(lines[4])
    fields |= {"signature": f"{fields['signature']}\n{HALF}", "stamp": stamp}
    assert _named([*lines[:4], json.dumps(fields), *lines[5:]]) == 3


def test_a_key_that_is_no_text_is_refused(lines: list[str]) -> None:
    header = json.loads(lines[0])
    with pytest.raises(KeyUnusable):
        check_export([json.dumps(header | {"key": HALF + header["key"]}), *lines[1:]], Standards())


@pytest.mark.parametrize("header", ["", "{", "[]", "{}", '{"schema": "shingan.audit.2", "size": 1, "key": ""}', DEEP])
def test_what_is_no_export_is_refused(lines: list[str], header: str) -> None:
    with pytest.raises(InvalidRequest):
        check_export([header, *lines[1:]], STANDARDS)


def test_an_export_of_another_log_is_refused(lines: list[str]) -> None:
    stranger = Signer("example.org/log", Ed25519PrivateKey.generate()).verifier
    with pytest.raises(KeyUnusable):
        check_export(lines, Standards(stranger))
