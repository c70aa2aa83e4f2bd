"""Reads a pickle as data: nothing that it names is imported, nothing that it calls is called. Writes none.

A pickle is a program for a small stack machine. Here its instructions (`pickletools` decodes them, and executes none)
put together plain containers, numbers and texts; where one would name or call something, the name and its arguments are
kept as they stand. So whoever wrote the file decides what is read, and never what is run.
"""

import pickletools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

MAX_BYTES = 8 << 30
"""Of a whole file, unpacked."""
MAX_READ_BYTES = 256 << 20
MAX_INSTRUCTIONS = 20_000_000
MAX_NAME_CHARS = 1000
_PACKED_FROM_BYTES = 1 << 16
_LITERALS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_TEXTS = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
_VALUES = frozenset((*_NUMBERS, *_TEXTS, *_BYTES))
_IGNORED = frozenset(("PROTO", "FRAME", "STOP", "READONLY_BUFFER"))
_MARK = object()


class Source(Protocol):
    """What instructions are read from: a binary file."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Named:
    """Something the file names, such as a class."""

    name: str


@dataclass(frozen=True, slots=True)
class Packed:
    """Many bytes, kept compressed."""

    size: int
    _zlib: bytes

    def unpacked(self) -> bytes:
        """Return the bytes."""
        return zlib.decompress(self._zlib)


@dataclass(slots=True)
class Made:
    """What the file would have had made: by what, of what, and the state it would have been given."""

    name: str
    args: tuple[object, ...]
    state: object = None
    items: list[object] = field(default_factory=list)

    def attribute(self, name: str) -> object:
        """Return an attribute of its state, None where it has none of that name."""
        return self.state.get(name) if isinstance(self.state, dict) else None


def read(source: Source) -> object:
    """Return what the pickle in a file holds.

    Raises:
        ValueError: it is none, is larger than the bounds here, or has an instruction that plain data needs not.
        OSError: it cannot be read.
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(_Bounded(source))):  # type: ignore[arg-type]
            if count > MAX_INSTRUCTIONS:
                raise ValueError(f"it has more than {MAX_INSTRUCTIONS} instructions")
            machine.take(instruction.name, argument)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"it is no whole pickle ({type(error).__name__})") from error
    if len(machine.stack) != 1:
        raise ValueError("it is no whole pickle")
    return machine.stack[0]


@dataclass
class _Bounded:
    """A source that gives no more than the bounds allow, however much an instruction claims."""

    source: Source
    taken: int = 0

    def read(self, size: int) -> bytes:
        if size > MAX_READ_BYTES or self.taken + size > MAX_BYTES:
            raise ValueError(f"it claims {size} bytes at {self.taken}")
        content = self.source.read(size)
        self.taken += len(content)
        return content

    def readline(self) -> bytes:
        line = self.source.readline(MAX_READ_BYTES + 1)
        if len(line) > MAX_READ_BYTES or self.taken + len(line) > MAX_BYTES:
            raise ValueError(f"it has a line of {len(line)} bytes or more at {self.taken}")
        self.taken += len(line)
        return line


class _Machine:
    """The stack and the memo."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self._memo: dict[int, object] = {}

    def take(self, name: str, argument: object) -> None:
        """Carry out one instruction on inert values."""
        if name in _VALUES:
            self.stack.append(_packed(argument))
        elif name in _LITERALS:
            self.stack.append(_LITERALS[name])
        elif name in _TUPLES:
            self.stack[-_TUPLES[name] :] = [tuple(self.stack[-_TUPLES[name] :])]
        elif name not in _IGNORED:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise ValueError(f"it has the instruction {name}, which plain data needs not")
            handler(argument)

    def _mark(self, argument: object) -> None:
        self.stack.append(_MARK)

    def _pop(self, argument: object) -> None:
        self.stack.pop()

    def _pop_mark(self, argument: object) -> None:
        self._since_mark()

    def _empty_list(self, argument: object) -> None:
        self.stack.append([])

    _empty_set = _empty_list

    def _empty_dict(self, argument: object) -> None:
        self.stack.append({})

    def _list(self, argument: object) -> None:
        self.stack.append(self._since_mark())

    _frozenset = _list

    def _tuple(self, argument: object) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _dict(self, argument: object) -> None:
        self.stack.append(dict(_pairs(self._since_mark())))

    def _append(self, argument: object) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, argument: object) -> None:
        self._extend(self._since_mark())

    _additems = _appends

    def _setitem(self, argument: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, argument: object) -> None:
        self._update(self._since_mark())

    def _memoize(self, argument: object) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _put(self, argument: object) -> None:
        self._memo[_whole(argument)] = self.stack[-1]

    _binput = _long_binput = _put

    def _get(self, argument: object) -> None:
        self.stack.append(self._memo[_whole(argument)])

    _binget = _long_binget = _get

    def _global(self, argument: object) -> None:
        self.stack.append(Named(str(argument).replace(" ", ".", 1)))

    def _stack_global(self, argument: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > MAX_NAME_CHARS:
            raise ValueError(f"a name is no text of at most {MAX_NAME_CHARS} characters")
        self.stack.append(Named(f"{module}.{name}"))

    def _reduce(self, argument: object) -> None:
        arguments, made_by = self.stack.pop(), self.stack.pop()
        if not isinstance(arguments, tuple):
            raise ValueError("a call has no arguments")
        if not isinstance(made_by, Named | Made):
            raise ValueError("a call names nothing")
        self.stack.append(Made(made_by.name, arguments))

    _newobj = _reduce

    def _newobj_ex(self, argument: object) -> None:
        self.stack.pop()
        self._reduce(argument)

    def _build(self, argument: object) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, Made):
            raise ValueError("a state belongs to nothing")
        made.state = state

    def _since_mark(self) -> list[object]:
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("a mark is missing")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def _extend(self, items: list[object]) -> None:
        onto = self.stack[-1]
        if isinstance(onto, list):
            onto.extend(items)
        elif isinstance(onto, Made):
            onto.items.extend(items)
        else:
            raise ValueError("items belong to no list")

    def _update(self, flat: list[object]) -> None:
        onto = self.stack[-1]
        if isinstance(onto, dict):
            onto.update(_pairs(flat))
        elif isinstance(onto, Made):
            onto.items.extend(_pairs(flat))
        else:
            raise ValueError("items belong to no dictionary")


def _packed(value: object) -> object:
    if isinstance(value, bytes | bytearray) and len(value) >= _PACKED_FROM_BYTES:
        return Packed(len(value), zlib.compress(bytes(value), 1))
    return value


def _pairs(flat: list[object]) -> Iterator[tuple[object, object]]:
    """Yield keys and values; what no dictionary takes as a key stands as its text."""
    for key, value in zip(flat[::2], flat[1::2], strict=True):
        yield (key if isinstance(key, str | int | float | bytes | None) else repr(type(key))), value


def _whole(argument: object) -> int:
    if not isinstance(argument, int):
        raise ValueError("a place of the memo is no number")
    return argument
