"""Plain values in a NumPy object array, which is a pickle: read without ever running one.

A pickle is a program for a small stack machine, and Python's own machine for it calls whatever
function the program names. This one is another machine. It knows lists, dicts, tuples, texts,
numbers, truths and None, and the few shapes in which NumPy writes arrays and numbers; there is no
operation that imports, calls or looks up anything. Whatever else the program wants is refused.
(Python documentation, modules ``pickle`` and ``pickletools``, for the operations.)
"""

from __future__ import annotations

import pickletools
import struct
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["Refused", "plain"]

MOST_STEPS: Final = 1_000_000
MOST_DEPTH: Final = 64

_NUMPY: Final = frozenset(
    (
        "numpy",
        "numpy.core.multiarray",
        "numpy.core.numeric",
        "numpy._core.multiarray",
        "numpy._core.numeric",
    )
)
_KNOWN: Final = frozenset(
    ("_reconstruct", "_frombuffer", "scalar", "ndarray", "dtype", "_codecs encode")
)
_FORMATS: Final = {
    "f8": "d",
    "f4": "f",
    "i8": "q",
    "i4": "i",
    "i2": "h",
    "i1": "b",
    "u8": "Q",
    "u4": "I",
    "u2": "H",
    "u1": "B",
    "b1": "?",
}


class Refused(Exception):
    """A pickle that holds anything but plain values."""


@dataclass(slots=True)
class _Name:
    """A function or type that the program names. It stays a name."""

    name: str


@dataclass(slots=True)
class _Kind:
    """A NumPy dtype: its letters and its byte order."""

    code: str
    order: str = "<"


@dataclass(slots=True)
class _Array:
    """A NumPy array while it is being described."""

    values: Any = None


_MARK: Final = object()
_BROKEN: Final = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    Warning,  # of escapes in old texts, where warnings are errors
)


def plain(data: bytes) -> Any:
    """Return the value that a pickle describes, in dicts, lists, texts, numbers, truths and None.

    Tuples become lists, NumPy arrays become lists, NumPy numbers become numbers.

    Raises
    ------
    Refused
        If the pickle wants anything else, is broken, or is larger than metadata are.
    """
    machine = _Machine()
    try:
        for steps, (operation, argument, _place) in enumerate(pickletools.genops(data)):
            if steps > MOST_STEPS:
                raise Refused("too many steps")
            if operation.name == "STOP":
                return _Finish().value(machine.pop())
            machine.step(operation.name, argument)
    except _BROKEN as error:
        raise Refused("broken") from error
    raise Refused("broken")


