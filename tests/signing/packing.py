"""DEFLATE (RFC 1951) as anybody may write it: one block of the fixed codes, the same bytes whatever library is there.

For vectors, and to see that readers take another packer's work. It looks for what it has seen in the last 32 KB and in
the dictionary, longest match first, and is in no hurry.
"""

LONGEST, SHORTEST = 258, 4
WINDOW = 32_768


def deflated(data: bytes, dictionary: bytes) -> bytes:
    """Raw DEFLATE of the data behind that dictionary."""
    out = _Bits()
    out.put(0b011, 3)  # the last block, fixed codes
    whole, at = dictionary + data, len(dictionary)
    while at < len(whole):
        length, distance = _match(whole, at)
        if length < SHORTEST:
            out.literal(whole[at])
            length = 1
        else:
            out.length(length)
            out.distance(distance)
        at += length
    out.literal(256)
    return out.bytes()


def _match(whole: bytes, at: int) -> tuple[int, int]:
    """Length and distance of the longest one, the nearest of its length."""
    length, place = SHORTEST - 1, -1
    while at + length < len(whole) and length < LONGEST:
        found = whole.rfind(whole[at : at + length + 1], max(at - WINDOW, 0), at + length)
        if found < 0:
            break
        length, place = length + 1, found
    return length, at - place


class _Bits:
    """Numbers go in from their lowest bit, Huffman codes from their highest."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def put(self, value: int, count: int) -> None:
        self._bits += [value >> n & 1 for n in range(count)]

    def code(self, value: int, count: int) -> None:
        self._bits += [value >> n & 1 for n in reversed(range(count))]

    def literal(self, symbol: int) -> None:
        """Section 3.2.6."""
        if symbol < 144:
            self.code(0b00110000 + symbol, 8)
        elif symbol < 256:
            self.code(0b110010000 + symbol - 144, 9)
        elif symbol < 280:
            self.code(symbol - 256, 7)
        else:
            self.code(0b11000000 + symbol - 280, 8)

    def length(self, length: int) -> None:
        symbol, extra, base = _row(length, 257, 3, 4) if length < LONGEST else (285, 0, LONGEST)
        self.literal(symbol)
        self.put(length - base, extra)

    def distance(self, distance: int) -> None:
        symbol, extra, base = _row(distance, 0, 1, 2)
        self.code(symbol, 5)
        self.put(distance - base, extra)

    def bytes(self) -> bytes:
        bits = [*self._bits, *[0] * (-len(self._bits) % 8)]
        return bytes(sum(bit << n for n, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))


def _row(value: int, symbol: int, base: int, each: int) -> tuple[int, int, int]:
    """Section 3.2.5: `each` symbols for every count of further bits, twice as many for none."""
    extra, number = 0, 0
    while value >= base + (1 << extra):
        base += 1 << extra
        symbol, number = symbol + 1, number + 1
        extra = max(number // each - 1, 0)
    return symbol, extra, base
