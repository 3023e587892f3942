"""A setting is written once: default, help and bounds in one dataclass field.

From it come the JSON key, the command-line flag and the row of a form. Reading is strict: an unknown key, a
wrong type or a value out of bounds is an error that says which, and what was probably meant.
"""

import argparse
import dataclasses
import difflib
import math
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from core.spec.errors import UsageError

T = TypeVar("T")
_REQUIRED = dataclasses.MISSING


@dataclass(frozen=True)
class Setting:
    """One field as a form or a command line sees it."""

    name: str
    type: Any
    default: Any
    help: str
    low: float | None
    high: float | None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED


_found: dict[type, tuple[Setting, ...]] = {}


def setting(default: Any, help: str, *, low: float | None = None, high: float | None = None) -> Any:
    """A dataclass field that explains itself. `...` as default means that there is none."""
    metadata = {"help": help, "low": low, "high": high}
    if default is ...:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Found out once: a file of thousands of records is read with them."""
    if kind not in _found:
        hints = get_type_hints(kind)
        _found[kind] = tuple(
            Setting(
                name=field.name,
                type=hints[field.name],
                default=field.default,
                help=field.metadata.get("help", ""),
                low=field.metadata.get("low"),
                high=field.metadata.get("high"),
            )
            for field in dataclasses.fields(kind)
        )
    return _found[kind]


def from_json(kind: type[T], data: object, where: str) -> T:
    """An instance of the dataclass `kind`; `where` names the file or option in error messages."""
    if not isinstance(data, Mapping):
        raise UsageError(f"{where} must hold a JSON object, not {_described(data)}.")
    known = {item.name: item for item in settings_of(kind)}
    for key in data:
        if key not in known:
            raise UsageError(
                f"{where} has an unknown key {_described(key)}{suggestion(str(key)[:60], known)}."
            )
    values = {}
    for name, item in known.items():
        if name in data:
            values[name] = _value(item.type, data[name], f"{name!r} in {where}")
            _check_bounds(item, values[name], where)
        elif item.is_required:
            raise UsageError(f"{where} lacks the key {name!r}.")
    try:
        return kind(**values)
    except UsageError as error:  # fields that contradict each other
        raise UsageError(f"{where}: {error}") from None


def to_json(instance: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(instance, field.name)) for field in dataclasses.fields(instance)}


def add_flags(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, kind: type, leave_out: Iterable[str] = ()
) -> None:
    """A flag a setting; lists of numbers with commas, lists of texts by repeating the flag.

    What is not given on the command line is absent from the namespace.
    """
    for item in settings_of(kind):
        if item.name in leave_out:
            continue
        shown = "" if item.is_required else f" (default: {_plain(item.default)})"
        keywords: dict[str, Any] = {
            "default": argparse.SUPPRESS,
            "help": (item.help + shown).replace("%", "%%"),
        }
        if item.type is bool:
            keywords["action"] = argparse.BooleanOptionalAction
        elif item.type == tuple[str, ...]:
            keywords["action"] = "append"
        else:
            keywords["type"] = _parser_of(item)
            keywords["metavar"] = "{" + ",".join(item.choices) + "}" if item.choices else None
        parser.add_argument(item.flag, **keywords)


def from_flags(kind: type[T], arguments: argparse.Namespace, **defaults: Any) -> T:
    """The settings given on the command line, over `defaults`, over the fields' own defaults."""
    names = {item.name for item in settings_of(kind)}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    return from_json(kind, defaults | given, "the command line")


def as_flags(instance: Any, leave_out: Iterable[str] = ()) -> list[str]:
    """What says the same on a command line; what is as usual is left out."""
    flags: list[str] = []
    for item in settings_of(type(instance)):
        value = getattr(instance, item.name)
        if value == item.default or item.name in leave_out:
            continue
        if value is None:
            flags += [item.flag, "none"]
        elif isinstance(value, bool):
            flags.append(item.flag if value else item.flag.replace("--", "--no-", 1))
        elif item.type == tuple[str, ...]:
            flags += [word for text in value for word in (item.flag, text)]
        else:
            flags += [item.flag, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return flags


def suggestion(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _parser_of(item: Setting) -> Any:
    def parse(text: str) -> Any:
        try:
            value = _value(item.type, _from_text(item.type, text), item.flag)
            _check_bounds(item, value, "the command line")
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return _plain(value)

    return parse


def _from_text(kind: Any, text: str) -> Any:
    """What the JSON would have held. Text that cannot be read stays text, and is refused as such."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        return [_from_text(arguments[0], part) for part in text.split(",") if part]
    if origin in (Union, types.UnionType):
        if text == "none":
            return None
        return _from_text(next(item for item in arguments if item is not type(None)), text)
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text


def _value(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(arguments, value, where)
    if origin is Literal:
        return _choice(arguments, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{where} must be a list, not {_described(value)}.")
        return tuple(_value(arguments[0], item, where) for item in value)
    if dataclasses.is_dataclass(kind):
        return value if isinstance(value, kind) else from_json(kind, value, where)  # type: ignore[arg-type]
    return _scalar(kind, value, where)


def _optional(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None:
        return None
    return _value(next(item for item in arguments if item is not type(None)), value, where)


def _choice(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in choices:
        listed = ", ".join(map(str, choices))
        raise UsageError(f"{where} must be one of {listed}, not {_described(value)}.")
    return value


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise UsageError(f"{where} must be a number that is not so large.") from None
    if type(value) is not kind:
        raise UsageError(f"{where} must be {_NOUNS[kind]}, not {_described(value)}.")
    if kind is float and not math.isfinite(value):
        raise UsageError(f"{where} must be a finite number, not {value}.")
    return value


def _check_bounds(item: Setting, value: Any, where: str) -> None:
    if value is None or isinstance(value, str | bool):
        return
    for number in value if isinstance(value, tuple) else (value,):
        if item.low is not None and number < item.low:
            raise UsageError(f"{item.name!r} in {where} must be at least {item.low:g}, not {number:g}.")
        if item.high is not None and number > item.high:
            raise UsageError(f"{item.name!r} in {where} must be at most {item.high:g}, not {number:g}.")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _described(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


_NOUNS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
}
