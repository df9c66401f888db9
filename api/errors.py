"""The API's one error tree, the only place that knows HTTP status codes, and the one shape of every error answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from detector.errors import DetectorError
from generator.errors import GeneratorError, SeveralFaces, UnsupportedAttribute

PROBLEM_JSON = "application/problem+json"
"""Media type of an error answer (RFC 9457)."""


class ApiError(Exception):
    """Root of every failure that this package lets out; `detail` is a sentence fit for a user, `extra` its fields."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.extra = extra


class InvalidRequest(ApiError):
    status, code, title = 422, "invalid_request", "The request is malformed"


class InvalidQuery(ApiError):
    status, code, title = 400, "invalid_query", "The question is malformed"


class Unauthenticated(ApiError):
    status, code, title = 401, "unauthenticated", "A valid API key is needed"


class TenantSuspended(ApiError):
    status, code, title = 403, "tenant_suspended", "This tenant is suspended"


class IssuerUnavailable(ApiError):
    status, code, title = 503, "issuer_unavailable", "The issuer of these tokens cannot be asked"


class PolicyDenied(ApiError):
    status, code, title = 403, "policy_denied", "The policy refuses this"


class NotFound(ApiError):
    status, code, title = 404, "not_found", "Nothing is stored under this name"


class Conflict(ApiError):
    status, code, title = 409, "conflict", "This clashes with what is stored"


class IdempotencyMismatch(ApiError):
    status, code, title = 422, "idempotency_mismatch", "The Idempotency-Key was used for another request"


class PayloadTooLarge(ApiError):
    status, code, title = 413, "payload_too_large", "The upload is too large"


class UnsupportedMediaType(ApiError):
    status, code, title = 415, "unsupported_media_type", "The media type is not accepted"


class QuotaExceeded(ApiError):
    status, code, title = 429, "quota_exceeded", "The quota is used up"


class DailyQuotaExceeded(PolicyDenied):
    """The one denial that time will lift."""

    status, code, title = QuotaExceeded.status, QuotaExceeded.code, QuotaExceeded.title


class BundleRefused(ApiError):
    status, code, title = 422, "bundle_refused", "This policy bundle is not taken"


class NotOffered(ApiError):
    status, code, title = 501, "not_offered", "This part of the interface is not offered"


class DatabaseUnavailable(ApiError):
    status, code, title = 503, "database_unavailable", "The database does not answer"


class StorageUnavailable(ApiError):
    status, code, title = 503, "storage_unavailable", "The blob store does not answer"


class OutputUnwritable(ApiError):
    """A result could not be written to where it was asked to go."""

    code, title = "output_unwritable", "The output cannot be written"


class BackupInvalid(ApiError):
    status, code, title = 422, "backup_invalid", "This is no whole backup"


class NotReady(ApiError):
    status, code, title = 503, "not_ready", "A part of this instance does not work"


class BlobCorrupt(ApiError):
    status, code, title = 500, "blob_corrupt", "A stored blob is not the one that was stored"


class AuditBroken(ApiError):
    status, code, title = 500, "audit_broken", "The audit log is unusable"


class PolicyInvalid(ApiError):
    status, code, title = 500, "policy_invalid", "The policy bundle is unusable"


class KeyUnusable(ApiError):
    status, code, title = 500, "key_unusable", "A key file is unusable"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error answer: HTTP `status` and the JSON `body` of RFC 9457."""

    status: int
    body: Mapping[str, Any]


_DOMAIN: Mapping[str, tuple[int, str]] = {
    "unreadable_media": (422, "The media cannot be decoded"),
    "unsupported_media": (415, "This kind of media is not analysed"),
    "empty_media": (422, "The upload is empty"),
    "media_too_large": (413, "The media is too large"),
    "decode_timeout": (422, "Decoding took too long"),
    "layout_unknown": (422, "The folder is not laid out as that set"),
    "source_not_found": (404, "The source cannot be opened"),
    "model_unavailable": (503, "A model is not available"),
    "provenance_error": (500, "A key or trust list is unusable"),
    "unsupported_attribute": (422, "The prompt asks for something that cannot be drawn"),
    "self_check_failed": (500, "The result failed its own check and was not released"),
    "backend_unavailable": (503, "The generator is not available"),
    "already_marked": (409, "The picture bears a mark of this instance"),
    "credentials_unreadable": (422, "The picture's credentials could not be kept"),
    "media_too_small": (422, "The picture is too small to bear a watermark"),
    "portrait_unusable": (422, "The picture holds no face to work on"),
    "several_faces": (422, "The picture holds several faces"),
    "invalid_settings": (422, "The portrait tool does not take these settings"),
    "speech_unusable": (422, "This cannot be read aloud"),
    "signing_failed": (503, "Signing failed and nothing was released"),
}
"""HTTP status and title of the codes in the detector's and the generator's error trees."""


def problem_of(error: Exception, *, instance: str | None = None) -> Problem:
    """The answer to `error`, whatever it is; a failure outside the three error trees never shows its text."""
    if isinstance(error, ApiError):
        return _problem(error.status, error.code, error.title, str(error), instance, error.extra)
    if isinstance(error, DetectorError | GeneratorError):
        status, title = _DOMAIN.get(error.code, (500, ApiError.title))
        return _problem(status, error.code, title, str(error) or title, instance, _fields_of(error))
    return _problem(ApiError.status, ApiError.code, ApiError.title, ApiError.title, instance, {})


def _fields_of(error: DetectorError | GeneratorError) -> Mapping[str, object]:
    """What an error tells in fields of its own."""
    if isinstance(error, UnsupportedAttribute):
        return {"names": list(error.names)}
    return {"faces": error.faces} if isinstance(error, SeveralFaces) else {}


def _problem(
    status: int, code: str, title: str, detail: str, instance: str | None, extra: Mapping[str, object]
) -> Problem:
    body: dict[str, Any] = {**extra, "type": f"urn:shingan:error:{code}", "title": title, "status": status}
    body |= {"detail": detail, "code": code}
    if instance is not None:
        body["instance"] = instance
    return Problem(status, body)
