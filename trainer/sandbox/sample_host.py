"""The process in which a sample runs: loads it, then does with its names what the tests ask, by message.

Nothing here is trusted by the other side: a sample can reach and change all of it. That gains it nothing, for
an answer counts only as the plain value that the tests expect, and they are not in this process.
"""

import builtins
import collections
import contextlib
import copy
import operator
import random
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from trainer.sandbox.protocol import Channel, Frame, ProtocolError, TooDeep, decode, encode, encode_below

MODULE = "solution"
_OPERATORS = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift"),
    *("rshift", "eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert", "contains", "getitem"),
    *("setitem", "delitem"),
)
_FUNCTIONS = (
    *(getattr, setattr, delattr, len, iter, next, reversed, bool, str, repr, hash, round, isinstance),
    *(issubclass, copy.copy, copy.deepcopy),
)
_MUTABLE = (list, dict, set, bytearray, collections.deque)


class Host:
    """The sample, its objects that the tests know by number, and the tests' functions that it was handed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._thread = threading.get_ident()
        self._module = types.ModuleType(MODULE)
        self._objects: list[Any] = []
        self._handles: dict[int, int] = {}
        self._callbacks: dict[int, Callback] = {}
        self._does: dict[str, Callable[..., Any]] = {
            **{name: getattr(operator, name) for name in _OPERATORS},
            **{function.__name__: function for function in _FUNCTIONS},
            "name": lambda name: vars(self._module)[name],
            "call": lambda function, *args, **kwargs: function(*args, **kwargs),
            "invoke": lambda owner, name, *args, **kwargs: getattr(owner, name)(*args, **kwargs),
            "enter": lambda manager: type(manager).__enter__(manager),
            "leave": lambda manager, kind, error: type(manager).__exit__(manager, kind, error, None),
        }

    def serve(self, source: str) -> None:
        """Until the tests have no more questions."""
        try:
            self._load(source)
            self._channel.send({"value": None})
        except BaseException as error:  # noqa: BLE001 - whatever a sample raises is an answer
            self._channel.send(self._raised(error))
        while (frame := self._channel.receive()) is not None:
            self._answer(frame)

    def _load(self, source: str) -> None:
        random.seed(0)
        sys.modules[MODULE] = self._module
        exec(compile(source, f"<{MODULE}>", "exec", dont_inherit=True), vars(self._module))  # noqa: S102

    def _answer(self, frame: Frame) -> None:
        try:
            reply = self._done(frame)
        except BaseException as error:  # noqa: BLE001 - whatever a sample raises is an answer
            reply = self._raised(error)
        _flush()
        try:
            self._channel.send(reply)
        except ProtocolError as error:
            self._channel.send(self._raised(error))

    def _done(self, frame: Frame) -> Frame:
        args = [self._decode(item) for item in frame["args"]]
        kwargs = {name: self._decode(item) for name, item in frame["kwargs"].items()}
        result = self._does[frame["do"]](*args, **kwargs)
        if frame["do"] == "getattr" and _is_method(result, args[0]):
            return {"value": {"method": args[1]}}
        reply: Frame = {"value": self._encode(result)}
        given = [*zip(args, frame["args"], strict=True)]
        given += [(value, frame["kwargs"][name]) for name, value in kwargs.items()]
        for place, (value, before) in enumerate(given):
            if type(value) in _MUTABLE:
                if value is result:
                    reply["is_argument"] = place
                after = self._encode(value)
                if after != before:
                    reply.setdefault("changed", {})[str(place)] = after
        return reply

    def _encode(self, value: Any) -> Any:
        try:
            return encode(value, self._unusual)
        except (TooDeep, RecursionError):
            return self._object(value)

    def _unusual(self, value: Any) -> Any:
        if isinstance(value, Callback):
            return {"callback": value.number}
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": _ancestors(value)}
        below = encode_below(value, self._unusual)
        return self._object(value) if below is None else below

    def _object(self, value: Any) -> Frame:
        handle = self._handles.setdefault(id(value), len(self._objects))
        if handle == len(self._objects):
            self._objects.append(value)  # which also keeps its id from being given to another
        return {"object": handle}

    def _decode(self, data: Any) -> Any:
        return decode(data, self._unusual_again)

    def _unusual_again(self, data: Frame) -> Any:
        [(tag, value)] = data.items()
        if tag == "object":
            return self._objects[value]
        if tag == "builtin":
            return getattr(builtins, value)
        if tag == "exception":
            return self._exception_class(value)
        if tag == "raised":
            return self._error(*value)
        callback = self._callbacks.setdefault(value[0], Callback(self, *value))
        return iter(callback, _END) if tag == "iterator" else callback

    def _exception_class(self, name: str) -> Any:
        return getattr(builtins, name, None) or vars(self._module).get(name, RuntimeError)

    def _error(self, name: str, args: Any) -> BaseException:
        """An exception of the tests', as the sample knows it."""
        return self._exception_class(name)(*self._decode(args))

    def _raised(self, error: BaseException) -> Frame:
        args = list(error.args)
        if isinstance(error, OSError) and error.filename is not None:
            args.append(error.filename)
        return {
            "raised": _ancestors(type(error)),
            "args": self._encode(args),
            "message": str(error)[:1000],
            "value": self._object(error),
        }

    def call_back(self, number: int, args: Any, kwargs: Any) -> Any:
        """Asks the tests' own function, and does meanwhile what they ask."""
        if threading.get_ident() != self._thread:
            raise RuntimeError("a function that was handed in answers only on the thread it was handed to")
        encoded = {name: self._encode(value) for name, value in kwargs.items()}
        self._channel.send(
            {"callback": number, "args": [self._encode(item) for item in args], "kwargs": encoded}
        )
        while (frame := self._channel.receive()) is not None:
            if "do" in frame:
                self._answer(frame)
            elif "raised" in frame:
                raise self._error(*frame["raised"])
            else:
                return _END if "is_over" in frame else self._decode(frame["answer"])
        raise ProtocolError("the tests have ended")


class Callback:
    """A function of the tests', as the sample sees it."""

    def __init__(self, host: Host, number: int, name: str) -> None:
        self._host, self.number, self.__name__ = host, number, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._host.call_back(self.number, args, kwargs)


_END = object()


def _is_method(value: Any, owner: Any) -> bool:
    is_method = isinstance(value, types.MethodType | types.BuiltinMethodType)
    return is_method and value.__self__ is owner


def _ancestors(kind: type) -> list[list[str]]:
    return [[item.__module__, item.__name__] for item in kind.__mro__ if issubclass(item, BaseException)]


def _flush() -> None:
    """What a sample has put in the place of standard output may do anything."""
    with contextlib.suppress(BaseException):  # its text is lost, its answer is not
        sys.stdout.flush()
