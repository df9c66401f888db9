"""What a signed manifest says: C2PA claim version 2, every assertion vouched for by the signer (`created`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from detector.provenance.credentials import PARENT, SOFT_BINDING_ALGORITHM, SOURCE_TYPES, soft_binding_value

PRODUCT: Final = "Shingan"
SPEC_VERSION: Final = "2.4"
GENERATED: Final = "trainedAlgorithmicMedia"
EDITED: Final = "compositeWithTrainedAlgorithmicMedia"
INGREDIENT: Final = "parent"
"""Name by which the actions point at the parent until the library has given it a label of its own."""
SUFFIXES: Final[Mapping[str, str]] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/tiff": "tiff",
    "video/mp4": "mp4",
}
"""Formats in which marked files leave."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a released file says of its making; `created_at` is RFC 3339, `digital_source_type` an IPTC term.

    `backend` made the picture; `seed` and `prompt` are null where nobody knows them or nobody is to. `provider` is who
    offers that to people, whom the law wants named.
    """

    seed: int | None
    backend: str
    created_at: str
    prompt: str | None = None
    digital_source_type: str = GENERATED
    provider: str = PRODUCT


@dataclass(frozen=True, slots=True)
class Parent:
    """The file that a marked one was made from, as it came: its own credentials, if any, travel inside."""

    data: bytes
    mime: str
    title: str

    def ingredient(self) -> dict[str, str]:
        return {"title": self.title, "relationship": PARENT, "label": INGREDIENT}


def claim(
    record_id: str, statement: Statement, *, mime: str = "image/png", parent: Parent | None = None
) -> dict[str, Any]:
    """The manifest to be signed. With a `parent` the file was opened, and changed if it is `EDITED`, not created."""
    binding = {
        "alg": SOFT_BINDING_ALGORITHM,
        "blocks": [{"scope": {}, "value": soft_binding_value(record_id)}],
    }
    offered = {"shingan.provider": statement.provider}
    actions = [*_origin(statement, parent), _action("c2pa.watermarked.bound", statement, parameters=offered)]
    return {
        "claim_version": 2,
        "claim_generator_info": [{**_agent(), "specVersion": SPEC_VERSION}],
        "title": f"{record_id}.{SUFFIXES[mime]}",
        "format": mime,
        "assertions": [
            _assertion("c2pa.actions.v2", {"allActionsIncluded": True, "actions": actions}),
            _assertion("c2pa.soft-binding", binding),
        ],
    }


def _origin(statement: Statement, parent: Parent | None) -> list[dict[str, Any]]:
    if parent is None:
        return [_action("c2pa.created", statement, parameters=_parameters(statement))]
    opened = {"action": "c2pa.opened", "when": statement.created_at, "softwareAgent": _agent()}
    opened["parameters"] = {"ingredientIds": [INGREDIENT]}
    if statement.digital_source_type != EDITED:
        return [opened]
    return [opened, _action("c2pa.edited", statement, parameters=_parameters(statement))]


def _action(name: str, statement: Statement, *, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    said = {
        "action": name,
        "when": statement.created_at,
        "digitalSourceType": SOURCE_TYPES + statement.digital_source_type,
        "softwareAgent": _agent(),
    }
    return said if parameters is None else {**said, "parameters": dict(parameters)}


def _agent() -> dict[str, str]:
    return {"name": PRODUCT, "version": version("shingan")}


def _parameters(statement: Statement) -> dict[str, str]:
    said = {
        "shingan.seed": None if statement.seed is None else str(statement.seed),
        "shingan.backend": statement.backend,
        "shingan.prompt": statement.prompt,
    }
    return {name: value for name, value in said.items() if value is not None}


def _assertion(label: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": dict(content), "created": True}
