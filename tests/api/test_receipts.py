"""Receipts with nothing but the public key: every changed field is noticed, nothing malformed gets through."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from api.audit import AuditLog
from api.checkpoints import Signer
from api.db import Database
from api.entries import Entry
from api.errors import AuditBroken, KeyUnusable
from api.receipts import Receipt, verify_receipt

SIZE = 6


@pytest.fixture
async def answered(any_database: Database, log: AuditLog) -> tuple[Mapping[str, Any], Entry]:
    """The receipt, as JSON gives it back, of the third of six entries."""
    async with any_database.write() as session:
        entries = [await log.append(session, "test.answered", {"number": number}) for number in range(SIZE)]
        receipt = await log.receipt(session, 2)
    return json.loads(json.dumps(receipt.as_dict())), entries[2]


async def test_a_receipt_is_true_with_and_without_its_entry(
    answered: tuple[Mapping[str, Any], Entry], log: AuditLog
) -> None:
    receipt, entry = answered
    for body in (None, entry.json, entry.json.decode()):
        assert verify_receipt(receipt, body, str(log.verifier))
    assert Receipt.from_dict(receipt).as_dict() == receipt


async def test_any_change_is_noticed(answered: tuple[Mapping[str, Any], Entry], log: AuditLog) -> None:
    receipt, entry = answered
    other = "0" * 64
    changes: dict[str, object] = {
        "log": "elsewhere",
        "entry": 3,
        "leaf_hash": other,
        "tree_size": 7,
        "root": other,
        "proof": [other, *receipt["proof"][1:]],
        "checkpoint": receipt["checkpoint"].replace("\n6\n", "\n7\n"),
    }
    assert changes.keys() == receipt.keys()
    for name, value in changes.items():
        assert not verify_receipt({**receipt, name: value}, entry.json, log.verifier), name
        assert not verify_receipt({**receipt, name: None}, entry.json, log.verifier), name
        assert not verify_receipt({key: receipt[key] for key in receipt if key != name}, entry.json, log.verifier)
    assert not verify_receipt(receipt, entry.json.replace(b"2", b"3", 1), log.verifier)


async def test_another_log_cannot_vouch(answered: tuple[Mapping[str, Any], Entry], log: AuditLog) -> None:
    receipt, entry = answered
    head = Receipt.from_dict(receipt)
    stranger = Signer(log.verifier.origin, _new_key())
    forged = {**receipt, "checkpoint": stranger.sign(head.tree_size, head.root)}
    assert not verify_receipt(forged, entry.json, log.verifier)
    assert verify_receipt(forged, entry.json, stranger.verifier)


def _new_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def test_a_malformed_public_key_is_an_error() -> None:
    with pytest.raises(KeyUnusable):
        verify_receipt({}, None, "no key")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["log", "entry", "leaf_hash", "tree_size", "root", "proof", "checkpoint"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_what_is_no_receipt_is_false(receipt: dict[str, object]) -> None:
    verifier = Signer("example.org/log", _new_key()).verifier
    assert verify_receipt(receipt, None, verifier) is False


def test_a_receipt_does_not_take_true_for_one() -> None:
    with pytest.raises(AuditBroken):
        Receipt.from_dict({"log": "x", "entry": True, "leaf_hash": "", "tree_size": 1, "root": "", "proof": []})
