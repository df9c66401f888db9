"""Time-stamps a release afterwards, for one that left while the authority was down.

The file stays as it left. An update manifest (C2PA 2.4, section 11.2.3) over its own holds the stamp of its signature
as a `c2pa.time-stamp` assertion; both together, as one store kept in the registry, are what a copy gets back. Readers
then take the first signature for one made in time, though its certificate has expired since (tried: c2pa-rs 0.91.3).
"""

import io
from collections.abc import Mapping
from typing import Any, Final

import c2pa

from generator.errors import SigningFailed
from generator.marking import SETTINGS
from generator.signing import KeySource
from generator.timestamping import with_stamp

UPDATE: Final[Mapping[str, Any]] = {"claim_generator_info": [{"name": "Shingan"}]}
STAMPING: Final[Mapping[str, Any]] = {
    "auto_timestamp_assertion": {"enabled": True, "skip_existing": True, "fetch_scope": "parent"}
}


def stamp_later(data: bytes, source: KeySource, *, mime: str) -> bytes | None:
    """The manifest store of the released file `data` with a stamp of its signature; null if the authority gave none.

    Raises `SigningFailed`.
    """
    settings = {**SETTINGS, "builder": {**SETTINGS["builder"], **STAMPING}}

    def with_signer(signer: c2pa.Signer) -> bytes:
        with c2pa.Context.from_dict(settings) as context, c2pa.Builder(dict(UPDATE), context) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
            return bytes(builder.sign(signer, mime, io.BytesIO(data), io.BytesIO()))

    try:
        store, stamped = with_stamp(source, with_signer)
    except c2pa.C2paError as error:
        raise SigningFailed("The update could not be signed.") from error
    return store if stamped else None
