"""Has pictures marked by a running instance: posts a file to `/v1/marks` and fetches the marked one.

For whatever generates pictures in Python; `diffusers_marking` and `comfyui_node` are made of it. A picture either
comes back with every mark or a `MarkingError` is raised, so nothing unmarked leaves by accident. The errors are a tree
of their own, for they are raised in the caller's process and carry what the service answered.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx
from PIL import Image

URL_VARIABLE: Final = "SHINGAN_URL"
KEY_VARIABLE: Final = "SHINGAN_API_KEY"
LOCAL_URL: Final = "http://127.0.0.1:8080"
TIMEOUT_S: Final = 120.0
"""Longest silence of the service; marking a picture takes a second, a clip of two minutes about as long."""
SUFFIXES: Final[Mapping[str, str]] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "image/avif": ".avif",
    "image/tiff": ".tiff",
    "video/mp4": ".mp4",
}


class MarkingError(Exception):
    """Root of what this module raises; `str()` is a sentence fit for a user."""


class ServiceUnreachable(MarkingError):
    """Nobody answered in time at the address."""


class MarkRefused(MarkingError):
    """The service declined: `status` of HTTP, and `code` as the README lists them (`policy_denied`, `already_marked`…).

    `code` is empty where something else than the service answered, such as a proxy.
    """

    def __init__(self, detail: str, *, status: int, code: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class AnswerMalformed(MarkingError):
    """What came back is not a marked file of this service, or not the one that it registered."""


class NotMarkable(MarkingError):
    """What was to be marked is no picture that this module can send."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the instance listens, and an API key with the scope `mark` (`shingan keys create`)."""

    url: str
    api_key: str = field(repr=False)

    @classmethod
    def from_environment(cls) -> Self:
        """`SHINGAN_URL` (this machine if unset) and `SHINGAN_API_KEY`. Raises `MarkingError` without a key."""
        key = os.environ.get(KEY_VARIABLE, "")
        if not key:
            raise MarkingError(f"Set {KEY_VARIABLE} to an API key with the scope `mark`.")
        return cls(os.environ.get(URL_VARIABLE) or LOCAL_URL, key)


@dataclass(frozen=True, slots=True)
class MarkedFile:
    """`data` is the file byte for byte: encoding it anew keeps the watermark and loses the signed credentials.

    `answer` is the service's whole answer, its receipt included.
    """

    record_id: str
    data: bytes = field(repr=False)
    mime: str
    answer: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return f"shingan-{self.record_id}{SUFFIXES.get(self.mime, '')}"

    def picture(self) -> Image.Image:
        """The marked pixels."""
        return Image.open(io.BytesIO(self.data)).convert("RGB")

    def save(self, folder: Path) -> Path:
        """Writes the file into `folder`, which is made if need be, and returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.name
        path.write_bytes(self.data)
        return path


class MarkingClient:
    """A connection to one instance, to be closed, or used by `with`; `purpose` is what the policy decides about."""

    def __init__(
        self,
        service: Service,
        *,
        purpose: str,
        software: str,
        made: Literal["generated", "edited"] = "generated",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._form = {"purpose": purpose, "software": software, "made": made}
        headers = {"authorization": f"Bearer {service.api_key}"}
        self._http = httpx.Client(base_url=service.url, headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def mark(self, data: bytes, *, name: str = "picture.png") -> MarkedFile:
        """The picture or clip in `data`, marked, signed and registered; `name` is what the audit log calls it.

        Raises `ServiceUnreachable`, `MarkRefused` or `AnswerMalformed`.
        """
        answer = _document(self._send("POST", "/v1/marks", data=self._form, files={"file": (name, data)}))
        file = self._send("GET", f"/v1/marks/{answer['id']}/file")
        if hashlib.sha256(file.content).hexdigest() != answer["sha256"]:
            raise AnswerMalformed("The file that came back is not the one that was registered.")
        return MarkedFile(answer["record_id"], file.content, answer["mime"], answer)

    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:  # noqa: ANN401
        try:
            answer = self._http.request(method, path, **body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceUnreachable(f"The service at {self._http.base_url} does not answer: {error}.") from error
        if not answer.is_success:
            raise _refusal(answer)
        return answer


def mark_images(images: Iterable[Image.Image], client: MarkingClient) -> list[MarkedFile]:
    """Each of `images` as a marked PNG. Raises `NotMarkable` before anything is sent, or what `mark` raises."""
    files = [_png(image) for image in images]
    return [client.mark(data, name=f"picture-{number}.png") for number, data in enumerate(files)]


def _png(image: Image.Image) -> bytes:
    if not isinstance(image, Image.Image):
        raise NotMarkable(f"Only pictures of Pillow are marked, not {type(image).__name__}; ask for output_type='pil'.")
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    """The answer's JSON object; raises `AnswerMalformed` unless it says which file was released."""
    try:
        document = answer.json()
        known = all(isinstance(document[name], str) for name in ("id", "record_id", "sha256", "mime"))
    except (ValueError, KeyError, TypeError):
        known = False
    if not known or not (document["id"] + document["record_id"]).replace("_", "").isalnum():
        raise AnswerMalformed("What answered is not the marking service.")
    result: Mapping[str, Any] = document
    return result


def _refusal(answer: httpx.Response) -> MarkRefused:
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = "", f"The service answered with status {answer.status_code}."
    return MarkRefused(detail, status=answer.status_code, code=code)
