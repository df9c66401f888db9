"""The OpenAPI tells of every answer: each operation has its line, every schema is one, and none is held in stock."""

import json
import re

import jsonschema
import pytest

from api.described import ANSWERS, PROBLEMS, schemas
from api.errors import PROBLEM_JSON
from tests.api.described_answers import description

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in description()["paths"].items()
    for method, operation in methods.items()
}


def test_every_operation_is_described_and_nothing_else() -> None:
    assert OPERATIONS.keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_operation_tells_its_answers_and_that_all_else_is_a_problem(name: str) -> None:
    responses = OPERATIONS[name]["responses"]
    assert responses.keys() == {str(status) for status in ANSWERS[name]} | PROBLEMS.keys()
    for status in PROBLEMS:
        assert list(responses[status]["content"]) == [PROBLEM_JSON]


def test_every_reference_leads_to_a_schema_and_every_schema_is_used() -> None:
    text = json.dumps(description())
    components = description()["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) == components.keys()
    assert "$defs" not in text
    assert "urn:shingan:contract" not in text


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_schema_is_sound(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schemas()[name])
