"""What people keep of an audit log in files: receipts and answers with one, entries, heads, and the log's key."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import rfc8785

from api.audit_standards import AuditCheck
from api.checkpoints import Checkpoint, Verifier
from api.errors import InvalidRequest
from api.outcomes import digest
from api.receipts import receipt_fault

MAX_BYTES: Final = 16 * 1024 * 1024
"""Answers about long clips have a megabyte."""

UNCOMPARED: Final = " Whether it is about this answer was not checked: --entry does that."
"""A receipt proves an entry alone, and a changed answer may carry a sound one."""


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


def check_receipt(path: Path, entry: Path | None, verifier: Verifier) -> AuditCheck:
    """Checks the receipt in a file, alone or in an answer, and with the file of its `entry` that answer as well.

    Raises `InvalidRequest` if a file cannot be read.
    """
    document = _document(read_text(path), path)
    receipt = _receipt(document)
    known = None if entry is None else read_text(entry).strip()
    fault = receipt_fault(receipt, known, verifier) or _other_answer(document, known)
    number = receipt.get("entry")
    place, root = number if isinstance(number, int) else 0, str(receipt.get("root") or "")
    detail = f"Entry {place} is in the log." if fault is None else f"Entry {place} is {fault}."
    if fault is None and known is None and "receipt" in document:
        detail += UNCOMPARED
    first_bad = None if fault is None else place
    size = receipt.get("tree_size") if fault is None else place
    return AuditCheck(fault is None, int(size or 0), first_bad, detail, _hash(root), True)


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


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
