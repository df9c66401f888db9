"""Erasure on request: what an entry knew of a person becomes unrecognisable, its answer goes, the log stays whole.

1 find the entries  2 drop their salts and answers, and say so in the log, in one transaction  3 delete the previews.
Released files and their records are not touched: they are what a mark found in a picture leads to.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from api.repositories import drop_inspections
from api.workplace import Workplace


async def erase(
    workplace: Workplace,
    *,
    entries: Iterable[int] = (),
    about: Sequence[tuple[str, str]] = (),
    actor: str = "local",
) -> tuple[int, ...]:
    """The entries that were erased: of those named, and those that were given any `about` (personal field and value),
    the ones that still knew something."""

    def work(connection: Connection) -> tuple[tuple[int, ...], list[str]]:
        ledger = workplace.audit.within(connection)
        found = {*entries, *(index for field, value in about for index in ledger.entries_about(field, value))}  # 1
        gone = ledger.forget(sorted(found), actor=actor)  # 2
        return gone, drop_inspections(connection, gone)

    gone, previews = await workplace.database.change(work)
    for blob in previews:  # 3
        await workplace.blobs.delete(blob)
    return gone
