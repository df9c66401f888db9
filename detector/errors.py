"""The detector's one error tree; each class carries the stable code that users and pipelines see."""

from typing import ClassVar


class DetectorError(Exception):
    """Root of every failure that this package lets out; `str()` is a sentence fit for a user."""

    code: ClassVar[str] = "detector_error"


class UnreadableMedia(DetectorError):
    """The bytes claim to be media and cannot be decoded."""

    code = "unreadable_media"


class UnsupportedMedia(DetectorError):
    """The bytes are no kind of media that this version analyses."""

    code = "unsupported_media"


class EmptyMedia(DetectorError):
    """There are no bytes."""

    code = "empty_media"


class MediaTooLarge(DetectorError):
    """Bytes, pixels or decoded memory beyond the limits."""

    code = "media_too_large"


class DecodeTimeout(DetectorError):
    """Decoding took longer than allowed and was killed."""

    code = "decode_timeout"


class SourceNotFound(DetectorError):
    """The path does not exist or cannot be opened."""

    code = "source_not_found"


class ModelUnavailable(DetectorError):
    """A weight file is missing, or its bytes are not those that its card names."""

    code = "model_unavailable"


class ProvenanceError(DetectorError):
    """A key, trust list or payload is unusable."""

    code = "provenance_error"
