"""PDF values as the bytes that they are, and a reader of files that never guesses.

A value is kept as the slice of the file that it was, and is taken apart one level at a time: what a revision does not
change is written back byte for byte. `File` reads the objects that a revision touches and no others, whatever the size
of the file, from cross-reference tables, cross-reference streams and object streams.

Every step is checked against the file: that the table has the pitch that it claims, that an object stands where it is
said to and bears its number. Anything that is not surely understood (hybrid files, encryption, repaired or sloppy
files) raises `Unsure`; the caller then asks a more patient reader.
"""

import hashlib
import mmap
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Protocol

Dict = dict[bytes, bytes]
"""Names without their slash, to values."""
Buffer = bytes | mmap.mmap

NULL = b"null"
WORTH_PACKING = 96
"""Bytes; shorter streams only grow by being compressed."""
WORTH_KNOWING = 4096
"""Bytes; longer dictionaries are taken apart each time."""
LARGEST_INDEX = 64 * 2**20
"""Bytes that a cross-reference or object stream may unpack to."""
MOST_REVISIONS = 4096
DEEPEST = 64
"""Steps from reference to reference, and levels of a tree."""
DEEPEST_NESTING = 100
"""Arrays and dictionaries within each other; readers that recurse give up not far beyond."""
HASHED_AT_ONCE = 2**20


class Unsure(Exception):
    """Not surely understood here; another reader may know."""


class Source(Protocol):
    """A PDF that a revision is appended to."""

    @property
    def length(self) -> int:
        """Bytes in the file; a revision begins here."""

    @property
    def ends_line(self) -> bool:
        """Whether the last byte ends a line."""

    @property
    def trailer(self) -> Dict: ...

    @property
    def startxref(self) -> int: ...

    @property
    def streams(self) -> bool:
        """Whether the newest cross-references are a stream; the next ones then have to be."""

    @property
    def size(self) -> int:
        """The first number that no object has or had."""

    @property
    def version(self) -> tuple[int, int]:
        """As the header says."""

    def value(self, number: int, generation: int) -> bytes:
        """The object, a stream's dictionary where it is one; null where there is none."""

    def data(self, number: int, generation: int) -> bytes:
        """A stream's content, unpacked."""

    def digest(self) -> "hashlib._Hash":
        """SHA-256 over the whole file, to go on with."""


# --- values ------------------------------------------------------------------------------------------------------

_WHITE = rb"\x00\t\n\x0c\r "
_REGULAR = rb"[^\x00\t\n\x0c\r ()<>\[\]{}/%]"
_TOKEN = re.compile(
    rb"([" + _WHITE + rb"]++|%[^\r\n]*+)"  # 1 nothing
    rb"|(<<|\[)"  # 2 opens
    rb"|(>>|\])"  # 3 closes
    rb"|(\((?:[^()\\]|\\.)*+(?!\)))"  # 4 a string with brackets in it
    rb"|\((?:[^()\\]|\\.)*+\)"
    rb"|<[0-9A-Fa-f" + _WHITE + rb"]*+>"
    rb"|/" + _REGULAR + rb"*+"
    rb"|\d{1,10}[" + _WHITE + rb"]+\d{1,5}[" + _WHITE + rb"]+R(?!" + _REGULAR + rb")"
    rb"|" + _REGULAR + rb"++",
    re.S,
)
_REF = re.compile(rb"(\d{1,10})[" + _WHITE + rb"]+(\d{1,5})[" + _WHITE + rb"]+R")
_STRING_PART = re.compile(rb"(?:[^()\\]|\\.)*+([()])", re.S)
_CLOSES = {b"<<": b">>", b"[": b"]"}
_PLAIN_NAME = re.compile(rb"[!$&'*-.0-;=?-Z\\^-z|~]*")
_ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")


