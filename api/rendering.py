"""Turns answers into pages for people: the case sheet that the local page and the standalone report share."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.timeline import drawing_of
from api.wording import ACTIONS, CREDENTIAL_STATES, EVIDENCE_KINDS, EVIDENCE_STATES, LABELS, Words, reason_words
from detector.types import Action, Label, Pixels

WEB = Path(__file__).parent / "web"
STATIC = WEB / "static"
PREVIEW_SIDE = 720
"""Longest side of an embedded picture in pixels: sharp in a half-page column, about 80 kB as JPEG."""
PREVIEW_QUALITY = 82
PAGE_SCRIPTS = ("receipt.js", "sheet.js")
"""What a standalone report carries in itself: the proof check and the buttons of a case sheet."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A small JPEG of a picture, with the `width` and `height` in pixels of the full one that boxes refer to.

    Of a clip it is the frame `frame` at `time_s`, and only the faces in that one are marked on it.
    """

    jpeg: bytes
    width: int
    height: int
    frame: int | None = None
    time_s: float | None = None

    @property
    def uri(self) -> str:
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode()


@dataclass(frozen=True, slots=True)
class Case:
    """One sheet: `result` is a scan or verify object of the output contract, any keys may be missing.

    `entry` is the canonical JSON of the audit entry that the receipt names and `log_key` the log's public key as a
    C2SP verifier key; with both, the sheet can check its own receipt without a connection. `report` is the object
    whose SHA-256 that entry holds.
    """

    title: str
    result: Mapping[str, Any]
    preview: Preview | None = None
    entry: str | None = None
    log_key: str | None = None
    report: Mapping[str, Any] | None = None
    note: str | None = None

    @property
    def verdict(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.result.get("verdict") or {}
        return found

    @property
    def tone(self) -> str:
        """How the sheet looks: a declaration is not an accusation, unless something in it contradicts itself."""
        if self.verdict.get("label") == Label.SYNTHETIC_DECLARED and not self.verdict.get("conflicts"):
            return "declared"
        return str(self.verdict.get("action") or Action.REVIEW)

    @property
    def proof(self) -> Mapping[str, Any]:
        """What the receipt check in the browser reads."""
        receipt = self.result.get("receipt") or {}
        return {"receipt": receipt, "entry": self.entry, "key": self.log_key, "report": self.report}


def preview_of(pixels: Pixels) -> Preview:
    """A small copy of an RGB picture; never larger than the picture itself."""
    height, width = pixels.shape[:2]
    scale = min(1.0, PREVIEW_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY]
    )
    return Preview(encoded.tobytes(), width, height)


def report_html(items: Sequence[Case], *, title: str = "Shingan report") -> str:
    """One self-contained document with a sheet per case: no request leaves it, and its scripts are pinned by hash."""
    style, script = _report_parts()
    return (
        _environment()
        .get_template("report.html")
        .render(title=title, cases=items, style=Markup(style), script=Markup(script), policy=report_policy())  # noqa: S704 - our own static files
    )


def report_policy() -> str:
    """The content security policy of a standalone report: exactly its own style and script, and embedded pictures."""
    style, script = _report_parts()
    return (
        f"default-src 'none'; img-src data:; style-src '{_pin(style)}'; script-src '{_pin(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def case_html(case: Case, *, address: str | None = None) -> str:
    """One sheet as an HTML fragment for the local page; under `address` lie the report and the answer to hand on."""
    return _environment().get_template("case.html").render(case=case, address=address)


def page_html(context: Mapping[str, Any]) -> str:
    """The local page itself."""
    return _environment().get_template("page.html").render(context)


@cache
def _report_parts() -> tuple[str, str]:
    """Style and script of a standalone report."""
    return (STATIC / "shingan.css").read_text("utf-8"), "\n".join((STATIC / x).read_text("utf-8") for x in PAGE_SCRIPTS)


def _pin(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        label=lambda code: _words(LABELS, code),
        action=lambda code: _words(ACTIONS, code),
        credential=lambda code: _words(CREDENTIAL_STATES, code),
        kind=lambda code: _words(EVIDENCE_KINDS, code),
        state=lambda code: _words(EVIDENCE_STATES, code),
        reason=reason_words,
        two=_probability,
        percent=_percent,
        power=_power,
        short=lambda text: f"{text[:8]}…{text[-4:]}" if len(text) > 16 else text,
        name=lambda path: Path(str(path)).name,
        drawing=drawing_of,
    )
    return environment


def _words(table: Mapping[str, Words], code: object) -> Words:
    return table.get(str(code), (str(code), str(code)))


def _probability(number: float) -> str:
    """Two digits, and never a certainty."""
    if number >= 0.995:
        return ">\u202f0.99"
    return "<\u202f0.01" if number < 0.005 else f"{number:.2f}"


def _percent(share: float) -> Markup | str:
    return f"{100 * share:.1f}\u202f%" if share >= 0.0005 else _power(share)


def _power(number: float) -> Markup:
    """`3.1e-12` as a power of ten."""
    mantissa, exponent = f"{number:.1e}".split("e")
    return Markup("{}\u202f×\u202f10<sup>{}</sup>").format(mantissa, int(exponent))
