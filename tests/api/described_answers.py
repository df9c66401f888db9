"""Every answer that a test's client gets is held against what the OpenAPI says of it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx
import jsonschema
from fastapi.routing import APIRoute
from jsonschema.exceptions import best_match

from api.app import ROUTERS
from api.described import JSON, Service
from api.errors import PROBLEM_JSON


async def as_described(answer: httpx.Response) -> None:
    """Fails unless status, media type and body are as described; whatever is not in the description is left alone."""
    answers = _answers(answer.request.method, answer.request.url.path)
    if answers is None:
        return
    told = answers.get(str(answer.status_code)) or answers["default"]
    await answer.aread()
    kind = answer.headers.get("content-type", "").partition(";")[0]
    content = told.get("content")
    if content is None:
        assert answer.content == b"", answer.request.url
        return
    assert kind in content or "*/*" in content, (answer.request.method, answer.request.url, answer.status_code, kind)
    if kind in (JSON, PROBLEM_JSON):
        wrong = best_match(_validator(content[kind]["schema"]).iter_errors(answer.json()))
        assert wrong is None, (answer.request.method, answer.request.url, wrong.json_path, wrong.message)


@cache
def description() -> Mapping[str, Any]:
    """The OpenAPI of the service."""
    service = Service()
    for router in ROUTERS:
        service.include_router(router)
    return service.openapi()


def _answers(method: str, path: str) -> Mapping[str, Any] | None:
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and method in (route.methods or ()) and route.path_regex.match(path):
                operation = description()["paths"].get(route.path_format, {}).get(method.lower())
                return None if operation is None else operation["responses"]
    return None


def _validator(schema: Mapping[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": description()["components"]})