def span(data: Buffer, start: int = 0) -> tuple[int, int]:
    """Where the value at `start`, or behind the white space there, begins and ends."""
    closers: list[bytes] = []
    begin, at = -1, start
    while True:
        token = _TOKEN.match(data, at)
        if token is None:
            raise Unsure("no value")
        kind = token.lastindex
        at = token.end()
        if kind == 1:
            continue
        if begin < 0:
            begin = token.start()
        if kind == 2:
            closers.append(_CLOSES[token[0]])
            if len(closers) > DEEPEST_NESTING:
                raise Unsure("nested too deep")
        elif kind == 3:
            if not closers or closers.pop() != token[0]:
                raise Unsure("brackets")
        elif kind == 4:
            at = _string_end(data, token.start())
        if not closers:
            return begin, at


def elements(raw: bytes) -> list[bytes]:
    """What is inside an array, or the names and values of a dictionary in turn."""
    found: list[bytes] = []
    closers: list[bytes] = []
    at = begin = 0
    for token in _TOKEN.finditer(raw):
        start, end = token.span()
        if start < at:
            continue  # still inside a string with brackets in it
        if start > at or (not closers and at):
            break
        at, kind = end, token.lastindex
        if kind is None:
            if len(closers) == 1:
                found.append(token[0])
        elif kind == 2:
            if len(closers) == 1:
                begin = start
            closers.append(_CLOSES[token[0]])
            if len(closers) > DEEPEST_NESTING:
                break
        elif kind == 3:
            if not closers or closers.pop() != token[0]:
                break
            if len(closers) == 1:
                found.append(raw[begin:end])
        elif kind == 4:
            at = _string_end(raw, start)
            if len(closers) == 1:
                found.append(raw[start:at])
        if not closers:
            if kind == 3:
                return found
            break
    raise Unsure("not an array or a dictionary")


def _string_end(data: Buffer, start: int) -> int:
    depth, at = 1, start + 1
    while depth:
        part = _STRING_PART.match(data, at)
        if part is None:
            raise Unsure("string")
        depth += 1 if part[1] == b"(" else -1
        at = part.end()
    return at


def is_dictionary(raw: bytes | None) -> bool:
    return raw is not None and raw[:2] == b"<<"


def dictionary(raw: bytes) -> Dict:
    """Raises Unsure for anything else, and for one that names a thing twice."""
    return dict(_known_dictionary(raw) if len(raw) < WORTH_KNOWING else _dictionary(raw))


@lru_cache(maxsize=1024)
def _known_dictionary(raw: bytes) -> Dict:
    """A revision looks at the same few dictionaries again and again."""
    return _dictionary(raw)


def _dictionary(raw: bytes) -> Dict:
    if raw[:2] != b"<<":
        raise Unsure("not a dictionary")
    parts = elements(raw)
    names = parts[::2]
    if len(parts) % 2 or any(name[:1] != b"/" for name in names):
        raise Unsure("dictionary")
    if b"#" in raw:
        names = [_ESCAPED.sub(lambda m: bytes([int(m[1], 16)]), name) for name in names]
    found = {name[1:]: value for name, value in zip(names, parts[1::2], strict=True)}
    if len(found) < len(names):
        raise Unsure("dictionary")
    return found


def written(values: Mapping[bytes, bytes]) -> bytes:
    """A dictionary as bytes."""
    return b"<<" + b"".join([_entry(name, value) for name, value in values.items()]) + b">>"


def _entry(name: bytes, value: bytes) -> bytes:
    return _name(name) + (value if value[:1] in b"/([<" else b" " + value)


@lru_cache(maxsize=1024)
def _name(name: bytes) -> bytes:
    if not _PLAIN_NAME.fullmatch(name):
        name = b"".join(bytes([c]) if _PLAIN_NAME.fullmatch(bytes([c])) else b"#%02X" % c for c in name)
    return b"/" + name


def stream(values: Dict, data: bytes) -> bytes:
    """A stream, compressed where that makes it smaller."""
    packed = zlib.compress(data, 9) if len(data) > WORTH_PACKING and b"Filter" not in values else data
    if len(packed) + 20 < len(data):
        values, data = {**values, b"Filter": b"/FlateDecode"}, packed
    return written({**values, b"Length": b"%d" % len(data)}) + b"stream\n" + data + b"\nendstream"


def array(values: Iterable[bytes]) -> bytes:
    return b"[" + b" ".join(values) + b"]"


