"""Several machines may share one database, and then they share its log's key as well; this notices one that does not.

A second machine with a key of its own would sign heads that nobody accepts, and the log could not be repaired: it is
append-only.
"""

from api.audit import AuditLog
from api.db import Database
from api.errors import AuditBroken, KeyUnusable, NotFound


async def require_own_log(database: Database, audit: AuditLog) -> None:
    """Raises `KeyUnusable` if the newest head of the log in `database` was signed by another key than `audit`'s."""
    async with database.read() as session:
        try:
            note = await audit.checkpoint(session)
        except NotFound:
            return
    try:
        audit.verifier.open(note)
    except AuditBroken as error:
        raise KeyUnusable(
            "The audit log in this database has another key: copy the folder `keys` from a machine that has it."
        ) from error
