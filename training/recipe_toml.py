"""TOML in and out for recipes: overrides, errors that name the key, a writer."""

from __future__ import annotations

import difflib
import tomllib
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from recsys.errors import RecipeError

Model = TypeVar("Model", bound=BaseModel)

LIKE = 0.6
"""How like a key must be, of 1, to be proposed for an unknown one."""
NONE = "none"
"""How TOML says that an optional value is absent."""


def parse(
    model: type[Model], text: str, overrides: Sequence[str] = (), *, where: str = "recipe"
) -> Model:
    """Read TOML `text` into `model`, with `table.key=value` overrides on top.

    Every field of `model` has a default.

    Raises:
        RecipeError: no TOML, an unknown key, or an ill-typed value; the message names
            the dotted key, the value and the nearest valid key.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not TOML: {error}; correct that line") from error
    for override in overrides:
        _override(values, override)
    # A table keeps the defaults of the keys that it does not name, at every depth.
    values = _merged(model().model_dump(), _with_nulls(model, values))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_fault(model, fault) for fault in error.errors()]
        raise RecipeError(f"{where}: " + "; ".join(dict.fromkeys(faults))) from error


def dump(values: Mapping[str, Any]) -> str:
    """Write nested values as TOML, which has no null: None becomes "none".

    >>> print(dump({"seed": 1, "ranker": {"lr": 0.001, "hidden": [64, 32], "cap": None}}))
    seed = 1
    <BLANKLINE>
    [ranker]
    lr = 0.001
    hidden = [64, 32]
    cap = "none"
    <BLANKLINE>
    """
    return "\n".join(_tables(values, ())).lstrip("\n") + "\n"


def valid_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every dotted key that a recipe of `model` may set."""
    for name, field in model.model_fields.items():
        inner = _submodel(field.annotation)
        if inner is None:
            yield prefix + name
        else:
            yield from valid_keys(inner, f"{prefix}{name}.")


def flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested tables by its dotted key.

    >>> dict(flat({"a": 1, "b": {"c": 2}}))
    {'a': 1, 'b.c': 2}
    """
    for key, value in tables.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def annotation_of(model: type[BaseModel], key: str) -> Any:
    """Return the type of a dotted key, or None where `model` has no such key."""
    annotation: Any = model
    for part in key.split("."):
        inner = _submodel(annotation)
        if inner is None or part not in inner.model_fields:
            return None
        annotation = inner.model_fields[part].annotation
    return annotation


def _tables(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {k: v for k, v in values.items() if not isinstance(v, Mapping)}
    if plain and path:
        yield f"\n[{'.'.join(path)}]"
    for key, value in plain.items():
        yield f"{key} = {literal(value)}"
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _tables(value, (*path, key))


def literal(value: Any) -> str:
    """Write one value as TOML; None is "none"."""
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):  # datetimes are dates too
        return value.isoformat()
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(v) for v in value)}]"
    return _string(str(value))


def _string(text: str) -> str:
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    escaped = (named.get(c, c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}") for c in text)
    return f'"{"".join(escaped)}"'


def _with_nulls(model: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    """Turn "none" into None where a field may be absent."""
    read: dict[str, Any] = {}
    for key, value in values.items():
        field = model.model_fields.get(key)
        inner = None if field is None else _submodel(field.annotation)
        if inner is not None and isinstance(value, dict):
            read[key] = _with_nulls(inner, value)
        elif field is not None and value == NONE and type(None) in get_args(field.annotation):
            read[key] = None
        else:
            read[key] = value
    return read


def _merged(base: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        inner = merged.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        merged[key] = _merged(inner, value) if both else value  # type: ignore[arg-type]
    return merged


def _override(values: dict[str, Any], override: str) -> None:
    key, sign, raw = override.partition("=")
    if not sign or not key.strip():
        raise RecipeError(f"override {override!r}: write it as table.key=value")
    path = key.strip().split(".")
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"override {override!r}: {part} is a value, not a table")
        values = inner
    values[path[-1]] = read_value(raw.strip())


def read_value(raw: str) -> Any:
    """Read a TOML value; what is none is text, so that quotes may be left out."""
    try:
        return tomllib.loads(f"value = {raw}")["value"]
    except tomllib.TOMLDecodeError:
        return raw


def _fault(model: type[BaseModel], fault: Any) -> str:
    path = _key_path(model, fault["loc"])
    key = ".".join(path)
    if fault["type"] == "extra_forbidden":
        near = _nearest(key, list(valid_keys(model)))
        help = f"nearest valid key: {near}" if near else _what_there_is(model, path[:-1])
        return f"unknown key {key} (= {fault['input']!r}); {help}"
    if fault["type"] == "missing":
        return f"{key} is missing; set it"
    if fault["type"] == "too_short":
        return f"{key} = {fault['input']!r}: give at least {fault['ctx']['min_length']} value"
    return f"{key} = {fault['input']!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"


def _key_path(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Keep the parts of an error's place that are keys (not indices or union members)."""
    path: list[str] = []
    current: type[BaseModel] | None = model
    for part in loc:
        path.append(str(part))
        field = None if current is None else current.model_fields.get(str(part))
        current = None if field is None else _submodel(field.annotation)
        if current is None:
            break
    return path


def _what_there_is(model: type[BaseModel], table: Sequence[str]) -> str:
    """Name the keys and tables of the innermost table of a path that there is."""
    there: list[str] = []
    for part in table:
        field = model.model_fields.get(part)
        inner = None if field is None else _submodel(field.annotation)
        if inner is None:
            break
        model, there = inner, [*there, part]
    return f"{'.'.join(there) or 'a recipe'} has {', '.join(model.model_fields)}"


def _nearest(key: str, valid: list[str]) -> str | None:
    """Prefer a like key of the same table, then the same last part, then any like key."""
    table, _, leaf = key.rpartition(".")
    beside = {k.rpartition(".")[2]: k for k in valid if k.rpartition(".")[0] == table}
    for close in difflib.get_close_matches(leaf, beside, n=1, cutoff=0.5):
        return beside[close]
    same = [k for k in valid if k.rpartition(".")[2] == leaf]
    tables = {k.rpartition(".")[0] for k in valid} - {""}
    if same:
        return difflib.get_close_matches(key, same, n=1, cutoff=0)[0]
    if table in tables:  # the table is right, so its other keys are no likelier
        return None
    near = difflib.get_close_matches(key, [*valid, *sorted(tables)], n=1, cutoff=LIKE)
    return near[0] if near else None


def _submodel(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [_submodel(a) for a in get_args(annotation)]
        return next((m for m in inner if m is not None), None)
    return None
