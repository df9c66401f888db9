"""Reads one uploaded file: after the caller is known, and no further than the body limit lets it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser

from api.errors import InvalidRequest

# Uploads stay in memory, which the body limit bounds: the library would put larger ones into a temporary file.
MultiPartParser.spool_max_size = sys.maxsize

MAX_FIELDS = 8
MAX_NAME = 255
MAX_PURPOSE = 64
_FILE: Mapping[str, Any] = {
    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    "purpose": {"type": "string", "maxLength": MAX_PURPOSE},
}


def upload_form(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The form in OpenAPI, with `fields` of its own: the framework's own file parameter would read the body before it
    knew who was calling."""
    shape = {"type": "object", "required": ["file"], "properties": {**_FILE, **fields}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": shape}}}}


UPLOAD_BODY = upload_form({})


@dataclass(frozen=True, slots=True)
class Upload:
    """`name` is what the sender called the file: shown back, never believed. `beside` is a second file, if any."""

    name: str
    data: bytes
    purpose: str
    beside: bytes = b""


async def read_upload(request: Request) -> Upload:
    """The form's `file` and `purpose`; raises `InvalidRequest` if there is no file."""
    return (await read_form(request, {}))[0]


async def read_form(
    request: Request, fields: Mapping[str, int], *, beside: str | None = None
) -> tuple[Upload, dict[str, str]]:
    """The upload, and the texts in `fields` (longest length by name; empty if missing).

    `beside` names the field of a second file, which may be missing. Raises `InvalidRequest`.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequest("Send the picture as the field `file` of a multipart/form-data body.")
    async with request.form(max_files=1 if beside is None else 2, max_fields=MAX_FIELDS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("The form has no file in the field `file`.")
        second = form.get(beside) if beside else None
        other = await second.read() if isinstance(second, UploadFile) else b""
        upload = Upload(_name(file), await file.read(), _text(form, "purpose", MAX_PURPOSE), other)
        return upload, {name: _text(form, name, longest) for name, longest in fields.items()}


def _name(file: UploadFile) -> str:
    last = (file.filename or "upload").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME] or "upload"


def _text(form: FormData, name: str, longest: int) -> str:
    value = form.get(name, "")
    return value[:longest] if isinstance(value, str) else ""


Uploaded = Annotated[Upload, Depends(read_upload)]
