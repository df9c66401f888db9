"""Log lines are JSON with known fields, and hold no name, no path, no key and no message of an exception."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.logs import JsonLines, request_id


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Every line that was logged since."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def test_known_fields_alone_are_written(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("shingan.http").info("request", extra={"status": 200, "path": "/Jane Doe", "name_": "Jane"})
    (line,) = lines()
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 200)
    assert "Jane" not in json.dumps(line)


def test_a_librarys_values_stay_out(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("library").warning("cannot open %s\nat all", "/home/jane/passport.png", extra={"status": "Jane"})
    (line,) = lines()
    assert line["event"] == "cannot open %s\nat all"
    assert "status" not in line


def test_an_exception_is_its_kind_and_its_places(lines: Callable[[], list[dict[str, Any]]]) -> None:
    try:
        try:
            open("/nowhere/jane.png")  # noqa: SIM115
        except OSError as error:
            raise ValueError("sgn_secretkey of Jane") from error
    except ValueError:
        logging.getLogger("shingan.http").exception("unforeseen")
    (line,) = lines()
    assert [each["type"] for each in line["error"]] == ["ValueError", "FileNotFoundError"]
    assert line["error"][0]["at"][0].startswith("test_logs.py:")
    assert not {"jane", "Jane", "sgn_"} & set(json.dumps(line).replace("/", " ").split())
    assert "secretkey" not in json.dumps(line)


def test_the_request_is_named(lines: Callable[[], list[dict[str, Any]]]) -> None:
    token = request_id.set("0123abcd")
    logging.getLogger("shingan").info("event")
    request_id.reset(token)
    logging.getLogger("shingan").info("event")
    first, second = lines()
    assert first["request_id"] == "0123abcd"
    assert "request_id" not in second
