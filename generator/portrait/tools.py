"""The portrait tools by name, and what each is asked and answers, so that the service treats all of them alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from detector.types import Pixels
from generator.errors import InvalidSettings
from generator.portrait.subject import Subject


@dataclass(frozen=True, slots=True)
class Redrawn:
    """A picture after a tool, not marked yet; `told` are facts about the change, for the answer (JSON values)."""

    pixels: Pixels
    told: Mapping[str, Any]
    container: "Container | None" = None


@dataclass(frozen=True, slots=True)
class Container:
    """What the marked picture, as a PNG file, is put into before it leaves: a file of type `mime`."""

    mime: str
    pack: Callable[[bytes], bytes]


class PortraitTool(Protocol):
    """Redraws a portrait; the same subject and settings give the same pixels on the same machine."""

    name: str

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raises `InvalidSettings` unless `settings`, as they came from outside, are ones of this tool."""
        ...

    def redraw(self, subject: Subject, settings: Mapping[str, Any]) -> Redrawn:
        """Raises `InvalidSettings`, or `PortraitUnusable` if this face cannot be worked on."""
        ...


def _artwork() -> PortraitTool:
    from generator.portrait.artwork import Artwork

    return Artwork()


def _surgery() -> PortraitTool:
    from generator.portrait.surgery import Surgery

    return Surgery()


def _reconstruct() -> PortraitTool:
    from generator.portrait.reconstruct import Reconstruct

    return Reconstruct()


TOOLS: Mapping[str, Callable[[], PortraitTool]] = {
    "artwork": _artwork,
    "surgery": _surgery,
    "reconstruct": _reconstruct,
}


def open_tool(name: str) -> PortraitTool:
    """The tool `name`; raises `InvalidSettings` if there is none."""
    if name not in TOOLS:
        raise InvalidSettings(f"There is no portrait tool {name!r}, only {', '.join(TOOLS)}.")
    return TOOLS[name]()
