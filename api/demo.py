"""The whole chain once over, on an instance of its own: generate, hand on, look, and check what the answers promise.

1 three marked faces, and a picture of another program marked  2 the first face and that picture as they are handed on,
and two photos  3 an inspection of each
4 the audit log and every receipt checked  5 results and report written
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import demo_cases, making, marks, products
from api.audit import AuditCheck, verify_database, verify_receipt
from api.auth import Actor
from api.commands.outcome import OutputUnwritable
from api.products import Answer
from api.releases import Released
from api.rendering import report_html
from api.settings import Settings
from api.shelf import case_of, inspection
from api.workplace import Workplace
from detector.media import sha256_hex
from detector.types import Action, CredentialState, Label

PROMPT = "a smiling woman with long black hair"
PURPOSE = "research"
SEEDS = (11, 12, 13)
MARKER = ".shingan-demo"
"""Tells a folder that an earlier demo made, and this one may empty, from one that somebody needs."""
PHOTOS = ("photo_1", "photo_2")


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One inspected file; `manifest_found` tells whether the registry had the manifest of its mark."""

    case: str
    path: Path
    answer: Answer
    receipt_holds: bool
    manifest_found: bool

    def as_dict(self) -> dict[str, Any]:
        names = ("verdict", "credentials", "watermark", "record", "receipt")
        return {"case": self.case, "path": str(self.path)} | {name: self.answer.document[name] for name in names}


@dataclass(frozen=True, slots=True)
class Demo:
    """What came of it; `broken` lists the promises that did not hold."""

    cases: Sequence[DemoCase]
    audit: AuditCheck
    results: Path
    report: Path
    broken: Sequence[str]


async def run(out: Path, *, tell: Callable[[str], None]) -> Demo:
    """Runs the demo in `out`, which is new, empty, or of an earlier demo; `tell` hears what is being done."""
    settings = _prepare(out)
    async with await Workplace.open(settings) as workplace:
        actor = Actor.local(settings.tenant)
        tell(f"Generating {len(SEEDS)} faces: {PROMPT}")
        faces = [await _generate(workplace, actor, seed) for seed in SEEDS]  # 1
        tell("Marking a picture of another program")
        other = await _mark(workplace, actor)
        for face in faces:
            _write(out / "faces" / f"{face.record.record_id}.png", face.data)
        files = _hand_on(out / "cases", faces[0].data, other.data)  # 2
        cases = []
        for case, path in files.items():
            tell(f"Inspecting {case}")
            cases.append(await _inspect(workplace, actor, case, path))  # 3
        tell("Checking the audit log")
        audit = await verify_database(settings)  # 4
        sheets = [await case_of(workplace, await inspection(workplace, actor, c.answer.id)) for c in cases]
    results, report = out / "demo.json", out / "report.html"  # 5
    _write(results, json.dumps([case.as_dict() for case in cases], indent=2).encode())
    _write(report, report_html(sheets, title="Shingan demo").encode())
    broken = tuple(broken_promises(cases, audit, faces[0].record.record_id, other.record.record_id))
    return Demo(cases, audit, results, report, broken)


def broken_promises(cases: Sequence[DemoCase], audit: AuditCheck, record_id: str, other_id: str) -> Iterator[str]:
    """What should hold of these cases and does not; the ids are those of the face and of the other picture."""
    by_name = {case.case: case for case in cases}
    for case in cases:
        if not case.receipt_holds:
            yield f"{case.case}: the receipt does not verify"
    if not audit.ok:
        yield f"audit log: {audit.detail}"
    yield from _broken_marked(by_name["marked"], record_id)
    yield from _broken_recovered(by_name["stripped"], record_id)
    yield from _broken_recovered(by_name["cropped"], record_id)
    yield from _broken_recovered(by_name["elsewhere"], other_id)
    verdict = by_name["repainted"].answer.verdict
    if "hard_binding_mismatch" not in (*verdict.reasons, *verdict.conflicts):
        yield "repainted: no hard_binding_mismatch"
    for name in PHOTOS:
        if by_name[name].answer.verdict.action is Action.FLAG:
            yield f"{name}: flagged as {by_name[name].answer.verdict.label}"


def _broken_marked(case: DemoCase, record_id: str) -> Iterator[str]:
    verdict, found = case.answer.verdict, case.answer.provenance
    if verdict.label is not Label.SYNTHETIC_DECLARED:
        yield f"{case.case}: {verdict.label} instead of synthetic_declared"
    if found.watermark.record_id != record_id:
        yield f"{case.case}: the watermark says {found.watermark.record_id} instead of {record_id}"
    if case.case == "marked" and found.credentials.state is not CredentialState.TRUSTED:
        yield f"{case.case}: the credential is {found.credentials.state}"


def _broken_recovered(case: DemoCase, record_id: str) -> Iterator[str]:
    yield from _broken_marked(case, record_id)
    if case.answer.provenance.credentials.state is not CredentialState.ABSENT:
        yield f"{case.case}: still has a credential"
    if "manifest_recovered" not in case.answer.verdict.reasons or not case.manifest_found:
        yield f"{case.case}: the manifest was not recovered"


def _prepare(out: Path) -> Settings:
    """Settings of a fresh instance below `out`; nothing in the environment leads out of it."""
    if out.exists() and not (out / MARKER).exists() and any(out.iterdir()):
        raise OutputUnwritable(f"{out} is neither empty nor of an earlier demo; name another folder with --out.")
    for part in ("home", "cases", "faces"):
        shutil.rmtree(out / part, ignore_errors=True)
    _write(out / MARKER, b"")
    home = out / "home"
    return Settings(
        home=home,
        database_url=f"sqlite+aiosqlite:///{home / 'shingan.db'}",
        blob_url=(home / "blobs").as_uri(),
        policy_folder=None,
        tenant="default",
    )


async def _generate(workplace: Workplace, actor: Actor, seed: int) -> Released:
    return await making.generate(workplace, actor, making.GenerateRequest(PROMPT, purpose=PURPOSE, seed=seed))


async def _mark(workplace: Workplace, actor: Actor) -> Released:
    picture = demo_cases.drawn_elsewhere()
    return await marks.mark(workplace, actor, marks.MarkRequest(picture, "drawing.png", PURPOSE, "another program"))


def _hand_on(folder: Path, released: bytes, other: bytes) -> Mapping[str, Path]:
    """Writes the cases; their paths by name, in the order of the table."""
    photos = demo_cases.photos()
    contents = {
        "marked.png": released,
        "stripped.jpg": demo_cases.stripped(released),
        "cropped.jpg": demo_cases.cropped(released),
        "repainted.png": demo_cases.repainted(released),
        "elsewhere.jpg": demo_cases.stripped(other),
        **{f"{name}.jpg": photo for name, photo in zip(PHOTOS, photos, strict=True)},
    }
    for name, data in contents.items():
        _write(folder / name, data)
    return {Path(name).stem: folder / name for name in contents}


async def _inspect(workplace: Workplace, actor: Actor, case: str, path: Path) -> DemoCase:
    answer = await products.inspect(
        workplace, actor, path.read_bytes(), name=str(path), purpose=PURPOSE, keep_preview=True
    )
    holds = verify_receipt(answer.receipt.as_dict(), answer.entry.json, workplace.audit.verifier)
    record = answer.provenance.record
    stored = await workplace.registry.find(record.record_id) if record else None
    found = stored is not None and sha256_hex(stored.manifest) == stored.record.manifest_sha256
    return DemoCase(case, path, answer, holds, found)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise OutputUnwritable(f"Cannot write {path}: {error.strerror}.") from error
