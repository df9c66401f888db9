"""The files for containers name settings, commands and sources that exist, and say that nothing here runs them."""

import re
from pathlib import Path

import pytest
import yaml

from api.cli import COMMANDS
from api.settings import Settings

ROOT = Path(__file__).parent.parent
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
SETTINGS = {f"SHINGAN_{name.upper()}" for name in Settings.model_fields}
OF_COMPOSE = {"SHINGAN_DB_PASSWORD", "SHINGAN_S3_KEY", "SHINGAN_S3_SECRET", "SHINGAN_SHUTDOWN_SECONDS"}
"""Variables that are put into others, or only spoken of."""


@pytest.mark.parametrize("text", [CONTAINERFILE, COMPOSE], ids=["Containerfile", "compose"])
def test_settings_exist_and_the_head_says_what_was_tried(text: str) -> None:
    assert set(re.findall(r"SHINGAN_[A-Z0-9_]+", text)) <= SETTINGS | OF_COMPOSE
    head = re.match(r"(#.*\n)+", text)
    assert head is not None
    assert "not" in head[0]


def test_what_is_copied_exists() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE):
        for name in line.split()[:-1]:
            assert (ROOT / name).exists(), name
    assert re.search(r'^CMD \["(\w+)"\]', CONTAINERFILE, re.MULTILINE).group(1) in COMMANDS  # type: ignore[union-attr]


def test_compose_holds_together() -> None:
    services = yaml.safe_load(COMPOSE)["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= services.keys()
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]).exists()
    volumes = {entry.partition(":")[0] for service in services.values() for entry in service.get("volumes", [])}
    assert volumes == yaml.safe_load(COMPOSE)["volumes"].keys()
