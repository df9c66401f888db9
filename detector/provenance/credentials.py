"""Reads C2PA content credentials (C2PA 2.4): what the claim says, and what validation makes of each manifest in it.

The parser is native code on hostile bytes, so `read_in_sandbox` is what the product calls, in a child process. Every
input ends in a typed state; nothing is fetched here (`remote` does that, where it may). The library's own state stops
at the active manifest, therefore the results of all ingredients are walked here as well.
"""

import base64
import binascii
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any, Final, TypeAlias

import c2pa

from detector.types import Credentials, CredentialState, Ingredient

Entries: TypeAlias = Iterable[Mapping[str, Any]] | None
"""Results of validation as the library lists them, each with a `code` and an `explanation`."""
SOFT_BINDING_ALGORITHM: Final = "shingan.wm.1"
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
"""IPTC's vocabulary of digital source types; a claim gives the whole address, some give the last part alone."""
AI_SOURCES: Final = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "trainedAlgorithmicData",  # C2PA's own term
    }
)
CAPTURE_SOURCES: Final = frozenset({"digitalCapture", "computationalCapture"})
TRUSTED_CODE: Final = "signingCredential.trusted"
UNTRUSTED_CODE: Final = "signingCredential.untrusted"
SIGNER_LISTS: Final = "[signer:"
"""How the library's sentence begins to name the trust list, after the addresses of `TrustStore.settings`."""
TSA_LISTS: Final = "trust list: tsa:"
"""The same where it names the list that vouches for a time-stamp."""
STAMP_CODES: Final = "timeStamp."
STAMPED_CODE: Final = f"{STAMP_CODES}trusted"
PARENT: Final = "parentOf"
MAX_TEXT: Final = 512
"""Characters of a name, a title or a code that are told: a signer may write megabytes of them."""
MOST_ACTIONS: Final = 256
MOST_CODES: Final = 64
"""Of one manifest; the first, so that the answer about a file does not grow with the file."""
MAX_ADDRESS: Final = 4096
_REMOTE = re.compile(r"https?://\S+")
_RECORD_ID = re.compile(r"[0-9a-f]{12}")
_STATES: Final = {"Trusted": CredentialState.TRUSTED, "Valid": CredentialState.VALID}


def read_in_sandbox(data: bytes, *, mime: str, settings: Mapping[str, Any], manifest_bytes: int = 0) -> dict[str, Any]:
    """`read_credentials` as a sandbox task: its answer as JSON, for `from_json`.

    The last `manifest_bytes` of `data` are a manifest from elsewhere.
    """
    end = len(data) - manifest_bytes
    return asdict(read_credentials(data[:end], mime, settings, manifest=data[end:] or None))


def judge_in_sandbox(data: bytes, *, mime: str, settings: Mapping[str, Any], manifest_bytes: int = 0) -> dict[str, Any]:
    """`read_in_sandbox`, as `credentials`, and `dates`, as `read_dated` gives them."""
    end = len(data) - manifest_bytes
    found, dates = read_dated(data[:end], mime, settings, manifest=data[end:] or None)
    return {"credentials": asdict(found), "dates": None if dates is None else list(dates)}


def read_credentials(
    data: bytes, mime: str, settings: Mapping[str, Any], *, manifest: bytes | None = None
) -> Credentials:
    """The credentials in `data`, sniffed as `mime`, under `settings` of a `TrustStore`; never raises on bad bytes.

    `manifest` is a manifest store from elsewhere that is to be the file's.
    """
    return read_dated(data, mime, settings, manifest=manifest)[0]


def read_dated(
    data: bytes, mime: str, settings: Mapping[str, Any], *, manifest: bytes | None = None
) -> tuple[Credentials, tuple[str, ...] | None]:
    """`read_credentials`, and when the signers' certificates begin and end (RFC 3339); null where a time-stamp counts,
    or where a manifest does not say."""
    try:
        with c2pa.Context.from_dict(dict(settings)) as context, _reader(data, mime, context, manifest) as reader:
            store = json.loads(reader.json())
            found = _Manifests(store, reader.get_validation_state() or "").credentials()
            return found, _dates(reader.crjson(), len(store.get("manifests") or ()))
    except c2pa.C2paError as error:
        return _refused(error, mime), ()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Credentials(CredentialState.UNREADABLE), None


