"""The sandbox, tried with tasks that misbehave: each costs one typed error, and the next task works again."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from detector.errors import DecodeTimeout, DetectorError, MediaTooLarge, UnreadableMedia
from detector.sandbox import TASKS_PER_CHILD, Limits, Sandbox
from detector.sandbox_shelf import BYTES, Shelf

TASKS = Path(__file__).parent.parent / "assets"
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def tried() -> Iterator[Sandbox]:
    """A sandbox with tight limits whose children find the tasks of `hostile_tasks`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TASKS))
        with Sandbox(limits=Limits(max_bytes=MEBIBYTE, seconds=2.0, memory_bytes=512 * MEBIBYTE)) as sandbox:
            yield sandbox


def _child(sandbox: Sandbox) -> object:
    return sandbox.call("hostile_tasks:process_id", b"")


def test_json_answer_and_options(tried: Sandbox) -> None:
    answer = tried.call("hostile_tasks:echo", b"abc", number=1.5, nested={"a": [None, "é"]})
    assert answer == {"length": 3, "options": {"number": 1.5, "nested": {"a": [None, "é"]}}}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_array_answer(tried: Sandbox, dtype: str) -> None:
    expected = np.arange(24).reshape(2, 3, 4).astype(dtype)
    answer = tried.call("hostile_tasks:array", expected.tobytes(), dtype=dtype, shape=[2, 3, 4])
    assert isinstance(answer, np.ndarray)
    assert answer.dtype == expected.dtype
    assert answer.flags.writeable
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("size", [0, 1, BYTES, BYTES + 1], ids=["none", "one", "most", "beyond"])
def test_an_answer_comes_whole_whether_it_is_shared_or_sent(tried: Sandbox, size: int) -> None:
    first = tried.call("hostile_tasks:counted", b"", patience=10.0, size=size)
    assert isinstance(first, np.ndarray)
    tried.call("hostile_tasks:array", b"\xff" * 4, dtype="uint8", shape=[4])  # has no part in what was answered before
    np.testing.assert_array_equal(first, (np.arange(size) % 251).astype(np.uint8))


def test_a_child_cannot_take_away_what_is_shared(tried: Sandbox) -> None:
    shrunk = tried.call("hostile_tasks:shrink_what_is_shared", b"")
    assert isinstance(shrunk, list)
    assert set(shrunk) == {False}  # by each descriptor: a mapping has one of its own
    assert isinstance(tried.call("hostile_tasks:counted", b"", patience=10.0, size=BYTES), np.ndarray)


def test_without_shared_memory_answers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refuse)
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    with Sandbox() as sandbox:
        answer = sandbox.call("hostile_tasks:counted", b"", size=1000)
    np.testing.assert_array_equal(answer, (np.arange(1000) % 251).astype(np.uint8))


def test_a_child_serves_many_tasks(tried: Sandbox) -> None:
    assert _child(tried) == _child(tried)


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        ("sleep", DecodeTimeout, "longer than 2 s"),
        ("spin_in_native_code", DecodeTimeout, "longer than 2 s"),
        ("allocate", MediaTooLarge, "more memory"),
        ("fail", UnreadableMedia, "is damaged"),
        ("recurse", UnreadableMedia, "is damaged"),
        ("write_a_file", UnreadableMedia, "is damaged"),
        ("crash", UnreadableMedia, "crashed its decoder"),
        ("leave", UnreadableMedia, "crashed its decoder"),
        ("answer_the_unspeakable", UnreadableMedia, "crashed its decoder"),
        ("answer_an_unknown_array", UnreadableMedia, "nonsense"),
        ("forge_an_error", UnreadableMedia, "nonsense"),
        ("forge_a_shape", UnreadableMedia, "nonsense"),
        ("forge_a_shared_size", UnreadableMedia, "nonsense"),
        ("forge_a_negative_shared_size", UnreadableMedia, "nonsense"),
        ("forge_a_shape_of_what_is_shared", UnreadableMedia, "nonsense"),
        ("forge_a_huge_head", UnreadableMedia, "nonsense"),
        ("forge_a_huge_body", UnreadableMedia, "nonsense"),
        ("forge_deep_json", UnreadableMedia, "nonsense"),
        ("missing", DetectorError, "no task"),
    ],
)
def test_misbehaviour_is_one_typed_error(tried: Sandbox, task: str, error: type[DetectorError], words: str) -> None:
    start = time.monotonic()
    with pytest.raises(DetectorError) as caught:
        tried.call(f"hostile_tasks:{task}", b"payload")
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert time.monotonic() - start < 10
    assert tried.call("hostile_tasks:echo", b"") == {"length": 0, "options": {}}


def test_errors_of_the_task_come_through(tried: Sandbox) -> None:
    with pytest.raises(MediaTooLarge, match="just so"):
        tried.call("hostile_tasks:refuse", b"")


def test_chatter_on_standard_output_does_no_harm(tried: Sandbox) -> None:
    assert tried.call("hostile_tasks:chatter", b"") == "fine"


def test_payload_beyond_the_limit(tried: Sandbox) -> None:
    with pytest.raises(MediaTooLarge):
        tried.call("hostile_tasks:echo", bytes(MEBIBYTE + 1))


def test_child_killed_between_tasks_is_replaced(tried: Sandbox) -> None:
    child = _child(tried)
    assert isinstance(child, int)
    os.kill(child, signal.SIGKILL)
    try:
        replaced = _child(tried)
    except UnreadableMedia:  # it died only after it had been asked
        replaced = _child(tried)
    assert replaced != child


def test_child_retires(tried: Sandbox) -> None:
    children = {_child(tried) for _ in range(TASKS_PER_CHILD + 1)}
    assert len(children) == 2


def test_child_knows_no_secrets_and_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHINGAN_DATABASE_URL", "postgresql://user:password@host/db")
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    with Sandbox() as sandbox:
        state = sandbox.call("hostile_tasks:surroundings", b"")
    assert isinstance(state, dict)
    assert not [name for name in state["environment"] if name.startswith("SHINGAN")]
    assert state["threads"] == "1"
    assert not state["torch"]


def test_threads_share_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    answers: list[object] = []

    def ask(number: int) -> None:
        answers.append(sandbox.call("hostile_tasks:echo", bytes(number), number=number))

    with Sandbox(workers=2) as sandbox:
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = [{"length": number, "options": {"number": number}} for number in range(16)]
    assert sorted(answers, key=str) == sorted(expected, key=str)


def test_closed_sandbox_ends_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    sandbox = Sandbox()
    child = _child(sandbox)
    assert isinstance(child, int)
    sandbox.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    with pytest.raises(DetectorError, match="closed"):
        _child(sandbox)


def test_without_shared_memory_the_pipe_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TASKS))
    monkeypatch.setattr(Shelf, "make", lambda: None)
    with Sandbox() as own:
        answer = own.call("hostile_tasks:array", bytes(range(6)), dtype="uint8", shape=[2, 3])
    assert isinstance(answer, np.ndarray)
    np.testing.assert_array_equal(answer, np.arange(6).reshape(2, 3))
