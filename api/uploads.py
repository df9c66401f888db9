"""Reads one uploaded file: after the caller is known, and no further than the body limit lets it."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from api.errors import InvalidRequest

MAX_FIELDS = 8
MAX_NAME = 255
UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                        "purpose": {"type": "string", "maxLength": 64},
                    },
                }
            }
        },
    }
}
"""The form in OpenAPI; the framework's own file parameter would read the body before it knew who was calling."""


@dataclass(frozen=True, slots=True)
class Upload:
    """`name` is what the sender called the file: shown back, never believed."""

    name: str
    data: bytes
    purpose: str


async def read_upload(request: Request) -> Upload:
    """The form's `file` and `purpose`; raises `InvalidRequest` if there is no file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequest("Send the picture as the field `file` of a multipart/form-data body.")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("The form has no file in the field `file`.")
        return Upload(_name(file), await file.read(), _text(form, "purpose"))


def _name(file: UploadFile) -> str:
    last = (file.filename or "upload").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME] or "upload"


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value[:64] if isinstance(value, str) else ""


Uploaded = Annotated[Upload, Depends(read_upload)]
