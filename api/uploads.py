"""Reads uploaded files: after the caller is known, and no further than the body limit lets them."""

import json
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
MAX_ADDRESS = 2048
MAX_PRIORITY = 8
_ADDRESS: Mapping[str, Any] = {"url": {"type": "string", "format": "uri", "maxLength": MAX_ADDRESS}}
_TERMS: Mapping[str, Any] = {
    "purpose": {"type": "string", "maxLength": MAX_PURPOSE},
    "priority": {"type": "string", "enum": ["high", "normal", "low"], "default": "normal"},
}


def source_body() -> dict[str, Any]:
    """In OpenAPI: a form with a `file` or a `url`, or JSON with a `url`."""
    form = {"type": "object", "properties": {**_FILE, **_ADDRESS, **_TERMS}}
    named = {"type": "object", "required": ["url"], "properties": {**_ADDRESS, **_TERMS}}
    content = {"multipart/form-data": {"schema": form}, "application/json": {"schema": named}}
    return {"requestBody": {"required": True, "content": content}}


def batch_body() -> dict[str, Any]:
    """In OpenAPI: a form with several fields `file` and `url`, or JSON with `urls`."""
    several = {"file": {"type": "array", "items": _FILE["file"]}, "url": {"type": "array", "items": _ADDRESS["url"]}}
    form = {"type": "object", "properties": {**several, **_TERMS}}
    urls = {"type": "array", "minItems": 1, "items": _ADDRESS["url"]}
    named = {"type": "object", "required": ["urls"], "properties": {"urls": urls, **_TERMS}}
    content = {"multipart/form-data": {"schema": form}, "application/json": {"schema": named}}
    return {"requestBody": {"required": True, "content": content}}


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it came, or the `url` where it lies; one of the two."""

    name: str
    data: bytes
    url: str
    purpose: str
    priority: str


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


async def read_source(request: Request) -> Source:
    """The form's `file` or `url`, or the JSON's `url`, with `purpose` and `priority`. Raises `InvalidRequest`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await _json(request)
        texts = {name: str(body.get(name, "")) for name in ("url", "purpose", "priority")}
        return _source("", b"", texts)
    if kind != "multipart/form-data":
        raise InvalidRequest("Send the field `file` or `url` in a multipart/form-data body, or `url` in JSON.")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        file = form.get("file")
        texts = {name: _text(form, name, MAX_ADDRESS + 1) for name in ("url", "purpose", "priority")}
        if isinstance(file, UploadFile) and not texts["url"]:
            return _source(_name(file), await file.read(), texts)
        if isinstance(file, UploadFile) or not texts["url"]:
            raise InvalidRequest("The form has either a file in the field `file` or an address in `url`.")
        return _source("", b"", texts)


async def read_sources(request: Request, *, most: int) -> tuple[list[Source], dict[str, str]]:
    """The files of a batch, in their order: a form with several `file` and `url` fields, or JSON with `urls`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await _json(request)
        terms = {name: str(body.get(name, "")) for name in ("purpose", "priority")}
        urls = body.get("urls")
        if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
            raise InvalidRequest("`urls` is a list of addresses.")
        sources = [_source("", b"", {**terms, "url": url}) for url in urls]
    elif kind == "multipart/form-data":
        async with request.form(max_files=most + 1, max_fields=MAX_FIELDS + most) as form:
            terms = {name: _text(form, name, MAX_PURPOSE) for name in ("purpose", "priority")}
            sources = []
            for name, value in form.multi_items():
                if name == "file" and isinstance(value, UploadFile):
                    sources.append(_source(_name(value), await value.read(), {**terms, "url": ""}))
                elif name == "url" and isinstance(value, str):
                    sources.append(_source("", b"", {**terms, "url": value}))
    else:
        raise InvalidRequest("Send several fields `file` in a multipart/form-data body, or `urls` in JSON.")
    if not 0 < len(sources) <= most:
        raise InvalidRequest(f"A batch has 1 to {most} files.")
    return sources, terms


async def _json(request: Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no letter of any text
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("The body is no JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The body is no JSON object.")
    return body


def _source(name: str, data: bytes, texts: Mapping[str, str]) -> Source:
    if len(texts["url"]) > MAX_ADDRESS:
        raise InvalidRequest(f"An address has at most {MAX_ADDRESS} characters.")
    if not data and not name and not texts["url"]:
        raise InvalidRequest("There is neither a file nor an address.")
    return Source(name, data, texts["url"], texts["purpose"][:MAX_PURPOSE], texts["priority"])


def _name(file: UploadFile) -> str:
    last = (file.filename or "upload").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME] or "upload"


def _text(form: FormData, name: str, longest: int) -> str:
    value = form.get(name, "")
    return value[:longest] if isinstance(value, str) else ""


Uploaded = Annotated[Upload, Depends(read_upload)]
Sourced = Annotated[Source, Depends(read_source)]
