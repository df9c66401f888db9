"""The borders at which this process takes hostile bytes: each as the product calls it, and what may come of it."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from api.audit_export import check_export
from api.audit_files import check_receipt, read_head, read_key, read_lines
from api.audit_standards import Standards
from api.receipts import Receipt, receipt_fault
from api.time_stamps import read_stamp, vouched
from detector.media import open_media, sha256_hex, sniff
from detector.provenance import payload as wire
from detector.provenance.check import ProvenanceChecker
from detector.provenance.declaration import read_declaration
from detector.provenance.keys import MarkKey, load_mark_keys
from detector.provenance.known_media import KnownMediaList
from detector.provenance.payload import CODED_BITS, Payload
from detector.provenance.report import read_report
from detector.provenance.trust import TrustStore
from detector.provenance.watermark import MIN_SIDE, detect
from detector.sandbox import Limits, Sandbox
from detector.types import Media
from detector.video import open_clip, read_frames
from tests.conftest import _photo
from tests.drill.mutations import mutated, mutated_json, mutated_lines
from tests.drill.specimens import RECORD, STAMPED, Specimens

Mutate: TypeAlias = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
SECONDS: Final = 3.0
"""Of processor time a sandbox task: less than a service grants, so that an hour holds more cases."""
WORDS: Final = 32
LOUDEST: Final = np.float32(1e30)
"""Soft bits are sums of our own: none is so large that a sum of them is no number any more."""


@dataclass(frozen=True, slots=True)
class Border:
    """`call` takes an input and says in a word what came of it; whatever it raises has to be one of our own errors."""

    name: str
    seeds: Sequence[bytes]
    call: Callable[[bytes], str]
    mutate: Mutate = mutated


def local_borders(made: Specimens, home: Path, sandbox: Sandbox) -> list[Border]:
    """Those that need no service."""
    calls = _Calls(made, home, sandbox)
    soft = (2.0 * wire.encode(Payload(RECORD, 0)) - 1.0).astype(np.float32).tobytes()
    return [
        Border("picture", made.pictures, calls.picture),
        Border("clip", made.clips, calls.clip),
        Border("credentials", made.signed, calls.credentials),
        Border("report", made.signed, calls.report),
        Border("declaration", made.signed, calls.declaration),
        Border("payload", [soft], calls.payload),
        Border("watermark", [_photo(4, width=144, height=128).tobytes()], calls.watermark),
        Border("known_media", made.lists, calls.known_media, mutated_lines),
        Border("receipt", made.receipts, calls.receipt, mutated_json),
        Border("answer", made.answers, calls.answer, mutated_json),
        Border("checkpoint", [*made.heads, *made.receipts[:1]], calls.checkpoint, mutated_lines),
        Border("audit_key", [str(made.verifier).encode()], calls.audit_key),
        Border("audit_export", made.exports, calls.audit_export, mutated_lines),
        Border("time_stamp", [made.stamp], calls.time_stamp),
        Border("trust_list", _trust_lists(home), calls.trust_list),
    ]


def sandbox_for_fuzzing() -> Sandbox:
    return Sandbox(limits=Limits(seconds=SECONDS))


def _trust_lists(home: Path) -> list[bytes]:
    """The authority's root as PEM, and in the form of C2PA's official lists."""
    pem = (home / "keys" / "ca" / "root.pem").read_bytes()
    encoded = "".join(pem.decode().splitlines()[1:-1])
    identity = {"ServiceDigitalIdentity": {"X509Certificates": [{"val": encoded}]}}
    scheme = {"SchemeName": [{"value": "made"}], "ListIssueDateTime": "2026-01-01T00:00:00Z"}
    entities = [{"TrustedEntityServices": [{"ServiceInformation": identity}]}]
    listed = {"LoTE": {"ListAndSchemeInformation": scheme, "TrustedEntitiesList": entities}}
    return [pem, json.dumps(listed).encode()]


class _Calls:
    def __init__(self, made: Specimens, home: Path, sandbox: Sandbox) -> None:
        self._verifier, self._authority = made.verifier, made.authority
        self._truth = {receipt.entry: receipt for receipt in map(_receipt, made.receipts)}
        self._roots = _roots(made)
        self._sandbox, self._trust = sandbox, TrustStore.load(home)
        self._keys: Sequence[MarkKey] = load_mark_keys(home)
        self._checker = ProvenanceChecker(sandbox=sandbox, keys=self._keys, trust=self._trust)
        self._file = home / "case"
        self._other_home = home / "other"

    def picture(self, data: bytes) -> str:
        media, frame = open_media(data, sandbox=self._sandbox)
        assert frame.pixels.shape == (media.height, media.width, 3)
        return "decoded"

    def clip(self, data: bytes) -> str:
        clip = open_clip(data, sandbox=self._sandbox)
        for batch in read_frames(data, clip, sandbox=self._sandbox):
            assert all(frame.pixels.ndim == 3 for _, frame in batch)
        return "decoded"

    def credentials(self, data: bytes) -> str:
        kind, mime = sniff(data)
        media = Media(sha256_hex(data), kind, mime, len(data), 0, 0)
        return str(self._checker.check(data, media, None).credentials.state)

    def report(self, data: bytes) -> str:
        return str(read_report(data, sandbox=self._sandbox, trust=self._trust).state)

    def declaration(self, data: bytes) -> str:
        return "declares_ai" if read_declaration(data).declares_ai else "nothing"

    def payload(self, data: bytes) -> str:
        values = np.frombuffer(data[: len(data) // 4 * 4], np.float32).clip(-LOUDEST, LOUDEST)
        whole = np.resize(values, CODED_BITS) if len(values) else np.zeros(CODED_BITS, np.float32)
        found = [wire.decode(soft, words=words) for soft in (values, whole) for words in (1, WORDS)]
        return "read" if any(found) else "nothing"

    def watermark(self, data: bytes) -> str:
        """The bytes as the pixels of a picture, whose sides they choose as well."""
        sides = [MIN_SIDE + 4 * byte for byte in data[:2].ljust(2, b"\0")]
        pixels = np.resize(np.frombuffer(data or b"\0", np.uint8), (*sides, 3))
        assert not detect(pixels, keys=self._keys).detected
        return "nothing"

    def known_media(self, data: bytes) -> str:
        known = KnownMediaList.parse(data, name="list")
        known.match("0f" * 32)
        return "parsed"

    def receipt(self, data: bytes) -> str:
        """As the command line reads it from a file; and true only if it says what was signed."""
        self._file.write_bytes(data)
        check = check_receipt(self._file, None, self._verifier)
        if not check.ok:
            return "untrue"
        claimed = _receipt(data)
        truth = self._truth[claimed.entry]
        assert (claimed.leaf_hash, claimed.root) == (truth.leaf_hash, truth.root), "a false receipt was taken for true"
        assert receipt_fault(claimed.as_dict(), None, self._verifier) is None
        return "true"

    def answer(self, data: bytes) -> str:
        """An answer with its receipt, and beside it the file of its entry."""
        try:
            document = json.loads(data)
            answer, entry = json.dumps(document["answer"]).encode(), document["entry"].encode("utf-8", "surrogatepass")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            answer = entry = data
        beside = self._file.with_name("entry")
        self._file.write_bytes(answer)
        beside.write_bytes(entry)
        return "true" if check_receipt(self._file, beside, self._verifier).ok else "untrue"

    def checkpoint(self, data: bytes) -> str:
        self._file.write_bytes(data)
        head = read_head(self._file, self._verifier)
        assert self._roots[head.size] == head.root, "a head that was never signed was taken for signed"
        return "signed"

    def audit_key(self, data: bytes) -> str:
        self._file.write_bytes(data)
        verifier = read_key(str(self._file))
        return "own" if str(verifier) == str(self._verifier) else "another"

    def audit_export(self, data: bytes) -> str:
        self._file.write_bytes(data)
        check = check_export(read_lines(self._file), Standards(self._verifier))
        assert not check.size or self._roots[check.size] == check.root, "an entry that was never logged was taken"
        return "whole" if check.ok else "broken"

    def time_stamp(self, data: bytes) -> str:
        """What an authority replied, which the log keeps and others are given."""
        if vouched(data, STAMPED, roots=[self._authority]):
            return "vouched"
        return "another" if read_stamp(data) else "nothing"

    def trust_list(self, data: bytes) -> str:
        self._file.write_bytes(data)
        return str(TrustStore(self._other_home).import_file(self._file).kind)


def _receipt(data: bytes) -> Receipt:
    document = json.loads(data)
    return Receipt.from_dict(document.get("receipt", document))


def _roots(made: Specimens) -> dict[int, bytes]:
    """The true root by size."""
    heads = [made.verifier.open(head.decode()) for head in made.heads]
    return {head.size: head.root for head in heads}
