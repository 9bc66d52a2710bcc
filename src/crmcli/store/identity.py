"""Identities that are unique everywhere and sort by the time they were made."""

import os
import time
from collections.abc import Iterator
from typing import Final

_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def uuid7() -> str:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7s() -> Iterator[str]:
    """The same without end, many at a time."""
    while True:
        moment = f"{time.time_ns() // 1_000_000:012x}"
        start = f"{moment[:8]}-{moment[8:]}-7"
        digits = os.urandom(10 * 256).hex()
        for at in range(0, len(digits), 20):
            yield (
                f"{start}{digits[at : at + 3]}-{_VARIANT[digits[at + 3]]}{digits[at + 4 : at + 7]}"
                f"-{digits[at + 7 : at + 19]}"
            )