def ref(raw: bytes | None) -> tuple[int, int] | None:
    """Number and generation, where it is a reference."""
    found = _REF.fullmatch(raw) if raw is not None else None
    return (int(found[1]), int(found[2])) if found else None


def refs_in(raw: bytes) -> Iterator[tuple[int, int, int, int]]:
    """References anywhere in a value: start, end, number, generation."""
    at = 0
    while at < len(raw):
        token = _TOKEN.match(raw, at)
        if token is None:
            raise Unsure("no value")
        at = token.end()
        if token.lastindex == 4:
            at = _string_end(raw, token.start())
        elif token.lastindex is None and (found := _REF.fullmatch(token[0])):
            yield token.start(), at, int(found[1]), int(found[2])


def number(raw: bytes | None) -> float | None:
    try:
        return float(raw) if raw is not None and raw[:1] in b"+-.0123456789" else None
    except ValueError:
        return None


def string(text: str) -> bytes:
    """A text string."""
    if text.isascii() and text.isprintable():
        return b"(" + re.sub(rb"([()\\])", rb"\\\1", text.encode()) + b")"
    return b"<FEFF" + text.encode("utf-16-be", "replace").hex().upper().encode() + b">"


_OCTAL = re.compile(rb"\\([0-7]{1,3}|\r\n|.)|\r\n?", re.S)
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}


def octets(raw: bytes) -> bytes:
    """The bytes of a string, literal or hexadecimal."""
    if raw[:1] == b"<":
        digits = re.sub(rb"[^0-9A-Fa-f]", b"", raw)
        return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    inner = raw[1:-1]
    if b"\\" not in inner and b"\r" not in inner:
        return inner
    return _OCTAL.sub(_unescaped, inner)


def _unescaped(found: re.Match[bytes]) -> bytes:
    said: bytes | None = found[1]
    if said is None:
        return b"\n"
    if said[0] in b"01234567":
        return bytes([int(said, 8) & 255])
    return _LETTERS.get(said, said)


def text(raw: bytes) -> str:
    """A text string as it reads. PDFDocEncoding's few letters outside Latin-1 do not occur in names of ours."""
    if raw[:1] not in (b"(", b"<") or raw[:2] == b"<<":
        return ""
    said = octets(raw)
    if said[:2] == b"\xfe\xff":
        return said[2:].decode("utf-16-be", "replace")
    if said[:3] == b"\xef\xbb\xbf":
        return said[3:].decode("utf-8", "replace")
    return said.decode("latin-1")


# --- files -------------------------------------------------------------------------------------------------------

_END = re.compile(rb"startxref[" + _WHITE + rb"]+(\d{1,12})[" + _WHITE + rb"]+%%EOF[" + _WHITE + rb"]*")
_HEADER = re.compile(rb"%PDF-(\d)\.(\d)")
_OBJECT = re.compile(rb"(\d{1,10})[" + _WHITE + rb"]+(\d{1,5})[" + _WHITE + rb"]+obj(?!" + _REGULAR + rb")")
_TABLE = re.compile(rb"xref[ \t]*(?:\r\n|\r|\n)")
_SUBSECTION = re.compile(rb"[" + _WHITE + rb"]*(\d{1,10})[ ]+(\d{1,10})[ \t]*(?:\r\n|\r|\n)")
_ROWS = re.compile(rb"(?:\d{10} \d{5} [fn](?: \r| \n|\r\n))*+")
_TRAILER = re.compile(rb"[" + _WHITE + rb"]*trailer")
_AFTER_OBJECT = re.compile(rb"(?:[" + _WHITE + rb"]|%[^\r\n]*[\r\n])*(?:(endobj)|stream(?:\r\n|\n))")
_AFTER_STREAM = re.compile(rb"(?:\r\n|\r|\n)?endstream")


@dataclass(frozen=True)
class Place:
    """An object at an offset (`stream` 0), or as the nth of an object stream."""

    at: int
    generation: int = 0
    stream: int = 0


GONE = Place(-1)


