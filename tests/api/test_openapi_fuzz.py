"""Random requests to every operation of the OpenAPI description, as it asks for them and as it does not: no failure of
the service, every refusal a problem, and every answer as it is described. `make fuzz` runs it with more of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import response_schema_conformance
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from api.auth import Scope
from api.errors import PROBLEM_JSON, NotOffered

EXAMPLES: Final = int(os.environ.get("SHINGAN_FUZZ_EXAMPLES", "5"))
"""Requests of either mode to each operation."""
NULL: Final = "a%00b"
DESCRIBED: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
FIELDS: Final = {"type", "title", "status", "detail", "code"}

bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def service(request: pytest.FixtureRequest, serve: Callable[..., Any], home: Path) -> tuple[str, dict[str, str]]:
    """The address of a service that releases nothing, since that takes seconds, and a key that may do everything."""
    environment = {"SHINGAN_DAILY_GENERATIONS": "0"}
    if request.param == "postgresql":
        environment["SHINGAN_DATABASE_URL"] = request.getfixturevalue("postgres").empty()
    served = serve(home, **environment)
    command = [str(Path(sys.executable).parent / "shingan"), "keys", "create", "fuzz"]
    command += [argument for scope in Scope for argument in ("--scope", scope.value)]
    made = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return served.address, {"authorization": f"Bearer {made.stdout.strip()}"}


def _problem(status: int, kind: str, body: bytes, request: str) -> None:
    """Whatever is no success is a problem, and none is the service's own failure."""
    if status < 400:
        return
    assert kind == PROBLEM_JSON, request
    document = json.loads(body)
    assert document.keys() >= FIELDS, request
    assert status < 500 or document["code"] == NotOffered.code, (document, request)


def _may_be_wrong(operation: Any) -> bool:  # noqa: ANN401
    """Whether there is a way to ask it wrongly: one that takes nothing, or any text in its path, cannot be."""
    in_path = [item.definition["schema"].get("type") for item in operation.path_parameters]
    return bool(operation.body or operation.query or set(in_path) - {"string"})


def test_every_operation_takes_anything(service: tuple[str, dict[str, str]]) -> None:
    address, headers = service
    asked: set[str] = set()
    for found in schemathesis.openapi.from_url(f"{address}/v1/openapi.json").get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if _may_be_wrong(operation) else [])):

            @bounded
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:  # noqa: ANN401
                answer = case.call(headers=headers)
                (kind,) = answer.headers.get("content-type", [""])
                _problem(answer.status_code, kind, answer.content, case.as_curl_command())
                case.validate_response(answer, checks=DESCRIBED)
                asked.add(operation.label)  # noqa: B023 - called at once

            ask()
    described = httpx.get(f"{address}/v1/openapi.json", trust_env=False).json()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    assert asked == operations
    for name in sorted(operations):
        method, _, path = name.partition(" ")
        url = address + "/".join(NULL if part.startswith("{") else part for part in path.split("/"))
        answer = httpx.request(method, url, headers=headers, params={"before": "\0"}, trust_env=False, timeout=60)
        _problem(answer.status_code, answer.headers.get("content-type", ""), answer.content, name)
