"""Configuration: flags over the environment over a TOML file over these defaults.

Every setting is an environment variable `RECSYS_SERVE_<NAME>` (`RECSYS_SERVE_STORE`,
`RECSYS_SERVE_RATE`, ...), a tenant's model `RECSYS_SERVE_MODELS__<tenant>`. The file is named
by `RECSYS_SERVE_CONFIG` or `--config`.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from recsys.errors import DataError

PREFIX = "RECSYS_SERVE_"
CONFIG = f"{PREFIX}CONFIG"
TENANTS = f"{PREFIX}MODELS__"
_FORMS = {
    "cors_origins": """a list such as '["https://shop.example"]'""",
    "models": """an object such as '{"shop": "bundles/shop"}'""",
}
ANONYMOUS = "default"
"""Tenant of all requests where authentication is off."""


class _Environment(EnvSettingsSource):
    """The environment, where tenants' names are case-sensitive and settings' names are not."""

    def explode_env_vars(
        self, field_name: str, field: FieldInfo, env_vars: Mapping[str, str | None]
    ) -> dict[str, Any]:
        """Read `RECSYS_SERVE_MODELS__<tenant>`, the only setting in parts, as it is spelled."""
        if field_name != "models":
            return super().explode_env_vars(field_name, field, env_vars)
        return {
            name[len(TENANTS) :]: uri
            for name, uri in os.environ.items()
            if name.upper().startswith(TENANTS)
        }

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read a list or an object.

        Raises:
            ValueError: it is no JSON; it is told which form the setting has.
        """
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError as error:
            form = _FORMS.get(field_name, "JSON")
            name = f"{PREFIX}{field_name.upper()}"
            raise DataError(f"{name} (environment): not JSON; give {form}") from error


