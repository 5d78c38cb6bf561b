"""The settings of the service: environment, file, command line; nothing needs to be set.

What is given on the command line comes before the environment (``JASYL_PORT``), that before the file (``port`` in
``jasyl.toml``), that before the defaults.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from api.masking import MASK, mask
from traffic.errors import InputError

__all__ = ["FILE_NAME", "RateLimits", "Role", "Settings", "is_loopback", "load_settings", "shown"]

FILE_NAME = "jasyl.toml"
"""The file of settings that is looked for in the data folder."""

_PREFIX = "JASYL_"
_NOT_SETTINGS = ("JASYL_URL", "JASYL_TOKEN", "JASYL_CACHE_DIR", "JASYL_SUMO_NETWORKS")
"""Variables that other parts of Jasyl read."""

Role = Literal["anonymous", "viewer", "engineer", "approver", "administrator", "controller", "feed"]
"""Who may ask; anonymous is whoever has no valid token."""


def _separated(value: object) -> object:
    """Take a text as a list with commas, as environment variables have it."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or value != f"{parts.scheme}://{parts.netloc}"
    ):
        message = "must be an origin: scheme, host and port, such as 'https://control.example'"
        raise ValueError(message)
    return value


def _redis_url(value: object) -> object:
    if isinstance(value, str) and not value.startswith(("redis://", "rediss://", "unix://")):
        message = "must begin with redis://, rediss:// or unix://"
        raise ValueError(message)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = "must be a time zone such as 'Asia/Almaty'"
        raise ValueError(message) from None
    return value


def _home(value: object) -> object:
    if value == "":
        message = "must be a path"
        raise ValueError(message)
    return Path(value).expanduser() if isinstance(value, str | Path) else value


