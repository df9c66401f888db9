"""Which files a command takes, and in which order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.commands.inputs import expand


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    for name in ("b.jpg", "a.png", "deep/er/c", ".hidden", "a/z.txt", "a.d/y"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "empty").mkdir()
    os.mkfifo(root / "pipe")
    return root


def test_folder_gives_its_regular_files_sorted_at_any_depth(tree: Path) -> None:
    assert list(expand([str(tree)])) == [str(path) for path in sorted(tree.rglob("*")) if path.is_file()]


def test_arguments_keep_their_order_and_become_absolute(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert list(expand(["b.jpg", "a.png", "b.jpg"])) == [str(tree / name) for name in ("b.jpg", "a.png", "b.jpg")]


def test_pattern_is_expanded_unless_a_file_has_that_very_name(tree: Path) -> None:
    assert list(expand([str(tree / "*.[jp]*g")])) == [str(tree / "a.png"), str(tree / "b.jpg")]
    (tree / "odd[1].jpg").write_bytes(b"x")
    assert list(expand([str(tree / "odd[1].jpg")])) == [str(tree / "odd[1].jpg")]


@pytest.mark.parametrize("name", ["missing.jpg", "no*match", "pipe"])
def test_what_cannot_be_read_is_passed_on(tree: Path, name: str) -> None:
    assert list(expand([str(tree / name)])) == [str(tree / name)]


def test_dash_reads_paths(tree: Path) -> None:
    def lines() -> Iterator[str]:
        yield from (str(tree / "b.jpg"), str(tree / "a"))

    assert list(expand(["-"], lines=lines)) == [str(tree / "b.jpg"), str(tree / "a" / "z.txt")]


def test_links_to_folders_are_not_followed(tree: Path) -> None:
    (tree / "deep" / "loop").symlink_to(tree)
    (tree / "empty" / "link.jpg").symlink_to(tree / "b.jpg")
    found = list(expand([str(tree)]))
    assert len(found) == 7
    assert str(tree / "empty" / "link.jpg") in found
