"""Whom this instance believes: certificate lists that its operator imported, and its own development authority.

None are bundled. A list is one JSON file under `home/trust`, replaced whole when a newer list of its name is imported,
and read afresh for every `settings` call, so that an import counts at once in a server that is running. Whoever calls
often asks for the `stamp` first.
"""

import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from detector.errors import ProvenanceError

OWN_LIST = "this instance"
OWN_ROOT = Path("keys", "ca", "root.pem")
"""The root of the development authority (`generator.signing`), relative to the home folder."""
MAX_LIST_BYTES = 8 * 1024 * 1024
"""The official lists of August 2026 are below 100 kB."""
CLAIM_SIGNING_PURPOSES = (
    "1.3.6.1.4.1.62558.2.1",  # c2pa-kp-claimSigning
    "1.3.6.1.5.5.7.3.4",  # emailProtection
    "1.3.6.1.5.5.7.3.36",  # documentSigning
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
)
"""Extended key usages with which a certificate may sign claims (C2PA 2.4, section 14.5.1)."""
PEM_MARK = b"-----BEGIN CERTIFICATE-----"
_UNFIT_FOR_NAMES = re.compile(r"[^\w .-]+")


class ListKind(StrEnum):
    """Authorities over signers of claims, or over time-stamps."""

    SIGNER = "signer"
    TSA = "tsa"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the file system says of the lists: each file's name, number, size, and times of its last changes (ns)."""

    files: tuple[tuple[str, int, int, int, int], ...]

    def older_than(self, seconds: float) -> bool:
        """Whether no file was changed so lately: one that changes twice in a tick of the clock may look the same."""
        return all(time.time_ns() - max(times) > seconds * 1e9 for _, _, _, *times in self.files)


@dataclass(frozen=True, slots=True)
class TrustList:
    """An imported list; `sha256` is that of the file that it came from, `certificates` are PEM texts."""

    name: str
    kind: ListKind
    sha256: str
    imported_at: str
    certificates: tuple[str, ...]
    issued_at: str | None = None


