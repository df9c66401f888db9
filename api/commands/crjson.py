"""`verify --crjson`: C2PA's own report of each file, for tools that read it; nothing is judged or logged."""

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.commands.console import print_json
from api.commands.outcome import ExitCode, failure_of
from api.commands.running import in_order, stored_name

if TYPE_CHECKING:
    from api.workplace import Workplace


async def print_reports(workplace: "Workplace", paths: Iterable[str]) -> ExitCode:
    """One line a file, in order: its crJSON; or, and then the command has failed, why there is none."""

    async def line(path: str) -> tuple[bool, Mapping[str, Any]]:
        return await workplace.run(lambda: _line(workplace, path))

    complete = True
    async with aclosing(in_order(list(paths), line)) as lines:
        async for has_report, document in lines:
            complete &= has_report
            print_json(document)
    return ExitCode.CLEAN if complete else ExitCode.ERROR


def _line(workplace: "Workplace", path: str) -> tuple[bool, Mapping[str, Any]]:
    """Whether there is a report, and the line."""
    from detector.media import read_file
    from detector.provenance.report import read_report

    try:
        data = read_file(Path(path), workplace.sandbox.limits)
        report = read_report(data, sandbox=workplace.sandbox, trust=workplace.trust)
    except Exception as error:  # one bad file is one line
        code, detail = failure_of(error)
        return False, {"path": stored_name(path), "state": None, "error": {"code": code, "detail": detail}}
    if report.crjson is None:
        return False, {"path": stored_name(path), "state": str(report.state), "error": None}
    return True, report.crjson