class File:
    """Reads objects of a file one by one. Raises Unsure."""

    def __init__(self, data: Buffer, *, hashed: "hashlib._Hash | None" = None) -> None:
        self._data = data
        self._hashed = hashed
        self.length = len(data)
        header = _HEADER.match(data)
        if header is None:
            raise Unsure("header")
        self.version = (int(header[1]), int(header[2]))
        self.ends_line = data[-1:] in (b"\n", b"\r")
        self.startxref = self._end()
        self._sections: list[_Table | _Index] = []
        self._values: dict[int, tuple[bytes, int]] = {}
        self._packed: dict[int, _Slices] = {}
        self.trailer: Dict = {}
        self._read_sections()
        self.streams = isinstance(self._sections[0], _Index)
        self.size = max(section.size for section in self._sections)

    def value(self, number: int, generation: int) -> bytes:
        place = self._place(number)
        if place is GONE:
            return NULL
        if place.generation != generation:
            raise Unsure(f"object {number} is of another generation")
        if place.stream:
            return self._unpacked(place.stream)[number]
        return self._object(place.at, number, generation)[0]

    def whole(self, number: int, generation: int) -> tuple[bytes, bytes | None]:
        """The object and, where it is a stream, its bytes as they stand in the file."""
        place = self._place(number)
        if place is GONE or place.stream or place.generation != generation:
            return self.value(number, generation), None
        value, begin = self._object(place.at, number, generation)
        return value, self._stream(value, begin)[1] if begin else None

    def data(self, number: int, generation: int) -> bytes:
        value, data = self.whole(number, generation)
        if data is None:
            raise Unsure("no stream")
        return _unpack(dictionary(value), data).plain()

    def follow(self, raw: bytes) -> bytes:
        """The value itself where it is given as a reference."""
        for _ in range(DEEPEST):
            named = ref(raw)
            if named is None:
                return raw
            raw = self.value(*named)
        raise Unsure("a circle of references")

    def digest(self) -> "hashlib._Hash":
        if self._hashed is None:
            self._hashed = hashlib.sha256()
            for at in range(0, self.length, HASHED_AT_ONCE):
                self._hashed.update(self._data[at : at + HASHED_AT_ONCE])
        return self._hashed.copy()

    def _end(self) -> int:
        tail = bytes(self._data[max(self.length - 1024, 0) :])
        found = _END.fullmatch(tail, max(tail.rfind(b"startxref"), 0))
        if found is None:
            raise Unsure("startxref")
        return int(found[1])

    def _read_sections(self) -> None:
        at: int | None = self.startxref
        seen: set[int] = set()
        while at is not None:
            if at in seen or len(seen) > MOST_REVISIONS or not 0 < at < self.length:
                raise Unsure("cross-references")
            seen.add(at)
            section = self._section(at)
            if b"XRefStm" in section.trailer or b"Encrypt" in section.trailer:
                raise Unsure("hybrid or encrypted")
            self._sections.append(section)
            self.trailer = self.trailer or section.trailer
            at = _whole(section.trailer.get(b"Prev"))
        if ref(self.trailer.get(b"Root")) is None:
            raise Unsure("root")

    def _section(self, at: int) -> "_Table | _Index":
        opening = _TABLE.match(self._data, at)
        if opening:
            return self._table(opening.end())
        return self._index(at)

    def _table(self, at: int) -> "_Table":
        parts: list[tuple[int, int, int]] = []
        while head := _SUBSECTION.match(self._data, at):
            first, count = int(head[1]), int(head[2])
            at = head.end() + 20 * count
            if at > self.length:
                raise Unsure("table")
            rows = _ROWS.match(self._data, head.end(), at)
            if rows is None or rows.end() != at:
                raise Unsure("table")
            parts.append((first, count, head.end()))
        trailer = _TRAILER.match(self._data, at)
        if trailer is None:
            raise Unsure("trailer")
        begin, end = span(self._data, trailer.end())
        return _Table(_apart(parts), dictionary(bytes(self._data[begin:end])), self._data)

    def _index(self, at: int) -> "_Index":
        header = _OBJECT.match(self._data, at)
        if header is None:
            raise Unsure("cross-references")
        value, begin = self._object(at, int(header[1]), int(header[2]))
        info, packed = self._stream(value, begin)
        widths = [_whole(n) for n in elements(info.get(b"W", NULL))]
        if info.get(b"Type") != b"/XRef" or len(widths) != 3 or None in widths:
            raise Unsure("cross-reference stream")
        size = _whole(info.get(b"Size"))
        numbers = [_whole(n) for n in elements(info[b"Index"])] if b"Index" in info else [0, size]
        if size is None or None in numbers or len(numbers) % 2:
            raise Unsure("cross-reference stream")
        parts, row = [], 0
        for first, count in zip(numbers[::2], numbers[1::2], strict=True):
            parts.append((first or 0, count or 0, row))
            row += count or 0
        return _Index(_apart(parts), info, _unpack(info, packed), [w or 0 for w in widths], row)

    def _place(self, number: int) -> Place:
        for section in self._sections:
            place = section.place(number)
            if place is not None:
                return place
        return GONE

    def _object(self, at: int, number: int, generation: int) -> tuple[bytes, int]:
        """The object's value, and where its stream begins if it has one, else 0."""
        known = self._values.get(at)
        if known is not None:
            return known
        header = _OBJECT.match(self._data, at)
        if header is None or (int(header[1]), int(header[2])) != (number, generation):
            raise Unsure(f"object {number} is not where it should be")
        begin, end = span(self._data, header.end())
        after = _AFTER_OBJECT.match(self._data, end)
        if after is None:
            raise Unsure(f"object {number} does not end")
        self._values[at] = bytes(self._data[begin:end]), 0 if after[1] else after.end()
        return self._values[at]

    def _stream(self, value: bytes, begin: int) -> tuple[Dict, bytes]:
        info = dictionary(value)
        length = _whole(self.follow(info.get(b"Length", NULL)) if self._sections else info.get(b"Length"))
        if not begin or length is None or not _AFTER_STREAM.match(self._data, begin + length):
            raise Unsure("stream")
        return info, bytes(self._data[begin : begin + length])

    def _unpacked(self, number: int) -> "_Slices":
        """All objects of an object stream."""
        if number not in self._packed:
            place = self._place(number)
            if place is GONE or place.stream:
                raise Unsure("object stream")
            value, begin = self._object(place.at, number, place.generation)
            info, packed = self._stream(value, begin)
            self._packed[number] = _objects(info, _unpack(info, packed))
        return self._packed[number]


