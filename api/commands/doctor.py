"""`doctor` and `db upgrade`: is everything in place that the other commands need?"""

import asyncio
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.console import print_json, print_table
from api.commands.outcome import ExitCode, failure_of
from api.commands.running import load_settings

if TYPE_CHECKING:
    from api.settings import Settings

FOR_CLIENTS = frozenset({"SHINGAN_URL", "SHINGAN_API_KEY", "SHINGAN_OUTPUT"})
"""Variables that the integrations read and an instance does not."""

database = typer.Typer(help="The database.", no_args_is_help=True)


@database.callback()
def _group() -> None:
    """A callback keeps a group with one command a group."""


@database.command()
def upgrade() -> None:
    """Bring the database to this version's schema; every command and the service do it at their start as well."""
    from api.migrations.run import upgrade as migrate

    settings = load_settings()
    asyncio.run(migrate(settings.database_url))
    print("The database is up to date.")


@database.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The migration to go back to, such as 0004; an older program's.")],
) -> None:
    """Take the database back to an older version's schema; what only newer ones have a place for is lost. Back up."""
    from api.migrations.run import downgrade as take_back

    asyncio.run(take_back(load_settings().database_url, revision))
    print(f"The database is at {revision}.")


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False) -> None:
    """Check this instance: settings, home, database, blobs, log, policy, keys, trust, sandbox, weights, device."""
    checks = list(run_checks(load_settings()))
    if as_json:
        for check in checks:
            print_json(asdict(check))
    else:
        print_table(("check", "state", "detail"), [(c.name, "ok" if c.ok else "FAILED", c.detail) for c in checks])
    raise typer.Exit(ExitCode.CLEAN if all(check.ok for check in checks) else ExitCode.ERROR)


def run_checks(settings: "Settings") -> "Iterator[Check]":
    for name, probe in PROBES.items():
        try:
            yield Check(name, True, probe(settings))
        except Exception as error:  # a failure is the finding
            yield Check(name, False, ": ".join(failure_of(error)))


def _python(_: "Settings") -> str:
    from importlib.metadata import version

    return f"shingan {version('shingan')}, Python {platform.python_version()}"


def _settings(settings: "Settings") -> str:
    """A variable that no setting is named like would do nothing, and nobody would know."""
    import os

    from api.errors import InvalidRequest

    prefix = type(settings).model_config["env_prefix"]
    known = {f"{prefix}{name}".upper() for name in type(settings).model_fields} | FOR_CLIENTS
    given = {name for name in os.environ if name.upper().startswith(prefix)}
    unknown = sorted(name for name in given if name.upper() not in known)
    if unknown:
        raise InvalidRequest(f"No setting is named like {', '.join(unknown)}.")
    return f"{len(given - FOR_CLIENTS)} given"


def _home(settings: "Settings") -> str:
    probe = settings.home / ".doctor"
    probe.touch()
    probe.unlink()
    return str(settings.home)


def _database(settings: "Settings") -> str:
    from sqlalchemy.engine import make_url

    from api.migrations.run import upgrade as migrate

    asyncio.run(migrate(settings.database_url))
    return make_url(settings.database_url).get_backend_name()


def _audit(settings: "Settings") -> str:
    from api.audit import AuditLog, verify_database
    from api.errors import AuditBroken

    AuditLog.open(settings)  # makes the key of a log that has none yet
    check = asyncio.run(verify_database(settings))
    if not check.ok:
        raise AuditBroken(check.detail)
    attested = {"cosigned": check.cosigned, "anchored": check.anchored}
    return ", ".join([f"{check.size} entries", *(f"{name} up to {size}" for name, size in attested.items() if size)])


def _blobs(settings: "Settings") -> str:
    import os
    from urllib.parse import urlsplit

    from api.storage import Blobs

    async def kept() -> None:
        blobs = Blobs.open(settings.blob_url)
        name = await blobs.put(os.urandom(16))
        await blobs.get(name)
        await blobs.delete(name)

    asyncio.run(kept())
    return urlsplit(settings.blob_url).scheme


def _sandbox(_: "Settings") -> str:
    from api.readiness import PICTURE
    from detector.media import open_media
    from detector.sandbox import Sandbox

    with Sandbox() as sandbox:
        open_media(PICTURE, sandbox=sandbox)
    return "decodes"


def _weights(_: "Settings") -> str:
    from api.weights_check import WeightsCheck

    return f"{WeightsCheck().require_intact()} files as their cards name them"


def _policy(settings: "Settings") -> str:
    from api.policy import Policy

    policy = Policy.load(settings.policy_folder)
    return f"{len(policy.ids)} rules, bundle {policy.bundle_hash[:12]}"


def _marks(settings: "Settings") -> str:
    from detector.provenance.keys import load_mark_keys

    return f"watermark keys {', '.join(str(key.key_id) for key in load_mark_keys(settings.home))}"


def _signing(settings: "Settings") -> str:
    from api.clock import utc_now
    from api.signing_keys import describe, key_source

    return describe(key_source(settings), now=utc_now())


def _trust(settings: "Settings") -> str:
    from detector.provenance.trust import TrustStore

    names = [item.name for item in TrustStore.load(settings.home).lists()]
    return ", ".join(names) or "none is loaded, so no credential will be called trusted"


def _experts(settings: "Settings") -> str:
    from detector.classifier.cards import shipped
    from detector.classifier.registry import load_expert
    from detector.pipeline import EXPERTS

    return ", ".join(load_expert(shipped(kind), device="cpu").card.name for kind in EXPERTS)


def _generator(_: "Settings") -> str:
    from generator.synthesizer import open_synthesizer

    return open_synthesizer().name


def _device(settings: "Settings") -> str:
    from detector.classifier.scorer import pick_device

    return str(pick_device(settings.device))


PROBES: "dict[str, Callable[[Settings], str]]" = {
    "version": _python,
    "settings": _settings,
    "home": _home,
    "database": _database,
    "blobs": _blobs,
    "audit log": _audit,
    "policy": _policy,
    "keys": _marks,
    "signing key": _signing,
    "trust lists": _trust,
    "sandbox": _sandbox,
    "weights": _weights,
    "experts": _experts,
    "generator": _generator,
    "device": _device,
}
