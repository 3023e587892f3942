"""Jinja templates by strangers, run in jinja2's sandbox, and bounded in time and memory.

On any thread and system one ends within about a second and two hundred megabytes. Each turn of a loop, call
and operation is work, in the measure of what it reads or makes; what could do much at one stroke is
measured first or not offered. A processor that is busy with other things is not made up for.
"""

import json
import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from datetime import datetime
from functools import wraps
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from jinja2 import Environment, Template, TemplateError, TemplateRuntimeError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import EvalContext
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace

ERRORS = (
    *(TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError),
    *(RuntimeError, SyntaxError, TypeError, ValueError),
)
_MAX_SECONDS = 1.0
_MAX_PARTS = 10_000  # of its syntax; a template that is used has some hundreds
_MAX_WORK = 10_000_000  # letters and items, read or made, all together
_LIST_ITEM_WORK = 4  # an item takes the memory of some letters
_MAX_WEIGHT = 500_000  # letters and items of one value
_MAX_NUMBER_BITS = 256
_MAX_DEPTH = 64
_MAX_PATTERN_LETTERS = 256  # in searches that cost the text's length times the pattern's
_MAX_FILTER_NUMBER = 1000
_TEXT_METHODS = frozenset(
    (
        *("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "partition", "rpartition"),
        *("startswith", "endswith", "removeprefix", "removesuffix", "upper", "lower", "title"),
        *("capitalize", "find", "rfind", "index", "rindex", "count", "replace", "join", "isdigit"),
        *("isalpha", "isalnum", "isspace", "isupper", "islower", "isnumeric", "isdecimal"),
    )
)
_METHODS: Mapping[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    dict: frozenset(("get", "items", "keys", "values")),
    list: frozenset(("index", "count")),
    tuple: frozenset(("index", "count")),
    LoopContext: frozenset(("cycle", "changed")),
}
# these look at the outermost list alone
_SHALLOW_FILTERS = frozenset(
    (
        *("count", "length", "d", "default", "first", "last", "items", "list", "reverse", "map", "reject"),
        *("rejectattr", "select", "selectattr"),
    )
)
_DEEP_FILTERS = frozenset(
    (
        *("abs", "capitalize", "dictsort", "e", "escape", "float", "indent", "int", "join", "lower", "max"),
        *("min", "replace", "round", "safe", "sort", "string", "title", "trim", "unique", "upper"),
    )
)
_TEXT_TESTS = frozenset(
    (
        *("in", "lower", "upper", "==", "eq", "equalto", "!=", "ne", ">", "gt", "greaterthan", ">=", "ge"),
        *("<", "lt", "lessthan", "<=", "le"),
    )
)
_NUMBER_TESTS = frozenset(("odd", "even", "divisibleby"))


class TooMuch(TemplateRuntimeError):
    """The template asks for more than it may have."""


class Refusal(TemplateError):
    """What a template itself objects to."""


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """For one template on one thread; `begin` grants it work anew."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        self.begin()
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[loopcontrols, _Generation],
            optimized=False,
            finalize=self.weighed,
        )
        self.globals = {
            "range": safe_range,
            "dict": _dict,
            "namespace": _namespace,
            "raise_exception": _raise_exception,
            "strftime_now": _strftime_now,
        }
        self._functions = frozenset(self.globals.values())
        self.filters = {
            name: self._measured_filter(name, self.filters[name]) for name in _SHALLOW_FILTERS | _DEEP_FILTERS
        }
        self.filters["tojson"] = self._tojson
        tests: dict[str, Any] = self.tests
        tests |= {name: _checked(tests[name], self.weighed) for name in _TEXT_TESTS}
        tests |= {name: _checked(tests[name], _refuse_texts) for name in _NUMBER_TESTS}

    def begin(self) -> None:
        self._work_left, self._depth = _MAX_WORK, 0
        self._deadline = time.monotonic() + _MAX_SECONDS

    def from_untrusted(self, source: str) -> Template:
        self.begin()
        tree = self.parse(source)
        if sum(1 for _ in tree.find_all(nodes.Node)) > _MAX_PARTS:
            raise TooMuch("it has more parts than a template should")
        if any(name.attr.startswith("_") for name in tree.find_all(nodes.NSRef)):
            raise TemplateRuntimeError("a name that begins with _ is not for templates")
        _count_work(tree)
        tree.set_environment(self)
        return self.from_string(tree)

    def spend(self, work: int) -> None:
        self._work_left -= work + 10
        if self._work_left < 0 or time.monotonic() > self._deadline:
            raise TooMuch("it does more than a template should")

    def weighed(self, value: Any) -> Any:
        """The value, if it is so small that comparing or writing it, with all that it holds, is quick."""
        self.spend(_weight(value))
        return value

    def counted(self, value: Any) -> Any:
        self.spend(len(value) if isinstance(value, str | list | tuple | dict) else 0)
        return value

    def turns(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.spend(0)
            yield item

    def join_texts(self, *values: Any) -> str:
        return self.concat(str(self.weighed(value)) for value in values)

    def concat(self, parts: Iterable[str]) -> str:
        texts, letters = [], 0
        for text in parts:
            letters += len(text)
            _check_weight(letters)
            self.spend(len(text))
            texts.append(text)
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int) and isinstance(right, int):
            bits = (
                left.bit_length() * max(right, 1)
                if operator == "**"
                else left.bit_length() + right.bit_length()
            )
            if bits > _MAX_NUMBER_BITS:
                raise TooMuch("it counts too far")
        elif operator == "%" and isinstance(left, str):
            raise TooMuch("it formats text with %, which is not offered")
        elif operator == "*" and isinstance(left, str | list | tuple) and isinstance(right, int):
            _check_weight(len(left) * right)
        elif operator == "*" and isinstance(right, str | list | tuple) and isinstance(left, int):
            _check_weight(len(right) * left)
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, str | list | tuple):
            _check_weight(len(made))
        return self.counted(made)

    def call(self, context: Context, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.spend(0)
        if isinstance(called, LoopContext):
            args = tuple(self.turns(items) for items in args)
        elif not isinstance(called, Macro | Undefined):
            self._check_call(called, args, kwargs)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TooMuch("it calls itself too deep")
        try:
            return self.counted(super().call(context, called, *args, **kwargs))
        finally:
            self._depth -= 1

    def _check_call(self, called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if isinstance(called, FunctionType) and called in self._functions:
            self.weighed((args, kwargs))
            return
        owner = called.__self__ if isinstance(called, BuiltinMethodType | MethodType) else None
        if owner is self:
            return
        name = getattr(called, "__name__", "") if owner is not None else ""
        if not any(isinstance(owner, kind) and name in names for kind, names in _METHODS.items()):
            raise TooMuch("it calls something that is not offered")
        self.weighed((args, kwargs))
        if isinstance(owner, str):
            _check_text_method(owner, name, args)
            self.spend(len(owner))
        elif isinstance(owner, list | tuple):
            self.weighed(owner)

    def _measured_filter(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            if name in _SHALLOW_FILTERS:
                self.spend(0)
            else:
                self.weighed((args, kwargs))
                _check_filter(name, args, kwargs)
            made = function(*args, **kwargs)
            if isinstance(made, list):
                self.spend(_LIST_ITEM_WORK * len(made))
            return self.counted(list(self.turns(made)) if isinstance(made, Iterator) else made)

        return measured

    def _tojson(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        """Unlike jinja2's own it leaves signs as they are, as the templates' authors had it."""
        self.weighed(value)
        if indent is not None and not (isinstance(indent, int) and indent <= 16):
            raise TooMuch("it indents too far")
        encoder = json.JSONEncoder(
            ensure_ascii=bool(ensure_ascii), indent=indent, separators=separators, sort_keys=bool(sort_keys)
        )
        return self.concat(encoder.iterencode(value))


class _Generation(Extension):
    """{% generation %} tells a trainer which text is the model's own; here it is only text."""

    tags = frozenset(("generation",))  # type: ignore[assignment]

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body, lineno=line)


