"""One sandbox child as its parent sees it: started, asked, and killed when it does not behave."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from io import FileIO
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from detector import sandbox_wire as wire
from detector.errors import DecodeTimeout, DetectorError, MediaTooLarge, UnreadableMedia, UnsupportedMedia
from detector.sandbox_shelf import NONE, Shelf

START_SECONDS = 60.0
"""Patience for the interpreter to start: 0.1 s here, much longer on a machine that swaps."""
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
"""The child inherits no other variable: settings hold passwords, and it reads hostile bytes."""
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
ANSWER_TYPES = ("uint8", "uint16", "float32")
MAX_DIMENSIONS = 4
PIPE_BYTES = 1024 * 1024
"""What Linux lets anybody ask for; its default is a sixteenth of it."""
ERRORS = {kind.code: kind for kind in (DetectorError, MediaTooLarge, UnreadableMedia, UnsupportedMedia)}
"""The failures a child may report; any other code means that it lies."""


class Worker:
    """A child process that performs one task at a time. Not thread-safe; whoever holds it is its only caller."""

    def __init__(self, limits: str, *, max_answer_bytes: int) -> None:
        """Start a child under `limits` (JSON, see `sandbox_child`).

        Raises `DetectorError` if it does not come up.
        """
        self.tasks = 0
        self._max_answer_bytes = max_answer_bytes
        self._shelf = Shelf.make()
        try:
            self._process = _start(limits, self._shelf)
        except BaseException:
            self._close_shelf()
            raise
        self._requests = cast(FileIO, self._process.stdin)
        self._answers = cast(FileIO, self._process.stdout)
        for pipe in (self._requests, self._answers):
            os.set_blocking(pipe.fileno(), False)
            _widen(pipe)
        self._await_ready()

    def call(self, task: str, payload: bytes, *, options: Mapping[str, object], seconds: float) -> object:
        """Result of `task` within `seconds`; see `Sandbox.call` for errors. After any error ask `alive`."""
        self.tasks += 1
        deadline = time.monotonic() + seconds
        try:
            wire.send(self._requests, {"task": task, "options": options}, payload, deadline=deadline)
            head, body = wire.receive(self._answers, max_body=self._max_answer_bytes, deadline=deadline)
        except wire.WireTimeout as error:
            self.kill()
            raise DecodeTimeout(f"Reading the file took longer than {seconds:g} s.") from error
        except wire.WireClosed as error:
            raise self._post_mortem(seconds) from error
        except BaseException as error:  # an interrupted exchange leaves the pipe out of step
            self.kill()
            if isinstance(error, wire.WireBroken):
                raise _damaged() from error
            raise
        return self._decode(head, body)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the child at once; harmless when it has ended."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._answers.close()
        self._close_shelf()

    def _close_shelf(self) -> None:
        if self._shelf is not None:
            self._shelf.close()

    def _shared(self, size: object) -> bytearray:
        if self._shelf is None or type(size) is not int or size > self._max_answer_bytes:
            raise ValueError
        return self._shelf.take(size)

    def _await_ready(self) -> None:
        try:
            wire.receive(self._answers, max_body=0, deadline=time.monotonic() + START_SECONDS)
        except (wire.WireTimeout, wire.WireClosed, wire.WireBroken) as error:
            self.kill()
            raise DetectorError("The sandbox process did not start.") from error

    def _post_mortem(self, seconds: float) -> DetectorError:
        code = self._process.wait(timeout=START_SECONDS)
        self.kill()
        if code == -signal.SIGXCPU:
            return DecodeTimeout(f"Reading the file took longer than {seconds:g} s.")
        return UnreadableMedia("The file crashed its decoder.")

    def _decode(self, head: Mapping[str, Any], body: bytearray) -> object:
        """The value of an answer, or its typed error; an answer that makes no sense costs the child its life."""
        if "value" in head:
            return head["value"]
        try:
            if "error" in head:
                raise ERRORS[head["error"]](str(head["detail"]))
            return _array(head["dtype"], head["shape"], self._shared(head["shared"]) if "shared" in head else body)
        except (KeyError, TypeError, ValueError) as error:
            self.kill()
            raise _damaged() from error


def _start(limits: str, shelf: Shelf | None) -> "subprocess.Popen[bytes]":
    # -P: never import from the current folder, which may be the uploads'; -B: the child may not write files.
    command = [sys.executable, "-P", "-B", "-W", "ignore", "-m", "detector.sandbox_child", limits]
    handed = () if shelf is None else (shelf.descriptor,)
    command.append(str(handed[0] if handed else NONE))
    inherited = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    try:
        return subprocess.Popen(  # noqa: S603 - the command is ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=inherited | ONE_THREAD,
            pass_fds=handed,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
    except OSError as error:
        raise DetectorError("The sandbox process did not start.") from error


def _widen(pipe: FileIO) -> None:
    """A picture then crosses in few turns of the two processes; where the system grants no more, in many."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _array(dtype: str, shape: object, body: bytearray) -> NDArray[Any]:
    if dtype not in ANSWER_TYPES or not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS:
        raise ValueError
    if not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError
    return np.frombuffer(body, dtype=dtype).reshape(shape)


def _damaged() -> UnreadableMedia:
    return UnreadableMedia("The file made its decoder answer nonsense.")
