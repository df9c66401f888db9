"""Good inputs of every kind, which the fuzzing starts from: all of them made here, by the product itself.

A folder of other files (`corpus`) may be added; they are sorted by what their first bytes say.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from PIL import Image
from sqlalchemy import Connection

from api.audit import AuditLog
from api.audit_export import export_lines
from api.checkpoints import Signer, Verifier
from api.db import Database
from api.ledger import Fact
from api.migrations.run import upgrade
from api.outcomes import digest
from api.settings import Settings
from api.time_stamps import Query
from detector.media import sniff
from detector.provenance.fingerprint import pdq
from detector.provenance.keys import load_mark_keys
from detector.types import MediaKind
from generator.claim import Statement, claim
from generator.marking import mark, sign
from generator.signing import DevelopmentCA
from tests.conftest import _encode, _film, _photo
from tests.generator.conftest import Authority

RECORD: Final = "0123456789ab"
STATEMENT: Final = Statement(7, "embedded", "2026-01-01T00:00:00Z", "a smiling woman")
ENTRIES: Final = 9
STAMPED: Final = b"what is stamped"
LARGEST: Final = 512 * 1024
"""A larger file of a corpus is left out: it would be the same parser for more time."""


@dataclass(frozen=True, slots=True)
class Specimens:
    """Files by kind of border; `verifier` is the key of the log that receipts to exports are from. `stamp` is of
    `STAMPED` and by `authority` (PEM).

    An answer is an object with the `answer` itself, which has a receipt, and the text of its `entry`.
    """

    pictures: Sequence[bytes]
    clips: Sequence[bytes]
    signed: Sequence[bytes]
    lists: Sequence[bytes]
    receipts: Sequence[bytes]
    answers: Sequence[bytes]
    heads: Sequence[bytes]
    exports: Sequence[bytes]
    verifier: Verifier
    stamp: bytes
    authority: str


async def specimens(home: Path, *, corpus: Path | None = None) -> Specimens:
    """Made under `home`, whose keys sign them."""
    settings = Settings(home=home)
    more = _corpus(corpus)
    log = await _log(settings)
    authority = Authority(*(rsa.generate_private_key(65537, 2048) for _ in range(2)))
    return Specimens(
        pictures=[*_pictures(), *more[MediaKind.IMAGE]],
        clips=[*_clips(), *more[MediaKind.VIDEO]],
        signed=[*_signed(home), *more[MediaKind.IMAGE], *more[MediaKind.VIDEO], *more[MediaKind.UNKNOWN]],
        lists=_lists(),
        receipts=log["receipts"],
        answers=log["answers"],
        heads=log["heads"],
        exports=log["exports"],
        verifier=Signer.open(settings).verifier,
        stamp=authority.reply(Query.about(STAMPED).data),
        authority=authority.root,
    )


def _pictures() -> list[bytes]:
    """Small ones of every accepted format, some in odd modes; only lossless ones keep what a mutation did not touch."""
    photo = _photo(1, width=96, height=72)
    exif = Image.Exif()
    exif[0x0112] = 6
    formats = [_encode(photo, name) for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
    odd = [
        _encode(photo, "JPEG", progressive=True, exif=exif.tobytes()),
        _encode(photo, "JPEG", mode="CMYK"),
        _encode(photo, "PNG", mode="P"),
        _encode(photo, "PNG", mode="RGBA"),
        _encode(photo, "PNG", mode="L"),
        _encode(photo, "WEBP", lossless=True),
        _encode(photo, "TIFF", compression="tiff_lzw"),
        _encode(photo, "TIFF", compression="tiff_deflate", mode="L"),
        _encode(photo, "TIFF", compression="jpeg"),
    ]
    return [*formats, *odd, _animation()]


def _animation() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.fromarray(_photo(seed, width=48, height=40)) for seed in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def _clips() -> list[bytes]:
    photos = [_photo(seed // 4, width=96, height=64) for seed in range(8)]
    kinds = (("mp4", "libx264"), ("mov", "libx264"), ("matroska", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mpeg4"))
    return [_film(photos, format=name, codec=codec) for name, codec in kinds] + [_film(photos, sound=True)]


def _signed(home: Path) -> list[bytes]:
    """Files with watermark, XMP and a manifest of this home's own authority."""
    key, source = load_mark_keys(home)[0], DevelopmentCA(home)
    photo = _photo(2, width=144, height=128)
    marked = [
        mark(photo, record_id=RECORD, key=key, source=source, statement=STATEMENT, mime=mime).data
        for mime in ("image/png", "image/jpeg", "image/webp")
    ]
    clip, mime = _film([_photo(3, width=96, height=64)] * 4), "video/mp4"
    return [*marked, sign(clip, claim(RECORD, STATEMENT, mime=mime), source, mime=mime, parent=None)[0]]


def _lists() -> list[bytes]:
    hashes = [pdq(_photo(seed, width=96, height=96))[0] for seed in range(4)]
    named = "id,hash\n" + "".join(f"case {number},{each}\n" for number, each in enumerate(hashes))
    typed = "signal_type,signal_value,signal_id\n" + "".join(f'pdq,{each},"a, ""b"""\n' for each in hashes)
    return [named.encode(), ("\ufeff" + typed).encode(), "\n".join(hashes).encode()]


async def _log(settings: Settings) -> Mapping[str, list[bytes]]:
    """Receipts, answers, heads and an export of a small log."""
    await upgrade(settings.database_url)
    database, log = Database(settings.database_url), AuditLog.open(settings)
    reports = [{"number": number, "verdict": {"label": "declared"}} for number in range(ENTRIES)]
    facts = [Fact("test.made", {"report_sha256": digest(report)}, {"name": "a.png"}) for report in reports]

    def read(connection: Connection) -> Mapping[str, list[bytes]]:
        ledger = log.within(connection)
        entries = [line["json"] for line in list(export_lines(connection, log.verifier))[1:]]
        proofs = [ledger.receipt(place).as_dict() for place in range(ENTRIES)]
        answered = [
            {"answer": {**report, "receipt": proof}, "entry": entry}
            for report, proof, entry in zip(reports, proofs, entries, strict=True)
        ]
        lines = [json.dumps(line) for line in export_lines(connection, log.verifier)]
        return {
            "receipts": [json.dumps(proof).encode() for proof in proofs],
            "answers": [json.dumps(answer).encode() for answer in answered],
            "heads": [ledger.head(size).note.encode() for size in range(1, ENTRIES + 1)],
            "exports": ["".join(f"{line}\n" for line in lines).encode()],
        }

    try:
        await database.change(lambda connection: log.within(connection).append(facts))
        return await database.look(read)
    finally:
        await database.close()


def _corpus(folder: Path | None) -> Mapping[MediaKind, list[bytes]]:
    found: dict[MediaKind, list[bytes]] = {kind: [] for kind in MediaKind}
    for path in sorted(folder.rglob("*")) if folder else ():
        if path.is_file() and 0 < path.stat().st_size <= LARGEST:
            data = path.read_bytes()
            found[sniff(data)[0]].append(data)
    return found