class Settings(BaseSettings):
    """What an operator may choose.

    Attributes:
        model: bundle directory or registry uri that answers every tenant without its own.
        models: tenant -> its own bundle directory or registry uri.
        challenger: model of the experiment's other arm.
        experiment: name of the experiment; part of the hash that settles the arm.
        challenger_share: share of shoppers that the challenger answers.
        tracking_uri: MLflow store of `models:/` uris.
        store: `sqlite:///PATH` or `postgresql://...`; where none is named, `recsys serve`
            takes the SQLite file `store.sqlite` under `RECSYS_HOME`.
        host: address to bind.
        port: port to bind; 0 takes a free one.
        workers: processes.
        auth: False answers without keys, on loopback only.
        threads: threads of a worker that ask the models.
        poll_seconds: how often a registry or a bundle directory is looked at (with jitter).
        items_poll_seconds: how often a worker looks for items that others added.
        key_cache_seconds: how long a checked key is believed; revocation takes as long.
        rate: requests a second of one key to a worker, on average; 0 sets no limit.
        burst: requests that a key may send at once to a worker.
        max_in_flight: requests at work in a worker; more get 429.
        queue_ms: how long a request of a burst may expect to wait for a model; longer gets 429.
        max_body_bytes: larger bodies get 413.
        request_timeout_ms: after it a request that has no answer gets 504.
        store_budget_ms: stage reading the shopper; then what is cached speaks.
        model_budget_ms: stage ranking; then a precomputed or popular list speaks.
        blurb_budget_ms: stage blurbs; then the list comes without.
        history_limit: newest events of a shopper that are read.
        queue_events: events that may wait for their commit; a larger request waits alone.
        stale_days: a bundle older than this is asked as if its last day were today, by which
            `available_from` and `available_until` are judged, too.
        blurb_store: SQLite file of verified blurbs, which must exist; without it all are
            extractive.
        locale: language of the blurbs; none: that of the bundle's recipe.
        cors_origins: origins whose pages may call the service; none by default.
        log_level: of the JSON logs.
        device: where the models run.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    model: str = ""
    models: dict[str, str] = {}
    challenger: str | None = None
    experiment: str = "challenger"
    challenger_share: float = Field(0.0, ge=0, le=1)
    tracking_uri: str | None = None
    store: str = ""
    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    workers: int = Field(1, ge=1, le=256)
    auth: bool = True
    threads: int = Field(2, ge=1, le=64)
    poll_seconds: float = Field(15.0, gt=0)
    items_poll_seconds: float = Field(0.5, gt=0)
    key_cache_seconds: float = Field(60.0, ge=0, le=60)
    rate: float = Field(5_000.0, ge=0)
    burst: int = Field(10_000, ge=1)
    max_in_flight: int = Field(512, ge=1)
    queue_ms: float = Field(50.0, gt=0)
    max_body_bytes: int = Field(4 * 2**20, ge=1_024)
    request_timeout_ms: float = Field(10_000.0, gt=0)
    store_budget_ms: float = Field(500.0, gt=0)
    model_budget_ms: float = Field(2_000.0, gt=0)
    blurb_budget_ms: float = Field(250.0, gt=0)
    history_limit: int = Field(500, ge=1, le=10_000)
    queue_events: int = Field(10_000, ge=1)
    stale_days: float = Field(90.0, gt=0)
    blurb_store: Path | None = None
    locale: str | None = None
    cors_origins: tuple[str, ...] = ()
    log_level: str = "INFO"
    device: str = "cpu"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then the file."""
        environment = _Environment(settings_cls)
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, environment)
        file = os.environ.get(CONFIG)
        if file:
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=Path(file)),)
        return sources

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("use DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if not self.auth and not is_loopback(self.host):
            raise ValueError(
                f"auth is off and host is {self.host!r}: without keys the service binds "
                "loopback only; leave auth on, or use --host 127.0.0.1"
            )
        if not self.model:
            raise ValueError("model is missing; give a bundle directory or models:/NAME@ALIAS")
        return self


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(config: Path | None = None, **flags: Any) -> Settings:
    """Read the settings; a flag that is None was not given.

    Raises:
        DataError: the file is no TOML, or a setting is unknown, ill-typed or unsafe; it is
            named, with its value.
    """
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() != CONFIG:
            setting = name[len(PREFIX) :].lower().split("__")[0]  # MODELS__SHOP: a key of models
            if setting not in Settings.model_fields:
                raise DataError(_unknown(f"{name} (environment)", setting))
    before = os.environ.get(CONFIG, "")
    named = Path(before) if config is None and before else config
    if named is not None and not named.is_file():
        by = f" ({CONFIG})" if config is None else ""
        raise DataError(f"{named} is missing{by}; name a TOML file of settings")
    if config is not None:
        os.environ[CONFIG] = str(config)  # the workers read it, too
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except tomllib.TOMLDecodeError as error:
        file, os.environ[CONFIG] = os.environ.get(CONFIG), before
        raise DataError(f"{file}: not TOML: {error}; correct that line") from error
    except UnicodeDecodeError as error:
        file, os.environ[CONFIG] = os.environ.get(CONFIG), before
        raise DataError(f"{file}: not TOML: {error}; save it in UTF-8") from error
    except SettingsError as error:
        os.environ[CONFIG] = before
        raise DataError(str(error.__cause__ or error)) from error
    except ValidationError as error:
        file, os.environ[CONFIG] = os.environ.get(CONFIG), before
        raise DataError(_told(error.errors()[0], file)) from error


def _unknown(name: str, setting: str) -> str:
    near = difflib.get_close_matches(setting, Settings.model_fields, n=1)
    help = f"the nearest is {near[0]}" if near else "docs/serving.md lists them"
    return f"unknown setting {name}; {help}"


def _told(fault: Any, file: str | None) -> str:
    """Say what is wrong with a setting; an unknown one can only come from the file."""
    where = ".".join(str(part) for part in fault["loc"])
    text = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{file + ': ' if file else ''}{_unknown(where, where)}"
    # A store's address may hold a password; other settings are numbers, switches and names.
    value = fault["input"]
    if where != "store" and isinstance(value, bool | int | float | str):
        where = f"{where} = {value!r}" if where else where
    return f"{where}: {text}" if where else text
