"""An object of a bucket as a file, for libraries that read and seek."""

import io
from typing import Any
from urllib.parse import urlsplit


def split_remote(uri: str) -> tuple[str, str]:
    """The URL of the bucket and the key in it."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


class RemoteFile(io.RawIOBase):
    """Reads through obstore's buffered reader; errors of the store are `OSError`."""

    def __init__(self, uri: str) -> None:
        import obstore
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        bucket, key = split_remote(uri)
        self._errors = BaseError
        try:
            self._reader = obstore.open_reader(from_url(bucket), key)
        except BaseError as error:
            raise OSError("The object cannot be opened.") from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  (any writable buffer)
        try:
            data = bytes(self._reader.read(len(buffer)))
        except self._errors as error:
            raise OSError("The object cannot be read.") from error
        buffer[: len(data)] = data
        return len(data)
