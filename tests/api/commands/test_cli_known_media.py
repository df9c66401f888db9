"""Known media and mark keys on the command line: what is brought in counts from then on, and is on record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from detector.provenance.fingerprint import pdq
from detector.training.data import read_pixels


def entries(shingan: Callable[..., Any], home: Path) -> list[str]:
    import sqlite3

    connection = sqlite3.connect(home / "shingan.db")
    kinds = [kind for (kind,) in connection.execute("SELECT kind FROM audit_entries ORDER BY entry")]
    connection.close()
    assert shingan("audit", "verify").code == 0
    return kinds


def test_a_list_counts_until_it_is_removed(
    shingan: Callable[..., Any], photo: Path, tmp_path: Path, home: Path
) -> None:
    file, out = tmp_path / "hoaxes.csv", tmp_path / "out.csv"
    file.write_text(f"id,hash\ncase 7,{pdq(read_pixels(photo))[0]}\n")
    (brought,) = shingan("known-media", "import", file, "--json").documents
    assert (brought["list"], brought["entries"]) == ("hoaxes", 1)
    assert shingan("known-media", "list", "--json").documents == [brought]
    (found,) = shingan("verify", photo, "--json").documents
    assert found["known_media"] == [{"list": "hoaxes", "entry": "case 7", "distance": 0}]
    assert found["verdict"]["action"] == "flag"
    assert shingan("known-media", "export", "hoaxes", out).code == 0
    assert out.read_text() == file.read_text()
    assert shingan("known-media", "remove", "hoaxes").code == 0
    assert shingan("verify", photo, "--json").documents[0]["known_media"] == []
    kinds = entries(shingan, home)
    assert kinds[0] == "known_media.imported"
    assert "known_media.removed" in kinds


def test_bad_lists_and_names_are_one_line(shingan: Callable[..., Any], tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("id,hash\n1,xyz\n")
    ran = shingan("known-media", "import", bad)
    assert (ran.code, ran.err.strip()) == (1, "shingan: provenance_error: Row 2 holds no PDQ fingerprint.")
    assert shingan("known-media", "import", tmp_path / "none.csv").code == 1
    bad.write_text("00" * 32)
    assert shingan("known-media", "import", bad, "--name", "../x").code == 2
    assert shingan("known-media", "remove", "nobody").code == 2
    assert "no list" in shingan("known-media", "list").out


def test_rotated_keys_read_what_older_ones_marked(
    shingan: Callable[..., Any], photo: Path, tmp_path: Path, home: Path
) -> None:
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    shingan("watermark", "embed", photo, first, "--record-id", "0" * 12)
    assert "Key 1" in shingan("watermark", "rotate").out
    shingan("watermark", "embed", photo, second, "--record-id", "1" * 12)
    found = shingan("watermark", "detect", first, second, "--json").documents
    assert [(item["watermark"]["key_id"], item["watermark"]["record_id"]) for item in found] == [
        (0, "0" * 12),
        (1, "1" * 12),
    ]
    assert entries(shingan, home) == ["mark_key.created"]
