"""Settings come from the environment, and everything derives from `home`."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from api.settings import Settings


def test_everything_lies_in_the_home_folder(home: Path) -> None:
    settings = Settings()
    assert settings.home == home
    assert settings.database_url == f"sqlite+aiosqlite:///{home}/shingan.db"
    assert settings.blob_url == f"file://{home}/blobs"
    assert not home.exists()


def test_the_default_home_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHINGAN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().home == tmp_path / "shingan"


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SHINGAN_DATABASE_URL", "postgresql+asyncpg://u:secret@h/d")
    monkeypatch.setenv("SHINGAN_PORT", "9000")
    settings = Settings()
    assert (settings.database_url, settings.port) == ("postgresql+asyncpg://u:secret@h/d", 9000)
    assert "secret" not in repr(settings)


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(home=Path("here")).database_url == f"sqlite+aiosqlite:///{tmp_path}/here/shingan.db"


def test_the_home_folder_is_its_owners_alone() -> None:
    settings = Settings()
    for folder in (settings.ensure_home(), settings.keys):
        assert folder.stat().st_mode & 0o777 == 0o700
    settings.ensure_home()


@pytest.mark.parametrize(
    "wrong", [{"port": 0}, {"max_bytes": 0}, {"jurisdiction": "mars"}, {"log_origin": "a b"}, {"log_origin": "a+b"}]
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1


@pytest.mark.parametrize("name", ["SHINGAN_SIGNING_CERT", "SHINGAN_SIGNING_KEY"])
def test_a_certificate_and_its_key_come_together(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "/etc/shingan/file.pem")
    with pytest.raises(ValidationError, match="both or neither"):
        Settings()


def test_a_time_stamp_authority_is_an_address() -> None:
    settings = Settings(timestamp_url="https://user:secret@stamps.example/tsa")
    assert "secret" not in repr(settings)
    for wrong in ("", "stamps.example", "ftp://stamps.example", "http://a b"):
        with pytest.raises(ValidationError):
            Settings(timestamp_url=wrong)


def test_remote_hosts_are_a_list_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().remote_manifest_hosts == frozenset()
    monkeypatch.setenv("SHINGAN_REMOTE_MANIFEST_HOSTS", "manifests.example.com, 10.0.0.7,::1,Other.Example")
    assert Settings().remote_manifest_hosts == {"manifests.example.com", "10.0.0.7", "::1", "other.example"}
    for wrong in ("https://a.example", "a.example:8443", "a.example/m"):
        monkeypatch.setenv("SHINGAN_REMOTE_MANIFEST_HOSTS", wrong)
        with pytest.raises(ValueError, match="hosts alone"):
            Settings()