Port = Annotated[int, Field(ge=0, le=65_535)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]
Origins = Annotated[
    tuple[Annotated[str, BeforeValidator(_origin)], ...], NoDecode, BeforeValidator(_separated)
]
File = Annotated[Path, BeforeValidator(_home)]
Rate = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}/(second|minute|hour)$")]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class RateLimits(BaseModel):
    """How many requests each role may make: ``"600/minute"``. By token; without one, by address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    anonymous: Rate = "120/minute"
    viewer: Rate = "1200/minute"
    engineer: Rate = "1200/minute"
    approver: Rate = "1200/minute"
    administrator: Rate = "1200/minute"
    controller: Rate = "600/minute"
    feed: Rate = "6000/minute"


class Settings(BaseSettings):
    """Everything that can be set.

    Attributes
    ----------
    data_folder
        Where the service keeps what must not be lost.
    redis_url
        A Redis to use in place of one of our own.
    city
        The scenario, or scenario file, whose junctions are served.
    four_eyes
        Whether plans are approved by somebody else than their author.
    time_zone
        Of the city: schedules count their hours by it.
    plain_http
        Whether others than this machine may be served without TLS, as behind a proxy that ends it.
    allowed_hosts
        Names under which the service may be asked, besides its own address.
    trusted_proxies
        Addresses whose ``X-Forwarded-For`` is believed.
    body_limit_bytes, body_seconds
        How long a body may be, and how long it may take to arrive.
    buffered_limit_bytes
        How much all bodies that are arriving may take together.
    json_depth
        How deep JSON may be nested.
    header_limit_bytes, header_seconds
        The same for the head of a request.
    write_seconds
        For how long a reader may take nothing of its answer.
    connections
        How many may be open.
    graceful_seconds
        For how long a stop waits for what is being answered.
    ack_deadline_s
        After this time a group whose members have not all acknowledged keeps what it has.
    activation_lead_s
        How long before its activation a signed activation is given out.
    silent_after_s
        After this time without a word of a controller an alarm is raised.
    rsmp_host, rsmp_port
        Where the supervisor of RSMP sites listens.
    tls_cert, tls_key, tls_client_ca
        PEM files. With `tls_client_ca`, clients need a certificate of that authority.
    retention_days
        How long reports of controllers are kept.
    reports_kept, reports_kept_bytes, archive_seconds
        How many of the newest reports stay in Redis, how much memory they may take there, and how often the older ones are
        moved into the archive.
    report_bytes_per_minute
        How much the controller of one junction may report.
    document_days
        How long documents of plan sets that have come to their end stay in a Redis of our own, before they go into files.
    snapshot_entries
        After how many entries of the ledger a new snapshot is made, from which the next start goes on.
    job_workers, job_queue, job_seconds
        Worker processes of optimisations and evaluations, how many jobs may be queued or running, and how long one may take.
    job_days
        How long jobs that have ended, and their plans, are kept.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    port: Port = 8000
    data_folder: File = Field(default_factory=lambda: user_data_path("jasyl"))
    redis_url: Annotated[SecretStr | None, BeforeValidator(_redis_url)] = None
    city: Annotated[str, Field(min_length=1, max_length=4096)] = "almaty"
    four_eyes: bool = True
    time_zone: Annotated[str, AfterValidator(_zone)] = "Asia/Almaty"

    plain_http: bool = False
    allowed_hosts: Names = ()
    trusted_proxies: Names = ()
    cors_origins: Origins = ()
    rate_limits: RateLimits = RateLimits()
    body_limit_bytes: Annotated[int, Field(ge=1024, le=1 << 28)] = 8 << 20
    body_seconds: Seconds = 20.0
    buffered_limit_bytes: Annotated[int, Field(ge=1024, le=1 << 34)] = 256 << 20
    json_depth: Annotated[int, Field(ge=4, le=200)] = 32
    header_limit_bytes: Annotated[int, Field(ge=4096, le=1 << 20)] = 64 << 10
    header_seconds: Seconds = 10.0
    write_seconds: Seconds = 30.0
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    graceful_seconds: Annotated[int, Field(ge=1, le=600)] = 10

    ack_deadline_s: Seconds = 120.0
    activation_lead_s: Seconds = 30.0
    silent_after_s: Seconds = 120.0
    retention_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    reports_kept: Annotated[int, Field(ge=100, le=100_000_000)] = 100_000
    reports_kept_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 40)] = 512 << 20
    report_bytes_per_minute: Annotated[int, Field(ge=4 << 20, le=1 << 30)] = 4 << 20
    archive_seconds: Seconds = 60.0

    document_days: Annotated[int, Field(ge=1, le=36_500)] = 400
    snapshot_entries: Annotated[int, Field(ge=100, le=10_000_000)] = 20_000

    rsmp: bool = True
    rsmp_host: Annotated[str, Field(min_length=1, max_length=255)] = "127.0.0.1"
    rsmp_port: Port = 12_111
    rsmp_tls_cert: File | None = None
    rsmp_tls_key: File | None = None
    rsmp_tls_client_ca: File | None = None

    tls_cert: File | None = None
    tls_key: File | None = None
    tls_client_ca: File | None = None

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    metrics: bool = True
    telemetry: bool = False

    job_workers: Annotated[int, Field(ge=0, le=256)] = 1
    job_queue: Annotated[int, Field(ge=1, le=10_000)] = 20
    job_seconds: Seconds = 3600.0
    job_days: Annotated[int, Field(ge=1, le=3650)] = 30

    @model_validator(mode="after")
    def _files_together(self) -> Self:
        for prefix in ("", "rsmp_"):
            names = [f"{prefix}tls_{part}" for part in ("cert", "key", "client_ca")]
            given = [name for name in names if getattr(self, name) is not None]
            missing = [name for name in names[:2] if name not in given]
            if given and missing:
                raise InputError(f"must be given together with {given[0]}", field=missing[0])
        return self

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not (is_loopback(self.host) or self.tls_cert or self.plain_http):
            rule = "must be an address of this machine alone where there is no TLS"
            hint = "Give tls_cert and tls_key; or set plain_http = true where a proxy in front ends TLS"
            raise InputError(rule, field="host", value=self.host, hint=hint)
        return self


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(file: Path | None = None, **given: object) -> Settings:
    """Return the settings in force.

    Parameters
    ----------
    file
        A TOML file of settings; default: ``jasyl.toml`` in the data folder, where there is one.
    given
        Settings of the command line; `None` stands for one that was not given.

    Raises
    ------
    InputError
        For a name that is unknown or a value that breaks a rule, with the field (the variable, the key of the file,
        the option) that holds it.
    """
    _require_known_variables()
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    table: dict[str, Any] = {}
    if file is None:
        found = _data_folder(options) / FILE_NAME
        file = found if found.is_file() else None
    if file is not None:
        table = _read(file)

    class _Sourced(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, InitSettingsSource(settings_cls, table)

    try:
        return _Sourced(**options)
    except ValidationError as error:
        raise _explained(error.errors()[0], options, table, file) from None
    except SettingsError as error:
        hint = 'Set one at a time, such as JASYL_RATE_LIMITS__VIEWER="600/minute"'
        raise InputError("must be an object in JSON", field=f"{_PREFIX}RATE_LIMITS", hint=hint) from error


def _require_known_variables() -> None:
    """Raise for a variable that begins as ours do and is none: what it was to change would stay as it is."""
    limits = [f"{_PREFIX}RATE_LIMITS__{role}".upper() for role in RateLimits.model_fields]
    known = [f"{_PREFIX}{name}".upper() for name in Settings.model_fields] + limits
    for name in sorted(os.environ):
        if name.upper().startswith(_PREFIX) and name.upper() not in {*known, *_NOT_SETTINGS}:
            close = get_close_matches(name.upper(), known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}"
            raise InputError("is no setting", field=name, value=mask(os.environ[name]), hint=hint)


def _data_folder(options: Mapping[str, object]) -> Path:
    """Return the data folder as far as it is known before the file of settings."""
    named = options.get("data_folder") or os.environ.get(f"{_PREFIX}DATA_FOLDER")
    return Path(str(named)).expanduser() if named else user_data_path("jasyl")


def _read(file: Path) -> dict[str, Any]:
    hint = "Write it as TOML, such as: port = 8080"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            "must be a file that exists", file=file, field="--settings", hint="Check the path"
        ) from None
    except OSError as error:
        rule = "must be a file that can be read"
        raise InputError(rule, file=file, field="--settings", value=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "must be TOML in UTF-8", file=file, field="file content", value=str(error), hint=hint
        ) from None


