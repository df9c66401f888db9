"""The product `verify`: what a file says of its own origin, without a neural network.

1 decide  2 read and look up  3 audit decision and outcome and store the answer, in one transaction  4 hand out the
receipt. All of it is done in one turn of a thread, and nothing is left behind until 3: so the decision is written there
too, unless it is a refusal. What an earlier verification read from the same bytes is taken from memory; everything that
others may change meanwhile (policies, terms, the registry, lists, trust) is asked anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.answers import Answer, request_of
from api.auth import Actor
from api.contract import verify_object
from api.decisions import decided_within, fact_of, refresh_policies, refuse
from api.ledger import Fact
from api.outcomes import Done, Draft, Within, complete, complete_in_thread, failure_of
from api.policy import PolicyAction
from api.workplace import Workplace
from detector.errors import UnreadableMedia, UnsupportedMedia
from detector.media import open_media, require_bytes, sha256_hex, sniff
from detector.provenance.known_media import KnownMediaList
from detector.sandbox import Sandbox
from detector.types import CredentialState, Media, MediaKind, Pixels, Provenance, Verdict
from detector.verdict import decide
from detector.video import MARK_FRAMES, is_clip, stills

VERIFICATION = "verification"
SPEAKING = (CredentialState.TRUSTED, CredentialState.VALID, CredentialState.INVALID)
"""States of credentials that say something of a file even where nothing of it can be decoded."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A verification that is not recorded yet."""

    decision: Fact
    draft: Draft
    verdict: Verdict
    provenance: Provenance

    def answer(self, done: Done) -> Answer:
        return Answer(done.id, done.document, done.receipt, done.entry, self.verdict, self.provenance)


async def verify(workplace: Workplace, actor: Actor, data: bytes, *, name: str, within: Within | None = None) -> Answer:
    """What a file says of its own origin; free for everybody.

    Raises `PolicyDenied`, or a `DetectorError` if the bytes are no media.
    """
    await refresh_policies(workplace)
    if within is None:
        return await workplace.run(lambda: _verify(workplace, actor, data, name))
    checked = await workplace.run(lambda: _checked(workplace, actor, data, name))  # 1, 2
    return checked.answer(await complete(workplace, actor, checked.draft, after=[checked.decision], within=within))


def _verify(workplace: Workplace, actor: Actor, data: bytes, name: str) -> Answer:
    checked = _checked(workplace, actor, data, name)  # 1, 2
    return checked.answer(complete_in_thread(workplace, actor, checked.draft, after=[checked.decision]))  # 3, 4


def _checked(workplace: Workplace, actor: Actor, data: bytes, name: str) -> _Checked:
    lists, request = workplace.tenant_lists, request_of(workplace, actor, PolicyAction.VERIFY, "")
    (asked, decision), listed = workplace.look_in_thread(
        lambda found: (decided_within(workplace, found, request), lists.ask(found, actor.tenant))
    )
    fact = fact_of(asked, decision)
    if not decision.allowed:
        _log(workplace, [fact])
    refuse(decision)
    try:
        media, provenance = _check(workplace, actor, data, lists.read(actor.tenant, listed))
    except Exception as error:
        _log(workplace, [fact, failure_of(actor, VERIFICATION, error, name=name)])
        raise
    verdict = decide(provenance, looked=False)
    document = verify_object(provenance, verdict, path=name, sha256=media.sha256)
    return _Checked(fact, Draft(VERIFICATION, name, media.sha256, document), verdict, provenance)


def _log(workplace: Workplace, facts: Sequence[Fact]) -> None:
    workplace.change_in_thread(lambda connection: workplace.audit.within(connection).append(facts))


def _check(
    workplace: Workplace, actor: Actor, data: bytes, known: Sequence[KnownMediaList]
) -> tuple[Media, Provenance]:
    seen = None if actor.is_anonymous else workplace.looks.find(actor.tenant, sha256_hex(data))
    if seen is not None and (again := workplace.checker.recheck(data, *seen, known=known)) is not None:
        workplace.looks.keep(actor.tenant, seen[0], again[1])
        return seen[0], again[0]
    require_bytes(data, workplace.sandbox.limits)
    kind, mime = sniff(data)
    reading = None if kind is MediaKind.UNKNOWN else workplace.checker.begin(data, mime)
    try:
        media, pictures = _open(data, workplace.sandbox)
    except UnreadableMedia:
        media = _undecoded(data)
        provenance, _ = workplace.checker.check_and_look(data, media, None, reading=reading)
        if provenance.credentials.state not in SPEAKING:
            raise
        return media, provenance  # the first segment of a stream has credentials and no picture
    first, more = (pictures[0], pictures[1:]) if pictures else (None, ())
    provenance, looks = workplace.checker.check_and_look(data, media, first, more=more, known=known, reading=reading)
    if looks is not None and not actor.is_anonymous:
        workplace.looks.keep(actor.tenant, media, looks)
    return media, provenance


def _open(data: bytes, sandbox: Sandbox) -> tuple[Media, Sequence[Pixels]]:
    """The picture, or a few frames of a clip; what is not decoded may still carry credentials and comes without any."""
    try:
        if is_clip(data):
            return stills(data, sandbox=sandbox, count=MARK_FRAMES)
        media, frame = open_media(data, sandbox=sandbox)
    except UnsupportedMedia:
        if sniff(data)[0] is MediaKind.UNKNOWN:
            raise
        return _undecoded(data), ()
    return media, (frame.pixels,)


def _undecoded(data: bytes) -> Media:
    kind, mime = sniff(data)
    return Media(sha256_hex(data), kind, mime, len(data), 0, 0)