def crjson(data: bytes, mime: str, settings: Mapping[str, Any]) -> str | None:
    """The validation report in C2PA's crJSON; null where there is no manifest or it cannot be read."""
    try:
        with c2pa.Context.from_dict(dict(settings)) as context, _reader(data, mime, context) as reader:
            return str(reader.crjson())
    except (c2pa.C2paError, ValueError):
        return None


def from_json(value: object) -> Credentials:
    """What `read_in_sandbox` answered. Raises `ValueError` if that has not its form: a child is not believed."""
    if not isinstance(value, dict):
        raise ValueError("no credentials")
    try:
        fields = dict(value)
        fields["state"] = CredentialState(fields["state"])
        fields["failures"] = _texts(fields["failures"])
        fields["actions"] = _texts(fields["actions"])
        fields["ingredients"] = tuple(
            Ingredient(**{**item, "failures": _texts(item["failures"])}) for item in fields["ingredients"]
        )
        return Credentials(**fields)
    except (LookupError, TypeError) as error:
        raise ValueError("no credentials") from error


def soft_binding_value(record_id: str) -> str:
    """How a record id stands in a `c2pa.soft-binding` assertion: its text in Base64, as C2PA asks for values."""
    return base64.b64encode(record_id.encode()).decode()


def record_id_of(value: object) -> str | None:
    """The record id in a soft-binding value of ours; null if it is none."""
    try:
        text = base64.b64decode(str(value), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return text if _RECORD_ID.fullmatch(text) else None


class _Manifests:
    """A manifest store in the library's JSON, with the questions that the product asks of it."""

    def __init__(self, store: Mapping[str, Any], state: str) -> None:
        self._state = state
        self._name = active = store.get("active_manifest")
        # The library lists them in an order that changes from run to run.
        by_rank = sorted(
            (store.get("manifests") or {}).items(), key=lambda labelled: (labelled[0] != active, labelled[0])
        )
        self._manifests: Mapping[str, Mapping[str, Any]] = dict(by_rank)
        self._active: Mapping[str, Any] = self._manifests.get(str(active)) or {}
        self._results: Mapping[str, Any] = store.get("validation_results") or {}
        self._deltas = self._index_deltas()

    def credentials(self) -> Credentials:
        results = self._results.get("activeManifest") or {}
        state, failures = self._judge(results)
        signature = self._active.get("signature_info") or {}
        ingredients = tuple(self._walk())
        lineage = tuple(self._lineage())
        bound_by, bound = next(((each, found) for each in lineage if (found := _soft_binding(each))), ({}, None))
        return Credentials(
            state=state,
            issuer=_issuer(self._active),
            failures=failures,
            ingredients=ingredients,
            declares_ai=any(_sources(manifest) & AI_SOURCES for manifest in self._manifests.values()),
            declares_capture=_is_capture(lineage),
            signed_at=_text(signature.get("time")) if _stamped_by_tsa_list(results.get("success")) else None,
            actions=tuple(
                islice(filter(None, (_text(each.get("action")) for each in _actions(self._active))), MOST_ACTIONS)
            ),
            generator=_generator(self._active),
            soft_binding=bound,
            manifest_id=_text(self._name),
            ai_vouched=any(_sources(manifest) & AI_SOURCES for manifest in self._vouched()),
            bound_by=_text(bound_by.get("label")),
        )

    def _judge(self, results: Mapping[str, Any]) -> tuple[CredentialState, tuple[str, ...]]:
        """State and failures; a certificate that only a time-stamp list vouches for is an untrusted one."""
        state = _STATES.get(self._state, CredentialState.INVALID)
        failures = _codes(results.get("failure"))
        if state is CredentialState.TRUSTED and not _vouched_by_signer_list(results.get("success")):
            return CredentialState.VALID, _unique((*failures, UNTRUSTED_CODE))
        return state, failures

    def _walk(self) -> Iterator[Ingredient]:
        """Every ingredient of every manifest; then what validation found about ingredients that have no entry."""
        seen = set()
        for label, manifest in self._manifests.items():
            for item in manifest.get("ingredients") or ():
                seen.add((label, str(item.get("label"))))
                yield self._ingredient(label, item)
        for place, delta in self._deltas.items():
            if place not in seen and (failures := self._delta_failures(delta)):
                yield Ingredient(title=None, relationship="unknown", issuer=None, failures=failures)

    def _ingredient(self, label: str, item: Mapping[str, Any]) -> Ingredient:
        return Ingredient(
            title=_text(item.get("title")),
            relationship=_text(item.get("relationship")) or "unknown",
            issuer=_issuer(self._manifests.get(str(item.get("active_manifest"))) or {}),
            failures=self._ingredient_failures(label, item),
        )

    def _ingredient_failures(self, label: str, item: Mapping[str, Any]) -> tuple[str, ...]:
        """What its signer recorded and what we found; that the signer did not trust it is moot where we do."""
        delta = self._deltas.get((label, str(item.get("label"))), {})
        recorded = item.get("validation_results") or {}
        found = [*_codes((recorded.get("activeManifest") or {}).get("failure"))]
        for nested in recorded.get("ingredientDeltas") or ():
            found += _codes((nested.get("validationDeltas") or {}).get("failure"))
        if not recorded:
            found += _codes(item.get("validation_status"))  # claims before version 2
        if _vouched_by_signer_list(delta.get("success")):
            found = [code for code in found if code != UNTRUSTED_CODE]
        return _unique((*found, *self._delta_failures(delta)))

    @staticmethod
    def _delta_failures(delta: Mapping[str, Any]) -> tuple[str, ...]:
        failures = _codes(delta.get("failure"))
        trusted = any(entry.get("code") == TRUSTED_CODE for entry in delta.get("success") or ())
        if trusted and not _vouched_by_signer_list(delta.get("success")):
            return _unique((*failures, UNTRUSTED_CODE))
        return failures

    def _index_deltas(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """Validation of ingredients by the manifest and label of their assertion."""
        deltas = {}
        for delta in self._results.get("ingredientDeltas") or ():
            parts = str(delta.get("ingredientAssertionURI")).rsplit("/", 3)
            deltas[(parts[1] if len(parts) > 3 else "", parts[-1])] = delta.get("validationDeltas") or {}
        return deltas

    def _vouched(self) -> Iterator[Mapping[str, Any]]:
        """The active manifest, and of its ingredients at any depth those that hold, their signers included."""
        left, seen = [str(self._name)], set()
        while left:
            label = left.pop()
            if label in seen or label not in self._manifests:
                continue
            seen.add(label)
            yield self._manifests[label]
            for item in self._manifests[label].get("ingredients") or ():
                if all(code.startswith(STAMP_CODES) for code in self._ingredient_failures(label, item)):
                    left.append(str(item.get("active_manifest")))

    def _lineage(self) -> Iterator[Mapping[str, Any]]:
        """The active manifest, and of its parents those that are whole: what is said there holds for this file."""
        manifest: Mapping[str, Any] | None = self._active
        left = len(self._manifests)
        while manifest is not None and left > 0:
            yield manifest
            left -= 1
            parent = next((item for item in manifest.get("ingredients") or () if _is_parent(item)), None)
            if parent is None or self._ingredient_failures(str(manifest.get("label")), parent):
                return
            manifest = self._manifests.get(str(parent.get("active_manifest")))


def _reader(data: bytes, mime: str, context: c2pa.Context, manifest: bytes | None = None) -> c2pa.Reader:
    return c2pa.Reader(mime, io.BytesIO(data), manifest_data=manifest, context=context)


def _dates(report: str, manifests: int) -> tuple[str, ...] | None:
    """From C2PA's own report of so many `manifests`."""
    if f'"{STAMP_CODES}' in report:
        return None
    try:
        signatures = [manifest["signature"]["certificateInfo"] for manifest in json.loads(report)["manifests"]]
        dates = tuple(str(each["validity"][end]) for each in signatures for end in ("notBefore", "notAfter"))
    except (LookupError, TypeError, ValueError):
        return None
    return dates if len(signatures) == manifests else None


def _refused(error: c2pa.C2paError, mime: str) -> Credentials:
    """The state behind the library's exception; no manifest fits into a picture format that it does not know."""
    if isinstance(error, c2pa.C2paError.ManifestNotFound):
        return Credentials(CredentialState.ABSENT)
    sentence = str(error)
    if isinstance(error, c2pa.C2paError.RemoteManifest) or sentence.startswith("Remote"):
        address = _REMOTE.search(sentence)
        told = address is not None and len(address.group()) <= MAX_ADDRESS
        return Credentials(CredentialState.REMOTE, remote_url=address.group() if address and told else None)
    if isinstance(error, c2pa.C2paError.NotSupported) and mime.startswith("image/"):
        return Credentials(CredentialState.ABSENT)
    return Credentials(CredentialState.UNREADABLE)


def _vouched_by_signer_list(successes: Entries) -> bool:
    trusted = [entry for entry in successes or () if entry.get("code") == TRUSTED_CODE]
    return bool(trusted) and all(SIGNER_LISTS in str(entry.get("explanation")) for entry in trusted)


def _stamped_by_tsa_list(successes: Entries) -> bool:
    """Whether the time of signing is more than what the signer says."""
    return any(e.get("code") == STAMPED_CODE and TSA_LISTS in str(e.get("explanation")) for e in successes or ())


def _is_parent(item: Mapping[str, Any]) -> bool:
    return item.get("relationship") == PARENT and item.get("active_manifest") is not None


def _assertions(manifest: Mapping[str, Any], label: str) -> Iterator[Mapping[str, Any]]:
    """Contents of the manifest's assertions `label`, whatever their version (`.v2`) or instance (`__1`)."""
    for assertion in manifest.get("assertions") or ():
        name = str(assertion.get("label")).partition("__")[0]
        if re.fullmatch(re.escape(label) + r"(\.v\d+)?", name) and isinstance(assertion.get("data"), dict):
            yield assertion["data"]


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for content in _assertions(manifest, "c2pa.actions"):
        yield from (action for action in content.get("actions") or () if isinstance(action, dict))


def _sources(manifest: Mapping[str, Any]) -> set[str]:
    """Last parts of the digital source types that the manifest's actions declare."""
    return {str(action.get("digitalSourceType")).rsplit("/", 1)[-1] for action in _actions(manifest)}


def _is_capture(lineage: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the newest manifest that names a source names a camera: an edit by AI outdates a capture before it."""
    for manifest in lineage:
        sources = _sources(manifest)
        if sources & (CAPTURE_SOURCES | AI_SOURCES):
            return not sources & AI_SOURCES
    return False


def _soft_binding(manifest: Mapping[str, Any]) -> str | None:
    for content in _assertions(manifest, "c2pa.soft-binding"):
        if content.get("alg") == SOFT_BINDING_ALGORITHM:
            for block in content.get("blocks") or ():
                if record_id := record_id_of(block.get("value")):
                    return record_id
    return None


def _issuer(manifest: Mapping[str, Any]) -> str | None:
    return _text((manifest.get("signature_info") or {}).get("issuer"))


def _generator(manifest: Mapping[str, Any]) -> str | None:
    for info in manifest.get("claim_generator_info") or ():
        return " ".join(part for part in (_text(info.get("name")), _text(info.get("version"))) if part) or None
    return _text(manifest.get("claim_generator"))


def _codes(entries: Entries) -> tuple[str, ...]:
    return _unique(tuple(str(entry["code"])[:MAX_TEXT] for entry in entries or ()))[:MOST_CODES]


def _unique(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codes))


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ValueError("no texts")
    return tuple(values)
