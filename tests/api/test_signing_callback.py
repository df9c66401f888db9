"""A key that never leaves its keeper signs for the whole product: the settings name the function that asks for it."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from api import marks, products
from api.auth import Actor
from api.marks import MarkRequest
from api.settings import Settings
from api.signing_keys import describe, key_source
from api.workplace import Workplace
from detector.types import CredentialState, Pixels
from generator.callback_key import CallbackKey
from generator.errors import SigningFailed
from generator.signing import DevelopmentCA

KEEPER = """
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

NO_FUNCTION = 7

def sign(data):
    key = load_pem_private_key(Path({path!r}).read_bytes(), password=None)
    return key.sign(data, ec.ECDSA(SHA256()))
"""


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Certificates of an authority whose key the module `keeper_of_keys` alone may use."""
    DevelopmentCA(tmp_path / "operator").ensure()
    return tmp_path / "operator" / "keys" / "ca" / "leaf.pem"


@pytest.fixture(autouse=True)
def keeper(chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "keeper_of_keys.py").write_text(KEEPER.format(path=str(chain.with_name("leaf.key"))))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("keeper_of_keys", None)


async def test_releases_are_signed_by_it(
    home: Path, chain: Path, make_photo: Callable[..., Pixels], encode: Callable[..., bytes]
) -> None:
    settings = Settings(home=home, blob_url="memory:///", signing_cert=chain, signing_callback="keeper_of_keys:sign")
    async with await Workplace.open(settings) as workplace:
        assert isinstance(workplace.key_source, CallbackKey)
        assert describe(workplace.key_source, now=datetime.now(UTC)).startswith("leaf.pem, until")
        request = MarkRequest(encode(make_photo(6, width=320, height=320)), "made.png", "research")
        released = await marks.mark(workplace, Actor.local(), request)
        found = await products.verify(workplace, Actor.local(), released.data, name="made.png")
    assert found.provenance.credentials.state is CredentialState.VALID
    assert not (home / "keys" / "ca").exists()


@pytest.mark.parametrize("named", ["keeper_of_keys:none", "keeper_of_keys:NO_FUNCTION", "no_such_keeper:sign"])
def test_a_function_that_cannot_be_used_is_named(named: str, home: Path, chain: Path) -> None:
    settings = Settings(home=home, signing_cert=chain, signing_callback=named)
    with pytest.raises(SigningFailed, match=named):
        key_source(settings)


def test_it_takes_the_place_of_a_key_and_needs_a_certificate(home: Path, chain: Path) -> None:
    named = "keeper_of_keys:sign"
    with pytest.raises(ValidationError, match="SIGNING_CERT"):
        Settings(home=home, signing_callback=named)
    with pytest.raises(ValidationError, match="SIGNING_CERT"):
        Settings(home=home, signing_callback=named, signing_cert=chain, signing_key=chain.with_name("leaf.key"))
    with pytest.raises(SigningFailed, match="cannot be read"):
        key_source(Settings(home=home, signing_callback=named, signing_cert=chain.with_name("none.pem")))
