"""The tests' end of the channel to the sample: asks, reads hostile answers, answers what it is asked back.

What a sample says wrongly is remembered in `gone`, so that no test can pass over it by catching exceptions.
"""

import importlib
import opcode
from collections.abc import Callable, Iterator
from io import IOBase
from typing import Any

from trainer.sandbox.protocol import Channel, Frame, ProtocolError, TooDeep, decode, encode, encode_below
from trainer.sandbox.remote import Method, Remote, handle_of

# whose exceptions are the same in both processes; not unittest, whose exceptions can end a test unfailed
_SHARED_MODULES = frozenset(
    (
        *("builtins", "json.decoder", "sqlite3", "decimal", "urllib.error", "struct", "_csv", "csv", "re"),
        *("configparser", "_queue", "queue", "io", "dataclasses", "statistics", "zlib", "binascii"),
        *("xml.etree.ElementTree", "zipfile", "tarfile", "graphlib", "shutil", "subprocess", "tomllib"),
    )
)
# these end the loop around a call, which would then look as if it had gone through all of its checks
_ENDS_OF_LOOPS = (StopIteration, StopAsyncIteration, GeneratorExit)
_NOT_UNDERSTOOD = (ProtocolError, LookupError, TypeError, ValueError, AttributeError, RecursionError)
_MAX_ANCESTORS = 50
TESTS_FILE = "<tests>"
_RAISE = opcode.opmap["RAISE_VARARGS"]
_BUILTIN_KINDS = (type, type(len))


class SampleGone(BaseException):
    """The sample has ended, or said what cannot be meant. No Exception, so that tests let it through."""


class TestsError(BaseException):
    """The tests ask for what is not carried between the processes."""