def _whole(raw: bytes | None) -> int | None:
    return int(raw) if raw is not None and raw.isdigit() and len(raw) < 13 else None


def _apart(parts: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Sorted; a section that lists an object twice is not understood."""
    ordered = sorted(part for part in parts if part[1])
    if any(a[0] + a[1] > b[0] for a, b in pairwise(ordered)):
        raise Unsure("cross-references overlap")
    return ordered


def _row(parts: list[tuple[int, int, int]], number: int) -> tuple[int, int] | None:
    """Which part, and the how manieth in it."""
    index = bisect_right(parts, number, key=lambda part: part[0]) - 1
    if index < 0 or number >= parts[index][0] + parts[index][1]:
        return None
    return index, number - parts[index][0]


@dataclass(frozen=True)
class _Table:
    """A classic section: first number, count, and where its rows of twenty bytes begin."""

    parts: list[tuple[int, int, int]]
    trailer: Dict
    data: Buffer

    @cached_property
    def size(self) -> int:
        return max([_whole(self.trailer.get(b"Size")) or 0, *(first + count for first, count, _ in self.parts)])

    def place(self, number: int) -> Place | None:
        found = _row(self.parts, number)
        if found is None:
            return None
        at = self.parts[found[0]][2] + 20 * found[1]
        row = self.data[at : at + 18]
        return Place(int(row[:10]), int(row[11:16])) if row[17:18] == b"n" else GONE


@dataclass(frozen=True)
class _Index:
    """A cross-reference stream, unpacked when an object is asked for."""

    parts: list[tuple[int, int, int]]
    trailer: Dict
    packed: "_Rows"
    widths: list[int]
    rows: int

    @cached_property
    def size(self) -> int:
        return max([_whole(self.trailer.get(b"Size")) or 0, *(first + count for first, count, _ in self.parts)])

    def place(self, number: int) -> Place | None:
        found = _row(self.parts, number)
        if found is None:
            return None
        row = self.packed.row(self.parts[found[0]][2] + found[1], sum(self.widths))
        a, b, _ = self.widths
        kind = int.from_bytes(row[:a], "big") if a else 1
        second, third = int.from_bytes(row[a : a + b], "big"), int.from_bytes(row[a + b :], "big")
        if kind == 1:
            return Place(second, third)
        if kind == 2:
            return Place(third, 0, second)
        return GONE


class _Rows:
    """Unpacked bytes, with the rows of a PNG predictor still folded: only the row that is asked for is unfolded."""

    def __init__(self, data: bytes, columns: int) -> None:
        self._data = data
        self._columns = columns
        if columns and (len(data) % (columns + 1) or set(data[:: columns + 1]) - {2, 0}):
            raise Unsure("predictor")
        self._mixed = bool(columns) and 0 in data[:: columns + 1]
        if self._mixed and set(data[:: columns + 1]) != {0}:
            raise Unsure("predictor")

    def row(self, index: int, width: int) -> bytes:
        if not self._columns:
            found = self._data[index * width : (index + 1) * width]
        elif self._columns != width:
            raise Unsure("predictor")
        elif self._mixed:
            found = self._data[index * (width + 1) + 1 : (index + 1) * (width + 1)]
        else:
            end, pitch = (index + 1) * (width + 1), width + 1
            found = bytes(sum(self._data[1 + column : end : pitch]) & 255 for column in range(width))
            if end > len(self._data):
                raise Unsure("cross-reference stream")
        if len(found) != width:
            raise Unsure("cross-reference stream")
        return found

    def plain(self) -> bytes:
        if self._columns:
            raise Unsure("predictor")
        return self._data


def _unpack(info: Dict, packed: bytes) -> _Rows:
    filters = info.get(b"Filter", NULL)
    kinds = elements(filters) if filters[:1] == b"[" else [filters] if filters != NULL else []
    parameters = info.get(b"DecodeParms", NULL)
    if parameters[:1] == b"[":
        parameters = elements(parameters)[0] if len(elements(parameters)) == 1 else b"?"
    if not kinds and parameters == NULL:
        return _Rows(packed, 0)
    if kinds != [b"/FlateDecode"]:
        raise Unsure("filter")
    inflating = zlib.decompressobj()
    try:
        data = inflating.decompress(packed, LARGEST_INDEX)
    except zlib.error as error:
        raise Unsure("compressed data") from error
    if not inflating.eof:
        raise Unsure("compressed data")
    if parameters == NULL:
        return _Rows(data, 0)
    how = dictionary(parameters)
    predictor = _whole(how.get(b"Predictor", b"1")) or 0
    if predictor == 1:
        return _Rows(data, 0)
    plain = how.get(b"Colors", b"1") == b"1" and how.get(b"BitsPerComponent", b"8") == b"8"
    columns = _whole(how.get(b"Columns", b"1"))
    if not 10 <= predictor <= 15 or not plain or not columns:
        raise Unsure("predictor")
    return _Rows(data, columns)


def _objects(info: Dict, rows: _Rows) -> "_Slices":
    data, count, first = rows.plain(), _whole(info.get(b"N")), _whole(info.get(b"First"))
    if info.get(b"Type") != b"/ObjStm" or count is None or first is None:
        raise Unsure("object stream")
    numbers = data[:first].split()
    if len(numbers) < 2 * count or not all(n.isdigit() for n in numbers[: 2 * count]):
        raise Unsure("object stream")
    found = _Slices()
    found.data = data
    for name, at in zip(numbers[: 2 * count : 2], numbers[1 : 2 * count : 2], strict=True):
        if found.places.setdefault(int(name), first + int(at)) != first + int(at):
            raise Unsure("object stream")
    return found


class _Slices(dict[int, bytes]):
    """Objects of a stream by number, cut out when asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, int] = {}
        self.data = b""

    def __missing__(self, number: int) -> bytes:
        if number not in self.places:
            raise Unsure(f"object {number} is not in its stream")
        begin, end = span(self.data, self.places[number])
        self[number] = self.data[begin:end]
        return self[number]
