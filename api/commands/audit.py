"""`audit`: is the log as it was written? And what keeps it so: exports, anchors, erasure."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.outcome import ExitCode
from api.commands.running import at_work, load_settings, write_whole

if TYPE_CHECKING:
    from api.audit_files import ReceiptCheck
    from api.audit_standards import AuditCheck
    from api.checkpoints import Verifier
    from api.settings import Settings

app = typer.Typer(help="The tamper-evident audit log.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else.")]


@app.command()
def verify(
    export: Annotated[Path | None, typer.Option(metavar="FILE", help="Check an export, not the database.")] = None,
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check a receipt, or an answer with one, not the database.")
    ] = None,
    entry: Annotated[Path | None, typer.Option(metavar="FILE", help="The entry that the receipt is about.")] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A head that you kept, or a receipt: the log must have grown from it."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The log's public key or its file; else this instance's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every entry, the tree above it, each signed head, and what others attest; exit code 1 names the first entry
    that is wrong. A receipt proves that the log has an entry; the answer is compared with that where the file itself
    holds it (report.json), or with --entry."""
    if export is not None and receipt is not None:
        raise typer.BadParameter("--export or --receipt, not both.", param_hint="--export")
    if entry is not None and receipt is None:
        raise typer.BadParameter("It goes with --receipt.", param_hint="--entry")
    from api.audit_files import check_receipt, read_key
    from api.checkpoints import load_verifier

    settings = load_settings()
    verifier = read_key(key) if key else load_verifier(settings)
    if receipt is not None:
        _report_receipt(check_receipt(receipt, entry, verifier), as_json=as_json)
    else:
        _report(_check(export, checkpoint or [], settings, verifier), as_json=as_json)


def _check(export: Path | None, heads: list[Path], settings: "Settings", verifier: "Verifier") -> "AuditCheck":
    from api.audit import verify_database
    from api.audit_export import check_export
    from api.audit_files import read_head, read_lines
    from api.audit_standards import standards_of

    kept = [read_head(path, verifier) for path in heads]
    if export is None:
        return asyncio.run(verify_database(settings, verifier=verifier, kept=kept))
    return check_export(read_lines(export), standards_of(settings, verifier=verifier, kept=kept))


@app.command("export")
def export_log(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it is written whole or not at all.")],
) -> None:
    """Write the whole log to a file of JSON lines, which `audit verify --export` checks anywhere."""
    from api.audit_export import exported

    lines = at_work(exported)
    write_whole(file, "".join(lines).encode())
    print(f"{len(lines) - 1} entries")


@app.command("anchor")
def anchor_log(as_json: AsJson = False) -> None:
    """Have the log's newest head time-stamped (RFC 3161) now; the service does it now and then."""
    from api.anchors import anchor

    done = at_work(anchor)
    if done is None:
        print(json.dumps({"size": None, "stamped_at": None, "fault": None}) if as_json else "Nothing was added since.")
        return
    facts = {"size": done.size, "stamped_at": done.stamped_at, "fault": done.fault}
    stamped = f"{done.size} entries, stamped at {done.stamped_at}"
    print(json.dumps(facts) if as_json else stamped if done.fault is None else f"no stamp: {done.fault}")
    raise typer.Exit(ExitCode.CLEAN if done.fault is None else ExitCode.ERROR)


@app.command("witness")
def witness_log(
    url: Annotated[str, typer.Argument(metavar="URL", help="The witness's submission prefix (C2SP tlog-witness).")],
    as_json: AsJson = False,
) -> None:
    """Ask a witness in SHINGAN_WITNESSES to cosign the log's newest head."""
    from api.auth import Actor
    from api.witness_client import submit

    done = at_work(lambda workplace: submit(workplace, Actor.local(workplace.settings.tenant), url))
    names = list(done.taken.witnesses) if done.taken else []
    said = f"{done.size} entries, cosigned by {', '.join(names)}" if names else f"no cosignature: {done.fault}"
    print(json.dumps({"size": done.size, "witnesses": names, "fault": done.fault}) if as_json else said)
    raise typer.Exit(ExitCode.CLEAN if done.taken else ExitCode.ERROR)


@app.command()
def erase(
    entries: Annotated[list[int] | None, typer.Argument(metavar="ENTRY...", help="Numbers of entries.")] = None,
    about: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Entries that were given this: name, prompt, purpose or sha256."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the personal data of entries unrecognisable for good, and delete the answers stored with them; the log stays
    whole, and says which entries were erased."""
    from api.audit_erasure import erase as erase_entries

    pairs = [item.partition("=") for item in about or ()]
    if not (entries or pairs) or not all(field and sign for field, sign, _ in pairs):
        raise typer.BadParameter("Name entries, or FIELD=VALUE with --about.")
    wanted = [(field, value) for field, _, value in pairs]
    gone = at_work(lambda workplace: erase_entries(workplace, entries=entries or (), about=wanted))
    print(json.dumps({"entries": list(gone)}) if as_json else f"erased: {', '.join(map(str, gone)) or 'nothing'}")


def _report(check: "AuditCheck", *, as_json: bool) -> None:
    if as_json:
        facts = {"ok": check.ok, "size": check.size, "first_bad": check.first_bad, "detail": check.detail}
        facts |= {"root": check.root.hex(), "signed": check.signed}
        print(json.dumps(facts | {"cosigned": check.cosigned, "anchored": check.anchored, "compared": None}))
    else:
        print(f"{'ok' if check.ok else 'audit_broken'}: {check.detail} {check.size} sound entries.")
        print(f"root {check.root.hex()}")
        for name, size in (("cosigned", check.cosigned), ("anchored", check.anchored)):
            if size is not None:
                print(f"{name} up to {size} entries")
    raise typer.Exit(ExitCode.CLEAN if check.ok else ExitCode.ERROR)


def _report_receipt(check: "ReceiptCheck", *, as_json: bool) -> None:
    if as_json:
        numbers = {"ok": check.ok, "size": check.size, "first_bad": None if check.ok else check.entry}
        facts = {"detail": check.detail, "root": check.root.hex(), "signed": check.ok}
        print(json.dumps(numbers | facts | {"cosigned": None, "anchored": None, "compared": check.compared}))
    else:
        proven = "proof alone" if check.compared == "nothing" else "ok"
        print(f"{proven if check.ok else 'not proven'}: {check.detail}")
        if check.ok:
            print(f"root {check.root.hex()}")
    raise typer.Exit(ExitCode.CLEAN if check.ok else ExitCode.ERROR)
