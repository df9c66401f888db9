"""The `shingan` command: its table of commands, and the one place where a failure becomes a line and an exit code."""

import io
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from api.commands import (
    audit,
    backup,
    bench,
    consents,
    demo,
    detectors,
    doctor,
    explain,
    generate,
    idol,
    keys,
    known_media,
    mark,
    policy,
    portrait,
    retention,
    scan,
    serve,
    stamps,
    tenants,
    training,
    trust,
    verify,
    watermark,
    weights,
    worker,
)
from api.commands.console import say
from api.commands.outcome import ExitCode, failure_of

HELP = """Marks, signs and records synthetic faces, and tells real from manipulated, synthetic and marked ones.

Exit codes: 0 clean, 1 an input or the command failed, 2 wrong usage, 3 something was flagged or found.
State lives in SHINGAN_HOME.
"""

COMMANDS: Mapping[str, Callable[..., None]] = {
    "demo": demo.demo,
    "serve": serve.serve,
    "worker": worker.worker,
    "scan": scan.scan,
    "explain": explain.explain,
    "verify": verify.verify,
    "generate": generate.generate,
    "idol": idol.idol,
    "mark": mark.mark,
    "doctor": doctor.doctor,
    "backup": backup.backup,
    "restore": backup.restore,
}
PASSING: Mapping[str, Callable[..., None]] = {
    "train": training.train,
    "evaluate": training.evaluate,
    "calibrate": training.calibrate,
    "index": training.index,
    "shortcuts": training.shortcuts,
}
"""Commands that read their arguments themselves."""
GROUPS = {
    "watermark": watermark.app,
    "audit": audit.app,
    "policy": policy.app,
    "trust": trust.app,
    "tenants": tenants.app,
    "keys": keys.app,
    "consents": consents.app,
    "known-media": known_media.app,
    "stamps": stamps.app,
    "retention": retention.app,
    "db": doctor.database,
    "detectors": detectors.app,
    "bench": bench.app,
    "portrait": portrait.app,
    "weights": weights.app,
}


def _build() -> typer.Typer:
    built = typer.Typer(help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    built.callback()(_options)
    for name, command in COMMANDS.items():
        built.command(name)(command)
    for name, command in PASSING.items():
        built.command(name, context_settings=training.PASS_ON, add_help_option=False)(command)
    for name, group in GROUPS.items():
        built.add_typer(group, name=name)
    return built


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"shingan {version('shingan')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    pass


app = _build()


def main() -> None:
    """Runs the command in `sys.argv` and exits; a traceback is shown in Python's development mode alone."""
    _prepare_streams()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        code, detail = failure_of(error)
        say(f"shingan: {code}: {detail}")
        sys.exit(ExitCode.ERROR)


def _prepare_streams() -> None:
    """File names and prompts of any script must print anywhere; a library's warning is not for users."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
