"""The page has Japanese words for whatever a drawn face may be asked to have."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from generator import vocabulary

SCRIPT = Path(vocabulary.__file__).parents[1] / "api" / "web" / "static" / "attributes.js"


def _pairs(table: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _pairs(value)
        elif isinstance(value, str):
            yield name, value


def test_every_name_and_value_of_the_vocabulary_has_words() -> None:
    tables = [table for table in vars(vocabulary).values() if isinstance(table, Mapping)]
    groups = [group for table in tables for group in table.values() if isinstance(group, Mapping)]
    pairs = {pair for group in groups for pair in _pairs(group)}
    assert ("sex", "female") in pairs
    script = SCRIPT.read_text("utf-8")
    assert [word for pair in sorted(pairs) for word in pair if f" {word}: " not in script] == []
