"""Which key signs for this instance, and until when: as the settings say, or else its own development authority."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from api.settings import Settings

if TYPE_CHECKING:
    from generator.signing import KeySource

RENEW_WITHIN: Final = timedelta(days=30)
"""An operator is told for so long that the certificate ends."""


def key_source(settings: Settings) -> "KeySource":
    """The key and certificate that the settings name, or this instance's own development authority."""
    from generator.signing import DevelopmentCA, PemFiles  # not needed by commands that sign nothing

    if settings.signing_cert is None or settings.signing_key is None:
        return DevelopmentCA(settings.home, timestamp_url=settings.timestamp_url)
    return PemFiles(settings.signing_cert, settings.signing_key, timestamp_url=settings.timestamp_url)


def describe(source: "KeySource", *, now: datetime) -> str:
    """Who signs and until when, and whether that is soon; raises `SigningFailed` if `source` cannot sign at `now`."""
    from generator.errors import SigningFailed

    source.signer().close()
    leaf = source.certificate()
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not start <= now <= end:
        raise SigningFailed(f"The signing certificate is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d} and not now.")
    soon = f", which is in {(end - now).days} days: renew it" if end - now < RENEW_WITHIN else ""
    stamps = "with time-stamps" if source.timestamp_url else "without time-stamps"
    return f"{source.name}, until {end:%Y-%m-%d}{soon}; {stamps}"