def _explained(
    error: ErrorDetails, options: Mapping[str, object], table: Mapping[str, object], file: Path | None
) -> InputError:
    """Return what is wrong with a setting, told where it was set."""
    location = [str(part) for part in error["loc"]]
    name, path = location[0], ".".join(location)
    if error["type"] == "extra_forbidden":
        known = list(RateLimits.model_fields if name == "rate_limits" else Settings.model_fields)
        close = get_close_matches(location[-1], known, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(known)}"
        return InputError("is no setting", file=file, field=path, value=location[-1], hint=hint)
    rule = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    rule = rule.replace("String should", "must").replace("Tuple should", "must")
    if error["type"] == "string_pattern_mismatch":
        rule = "must be a number of requests and a time, such as '600/minute'"
    value = MASK if name == "redis_url" else error["input"]
    if name in options:
        return InputError(rule, field=f"--{_OPTIONS.get(name, name)}", value=value)
    variable = f"{_PREFIX}{'__'.join(location)}".upper()
    in_file = file is not None and name in table
    if any(key.upper().startswith(f"{_PREFIX}{name}".upper()) for key in os.environ) or not in_file:
        return InputError(rule, field=variable, value=value)
    return InputError(rule, file=file, field=path, value=value)


_OPTIONS = {"data_folder": "data"}


def shown(settings: Settings) -> dict[str, str]:
    """Return the settings for people to read, with secrets masked."""
    lines: dict[str, str] = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, RateLimits):
            lines |= {f"{name}.{role}": rate for role, rate in value.model_dump().items()}
        elif isinstance(value, SecretStr):
            lines[name] = _shown_url(value.get_secret_value())
        elif isinstance(value, tuple):
            lines[name] = ", ".join(value) or "none"
        elif isinstance(value, bool):
            lines[name] = "yes" if value else "no"
        else:
            lines[name] = "none" if value is None else mask(str(value))
    return lines


def _shown_url(url: str) -> str:
    """Return where an address leads, without who goes there and with what."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] if parts.netloc else ""
    user = f"{MASK}@" if "@" in parts.netloc else ""
    return f"{parts.scheme}://{user}{place}{parts.path}" + (f"?{MASK}" if parts.query else "")