def _count_work(tree: nodes.Template) -> None:
    """What jinja2 would do unasked goes through the environment."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = _through("turns", loop.iter)
    for concat in list(tree.find_all(nodes.Concat)):
        concat.nodes = [_through("join_texts", *concat.nodes)]
    for compare in list(tree.find_all(nodes.Compare)):
        compare.expr = _through("weighed", compare.expr)
        for operand in compare.ops:
            operand.expr = _through("weighed", operand.expr)
    for pair in list(tree.find_all(nodes.Pair)):
        pair.key = _through("weighed", pair.key)
    for item in list(tree.find_all(nodes.Getitem)):
        if isinstance(item.arg, nodes.Slice):
            item.node = _through("counted", item.node)
        else:
            item.arg = _through("weighed", item.arg)


def _through(method: str, *values: nodes.Node) -> nodes.Expr:
    if method == "weighed" and isinstance(values[0], nodes.Const):
        return values[0]
    line = values[0].lineno
    called = nodes.EnvironmentAttribute(method, lineno=line)
    return nodes.Call(called, list(values), [], None, None, lineno=line)


def _weight(value: Any) -> int:
    """Letters and items, those of a thing that is held twice counted twice, as writing it would."""
    weight, waiting = 1, [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, int):
            weight += item.bit_length() // 8
        elif isinstance(item, str | list | tuple | dict | range | KeysView | ValuesView | ItemsView):
            weight += len(item)
        _check_weight(weight)
        if isinstance(item, dict):
            waiting += item
            waiting += item.values()
        elif isinstance(item, list | tuple | KeysView | ValuesView | ItemsView):
            waiting += item
    return weight


def _check_weight(weight: int) -> None:
    if weight > _MAX_WEIGHT:
        raise TooMuch("it makes a text or list that is too long")


def _check_text_method(owner: str, name: str, args: tuple[Any, ...]) -> None:
    texts = [value for value in args if isinstance(value, str)]
    if name == "replace" and len(texts) == 2:
        _check_replace(owner, *texts)
    elif name == "join":
        _check_weight(_weight(args) * (1 + len(owner)))
    elif name in ("strip", "lstrip", "rstrip", "rsplit", "rpartition", "rfind", "rindex"):
        _check_pattern(texts)


def _check_filter(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    values = [value for value in args if not isinstance(value, Context | EvalContext | Environment)]
    options = [*values[1:], *kwargs.values()]
    if any(isinstance(option, int) and abs(option) > _MAX_FILTER_NUMBER for option in options):
        raise TooMuch("it gives a filter too large a number")
    texts = [option for option in options if isinstance(option, str)]
    if name == "replace" and len(options) >= 2:
        _check_replace(str(values[0]), str(options[0]), str(options[1]))
    elif name == "join":
        _check_weight(_weight(values) * (1 + sum(map(len, texts))))
    elif name == "indent":
        widths = [option for option in options if isinstance(option, int)]
        _check_weight(str(values[0]).count("\n") * (sum(widths) + sum(map(len, texts))))
    elif name == "trim":
        _check_pattern(texts)


def _check_replace(text: str, old: str, new: str) -> None:
    _check_weight(len(text) + text.count(old) * len(new))


def _check_pattern(texts: list[str]) -> None:
    if any(len(text) > _MAX_PATTERN_LETTERS for text in texts):
        raise TooMuch("it looks for too long a text")


def _checked(test: Callable[..., Any], check: Callable[[Any], Any]) -> Callable[..., Any]:
    @wraps(test)
    def checked(*args: Any) -> Any:
        check(args)
        return test(*args)

    return checked


def _refuse_texts(values: tuple[Any, ...]) -> None:
    if any(isinstance(value, str) for value in values):
        raise TooMuch("it counts with text")


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _namespace(*args: Any, **kwargs: Any) -> Namespace:
    names = dict(*args, **kwargs)
    if any(str(name).startswith("_") for name in names):
        raise TemplateRuntimeError("a name that begins with _ is not for templates")
    return Namespace(names)


def _raise_exception(message: object) -> None:
    raise Refusal(str(message))


def _strftime_now(form: str) -> str:
    if len(form) > _MAX_PATTERN_LETTERS:
        raise TooMuch("it writes too long a date")
    return datetime.now().astimezone().strftime(form)
