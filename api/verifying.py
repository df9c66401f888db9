"""The product `verify`: what a file says of its own origin, without a neural network.

1 decide  2 read and look up  3 audit decision and outcome and store the answer, in one transaction  4 hand out the
receipt. All of it is done in one turn of a thread, and nothing is left behind until 3: so the decision is written there
too, unless it is a refusal. What is known of the very same bytes is not read again; everything that others may change
meanwhile (policies, terms, the registry, lists, trust) is asked anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.answers import Answer, request_of
from api.auth import Actor
from api.brought import Brought
from api.contract import verify_object
from api.decisions import decided_within, fact_of, refresh_policies, refuse
from api.ledger import Fact
from api.outcomes import Done, Draft, Within, complete, complete_in_thread, failure_of
from api.policy import PolicyAction
from api.workplace import Workplace
from detector.types import Provenance, Verdict
from detector.verdict import decide

VERIFICATION = "verification"


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
    brought = Brought.by(actor, data, workplace=workplace)
    (asked, decision), listed, record = workplace.look_in_thread(
        lambda found: (
            decided_within(workplace, found, request),
            lists.ask(found, actor.tenant),
            brought.record(found),
        )
    )
    fact = fact_of(asked, decision)
    if not decision.allowed:
        _log(workplace, [fact])
    refuse(decision)
    try:
        provenance = brought.origin(record, known=lists.read(actor.tenant, listed))
    except Exception as error:
        _log(workplace, [fact, failure_of(actor, VERIFICATION, error, name=name)])
        raise
    verdict = decide(provenance, looked=False)
    document = verify_object(provenance, verdict, path=name, sha256=brought.sha256)
    return _Checked(fact, Draft(VERIFICATION, name, brought.sha256, document), verdict, provenance)


def _log(workplace: Workplace, facts: Sequence[Fact]) -> None:
    workplace.change_in_thread(lambda connection: workplace.audit.within(connection).append(facts))
