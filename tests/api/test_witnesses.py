"""Cosignatures, built here from the words of C2SP tlog-cosignature and not by the code that reads them."""

import hashlib
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from api.errors import KeyUnusable
from api.settings import Settings
from api.witnesses import Witness, cosign, cosigned, read_cosignatures, split_note

NAME = "witness.example.com/w1"
BODY = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LOG_LINE = (
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
)
WITNESS_LINE = (
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
)
"""The example of the specification, which does not give the witness's key."""
TIME = 1679315147


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _vkey(key: Ed25519PrivateKey, name: str = NAME) -> str:
    key_id = hashlib.sha256(name.encode() + b"\n\x04" + _raw(key)).hexdigest()[:8]
    return f"{name}+{key_id}+{b64encode(bytes([4]) + _raw(key)).decode()}"


def _line(key: Ed25519PrivateKey, *, name: str = NAME, time: int = TIME, body: str = BODY) -> str:
    key_id = hashlib.sha256(name.encode() + b"\n\x04" + _raw(key)).digest()[:4]
    signature = key.sign(b"cosignature/v1\ntime " + str(time).encode() + b"\n" + body.encode())
    return f"— {name} " + b64encode(key_id + time.to_bytes(8, "big") + signature).decode()


def test_the_message_is_that_of_the_specification() -> None:
    assert cosigned(BODY, TIME) == (
        b"cosignature/v1\ntime 1679315147\n"
        b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_the_example_of_the_specification_has_the_parts_that_are_read(key: Ed25519PrivateKey) -> None:
    text, lines = split_note(f"{BODY}\n{LOG_LINE}\n{WITNESS_LINE}\n")
    assert (text, lines) == (BODY, (LOG_LINE, WITNESS_LINE))
    blob = b64decode(WITNESS_LINE.rpartition(" ")[2])
    assert (blob[:4].hex(), int.from_bytes(blob[4:12], "big"), len(blob)) == ("8d66cf3f", TIME, 4 + 8 + 64)
    assert len(b64decode(_line(key).rpartition(" ")[2])) == len(blob)


def test_a_cosignature_of_a_known_witness_is_read(key: Ed25519PrivateKey) -> None:
    note = f"{BODY}\n{LOG_LINE}\n{WITNESS_LINE}\n{_line(key)}\n"
    [found] = read_cosignatures(note, [Witness.parse(_vkey(key))])
    assert (found.witness, found.time, found.line) == (NAME, TIME, _line(key))
    assert cosign(NAME, key, BODY, TIME) == _line(key)


def test_what_is_not_a_good_cosignature_is_not_read(key: Ed25519PrivateKey) -> None:
    witness = Witness.parse(_vkey(key))
    blob = bytearray(b64decode(_line(key).rpartition(" ")[2]))
    other = Ed25519PrivateKey.generate()
    later = blob[:4] + (TIME + 1).to_bytes(8, "big") + blob[12:]
    far = _line(key, time=2**63)
    wrong = {
        "another body": _line(key, body=BODY.replace("63", "64")),
        "another key": _line(other),
        "another name": _line(key, name="witness.example.com/w2"),
        "another time": f"— {NAME} " + b64encode(later).decode(),
        "too late": far,
        "cut": f"— {NAME} " + b64encode(blob[:-1]).decode(),
        "short": f"— {NAME} " + b64encode(blob[:9]).decode(),
        "no base64": f"— {NAME} ???",
        "plain signature": f"— {NAME} " + b64encode(bytes(blob[:4]) + key.sign(BODY.encode())).decode(),
        "hyphen": _line(key).replace("—", "-"),
    }
    for name, line in wrong.items():
        assert read_cosignatures(f"{BODY}\n{line}\n", [witness]) == (), name


def test_one_witness_counts_once(key: Ed25519PrivateKey) -> None:
    note = f"{BODY}\n{_line(key)}\n{_line(key, time=TIME + 5)}\n"
    assert len(read_cosignatures(note, [Witness.parse(_vkey(key))])) == 1


def test_a_key_survives_its_text(key: Ed25519PrivateKey) -> None:
    assert str(Witness.parse(_vkey(key))) == _vkey(key)
    assert Settings(witnesses=f" {_vkey(key)} ,").witnesses == (_vkey(key),)  # type: ignore[arg-type]


def test_wrong_keys_are_refused(key: Ed25519PrivateKey) -> None:
    good = _vkey(key)
    log_key = b64encode(bytes([1]) + _raw(key)).decode()
    for wrong in (
        "",
        "a+b",
        good.replace(NAME, "x"),
        good[:-4],
        f"{NAME}+00000000+{log_key}",
        good.replace("+", " + "),
    ):
        with pytest.raises(KeyUnusable):
            Witness.parse(wrong)
    with pytest.raises(ValueError, match="witness"):
        Settings(witnesses="nobody")  # type: ignore[arg-type]
