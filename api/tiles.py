"""The log as static tiles (C2SP tlog-tiles): 256 hashes or entries each, for whoever mirrors or watches all of it."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from api.audit_repository import AuditRepository
from api.entries import entry_json
from api.errors import AuditBroken, NotFound
from api.merkle import Node

WIDTH: Final = 256
"""Hashes of a full tile, or entries of a full bundle."""
HEIGHT: Final = 8
"""Levels of the tree that a tile spans."""
ENTRIES: Final = "entries"
PATH: Final = re.compile(r"(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """The `number`-th tile of a `level` (null for entries), or the first `width` of its parts."""

    level: int | None
    number: int
    width: int


def read_tile(connection: Connection, path: str) -> bytes:
    """What lies at `path`, below `tile/`; raises `NotFound` if there is no such tile, or not so much of it yet."""
    tile = parse_path(path)
    repository = AuditRepository(connection)
    first, height = tile.number * WIDTH, HEIGHT * (tile.level or 0)
    if repository.size() >> height < first + tile.width:
        raise NotFound("The audit log has no such tile yet.")
    if tile.level is None:
        rows = repository.page(start=first, limit=tile.width)
        texts = [entry_json(row.entry, row.ts, row.kind, row.body) for row in rows]
        return b"".join(len(text).to_bytes(2, "big") + text for text in texts)
    nodes = [Node(height, first + at) for at in range(tile.width)]
    found = repository.hashes(nodes)
    try:
        return b"".join(found[node] for node in nodes)
    except KeyError as error:
        raise AuditBroken("The audit log has lost part of its tree; check it.") from error


def parse_path(path: str) -> Tile:
    """Raises `NotFound` for anything that is no path of a tile."""
    matched = PATH.fullmatch(path)
    if matched is None:
        raise NotFound("This is no path of a tile.")
    kind, number, width = matched.groups()
    parts = number.replace("x", "").split("/")
    partial = WIDTH if width is None else int(width)
    if partial > WIDTH or (width is not None and partial == WIDTH) or (len(parts) > 1 and parts[0] == "000"):
        raise NotFound("This is no path of a tile.")
    return Tile(None if kind == ENTRIES else int(kind), int("".join(parts)), partial)