class Link:
    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._remotes: dict[int, Remote] = {}
        self._exceptions: dict[tuple[Any, ...], type[BaseException]] = {}
        self._handed_over: list[tuple[Any, Callable[..., Any]]] = []
        self.asked = 0
        self.last_answer: object = None
        self.raised: BaseException | None = None
        self.gone = ""

    def wait_until_loaded(self) -> None:
        """Raises what the sample raised while it was read."""
        self._finished(())

    def ask(self, do: str, *args: Any, **kwargs: Any) -> Any:
        if self.gone:
            raise SampleGone(self.gone)
        given = {name: self._encode(value) for name, value in kwargs.items()}
        self._send({"do": do, "args": [self._encode(item) for item in args], "kwargs": given})
        self.asked += do != "name"
        value = self._finished((*args, *kwargs.values()), may_end=do == "next")
        if isinstance(value, Method):
            return value
        self.last_answer = value
        return value

    def may_swallow(self, error: BaseException | None, trace: Any) -> bool:
        """Whether a manager of the sample's may: only what the tests `raise` themselves, to see it done."""
        if trace is None or isinstance(error, AssertionError):
            return False
        while trace.tb_next is not None:
            trace = trace.tb_next
        code = trace.tb_frame.f_code
        return bool(code.co_filename == TESTS_FILE and code.co_code[trace.tb_lasti] == _RAISE)

    def _finished(self, args: tuple[Any, ...], *, may_end: bool = False) -> Any:
        reply = self._reply()
        try:
            error = self._error(reply, may_end=may_end) if "raised" in reply else None
            value = None if error is not None else self._value(reply, args)
        except _NOT_UNDERSTOOD as problem:
            raise self._lost(f"it answered what cannot be meant ({problem})") from None
        if error is not None:
            self.raised = error
            raise error
        return value

    def _reply(self) -> Frame:
        while True:
            try:
                frame = self._channel.receive()
            except ProtocolError as problem:
                raise self._lost(f"it answered what cannot be meant ({problem})") from None
            if frame is None:
                raise self._lost("it ended before it answered")
            if "callback" not in frame:
                return frame
            self._send(self._answer(frame))

    def _send(self, frame: Frame) -> None:
        try:
            self._channel.send(frame)
        except OSError:
            raise self._lost("it ended before it answered") from None
        except ProtocolError as problem:
            raise TestsError(f"they hand over too much: {problem}") from None

    def _lost(self, why: str) -> SampleGone:
        self.gone = self.gone or why
        return SampleGone(why)

    def _answer(self, frame: Frame) -> Frame:
        """Does what the sample asks of one of the tests' functions."""
        try:
            _, function = self._handed_over[frame["callback"]]
            args = [self._decode(item) for item in frame["args"]]
            kwargs = {name: self._decode(item) for name, item in frame["kwargs"].items()}
        except _NOT_UNDERSTOOD as problem:
            raise self._lost(f"it asked what cannot be meant ({problem})") from None
        try:
            return {"answer": self._encode(function(*args, **kwargs))}
        except StopIteration:
            return {"is_over": True}
        except Exception as error:  # noqa: BLE001 - the tests' function raises it for the sample to see
            return {"raised": [type(error).__name__, self._carried_args(error)]}

    def _carried_args(self, error: BaseException) -> Any:
        try:
            return self._encode(list(error.args))
        except TestsError:
            return [str(error)]

    def _value(self, reply: Frame, args: tuple[Any, ...]) -> Any:
        for place, after in reply.get("changed", {}).items():
            _take_over(args[int(place)], self._decode(after))
        if "is_argument" in reply:
            return args[reply["is_argument"]]
        data = reply["value"]
        if isinstance(data, dict) and "method" in data:
            return Method(self, args[0], str(data["method"]))
        return self._decode(data)

    def _encode(self, value: Any) -> Any:
        try:
            return encode(value, self._unusual)
        except (TooDeep, RecursionError):
            raise TestsError("they hand over a value that is too deep") from None

    def _unusual(self, value: Any) -> Any:
        kind = type(value)
        if kind is Remote:
            return {"object": handle_of(value)}
        if isinstance(value, BaseException):
            return {"raised": [kind.__name__, self._carried_args(value)]}
        if callable(value) or (isinstance(value, Iterator) and not isinstance(value, IOBase)):
            return self._function(value)
        below = encode_below(value, self._unusual)
        if below is None:
            raise TestsError(f"they hand over a {kind.__name__}, which is not carried")
        return below

    def _function(self, value: Any) -> Frame:
        name = str(getattr(value, "__name__", type(value).__name__))
        if isinstance(value, type) and issubclass(value, BaseException):
            return {"exception": name}
        if type(value) in _BUILTIN_KINDS and value.__module__ == "builtins":
            return {"builtin": name}
        if isinstance(value, Iterator):
            return {"iterator": [self._number(value, lambda: next(value)), name]}
        return {"callback": [self._number(value, value), name]}

    def _number(self, owner: Any, function: Callable[..., Any]) -> int:
        for number, (known, _) in enumerate(self._handed_over):
            if known is owner:
                return number
        self._handed_over.append((owner, function))
        return len(self._handed_over) - 1

    def _decode(self, data: Any) -> Any:
        return decode(data, self._unusual_again)

    def _unusual_again(self, data: Frame) -> Any:
        if "exception" in data:
            found = self._exception_class(data["exception"])
            # under the name that the tests expect, `except` would catch their failures, too
            if issubclass(AssertionError, found):
                raise ProtocolError("a class of exceptions that failures belong to")
            return found
        if "callback" in data:
            return self._handed_over[data["callback"]][0]
        handle = data["object"]
        if type(handle) is not int:
            raise ProtocolError("an object without its number")
        return self._remotes.setdefault(handle, Remote(self, handle))

    def _error(self, reply: Frame, *, may_end: bool) -> BaseException:
        kind = self._exception_class(reply["raised"])
        message, args = str(reply["message"]), self._decode(reply["args"])
        if issubclass(kind, _ENDS_OF_LOOPS) and not (may_end and issubclass(kind, StopIteration)):
            return RuntimeError(f"{kind.__name__} {message}".rstrip())
        try:
            error = kind(*args)
        except Exception:  # noqa: BLE001 - some want other arguments than they keep
            error = kind.__new__(kind)
            error.args = (message,)
        if kind in self._exceptions.values():
            vars(error).update(sample_object=self._decode(reply["value"]), sample_message=message)
        return error

    def _exception_class(self, ancestors: Any) -> type[BaseException]:
        """The same class where both processes have it; else one made here over the nearest of those."""
        own: list[str] = []
        if len(ancestors) > _MAX_ANCESTORS:
            raise ProtocolError("an exception that is none")
        for module, name in ancestors:
            if module in _SHARED_MODULES:
                found = getattr(importlib.import_module(module), str(name))
                break
            own.append(str(name))
        else:
            raise ProtocolError("an exception that is none")
        if not (isinstance(found, type) and issubclass(found, BaseException)):
            raise ProtocolError("an exception that is none")
        for count in range(len(own) - 1, -1, -1):
            known = self._exceptions
            found = known.setdefault((found, own[count]), type(own[count], (found,), dict(_OWN_EXCEPTION)))
        return found


def _attribute(error: BaseException, name: str) -> Any:
    if name == "sample_object":
        raise AttributeError(name)
    return getattr(error.sample_object, name)  # type: ignore[attr-defined]


def _text(error: BaseException) -> str:
    return vars(error).get("sample_message") or ", ".join(map(str, error.args))


_OWN_EXCEPTION = {"__getattr__": _attribute, "__str__": _text}


def _take_over(original: Any, after: Any) -> None:
    """What the sample did to a list or the like that it was handed."""
    if type(original) is not type(after):
        raise ProtocolError("a changed argument of another kind")
    if isinstance(after, list | bytearray):
        original[:] = after
    elif isinstance(after, dict | set):
        original.clear()
        original.update(after)
    else:
        original.clear()
        original.extend(after)
