"""What people keep of an audit log in files: receipts and answers with one, entries, heads, and the log's key."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import rfc8785

from api.checkpoints import Checkpoint, Verifier
from api.errors import InvalidRequest
from api.outcomes import digest
from api.receipts import ENTRY_JSON, Receipt, receipt_fault

MAX_BYTES: Final = 16 * 1024 * 1024
"""Answers about long clips have a megabyte."""


class Compared(StrEnum):
    """What was held against the leaf that a receipt proves, each with all before it."""

    NOTHING = "nothing"
    ENTRY = "entry"
    ANSWER = "answer"


PROVEN: Final = "under a head of {} entries that it signed"
SAID: Final = {
    Compared.NOTHING: f"The log has entry {{}}, {PROVEN}. What that entry says was not looked at, and no answer was"
    " compared with it: --entry FILE does that.",
    Compared.ENTRY: f"The log has entry {{}} as it is here, {PROVEN}. No answer was compared with it.",
    Compared.ANSWER: f"This is the answer that the log recorded in entry {{}}, {PROVEN}.",
}
"""What a sound receipt proves: a changed answer may carry one, and so may another file's answer."""


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """Result of a check: `entry` is the number that the receipt names, null if it names none; `size` that of the signed
    head and `root` its root, 0 and empty if not `ok`."""

    ok: bool
    entry: int | None
    size: int
    root: bytes
    compared: Compared
    detail: str


def read_text(path: Path) -> str:
    """Raises `InvalidRequest` if there is no such file of text, or it is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode()
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"Cannot read {path}.") from error
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"{path} is too large.")
    return text


def read_lines(path: Path) -> Iterator[str]:
    """Line by line, however long the file is; raises `InvalidRequest` if it cannot be read."""
    try:
        with path.open(encoding="utf-8") as lines:
            yield from lines
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"Cannot read {path}.") from error


def read_key(text: str) -> Verifier:
    """From a key, or the path of a file with one; raises `KeyUnusable` or `InvalidRequest`."""
    return Verifier.parse(text if "+" in text else read_text(Path(text)))


def read_head(path: Path, verifier: Verifier) -> Checkpoint:
    """The head in a file: a checkpoint, a receipt, or an answer with one.

    Raises `InvalidRequest` if the file has none, and `AuditBroken` if the log did not sign it.
    """
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        return verifier.open(text)
    return verifier.open(str(_receipt(_document(text, path)).get("checkpoint")))


def check_receipt(path: Path, entry: Path | None, verifier: Verifier) -> ReceiptCheck:
    """Checks the receipt in a file, alone or in an answer; that answer as well with the file of its `entry`, or if the
    receipt holds the entry itself, as `report.json` does.

    Raises `InvalidRequest` if a file cannot be read.
    """
    document = _document(read_text(path), path)
    receipt = _receipt(document)
    known = receipt.get(ENTRY_JSON) if entry is None else read_text(entry).strip()
    known = known if isinstance(known, str) else None
    fault = receipt_fault(receipt, known, verifier) or _other_answer(document, known)
    named = receipt.get("entry")
    number = named if type(named) is int else None
    if fault is not None:
        place = "The entry" if number is None else f"Entry {number}"
        return ReceiptCheck(False, number, 0, b"", Compared.NOTHING, f"{place} is {fault}.")
    compared = Compared.NOTHING if known is None else Compared.ANSWER if "receipt" in document else Compared.ENTRY
    proven = Receipt.from_dict(receipt)
    detail = SAID[compared].format(proven.entry, proven.tree_size)
    return ReceiptCheck(True, number, proven.tree_size, proven.root, compared, detail)


def _other_answer(document: Mapping[str, Any], entry: str | None) -> str | None:
    """What is wrong if `entry` is about another answer than `document`, which may be a bare receipt."""
    if entry is None or "receipt" not in document:
        return None
    try:
        stated = json.loads(entry)["body"]["report_sha256"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "about no answer"
    report = {name: value for name, value in document.items() if name != "receipt"}
    try:
        same = stated in (digest(report), digest({**report, "path": None}))
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):  # numbers and letters that no answer has
        return "about another answer"
    return None if same else "about another answer"


def _document(text: str, path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path} is no JSON.") from error
    if not isinstance(found, dict):
        raise InvalidRequest(f"{path} holds no receipt.")
    return found


def _receipt(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get("receipt", document)
    return found if isinstance(found, dict) else {}