class _Machine:
    """Stack, marks and memory; one method for the group of operations that each name belongs to."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        return self.stack.pop()

    def marked(self) -> list[Any]:
        """Return what lies above the last mark, and take it away with the mark."""
        for position in range(len(self.stack) - 1, -1, -1):
            if self.stack[position] is _MARK:
                found = self.stack[position + 1 :]
                del self.stack[position:]
                return found
        raise Refused("no mark")

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _ARGUMENTS:
            self.stack.append(argument)
        elif name in _IGNORED:
            return
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        else:
            work = getattr(self, f"do_{name.lower()}", None)
            if work is None:
                raise Refused(name)
            work(argument)

    # memory

    def do_memoize(self, _argument: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_binput(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    do_long_binput = do_put = do_binput

    def do_binget(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    do_long_binget = do_get = do_binget

    # structures

    def do_mark(self, _argument: Any) -> None:
        self.stack.append(_MARK)

    def do_pop(self, _argument: Any) -> None:
        self.stack.pop()

    def do_dup(self, _argument: Any) -> None:
        self.stack.append(self.stack[-1])

    def do_list(self, _argument: Any) -> None:
        self.stack.append(self.marked())

    def do_tuple(self, _argument: Any) -> None:
        self.stack.append(self.marked())

    def do_tuple1(self, _argument: Any) -> None:
        self._gather(1)

    def do_tuple2(self, _argument: Any) -> None:
        self._gather(2)

    def do_tuple3(self, _argument: Any) -> None:
        self._gather(3)

    def _gather(self, count: int) -> None:
        if len(self.stack) < count:
            raise Refused("broken")
        found = self.stack[-count:]
        del self.stack[-count:]
        self.stack.append(found)

    def do_append(self, _argument: Any) -> None:
        value = self.stack.pop()
        _the(list, self.stack[-1]).append(value)

    def do_appends(self, _argument: Any) -> None:
        values = self.marked()
        _the(list, self.stack[-1]).extend(values)

    def do_dict(self, _argument: Any) -> None:
        found: dict[Any, Any] = {}
        _fill(found, self.marked())
        self.stack.append(found)

    def do_setitem(self, _argument: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(_the(dict, self.stack[-1]), [key, value])

    def do_setitems(self, _argument: Any) -> None:
        pairs = self.marked()
        _fill(_the(dict, self.stack[-1]), pairs)

    # names, and the few things that NumPy does with them

    def do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def do_stack_global(self, _argument: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(_the(str, module), _the(str, name))

    def _name(self, module: str, name: str) -> None:
        known = f"{module} {name}" if module == "_codecs" else name
        if (module not in _NUMPY and module != "_codecs") or known not in _KNOWN:
            raise Refused(f"{module}.{name}")
        self.stack.append(_Name(known))

    def do_reduce(self, _argument: Any) -> None:
        arguments, name = _the(list, self.stack.pop()), _the(_Name, self.stack.pop())
        self.stack.append(_described(name.name, arguments))

    def do_build(self, _argument: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Kind):
            order = _the(list, state)[1]
            target.order = ">" if order == ">" else "<"
        elif isinstance(target, _Array):
            target.values = _elements(_the(list, state))
        else:
            raise Refused("build")


_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: Final[dict[str, type]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": list}
_IGNORED: Final = frozenset(("PROTO", "FRAME"))
_ARGUMENTS: Final = frozenset(
    (
        "BYTEARRAY8",
        "BINBYTES",
        "BINBYTES8",
        "BINFLOAT",
        "BININT",
        "BININT1",
        "BININT2",
        "BINSTRING",
        "BINUNICODE",
        "BINUNICODE8",
        "FLOAT",
        "INT",
        "LONG",
        "LONG1",
        "LONG4",
        "SHORT_BINBYTES",
        "SHORT_BINSTRING",
        "SHORT_BINUNICODE",
        "STRING",
        "UNICODE",
    )
)
"""Operations that put their argument on the stack: a number, a text or bytes."""


def _the(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise Refused(f"no {kind.__name__}")
    return value


def _fill(target: dict[Any, Any], pairs: list[Any]) -> None:
    if len(pairs) % 2:
        raise Refused("broken")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        if not isinstance(key, (str, int, float)):
            raise Refused("key")
        target[key] = value


def _described(name: str, arguments: list[Any]) -> Any:
    """Return what one of the known calls stands for."""
    if name == "dtype":
        code = _the(str, arguments[0])
        return _Kind(code.lstrip("<>=|"), ">" if code.startswith(">") else "<")
    if name == "_reconstruct":
        return _Array()
    if name == "_frombuffer":
        return _Array(_elements([arguments[2], arguments[1], None, arguments[0]]))
    if name == "scalar" and isinstance(arguments[0], _Kind):
        kind = arguments[0]
        raw = arguments[1]
        if isinstance(raw, (str, int, float)) and kind.code.startswith("O"):
            return raw
        return _numbers(kind, _bytes(raw), 1)[0]
    if name == "_codecs encode":
        return _bytes(arguments[0])
    raise Refused(name)


def _bytes(value: Any) -> bytes:
    """Return bytes, which old pickles write as text of Latin-1."""
    if isinstance(value, bytearray):
        return bytes(value)
    return value.encode("latin-1") if isinstance(value, str) else bytes(_the(bytes, value))


def _elements(state: list[Any]) -> Any:
    """Return the elements of an array from its state: version, shape, dtype, order, content."""
    shape, kind, content = state[-4], _the(_Kind, state[-3]), state[-1]
    count = 1
    for length in _the(list, shape):
        if type(length) is not int or not 0 <= length <= MOST_STEPS:
            raise Refused("shape")
        count *= length
    if count > MOST_STEPS:
        raise Refused("shape")
    if kind.code.startswith("O"):
        values = _the(list, content)
    elif kind.code.startswith(("S", "U")) or kind.code not in _FORMATS:
        raise Refused(kind.code)
    else:
        values = _numbers(kind, _bytes(content), count)
    if len(values) != count:
        raise Refused("shape")
    return values[0] if not shape else values


def _numbers(kind: _Kind, raw: bytes, count: int) -> list[Any]:
    if kind.code.startswith("U"):
        width = int(kind.code[1:]) * 4
        return [raw[:width].decode("utf-32-be" if kind.order == ">" else "utf-32-le").rstrip("\0")]
    letter = _FORMATS.get(kind.code)
    if letter is None:
        raise Refused(kind.code)
    return list(struct.unpack(f"{kind.order}{count}{letter}", raw))


class _Finish:
    """Takes the machine's own shapes out of a value, and counts what it sees.

    What is in a value twice is seen twice, so a short program can describe more than fits into
    any memory: counting ends that.
    """

    def __init__(self) -> None:
        self.seen = 0

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value in plain types."""
        self.seen += 1
        if depth > MOST_DEPTH or self.seen > MOST_STEPS:
            raise Refused("too much")
        if isinstance(value, _Array):
            value = value.values
        if isinstance(value, dict):
            return {key: self.value(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, (bytes, bytearray)):
            return value.decode("latin-1")
        if value is None or isinstance(value, (str, int, float, bool)):
            return value
        raise Refused(type(value).__name__)
