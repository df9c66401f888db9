"""The one place that reads the wall clock: every stored time has one form, which sorts as text."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)


def timestamp(moment: datetime | None = None) -> str:
    """RFC 3339 in UTC with milliseconds, such as `2026-11-24T12:00:00.123Z`; `moment` must know its zone."""
    chosen = utc_now() if moment is None else moment.astimezone(UTC)
    return chosen.isoformat(timespec="milliseconds").replace("+00:00", "Z")
