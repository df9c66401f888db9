"""What is to happen once a transaction is committed, and not if it is rolled back, for every engine of this program.

SQLAlchemy's own way, a listener on one connection, makes every later event of that connection several times as slow.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, event

PENDING: Final = "shingan_after_commit"


def after_commit(connection: Connection, action: Callable[[], None]) -> None:
    """Does `action` when the transaction of `connection`, whose engine is `watched`, commits."""
    connection.info.setdefault(PENDING, []).append(action)


def watched(engine: Engine) -> Engine:
    """`engine`, on whose connections `after_commit` works."""
    event.listen(engine, "begin", _forget)
    event.listen(engine, "commit", _act)
    return engine


def _forget(connection: Connection) -> None:
    connection.info.pop(PENDING, None)  # of a transaction that was rolled back


def _act(connection: Connection) -> None:
    for action in connection.info.pop(PENDING, ()):
        action()
