"""What the OpenAPI says of answers: the contract's schemas, and one problem for whatever is no success.

Only the description is made of these: no answer is held against a schema while somebody waits for it. That they hold
is for the tests, which do so with every answer that they get.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI

from api.contract import schema
from api.errors import PROBLEM_JSON

SERVED: Final = ("scan", "verify", "generate", "idol", "mark", "portrait", "job", "service")
"""Contracts whose objects the service answers with, or which these refer to."""
JSON: Final = "application/json"
FILE: Final = "*/*"
"""A released file: a picture, a clip or a model."""
TEXT: Final = "text/plain"
EVENTS: Final = "text/event-stream"
ANSWERS: Final[Mapping[str, Mapping[int, str]]] = {
    "POST /v1/inspections": {201: "scan", 202: "job"},
    "GET /v1/inspections": {200: "inspections"},
    "GET /v1/inspections/{inspection_id}": {200: "scan job", 202: "job"},
    "GET /v1/inspections/{inspection_id}/events": {200: EVENTS},
    "GET /v1/inspections/{inspection_id}/report.json": {200: "kept_scan"},
    "GET /v1/inspections/{inspection_id}/report.html": {200: "text/html"},
    "POST /v1/jobs": {202: "job"},
    "GET /v1/jobs": {200: "jobs"},
    "GET /v1/jobs/{job_id}": {200: "job"},
    "GET /v1/jobs/{job_id}/events": {200: EVENTS},
    "DELETE /v1/jobs/{job_id}": {200: "job"},
    "POST /v1/webhooks": {201: "new_webhook"},
    "GET /v1/webhooks": {200: "webhooks"},
    "DELETE /v1/webhooks/{webhook_id}": {204: ""},
    "GET /v1/webhooks/deliveries": {200: "deliveries"},
    "POST /v1/webhooks/deliveries/{delivery_id}/redeliver": {202: "delivery"},
    "POST /v1/verifications": {201: "verify"},
    "GET /v1/verifications/{verification_id}": {200: "verify"},
    "POST /v1/generations": {201: "generate"},
    "GET /v1/generations/{generation_id}": {200: "kept_generate"},
    "GET /v1/generations/{generation_id}/image": {200: FILE},
    "POST /v1/marks": {201: "mark"},
    "GET /v1/marks/{mark_id}": {200: "kept_mark"},
    "GET /v1/marks/{mark_id}/file": {200: FILE},
    "POST /v1/portraits/{tool}": {201: "portrait"},
    "GET /v1/portraits/{portrait_id}": {200: "kept_portrait"},
    "GET /v1/portraits/{portrait_id}/file": {200: FILE},
    "POST /v1/idols": {201: "idol"},
    "GET /v1/idols/{idol_id}": {200: "kept_idol"},
    "GET /v1/idols/{idol_id}/file": {200: FILE},
    "GET /v1/soft-bindings/services/supportedAlgorithms": {200: "algorithms"},
    "GET /v1/soft-bindings/matches/byBinding": {200: "matches"},
    "POST /v1/soft-bindings/matches/byBinding": {200: "matches"},
    "POST /v1/soft-bindings/matches/byContent": {200: "matches"},
    "POST /v1/soft-bindings/matches/byReference": {},
    "GET /v1/soft-bindings/manifests/{manifest_id}": {200: "application/c2pa"},
    "GET /v1/known-media": {200: "known_lists"},
    "POST /v1/known-media": {201: "changed_list"},
    "GET /v1/known-media/{name}": {200: "text/csv"},
    "DELETE /v1/known-media/{name}": {200: "changed_list"},
    "GET /v1/retention": {200: "retention"},
    "PUT /v1/retention": {200: "new_retention"},
    "POST /v1/erasures": {201: "erasure"},
    "GET /v1/compliance": {200: "compliance"},
    "GET /v1/audit/entries": {200: "entries"},
    "GET /v1/audit/entries/{index}": {200: "entry"},
    "GET /v1/audit/checkpoint": {200: TEXT},
    "POST /v1/audit/cosignatures": {201: "cosigned"},
    "GET /v1/audit/tile/{path}": {200: "application/octet-stream"},
    "GET /v1/audit/key": {200: TEXT},
    "GET /v1/audit/proof/{index}": {200: "receipt"},
    "GET /v1/audit/consistency": {200: "consistency"},
    "POST /v1/policies/decide": {200: "decision"},
    "GET /v1/policies": {200: "bundles"},
    "POST /v1/policies": {201: "bundle"},
    "POST /v1/policies/rollback": {200: "activation"},
    "GET /v1/policies/{version}": {200: "whole_bundle"},
    "POST /v1/policies/{version}/activate": {200: "activation"},
    "GET /v1/tenants": {200: "tenants"},
    "POST /v1/tenants": {201: "tenant"},
    "PATCH /v1/tenants/{tenant}": {200: "tenant"},
    "POST /v1/tenants/{tenant}/suspend": {200: "tenant"},
    "POST /v1/tenants/{tenant}/resume": {200: "tenant"},
    "GET /v1/keys": {200: "keys"},
    "POST /v1/keys": {201: "new_key"},
    "POST /v1/keys/{key_id}/rotate": {201: "new_key"},
    "DELETE /v1/keys/{key_id}": {204: ""},
    "GET /v1/consents": {200: "consents"},
    "POST /v1/consents": {201: "consent"},
    "GET /v1/consents/{consent_id}": {200: "consent"},
    "POST /v1/consents/{consent_id}/revoke": {200: "consent"},
    "GET /healthz": {200: "alive"},
    "GET /readyz": {200: "ready"},
    "GET /metrics": {200: TEXT},
}
"""Each operation's successes by status: names of the contract, or a media type; nothing for an empty body."""
PROBLEMS: Final[Mapping[str, str]] = {"422": "The request is malformed", "default": "Refused, or failed"}
_REFERENCE: Final = re.compile(r"(?:urn:shingan:contract:(?P<contract>\w+):1)?(?:#/\$defs/(?P<name>\w+))?")
_OWN: Final = frozenset({"$schema", "$id", "$defs"})


