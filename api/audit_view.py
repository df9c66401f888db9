"""Whose entries of the audit log a tenant may read: its own; the operator's tenant reads all.

Of the others' entries everybody sees the hash, which is what the proofs are made of.
"""

from api.auth import Actor
from api.entries import Entry
from api.workplace import Workplace


def may_read(workplace: Workplace, actor: Actor, entry: Entry) -> bool:
    return actor.tenant in (workplace.settings.tenant, entry.content.get("tenant"))
