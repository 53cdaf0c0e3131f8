"""Broken variants of good files, the same ones for the same seed: bits, cuts, copies, and what parsers stumble over."""

import random
import re

__all__ = ["mutated"]

WORDS = [
    *(b"0", b"-1", b"1e999", b"-1e-999", b"nan", b"inf", b"9" * 400, b"0x10", b"3_2", b"0,1", b"1.2.3", b"4294967296"),
    *(
        b"2147483648",
        b"-9223372036854775808",
        b"true",
        b"null",
        b'"',
        b"'",
        b'"""',
        b"\\",
        b"\\u0000",
        b"[",
        b"]",
        b"{",
    ),
    *(
        b"}",
        b"(",
        b")",
        b"=",
        b":",
        b";",
        b",",
        b"#",
        b"!",
        b".",
        b"..",
        b"/",
        b"../../x",
        b"/etc/passwd",
        b"\n",
        b"\r",
    ),
    *(b"\t", b"\0", b"\x1b[31m", b"\xef\xbb\xbf", b"\xff\xfe", b"\x80\x04\x95", b"\xb5", "٣".encode(), "１".encode()),
    *("\u202e".encode(), b" ", b"$(id)", b"`id`", b".control\nshell id\n", b"%s%n", b"\xff\xff\xff\xff", b"\0\0\0\x80"),
    *(b"\xff" * 8, b"\0" * 8, b"\x7f", b"\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x10"),
]
LARGEST = 200_000  # bytes


def _place(rng: random.Random, data: bytes) -> tuple[int, int]:
    """A range of some bytes, most often a short one."""
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 10)))


def _changed(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """One change."""
    start, end = _place(rng, data)
    kind = rng.randrange(11)
    if kind == 0 and data:  # a bit
        at = rng.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
    if kind == 1:  # noise
        return data[:start] + rng.randbytes(rng.randrange(1, 16)) + data[end:]
    if kind == 2:  # less
        return data[:start] + data[end:]
    if kind == 3:  # cut off
        return data[:start]
    if kind == 4:  # more of the same
        return data[:end] + data[start:end] * rng.choice([1, 2, 3, 1000]) + data[end:]
    if kind == 5:  # a word in between, or many
        return data[:start] + rng.choice(WORDS) * rng.choice([1, 1, 1, 1, 50, 5000]) + data[start:]
    if kind == 6:  # a word instead
        word = rng.choice(WORDS)
        return data[:start] + word + data[start + len(word) :]
    if kind == 7:  # somebody else's middle
        other = rng.choice(others)
        first, last = _place(rng, other)
        return data[:start] + other[first:last] + data[end:]
    if kind == 8:  # another order
        return data[end:] + data[start:end] + data[:start]
    numbers = list(re.finditer(rb"[0-9]{1,20}", data[:20_000]))
    if numbers:  # another number
        found = rng.choice(numbers)
        return data[: found.start()] + rng.choice(WORDS[:16]) + data[found.end() :]
    return data[:start] + rng.choice(WORDS) + data[end:]


def mutated(seed: str, good: list[bytes]) -> bytes:
    """The variant of that seed of one of the good files."""
    rng = random.Random(seed)
    data = rng.choice(good)
    for _ in range(1 + int(rng.expovariate(0.5))):
        data = _changed(rng, data, good)[:LARGEST]
    return data