class Service(FastAPI):
    """An application whose OpenAPI tells what it answers."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = super().openapi()
            for operation, answers in _operations(described):
                operation["responses"] = _responses(answers)
            components = described["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                components.pop(unused, None)
            components |= schemas()
        return super().openapi()


def schemas() -> dict[str, Any]:
    """The contract's schemas as components of an OpenAPI, by name."""
    found: dict[str, Any] = {}
    for contract in SERVED:
        whole = schema(contract)
        parts = dict(whole["$defs"])
        if "type" in whole:
            parts[contract] = {name: value for name, value in whole.items() if name not in _OWN}
        found |= {_component(name): _rewritten(part) for name, part in parts.items()}
    return found


def _operations(described: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Mapping[int, str]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield operation, ANSWERS[f"{method.upper()} {path}"]


def _responses(answers: Mapping[int, str]) -> dict[str, Any]:
    good = {str(status): _answer(status, told) for status, told in answers.items()}
    problem = {PROBLEM_JSON: {"schema": _pointer("problem")}}
    return good | {status: {"description": words, "content": problem} for status, words in PROBLEMS.items()}


def _answer(status: int, told: str) -> dict[str, Any]:
    words = "Accepted" if status == 202 else "Done"
    if not told:
        return {"description": words}
    if "/" in told:
        return {"description": words, "content": {told: {}}}
    choices = [_pointer(name) for name in told.split()]
    return {
        "description": words,
        "content": {JSON: {"schema": choices[0] if len(choices) == 1 else {"anyOf": choices}}},
    }


def _rewritten(part: Any) -> Any:  # noqa: ANN401 - any JSON
    """`part` with references as an OpenAPI has them."""
    if isinstance(part, list):
        return [_rewritten(item) for item in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str) and (named := _REFERENCE.fullmatch(part["$ref"])):
        return _pointer(named["name"] or named["contract"])
    return {name: _rewritten(value) for name, value in part.items()}


def _pointer(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{_component(name)}"}


def _component(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
