"""Makes `glibc.bin`, the weights that glibc's strcoll gives to characters, from what strxfrm_l says of each.

    LOCPATH=DIRECTORY python make_glibc_table.py LOCALE SOURCE TABLE

LOCALE is one whose collation is `iso14651_t1` as it is (en_US.utf8, made by localedef in DIRECTORY), and
SOURCE glibc's file `iso14651_t1_common`, which names the characters that weigh something together.

An entry is four lengths and the weights of the four levels; 0x80 in the second length marks the section that
is read from behind on the second level. Weights of the fourth level are kept without the position before
them. The table is: the gap to the character before, and its entry; 0; how many sequences; for each its
length, its characters and its entry. Characters that only have the weights of unknown bytes, and those of Han, which
count up, are left out.
"""

import ctypes
import re
import sys
from pathlib import Path

LC_ALL_MASK = 8127
SPACE = 1 << 16
HAN = range(0x4E00, 0x9FA6)
FIRST, SECOND = "\u0486", "\u0484"  # two marks of the section that is read from behind

libc = ctypes.CDLL(None)
libc.newlocale.restype = ctypes.c_void_p
libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
libc.strxfrm_l.restype = ctypes.c_size_t
libc.strxfrm_l.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]


class Table:
    def __init__(self, locale: str) -> None:
        self.locale = libc.newlocale(LC_ALL_MASK, locale.encode(), None)
        if not self.locale:
            raise SystemExit(f"there is no locale {locale}")
        self.space = ctypes.create_string_buffer(SPACE)

    def levels(self, text: str) -> list[bytes]:
        length = libc.strxfrm_l(self.space, text.encode(), SPACE, self.locale)
        levels = self.space.raw[:length].split(b"\1", 3)
        return levels + [b""] * (4 - len(levels))

    def is_backward(self, text: str, secondary: bytes) -> bool:
        first, second = self.levels(FIRST)[1], self.levels(SECOND)[1]
        around = self.levels(FIRST + text + SECOND)[1]
        if around not in (first + secondary + second, second + secondary + first):
            raise SystemExit(f"{text!r} is neither read from behind nor from before")
        return around == second + secondary + first

    def entry(self, text: str) -> bytes | None:
        first, second, third, fourth = self.levels(text)
        if [first, second, third, fourth] == [b"", b"", b"", b"\1\3" * len(text.encode())]:
            return None
        mark = 0x80 if self.is_backward(text, second) else 0
        lengths = bytes([len(first), len(second) | mark, len(third), max(len(fourth) - 1, 0)])
        return lengths + first + second + third + fourth[1:]


def number(value: int) -> bytes:
    written = b""
    while value > 0x7F:
        written += bytes([value & 0x7F | 0x80])
        value >>= 7
    return written + bytes([value])


def main(locale: str, source: str, target: str) -> None:
    table, written, before = Table(locale), b"", 0
    for code in range(1, 0x110000):
        if code in HAN or 0xD800 <= code < 0xE000:
            continue
        entry = table.entry(chr(code))
        if entry is not None:
            written += number(code - before) + entry
            before = code
    sequences = set()
    for line in Path(source).read_text().splitlines():
        found = re.match(r'collating-element\s+<[^>]+>\s+from\s+"([^"]+)"', line)
        if found:
            sequences.add("".join(chr(int(code, 16)) for code in re.findall(r"<U([0-9A-F]+)>", found[1])))
    written += number(0) + number(len(sequences))
    for text in sorted(sequences):
        written += number(len(text)) + b"".join(number(ord(letter)) for letter in text) + table.entry(text)
    Path(target).write_bytes(written)


if __name__ == "__main__":
    main(*sys.argv[1:])
