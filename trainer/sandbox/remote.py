"""A sample's things as its tests see them: stand-ins that pass on what is done to them, by message.

Whether an answer is right is decided on plain values, which compare here and nowhere else: a stand-in is
never equal to one, whatever the sample's `__eq__` says. Two of the sample's objects are compared by the
sample, for that is its own work under test. Arithmetic with a plain value, and `in`, are passed on only for
an object that the tests built themselves by a name with a capital letter: what a function returned could
otherwise turn each sum into what the tests hope for. A with statement over one swallows what the tests raise
word for word, and nothing else: all that stands behind a failure in its body would look as if it had held.

Not carried: coroutines, subclasses made by the tests, the tests' own objects but for functions and iterators.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

_ASKED = ("reversed", "bool", "str", "repr", "hash", "neg", "pos", "abs", "invert", "round", "len", "iter")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_ARITHMETIC = (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift"),
    "rshift",
)


class Link(Protocol):
    def ask(self, do: str, *args: Any, **kwargs: Any) -> Any: ...

    def may_swallow(self, error: BaseException | None, trace: Any) -> bool: ...


class Remote:
    """Stands for an object, a class or a function of the sample's."""

    __slots__ = ("__handle", "__is_built", "__is_maker", "__link")

    def __init__(self, link: Link, handle: int) -> None:
        for name, value in (("link", link), ("handle", handle), ("is_built", False), ("is_maker", False)):
            object.__setattr__(self, f"_Remote__{name}", value)

    def __getattr__(self, name: str) -> Any:
        return self.__link.ask("getattr", self, name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__link.ask("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        self.__link.ask("delattr", self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        made = self.__link.ask("call", self, *args, **kwargs)
        return _built(made) if self.__is_maker else made

    def __next__(self) -> Any:
        return self.__link.ask("next", self)

    def __getitem__(self, key: Any) -> Any:
        return self.__link.ask("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__link.ask("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self.__link.ask("delitem", self, key)

    def __contains__(self, item: Any) -> bool:
        if self.__is_built or isinstance(item, Remote):
            return bool(self.__link.ask("contains", self, item))
        return any(item is other or item == other for other in iter(self))

    def __enter__(self) -> Any:
        return self.__link.ask("enter", self)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        is_wished = bool(self.__link.ask("leave", self, kind, error))
        return is_wished and self.__link.may_swallow(error, trace)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Remote) and bool(self.__link.ask("isinstance", instance, self))

    def __subclasscheck__(self, kind: Any) -> bool:
        return isinstance(kind, Remote) and bool(self.__link.ask("issubclass", kind, self))

    def __copy__(self) -> Any:
        return _built(self.__link.ask("copy", self), self.__is_built)

    def __deepcopy__(self, _: Any) -> Any:
        return _built(self.__link.ask("deepcopy", self), self.__is_built)

    def _asked(self, name: str, *args: Any) -> Any:
        return self.__link.ask(name, self, *args)

    def _calculated(self, name: str, other: Any, *, reflected: bool = False) -> Any:
        if not (self.__is_built or isinstance(other, Remote)):
            return NotImplemented
        pair = (other, self) if reflected else (self, other)
        return _built(self.__link.ask(name, *pair), self.__is_built)


def _built(made: Any, is_built: bool = True) -> Any:
    if is_built and isinstance(made, Remote):
        object.__setattr__(made, "_Remote__is_built", True)
    return made


def as_maker(remote: Remote) -> Remote:
    object.__setattr__(remote, "_Remote__is_maker", True)
    return remote


def handle_of(remote: Remote) -> int:
    return object.__getattribute__(remote, "_Remote__handle")


class Method:
    """A method of an object of the sample's, found but not yet called."""

    def __init__(self, link: Link, owner: Any, name: str) -> None:
        self._link, self._owner, self.__name__ = link, owner, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._link.ask("invoke", self._owner, self.__name__, *args, **kwargs)


def _asking(name: str) -> Callable[..., Any]:
    return lambda self, *args: self._asked(name, *args)


def _comparing(name: str) -> Callable[..., Any]:
    return lambda self, other: self._asked(name, other) if isinstance(other, Remote) else NotImplemented


def _calculating(name: str, *, reflected: bool) -> Callable[..., Any]:
    return lambda self, other: self._calculated(name, other, reflected=reflected)


def _dunders() -> Iterator[tuple[str, Callable[..., Any]]]:
    for name in _ASKED:
        yield f"__{name}__", _asking(name)
    for name in _COMPARISONS:
        yield f"__{name}__", _comparing(name)
    for name in _ARITHMETIC:
        yield f"__{name.rstrip('_')}__", _calculating(name, reflected=False)
        yield f"__r{name.rstrip('_')}__", _calculating(name, reflected=True)


for _name, _function in _dunders():
    setattr(Remote, _name, _function)
