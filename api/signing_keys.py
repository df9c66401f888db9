"""Which key signs for this instance, and until when: as the settings say, or else its own development authority."""

from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.settings import Settings

if TYPE_CHECKING:
    from generator.signing import KeySource

RENEW_WITHIN: Final = timedelta(days=30)
"""An operator is told for so long that the certificate ends."""


def key_source(settings: Settings) -> "KeySource":
    """The key and certificate that the settings name, or this instance's own development authority.

    Raises `SigningFailed` if the function that the settings name, or the certificate that goes with it, is unusable.
    """
    from generator.signing import DevelopmentCA, PemFiles  # not needed by commands that sign nothing

    chain, stamps = settings.signing_cert, settings.timestamp_url
    if chain is not None and settings.signing_callback is not None:
        return _kept_elsewhere(chain, settings.signing_callback, stamps)
    if chain is None or settings.signing_key is None:
        return DevelopmentCA(settings.home, timestamp_url=stamps)
    return PemFiles(chain, settings.signing_key, timestamp_url=stamps)


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


def _kept_elsewhere(chain: Path, callback: str, timestamp_url: str | None) -> "KeySource":
    from generator.callback_key import CallbackKey
    from generator.errors import SigningFailed

    try:
        certificates = chain.read_bytes()
    except OSError as error:
        raise SigningFailed("The signing key or its certificate cannot be read.") from error
    return CallbackKey(_function(callback), chain=certificates, name=chain.name, timestamp_url=timestamp_url)


def _function(named: str) -> Callable[[bytes], bytes]:
    """The operator's own code: it runs in this process, as the operator's settings ask."""
    from generator.errors import SigningFailed

    module, _, name = named.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        raise SigningFailed(f"The signing function {named} cannot be loaded.") from error
    if not callable(found):
        raise SigningFailed(f"The signing function {named} is none.")
    function: Callable[[bytes], bytes] = found
    return function
