"""Everything an operator can set, read once from `SHINGAN_*` and passed on as an argument."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from platformdirs import user_cache_path, user_data_path
from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from generator.backends.settings import TRUNCATION, BackendSettings, DiffusersSettings, StyleganSettings

MEBIBYTE = 1024 * 1024
OIDC_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
"""Signatures with a public key: whoever can check one cannot make one."""
HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:]+")


def _default_home() -> Path:
    return user_data_path("shingan", appauthor=False)


def _default_cache() -> Path:
    return user_cache_path("shingan", appauthor=False)


def _default_database(data: dict[str, Any]) -> str:
    return f"sqlite+aiosqlite:///{data['home'] / 'shingan.db'}"


def _default_blobs(data: dict[str, Any]) -> str:
    home: Path = data["home"]
    return (home / "blobs").as_uri()


class Settings(BaseSettings):
    """Settings of one instance; `home` holds its state and is made on first use."""

    model_config = SettingsConfigDict(env_prefix="SHINGAN_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=_default_home)
    cache: Path = Field(default_factory=_default_cache)
    """What can be made again: networks exported for this machine. Homes of one user share it."""
    database_url: str = Field(default_factory=_default_database, repr=False)
    """SQLAlchemy URL: `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`; may hold a password."""
    blob_url: str = Field(default_factory=_default_blobs, repr=False)
    """Where blobs lie: `file:///…`, `s3://…`, `gs://…`, `az://…` or `memory:///`."""
    policy_folder: Path | None = None
    """A folder of `*.cedar` and `*.cedarschema` that replaces the shipped policy."""
    log_origin: str = Field(default="shingan.local/audit", pattern=r"^[^\s+]+$")
    """Name of the audit log in its checkpoints (C2SP tlog-checkpoint: no spaces, no plus)."""
    provider: str = Field(default="Shingan", max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")
    """Who offers this service, named in every released file (SB 942; ContentProducer of GB 45438-2025)."""
    signing_cert: Path | None = None
    """Certificate chain that signs (PEM, leaf first); with its key it takes the place of the development authority."""
    signing_callback: str | None = Field(default=None, pattern=r"^\w+(\.\w+)*:\w+$")
    """Function that signs in the place of a key file (`module:function`, as `generator.callback_key` calls it)."""
    signing_key: Path | None = Field(default=None, validate_default=True)
    """Private key of `signing_cert` (PEM, no passphrase)."""
    timestamp_url: str | None = Field(default=None, pattern=r"^https?://\S+$", repr=False)
    """Authority that time-stamps signatures (RFC 3161); may hold a password.

    It is asked by way of a relay on loopback: where HTTP_PROXY is set, NO_PROXY has to list 127.0.0.1.
    """
    remote_manifest_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    """Hosts from which credentials that lie at a remote address are fetched: names or network addresses."""
    witnesses: Annotated[tuple[str, ...], NoDecode] = ()
    """Keys of those whose cosignatures of the audit log are taken (C2SP vkeys of type 4)."""
    anchor_hours: float = Field(default=24.0, ge=0)
    """How often the service has the audit log's head stamped by `timestamp_url`; 0 is never."""
    jurisdiction: str = Field(default="eu", pattern=r"^(none|eu|california|china)$")
    tenant: str = "default"
    """Tenant of the command line and of callers without a key."""
    device: str = "auto"
    detector: Literal["auto", "small", "vit"] = "auto"
    """Synthesis expert; `auto` takes `vit` on CUDA if its base weights are in home (`shingan weights vit`)."""
    diffusers_model: str = ""
    """Pipeline of the backend `diffusers`: a folder, or a hub id that is in the local cache."""
    diffusers_lora: Path | None = None
    """A LoRA for it: a safetensors file, or a folder with one."""
    diffusers_negative: str = Field(default="", max_length=400)
    """Added to what the backend's negative prompt always says."""
    diffusers_steps: int | None = Field(default=None, ge=1, le=1000)
    diffusers_guidance: float | None = Field(default=None, ge=0, le=50)
    diffusers_download: bool = False
    """Whether the pipeline may be fetched from the hub."""
    diffusers_offload: bool = False
    """Whether parts of the pipeline wait in main memory instead of the GPU's."""
    stylegan_weights: Path | None = None
    """Network of the backend `stylegan`: a pickle of NVLabs (never executed), or its converted form."""
    stylegan_truncation: float = Field(default=TRUNCATION, ge=0, le=1)
    stylegan_class: int | None = Field(default=None, ge=0)
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    retention_answer_days: int | None = Field(default=None, ge=1, le=36500)
    """How long answers are kept where a tenant has no period of its own; null: for ever."""
    retention_file_days: int | None = Field(default=None, ge=1, le=36500)
    """The same of released files and previews, which go with their answers at the latest."""
    zero_retention: bool = False
    """Whether files and previews are not kept at all, where a tenant says nothing else."""
    shutdown_seconds: int = Field(default=30, ge=1, le=600)
    """How long requests in work may go on after the service was told to stop."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the service's log lines (JSON, on standard error)."""
    local_page: bool = True
    """Whether the page on this machine works without an API key (`api.sessions`)."""
    max_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    """Largest accepted upload in bytes."""
    max_pixels: int = Field(default=50_000_000, gt=0)
    decode_seconds: float = Field(default=8.0, gt=0)
    serve_jobs: bool = True
    """Whether `shingan serve` does jobs as well; if not, `shingan worker` must."""
    worker_jobs: int = Field(default=2, ge=1, le=64)
    """Inspections that one worker does at a time."""
    tenant_jobs: int = Field(default=1, ge=1, le=64)
    """How many of these may be one tenant's."""
    batch_files: int = Field(default=100, ge=1, le=10_000)
    """Most files in a batch."""
    batch_bytes: int = Field(default=256 * MEBIBYTE, gt=0)
    """Most bytes of a batch that is uploaded; all of it is in memory for a moment."""
    idempotency_hours: float = Field(default=24.0, gt=0)
    """How long the answer to an `Idempotency-Key` is kept."""
    webhook_retries: Annotated[tuple[float, ...], NoDecode] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    """Seconds before each further try to deliver; after the last one a delivery is dead."""
    fetch: bool = True
    """Whether what a caller names by its address is fetched, and whether webhooks may be set up."""
    fetch_hosts: Annotated[frozenset[str], NoDecode] = frozenset()
    """Names or addresses that may lie in the operator's own network, for fetching and for webhooks."""
    fetch_ports: Annotated[frozenset[int], NoDecode] = frozenset({80, 443})
    fetch_seconds: float = Field(default=20.0, gt=0, le=300)
    """For a whole file that is fetched, redirects included."""
    daily_generations: int = Field(default=1000, ge=0)
    """How many faces a tenant may generate in a UTC day."""
    rate_key: int = Field(default=600, ge=0)
    """Requests a minute of one key or token holder; 0 counts none."""
    rate_tenant: int = Field(default=3000, ge=0)
    """Requests a minute of all keys and token holders of a tenant together."""
    rate_anonymous: int = Field(default=600, ge=0)
    """Requests a minute of all callers without a key together."""
    oidc_issuer: str = ""
    """Issuer (`iss`) whose tokens are accepted; empty for none."""
    oidc_audience: str = ""
    """What must be among the `aud` of a token."""
    oidc_jwks_url: str = Field(default="", pattern=r"^(https://\S+|http://(127\.0\.0\.1|localhost|\[::1\])[:/]\S*)?$")
    """Where the issuer's public keys lie: https, or http on this machine."""
    oidc_algorithms: Annotated[frozenset[str], NoDecode] = frozenset({"RS256", "ES256"})
    """Signatures that are accepted, out of `OIDC_ALGORITHMS`."""
    oidc_tenant_claim: str = "tenant"
    oidc_scope_claim: str = "scope"
    oidc_tenants: dict[str, str] = Field(default_factory=dict)
    """Tenant by value of the tenant claim; empty where the values are names of tenants."""
    oidc_scopes: dict[str, str] = Field(default_factory=dict)
    """Scopes (separated by blanks) by value in the scope claim; empty where the values are names of scopes."""
    oidc_leeway: int = Field(default=30, ge=0, le=300)
    """Seconds by which the issuer's clock may be off."""

    @field_validator("home", "cache")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator(
        "remote_manifest_hosts",
        "witnesses",
        "oidc_algorithms",
        "fetch_hosts",
        "fetch_ports",
        "webhook_retries",
        mode="before",
    )
    @classmethod
    def _split(cls, hosts: object) -> object:
        return [host.strip() for host in hosts.split(",") if host.strip()] if isinstance(hosts, str) else hosts

    @field_validator("remote_manifest_hosts", "fetch_hosts")
    @classmethod
    def _bare(cls, hosts: frozenset[str], info: ValidationInfo) -> frozenset[str]:
        if wrong := [host for host in hosts if not HOST.fullmatch(host)]:
            name = f"SHINGAN_{str(info.field_name).upper()}"
            raise ValueError(f"{name} lists hosts alone, without scheme, port or path: {wrong}")
        return frozenset(host.lower() for host in hosts)

    @field_validator("witnesses")
    @classmethod
    def _known(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        from api.errors import KeyUnusable
        from api.witnesses import parse_witnesses

        try:
            return tuple(str(witness) for witness in parse_witnesses(keys))
        except KeyUnusable as error:
            raise ValueError(str(error)) from error

    @field_validator("oidc_algorithms")
    @classmethod
    def _asymmetric(cls, chosen: frozenset[str]) -> frozenset[str]:
        if not chosen or chosen - OIDC_ALGORITHMS:
            raise ValueError(f"SHINGAN_OIDC_ALGORITHMS lists some of {', '.join(sorted(OIDC_ALGORITHMS))}")
        return chosen

    @model_validator(mode="after")
    def _whole_issuer(self) -> Self:
        if len({bool(self.oidc_issuer), bool(self.oidc_audience), bool(self.oidc_jwks_url)}) > 1:
            raise ValueError("SHINGAN_OIDC_ISSUER, _AUDIENCE and _JWKS_URL are set all or none")
        return self

    @field_validator("signing_key")
    @classmethod
    def _complete(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        callback = info.data.get("signing_callback")
        if (key is None and callback is None) != (info.data.get("signing_cert") is None) or (key and callback):
            raise ValueError("SHINGAN_SIGNING_CERT and SHINGAN_SIGNING_KEY (or _CALLBACK) are set both or neither")
        return key

    @property
    def backends(self) -> BackendSettings:
        """What the face backends are opened with."""
        diffusers = DiffusersSettings(
            model=self.diffusers_model,
            lora=self.diffusers_lora,
            negative=self.diffusers_negative,
            steps=self.diffusers_steps,
            guidance=self.diffusers_guidance,
            download=self.diffusers_download,
            offload=self.diffusers_offload,
        )
        stylegan = StyleganSettings(self.stylegan_weights, self.stylegan_truncation, self.stylegan_class)
        return BackendSettings(self.device, self.cache, diffusers, stylegan)

    def ensure_home(self) -> Path:
        """`home`, made with mode 0700 if it was missing."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home

    @property
    def keys(self) -> Path:
        """Folder of this instance's secrets, made with mode 0700 if it was missing."""
        folder = self.ensure_home() / "keys"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder
