"""Fetches a file from an address: bounded in size, time and redirects, each of which is checked like the first."""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from api.errors import ApiError, PayloadTooLarge
from api.ingest.network import checked, connections
from api.settings import Settings

REDIRECTS: Final = 3
MOVED: Final = (301, 302, 303, 307, 308)
HEADERS: Final = {"user-agent": "shingan", "accept": "image/*, video/*, */*;q=.1", "accept-encoding": "identity"}
"""Compression would hide how much comes."""
MAX_NAME: Final = 255


class FetchFailed(ApiError):
    """What lies at an address could not be had."""

    status, code, title = 422, "fetch_failed", "The address did not give a file"


@dataclass(frozen=True, slots=True)
class Fetched:
    """`name` is the last part of the address's path: shown back, never believed."""

    name: str
    data: bytes


async def fetch(url: str, settings: Settings) -> Fetched:
    """What lies at `url`. Raises `AddressRefused`, `FetchFailed` or `PayloadTooLarge`."""
    try:
        async with asyncio.timeout(settings.fetch_seconds), connections(settings) as pool:
            for _ in range(REDIRECTS + 1):
                answer = await _ask(pool, url, settings)
                if isinstance(answer, bytes):
                    return Fetched(name_of(url), answer)
                if urlsplit(url).scheme == "https" and urlsplit(answer).scheme == "http":
                    raise FetchFailed("The address leads from https to http.")
                url = answer
    except TimeoutError as error:
        raise FetchFailed(f"The address took longer than {settings.fetch_seconds:g} s.") from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        raise FetchFailed("The address did not answer.") from error
    raise FetchFailed(f"The address leads on more than {REDIRECTS} times.")


def name_of(url: str) -> str:
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    return "".join(letter for letter in last if letter.isprintable())[:MAX_NAME] or "download"


async def _ask(pool: httpcore.AsyncConnectionPool, url: str, settings: Settings) -> bytes | str:
    """The file, or the address to which it has moved."""
    checked(url, settings)
    async with pool.stream("GET", url, headers=list(HEADERS.items())) as answer:
        headers = {name.lower(): value for name, value in answer.headers}
        if answer.status in MOVED:
            return urljoin(url, headers.get(b"location", b"").decode("latin-1"))
        if answer.status != 200:
            raise FetchFailed(f"The address answered with status {answer.status}.")
        if headers.get(b"content-encoding", b"identity") != b"identity":
            raise FetchFailed("The address sent the file compressed, unasked.")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > settings.max_bytes:
            raise PayloadTooLarge("The file at the address is larger than this instance accepts.")
        return await _collected(answer.aiter_stream(), settings.max_bytes)


async def _collected(chunks: AsyncIterable[bytes], most: int) -> bytes:
    collected = bytearray()
    async for chunk in chunks:
        collected += chunk
        if len(collected) > most:
            raise PayloadTooLarge("The file at the address is larger than this instance accepts.")
    return bytes(collected)
