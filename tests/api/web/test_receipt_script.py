"""The receipt check in the browser against the one in Python: the same roots, the same canonical JSON."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import rfc8785
from playwright.sync_api import Browser, Page

from api.merkle import inclusion_spans, leaf_hash, root_of
from api.rendering import STATIC

SIZES = (1, 2, 3, 4, 5, 7, 8, 11, 16, 21)
pytestmark = pytest.mark.browser
ROOTS = """async (cases) => {
  const unhex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  return Promise.all(cases.map(({ leaf, index, size, proof }) =>
    Receipt.rootFrom(unhex(leaf), index, size, proof).catch((error) => error.message)));
}"""


@pytest.fixture(scope="module")
def page(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An empty page from a file, which counts as a secure context, with the script in it."""
    file = tmp_path_factory.mktemp("script") / "empty.html"
    file.write_text("<!doctype html><title>Script</title>")
    opened = chromium.new_page()
    opened.goto(file.as_uri())
    opened.add_script_tag(content=(STATIC / "receipt.js").read_text("utf-8"))
    yield opened
    opened.close()


def _cases(size: int) -> Iterator[dict[str, object]]:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    for index, leaf in enumerate(leaves):
        proof = [root_of(leaves[start:end]).hex() for start, end in inclusion_spans(index, size)]
        yield {"leaf": leaf.hex(), "index": index, "size": size, "proof": proof}


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_leads_to_the_root(page: Page, size: int) -> None:
    root = root_of([leaf_hash(b"%d" % number) for number in range(size)]).hex()
    assert page.evaluate(ROOTS, list(_cases(size))) == [root] * size


def test_a_proof_of_the_wrong_length_or_place_is_refused(page: Page) -> None:
    case = next(iter(_cases(7)))
    proof = case["proof"]
    assert isinstance(proof, list)
    wrong = [
        case | {"proof": proof[:-1]},
        case | {"proof": [*proof, proof[0]]},
        case | {"index": 7},
        case | {"index": -1},
    ]
    answers = page.evaluate(ROOTS, wrong)
    assert [answer.split()[0] for answer in answers] == ["the"] * len(wrong)


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [1.0, 0.1, 1e-12, 1e21, 123456789.125, 5e-324, -0.0], "\u20ac": None, "\U0001f600": True},
        {"text": 'line\n"quote" \\ / \u2028 \x07 é 日本', "": {}, "list": [], "z": {"y": {"x": False}}},
        {"\ue000": 1, "\U00010000": 2},
    ],
)
def test_canonical_json_is_the_same(page: Page, value: dict[str, Any]) -> None:
    # As in a page: the value travels as ordinary JSON first.
    text = page.evaluate("(text) => Receipt.canonical(JSON.parse(text))", json.dumps(value))
    assert text.encode() == rfc8785.dumps(value)
