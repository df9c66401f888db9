"""The generator's one error tree; each class carries the stable code that users and pipelines see."""

from collections.abc import Sequence
from typing import ClassVar


class GeneratorError(Exception):
    """Root of every failure that this package lets out; `str()` is a sentence fit for a user."""

    code: ClassVar[str] = "generator_error"


class UnsupportedAttribute(GeneratorError):
    """The prompt asks for something that the backend cannot draw; `names` says what."""

    code = "unsupported_attribute"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(f"cannot draw: {', '.join(self.names)}")


class SelfCheckFailed(GeneratorError):
    """The marked file did not read back as marked, so it was not released."""

    code = "self_check_failed"


class BackendUnavailable(GeneratorError):
    """A weight file is missing, or its bytes are not those that its card names."""

    code = "backend_unavailable"


class SigningFailed(GeneratorError):
    """The signature could not be made: key, certificate or library refused."""

    code = "signing_failed"


class AlreadyMarked(GeneratorError):
    """The picture bears a mark of ours: a second one would make two records of it."""

    code = "already_marked"


class CredentialsUnreadable(GeneratorError):
    """The picture has credentials that could not be kept as its history, so it is not marked."""

    code = "credentials_unreadable"


class MediaTooSmall(GeneratorError):
    """The picture is too small to bear a watermark."""

    code = "media_too_small"


class PortraitUnusable(GeneratorError):
    """The picture holds no face that a portrait tool could work on."""

    code = "portrait_unusable"


class SeveralFaces(GeneratorError):
    """The picture holds `faces` faces that a portrait tool could work on, and which of them is meant was not said."""

    code = "several_faces"

    def __init__(self, faces: int) -> None:
        self.faces = faces
        super().__init__(
            f"There are {faces} faces in the picture; say which is meant by its number, from left to right, or crop it."
        )


class InvalidSettings(GeneratorError):
    """A portrait tool was asked for something that it does not know, or for more than it may do."""

    code = "invalid_settings"


class SpeechUnusable(GeneratorError):
    """What an idol is to say has letters that this version cannot read aloud, or is too long."""

    code = "speech_unusable"
