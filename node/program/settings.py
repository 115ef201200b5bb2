"""Reads a program's settings: defaults < TOML file < environment RMA_<NAME> < flags, validated whole, once.

A settings class is a frozen dataclass whose fields are made with `setting()`, which carries the help text, the
unit, what is allowed and older environment names. One bad value is one clear line.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

from node.program.durations import DurationError, parse_duration
from node.program.errors import EXIT_USAGE, UserFacingError

T = TypeVar("T")
SECONDS = "seconds"  # the unit of which people write durations, too
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


class SettingError(UserFacingError):
    """A setting that cannot be used; its title names the setting, the value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str, source: str) -> None:
        super().__init__(f"Setting {name} ({source}) is {value!r}; allowed is {allowed}.", exit_code=EXIT_USAGE)


def setting(
    default: Any,
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    env: Sequence[str] = (),
    flag: bool = True,
    metavar: str | None = None,
    secret: bool = False,
) -> Any:
    """Declare a field: its default, help text, unit, inclusive bounds or choices, and older variable names.

    A secret one is not shown when the settings are printed.
    """
    metadata = {
        "text": text, "unit": unit, "low": low, "high": high, "choices": tuple(choices),
        "env": tuple(env), "flag": flag, "metavar": metavar,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def add_flags(parser: argparse.ArgumentParser, cls: type[Any]) -> None:
    """Add `--config FILE` and one flag per setting of the class; tuples may be given several times."""
    parser.add_argument("--config", metavar="FILE", help="a TOML file with settings")
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        meta = field.metadata
        if not meta.get("flag", False):
            continue
        kind, is_tuple = _kind(hints[field.name])
        options: dict[str, Any] = {"dest": field.name, "default": None, "help": _help(field)}
        if kind is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options["metavar"] = meta["metavar"] or "|".join(meta["choices"]) or _metavar(field, kind)
            if is_tuple:
                options["action"] = "append"
        parser.add_argument("--" + field.name.replace("_", "-"), **options)


def load_settings(
    cls: type[T],
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    config: Path | None = None,
) -> T:
    """Build the settings; `flags` maps field names to values or None. Raise SettingError for the first bad one."""
    hints = typing.get_type_hints(cls)
    file_values = _read_file(config) if config is not None else {}
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in file_values:
        if name.replace("-", "_") not in fields:
            raise _unknown(name, fields, str(config))
    chosen: dict[str, Any] = {}
    for name, field in fields.items():
        found = _find(field, flags, environ, file_values, str(config))
        if found is not None:
            value, source = found
            chosen[name] = _check(field, hints[name], value, source)
    return cls(**chosen)


def _unknown(name: str, known: Iterable[str], source: str) -> UserFacingError:
    nearest = difflib.get_close_matches(name.replace("-", "_"), known, 1)
    hint = f"Did you mean {nearest[0]}? " if nearest else ""
    title = f"There is no setting {name[:64]!r} ({source})."
    return UserFacingError(title, "", f"{hint}The flags that --help lists are settings' names.", EXIT_USAGE)


def _find(
    field: dataclasses.Field[Any],
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    file_values: Mapping[str, Any],
    file_name: str,
) -> tuple[Any, str] | None:
    flag = flags.get(field.name)
    if flag is not None:
        return flag, "--" + field.name.replace("_", "-")
    for variable in ("RMA_" + field.name.upper(), *field.metadata.get("env", ())):
        if environ.get(variable):
            return environ[variable], "environment " + variable
    for key in (field.name, field.name.replace("_", "-")):
        if key in file_values:
            return file_values[key], file_name
    return None


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError("config", str(path), f"a readable TOML file ({error})", "--config") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingError("config", str(path), f"valid TOML ({error})", "--config") from None


def _kind(hint: Any) -> tuple[type, bool]:
    """Return a field's scalar type and whether it is a tuple of them; `X | None` counts as X."""
    if get_origin(hint) in (types.UnionType, typing.Union):
        hint = next(part for part in get_args(hint) if part is not types.NoneType)
    if get_origin(hint) is tuple:
        return get_args(hint)[0], True
    if get_origin(hint) is Literal:
        return str, False
    return hint, False


def _check(field: dataclasses.Field[Any], hint: Any, value: Any, source: str) -> Any:
    kind, is_tuple = _kind(hint)
    if not is_tuple:
        return _check_one(field, kind, value, source)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise SettingError(field.name, value, "a list", source)
    return tuple(_check_one(field, kind, part, source) for part in value)


def _check_one(field: dataclasses.Field[Any], kind: type, value: Any, source: str) -> Any:
    meta = field.metadata
    try:
        converted = _convert(kind, _in_seconds(value) if meta.get("unit") == SECONDS else value)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(field.name, value, _allowed(meta, kind), source) from None
    choices, low, high = meta.get("choices"), meta.get("low"), meta.get("high")
    outside = (low is not None and not converted >= low) or (high is not None and not converted <= high)
    if outside or (choices and converted not in choices):
        raise SettingError(field.name, value, _allowed(meta, kind), source)
    return converted


def _convert(kind: type, value: Any) -> Any:
    if kind is bool:
        text = str(value).lower()
        if text not in TRUE | FALSE:
            raise ValueError(text)
        return text in TRUE
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        raise TypeError(value)
    if kind is int and isinstance(value, float):
        raise TypeError(value)
    converted = kind(value)
    if kind is float and not math.isfinite(converted):
        raise ValueError(value)
    return converted


def _in_seconds(value: Any) -> Any:
    """Turn a duration with its unit, as 7d or 1h30m, into seconds; anything else stays as it is."""
    try:
        return parse_duration(value) if isinstance(value, str) else value
    except DurationError:
        return value


def _allowed(meta: Mapping[str, Any], kind: type) -> str:
    if meta.get("choices"):
        return "one of " + ", ".join(meta["choices"])
    nouns: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}
    noun = nouns.get(kind, "text")
    low, high = meta.get("low"), meta.get("high")
    if low is not None and high is not None:
        noun += f" from {low:.15g} to {high:.15g}"
    elif low is not None:
        noun += f" of at least {low:.15g}"
    if meta.get("unit") == SECONDS:
        return f"{noun} (seconds), or a duration like 90s, 30m or 7d"
    return noun + (f" ({meta['unit']})" if meta.get("unit") else "")


def _metavar(field: dataclasses.Field[Any], kind: type) -> str:
    """Return what stands for a value in the help: its unit, or what kind of thing it is."""
    name: str = field.metadata["unit"] or field.name.rpartition("_")[2]
    return name.upper() if field.metadata["unit"] or kind is str or name == "port" else "N"


def _help(field: dataclasses.Field[Any]) -> str:
    meta = field.metadata
    default = field.default
    said = str(default).removesuffix(".0") if isinstance(default, float) else default
    shown = "" if default in (None, (), "") or default is False else f" (default {said})"
    unit = f", {meta['unit']}" if meta["unit"] and meta["metavar"] else ""
    text: str = meta["text"]
    return (text + unit + shown).replace("%", "%%")
