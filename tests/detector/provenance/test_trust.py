"""Trust lists come in by hand, are kept with date and hash, and reach the reader at once."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.errors import ProvenanceError
from detector.provenance.trust import OWN_LIST, ListKind, TrustStore
from generator.signing import DevelopmentCA


@pytest.fixture
def bundle(own_home: Path, tmp_path: Path) -> Path:
    """A PEM bundle with prose between its certificates, as the official one has."""
    root = (own_home / "keys" / "ca" / "root.pem").read_text()
    path = tmp_path / "camera-makers.pem"
    path.write_text(f"Subject\tCN=First\n{root}\nSubject\tCN=Second\n{root}")
    return path


def _official(root: Path, name: str) -> dict[str, Any]:
    der = x509.load_pem_x509_certificate(root.read_bytes()).public_bytes(Encoding.DER)
    identity = {"X509Certificates": [{"val": base64.b64encode(der).decode()}]}
    service = {"ServiceInformation": {"ServiceDigitalIdentity": identity}}
    scheme = {"SchemeName": [{"lang": "en", "value": name}], "ListIssueDateTime": "2026-08-05T00:11:39Z"}
    entity = {"TrustedEntityServices": [service]}
    return {"LoTE": {"ListAndSchemeInformation": scheme, "TrustedEntitiesList": [entity]}}


def test_no_list_is_bundled(home: Path) -> None:
    store = TrustStore.load(home)
    assert store.lists() == ()
    assert store.settings()["trust"]["anchors"] == []
    assert not home.exists()


def test_settings_reach_out_to_nobody(home: Path) -> None:
    verify = TrustStore.load(home).settings()["verify"]
    assert verify["remote_manifest_fetch"] is False
    assert verify["ocsp_fetch"] is False
    assert verify["verify_trust"] is True


def test_bundle_is_kept_with_date_and_hash(home: Path, bundle: Path) -> None:
    imported = TrustStore.load(home).import_file(bundle)
    assert imported.name == "camera-makers"
    assert imported.kind is ListKind.SIGNER
    assert imported.sha256 == hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert len(imported.certificates) == 2
    assert TrustStore.load(home).lists() == (imported,)


@pytest.mark.parametrize(
    ("name", "kind"), [("C2PA Trust List", ListKind.SIGNER), ("C2PA TSA Trust List", ListKind.TSA)]
)
def test_official_list_tells_its_name_kind_and_date(
    home: Path, own_home: Path, tmp_path: Path, name: str, kind: ListKind
) -> None:
    path = tmp_path / "list.json"
    path.write_text(json.dumps(_official(own_home / "keys" / "ca" / "root.pem", name)))
    imported = TrustStore.load(home).import_file(path)
    assert (imported.name, imported.kind, imported.issued_at) == (name, kind, "2026-08-05T00:11:39Z")
    (anchor,) = TrustStore.load(home).settings()["trust"]["anchors"]
    assert anchor["trust_uri"] == f"{kind}:{name}"


def test_newer_list_replaces_the_older_of_its_name(home: Path, bundle: Path) -> None:
    store = TrustStore.load(home)
    store.import_file(bundle)
    bundle.write_text(bundle.read_text() + "\n")
    newer = store.import_file(bundle)
    assert store.lists() == (newer,)


def test_own_authority_is_there_once_made(home: Path) -> None:
    store = TrustStore.load(home)
    DevelopmentCA(home).ensure()
    (own,) = store.lists()
    assert (own.name, own.kind) == (OWN_LIST, ListKind.SIGNER)
    assert json.dumps(store.settings())


def test_time_stamp_authorities_come_last(home: Path, bundle: Path, tmp_path: Path) -> None:
    store = TrustStore.load(home)
    first = tmp_path / "A-TSA-LIST.pem"
    first.write_bytes(bundle.read_bytes())
    assert store.import_file(first).kind is ListKind.TSA
    store.import_file(bundle)
    addresses = [anchor["trust_uri"] for anchor in store.settings()["trust"]["anchors"]]
    assert addresses == ["signer:camera-makers", "tsa:A-TSA-LIST"]


def test_missing_file_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError):
        TrustStore.load(home).import_file(tmp_path / "none.pem")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.recursive(st.none() | st.text(), lambda inner: st.dictionaries(st.just("LoTE"), inner)).map(
            lambda value: json.dumps(value).encode()
        ),
        st.binary(max_size=50).map(lambda body: b"-----BEGIN CERTIFICATE-----\n" + body),
    )
)
def test_what_is_no_list_is_refused(data: bytes, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(ProvenanceError):
        TrustStore.load(home).import_file(path)
    assert TrustStore.load(home).lists() == ()


@pytest.mark.parametrize("form", ["PEM", "official"])
def test_a_certificate_of_an_unknown_version_is_refused(home: Path, own_home: Path, tmp_path: Path, form: str) -> None:
    root = own_home / "keys" / "ca" / "root.pem"
    der = x509.load_pem_x509_certificate(root.read_bytes()).public_bytes(Encoding.DER)
    odd = base64.b64encode(der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020112"), 1)).decode()
    listed = _official(root, "odd")
    service = listed["LoTE"]["TrustedEntitiesList"][0]["TrustedEntityServices"][0]
    service["ServiceInformation"]["ServiceDigitalIdentity"]["X509Certificates"][0]["val"] = odd
    pem = f"-----BEGIN CERTIFICATE-----\n{odd}\n-----END CERTIFICATE-----\n"
    path = tmp_path / "list"
    path.write_text(pem if form == "PEM" else json.dumps(listed))
    with pytest.raises(ProvenanceError):
        TrustStore.load(home).import_file(path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "signer"}'])
def test_damaged_store_is_named(home: Path, bundle: Path, content: str) -> None:
    TrustStore.load(home).import_file(bundle)
    (home / "trust" / "camera-makers.json").write_text(content)
    with pytest.raises(ProvenanceError, match=r"camera-makers\.json"):
        TrustStore.load(home)