class TrustStore:
    """The lists under `home/trust`; made by the first import."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "trust"
        self._own_root = home / OWN_ROOT

    @classmethod
    def load(cls, home: Path) -> "TrustStore":
        """The store of `home`. Raises `ProvenanceError` if one of its lists is unusable."""
        store = cls(home)
        store.lists()
        return store

    def import_file(self, path: Path, *, kind: ListKind | None = None) -> TrustList:
        """Keep the PEM bundle or official C2PA list (JSON) at `path`, in place of an earlier one of the same name.

        `kind` is told by the list itself, or for a bundle by `TSA` in its file name, where it is not given. Raises
        `ProvenanceError` if the file cannot be read or holds no certificate.
        """
        data = _read(path)
        name, issued_at, certificates = _parse(data, fallback=path.stem)
        imported = TrustList(
            name=name,
            kind=kind or (ListKind.TSA if re.search(r"\bTSA\b", f"{name} {path.stem}") else ListKind.SIGNER),
            sha256=hashlib.sha256(data).hexdigest(),
            imported_at=datetime.now(UTC).isoformat(timespec="seconds"),
            certificates=certificates,
            issued_at=issued_at,
        )
        self._write(imported)
        return imported

    def lists(self) -> tuple[TrustList, ...]:
        """Every list by name, this instance's own last. Raises `ProvenanceError` if one is unusable."""
        kept = tuple(_load(path) for path in sorted(self._folder.glob("*.json")))
        own = _own_list(self._own_root) if self._own_root.exists() else None
        return (*kept, own) if own else kept

    def stamp(self) -> Stamp:
        """Without a look into any list; another one if a list was changed since, came, or went."""
        paths = (*sorted(self._folder.glob("*.json")), self._own_root)
        return Stamp(tuple(found for path in paths if (found := _stamped(path)) is not None))

    def settings(self) -> dict[str, Any]:
        """Settings of a C2PA `Context` that trusts these lists and reaches out to nobody; JSON can say them.

        Each anchor carries `kind:name` as its address: the library takes a time-stamp authority for a signer as well
        (measured with c2pa-rs 0.91.3), so that the reader has to ask which list vouched.
        """
        lists = sorted(self.lists(), key=lambda kept: kept.kind)  # signers first: the first match vouches
        anchors = [
            {
                "trust_anchors": "".join(kept.certificates),
                "trust_uri": f"{kept.kind}:{kept.name}",
                "trust_kind": "manifest" if kept.kind is ListKind.SIGNER else "tsa",
            }
            for kept in lists
        ]
        return {
            "verify": {
                "verify_trust": True,
                "verify_timestamp_trust": True,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
            "trust": {"anchors": anchors, "trust_config": "\n".join(CLAIM_SIGNING_PURPOSES)},
            "builder": {"thumbnail": {"enabled": False}},
        }

    def _write(self, imported: TrustList) -> None:
        target = self._folder / f"{imported.name.lower().replace(' ', '-')}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(asdict(imported), file, indent=1)
            os.replace(draft, target)
        except OSError as error:
            raise ProvenanceError(f"Cannot write to {self._folder}.") from error


def parse_certificates(data: bytes) -> tuple[str, ...]:
    """The certificates of a PEM bundle, each as a PEM text of its own. Raises `ProvenanceError`."""
    try:
        return tuple(_pem(certificate) for certificate in x509.load_pem_x509_certificates(data))
    except (ValueError, x509.InvalidVersion) as error:
        raise ProvenanceError("The file holds no readable certificate.") from error


def _parse(data: bytes, *, fallback: str) -> tuple[str, str | None, tuple[str, ...]]:
    """Name, date of issue and certificates of a list."""
    if PEM_MARK in data:
        return _clean(fallback), None, parse_certificates(data)
    try:
        scheme = json.loads(data)["LoTE"]["ListAndSchemeInformation"]
        name, issued_at = str(scheme["SchemeName"][0]["value"]), str(scheme["ListIssueDateTime"])
        certificates = tuple(_pem(certificate) for certificate in _official(json.loads(data)))
    except (ValueError, LookupError, TypeError, RecursionError, x509.InvalidVersion) as error:
        raise ProvenanceError("The file is neither a PEM bundle nor a C2PA trust list.") from error
    if not certificates:
        raise ProvenanceError("The trust list is empty.")
    return _clean(name), issued_at, certificates


def _official(document: Mapping[str, Any]) -> Iterator[x509.Certificate]:
    """Certificates of a list of trusted entities in the JSON form of ETSI TS 119 602, which C2PA publishes."""
    for entity in document["LoTE"]["TrustedEntitiesList"]:
        for service in entity["TrustedEntityServices"]:
            for item in service["ServiceInformation"]["ServiceDigitalIdentity"]["X509Certificates"]:
                wrapped = PEM_MARK.decode() + "\n" + item["val"] + "\n-----END CERTIFICATE-----\n"
                yield x509.load_pem_x509_certificate(wrapped.encode())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _clean(name: str) -> str:
    """`name` without what a file name or the library's sentences could trip over."""
    return _UNFIT_FOR_NAMES.sub(" ", name).strip(" .") or "unnamed"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ProvenanceError(f"Cannot open {path}.") from error
    if len(data) > MAX_LIST_BYTES:
        raise ProvenanceError(f"A trust list may have {MAX_LIST_BYTES} bytes; this file has more.")
    return data


def _stamped(path: Path) -> tuple[str, int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return path.name, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _load(path: Path) -> TrustList:
    try:
        fields = json.loads(_read(path))
        return TrustList(**{**fields, "kind": ListKind(fields["kind"]), "certificates": tuple(fields["certificates"])})
    except (ValueError, LookupError, TypeError) as error:
        raise ProvenanceError(f"The trust list {path.name} is damaged; import it again.") from error


def _own_list(path: Path) -> TrustList:
    data = _read(path)
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return TrustList(OWN_LIST, ListKind.SIGNER, hashlib.sha256(data).hexdigest(), made, parse_certificates(data))
