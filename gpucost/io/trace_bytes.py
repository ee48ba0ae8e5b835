"""Numbers and stamps out of the bytes of many rows at once, with NumPy.

Eight digits are read as one 64-bit word and turned into their value by three multiplications. Every function
says for each row whether it was understood; what was not is left to `trace_exact`, which both agree with.
"""

from typing import Any, NamedTuple

import numpy as np

from gpucost.io.trace_exact import FIRST_YEAR, LAST_YEAR
from gpucost.units import BILLION, SECONDS_PER_MINUTE

PAD = 64
"""Bytes of a buffer before and behind its text that words may reach into."""
WORD = 8
ZEROS = 0x3030303030303030
CARRY = 0x7676767676767676
"""Lifts the top bit of every byte above 9."""
TOPS = 0x8080808080808080
FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
"""Masks of the first n bytes of a word."""
LAST = np.array([((1 << 8 * n) - 1) << 8 * (8 - n) for n in range(9)], np.uint64)
EIGHT = 10**8
MOST_HIGH = (2**63 - 1) // EIGHT**2
MOST_FRACTION = 24
"""Digits behind a point that are looked at; the last eight are only checked."""
DOT, NONE = 46, -1
FEW = 1 / 8
"""Share of rows that may be read a second time."""

Array = Any


class Times(NamedTuple):
    """Times of rows: nanoseconds, what is left of one (None: nothing), and which rows were understood."""

    ns: Array
    rest: Array
    good: Array


class Text:
    """A buffer whose words of eight bytes can be read at any position."""

    def __init__(self, buffer: bytearray) -> None:
        self.bytes = np.frombuffer(buffer, np.uint8)
        self.words = np.ndarray((len(buffer) - WORD + 1,), "<u8", buffer, 0, (1,))

    def ending(self, end: Array, length: Array) -> Array:
        """Digits of the last `length` (at most 8) bytes before `end`, as right-aligned words."""
        word = self.words[end - WORD] ^ np.uint64(ZEROS)
        word &= LAST.take(length, mode="clip")
        return word

    def starting(self, start: Array, length: Array) -> Array:
        """Digits of the first `length` (at most 8) bytes from `start`, zeros behind them."""
        word = self.words[start] ^ np.uint64(ZEROS)
        word &= FIRST.take(length, mode="clip")
        return word


def wrong(word: Array) -> Array:
    """Bits that are set where a byte of a word is no digit."""
    return ((word + np.uint64(CARRY)) | word) & np.uint64(TOPS)


def value(word: Array) -> Array:
    """Number that the eight digits of a word spell."""
    low = np.uint64(0x000000FF000000FF)
    word = word * np.uint64(10) + (word >> np.uint64(8))
    high = (word >> np.uint64(16)) & low
    word = (word & low) * np.uint64(100 + (10**6 << 32))
    word += high * np.uint64(1 + (10**4 << 32))
    return (word >> np.uint64(32)).view(np.int64)


def wholes(text: Text, start: Array, end: Array) -> tuple[Array, Array]:
    """Whole numbers of up to 19 digits between positions, and which rows hold one."""
    length = end - start
    most = int(length.max(initial=0))
    word = text.ending(end, length)
    odd, total = wrong(word), value(word)
    good = length > 0
    if most > WORD:
        word = text.ending(end - WORD, length - WORD)
        odd |= wrong(word)
        total += value(word) * EIGHT
    if most > 2 * WORD:
        word = text.ending(end - 2 * WORD, np.minimum(length - 2 * WORD, 3))
        odd |= wrong(word)
        high = value(word)
        total += high * (EIGHT * EIGHT)
        good &= (length <= 19) & (high < MOST_HIGH)
    good &= odd == 0
    return total, good


def fractions(text: Text, start: Array, length: Array, most: int) -> tuple[Array, Array]:
    """The first 16 decimals from positions on as a whole number, and which rows hold digits only."""
    word = text.starting(start, length)
    odd, total = wrong(word), value(word) * EIGHT
    if most > WORD:
        word = text.starting(start + WORD, length - WORD)
        odd |= wrong(word)
        total += value(word)
    if most > 2 * WORD:
        odd |= wrong(text.starting(start + 2 * WORD, length - 2 * WORD))
    return total, odd == 0


class Decimals:
    """Reads one column of numbers; it remembers how many decimals they had, since most rows have as many."""

    def __init__(self) -> None:
        self.places: int | None = NONE
        """Digits behind the point of most rows, None where they differ."""

    def read(self, text: Text, start: Array, end: Array) -> tuple[Array, Array, Array]:
        """Whole parts, sixteen decimals (None: none anywhere) and which rows were understood."""
        if self.places is not None:
            whole, decimals, good = _with(text, start, end, self.places)
            left = np.flatnonzero(~good)
            if not len(left):
                return whole, decimals, good
            if len(left) < len(start) * FEW:
                some, more, fit, _ = _without(text, start[left], end[left])
                whole[left], good[left] = some, fit
                if more is not None or decimals is not None:
                    decimals = np.zeros(len(whole), np.int64) if decimals is None else decimals
                    decimals[left] = 0 if more is None else more
                return whole, decimals, good
        whole, decimals, good, places = _without(text, start, end)
        counts = np.bincount(places[good] + 1, minlength=1)
        usual = int(counts.argmax())
        self.places = usual - 1 if counts[usual] > len(start) * (1 - FEW) else None
        return whole, decimals, good


def _without(text: Text, start: Array, end: Array) -> tuple[Array, Array, Array, Array]:
    """Numbers with any digits behind a point, and how many each has."""
    dot = np.flatnonzero(text.bytes[start[0] : end[-1]] == DOT) + start[0]
    if len(dot) != len(start) or not ((dot > start) & (dot < end)).all():
        dot = np.append(dot, len(text.bytes))
        dot = np.minimum(dot[np.searchsorted(dot, start)], end)
    whole, good = wholes(text, start, dot)
    places = end - dot - 1
    most = int(places.max())
    if most <= 0:
        return whole, None, good, places
    decimals, fit = fractions(text, dot + 1, places, most)
    return whole, decimals, good & fit & (places <= MOST_FRACTION), places


def _with(text: Text, start: Array, end: Array, places: int) -> tuple[Array, Array, Array]:
    """Numbers with so many digits behind a point, or without one."""
    if places == NONE:
        whole, good = wholes(text, start, end)
        return whole, None, good
    dot = end - (1 + places)
    whole, good = wholes(text, start, dot)
    good &= text.bytes.take(dot) == DOT
    if not places:
        return whole, None, good
    decimals, fit = fractions(text, dot + 1, places, places)
    return whole, decimals, good & fit


def seconds(whole: Array, decimals: Array, good: Array, keep: int) -> Times:
    """Times from numbers of which `keep` decimals make whole nanoseconds."""
    good = good & (whole < (2**63 - 1) // 10**keep)
    ns = whole * 10**keep
    if decimals is None:
        return Times(ns, None, good)
    more = decimals // 10 ** (16 - keep)
    return Times(ns + more, _rest(decimals - more * 10 ** (16 - keep), 16 - keep), good)


def _rest(digits: Array, places: int) -> Array:
    return digits / float(10**places) if digits.any() else None


def _template(text: str) -> tuple[Any, Any]:
    """What is XORed to a word and added to it so that a byte that does not fit has its top bit set.

    A 0 stands for any digit, a ? for any byte, others for themselves.
    """
    apart = sum((0 if letter == "?" else ord(letter)) << 8 * n for n, letter in enumerate(text))
    add = sum({"0": 0x76, "?": 0}.get(letter, 0x7F) << 8 * n for n, letter in enumerate(text))
    keep = sum((0 if letter == "?" else 0xFF) << 8 * n for n, letter in enumerate(text))
    return (np.uint64(apart), np.uint64(keep)), np.uint64(add)


def _fits(word: Array, template: tuple[Any, Any]) -> Array:
    (apart, keep), add = template
    word = (word ^ apart) & keep
    return (((word + add) | word) & np.uint64(TOPS)) == 0


def stamps(text: Text, start: Array, end: Array, *, between: str, zone: bytes, offset_s: int) -> Times:
    """Times since 1970 of ISO stamps `YYYY-MM-DD HH:MM:SS[.f…]` with a letter in between and a zone."""
    day, clock, tick = text.words[start], text.words[start + 8], text.words[start + 16]
    length = end - start - len(zone)
    good = _fits(tick, _template(":00?????")) & (((tick >> np.uint64(8)) & np.uint64(15)) < 6)
    if zone:
        good &= (text.words[end - WORD] & LAST[len(zone)]) == np.uint64(_last_bytes(zone))
    # Rows of one minute follow each other, so that the calendar is asked once for each run of them.
    first = np.ones(len(start), bool)
    first[1:] = (day[1:] != day[:-1]) | (clock[1:] != clock[:-1])
    runs = np.flatnonzero(first)
    minutes, known = _minutes(day[runs], clock[runs], between)
    if len(runs) > 1 or not known.all():
        run = np.cumsum(first) - 1
        good &= known.take(run)
        minutes = minutes.take(run)
    tick = tick & np.uint64(0x0F0F0F)
    second = (tick >> np.uint64(8) & np.uint64(15)) * np.uint64(10) + (tick >> np.uint64(16))
    at = (minutes * SECONDS_PER_MINUTE - offset_s + second.view(np.int64)) * BILLION
    places = length - 20
    most = int(places.max(initial=NONE))
    if most <= 0:
        return Times(at, None, good & (length == 19))
    decimals, fit = fractions(text, start + 20, places, most)
    pointed = (text.bytes.take(start + 19) == DOT) & (places > 0) & (places <= MOST_FRACTION)
    good &= fit & (pointed | (places == NONE))
    more = decimals // 10**7
    return Times(at + more, _rest(decimals - more * 10**7, 7) if most > 9 else None, good)


def _last_bytes(ending: bytes) -> int:
    return int.from_bytes(ending.rjust(WORD, b"\0"), "little")


def _minutes(day: Array, clock: Array, between: str) -> tuple[Array, Array]:
    """Minutes since 1970 of the first sixteen bytes of stamps, and which are a minute of the calendar."""
    good = _fits(day, _template("0000-00-")) & _fits(clock, _template(f"00{between}00:00"))
    names = np.stack([day, clock], axis=1).astype("<u8").view("S16").ravel()
    names[~good] = b"1970-01-01 00:00"
    try:
        at = names.astype("M8[m]")
    except ValueError:
        good &= np.array([_is_minute(bytes(name)) for name in names], bool)
        names[~good] = b"1970-01-01 00:00"
        at = names.astype("M8[m]")
    year = at.astype("M8[Y]").astype(np.int64) + 1970
    good &= (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    return at.astype(np.int64), good


def _is_minute(name: bytes) -> bool:
    try:
        np.datetime64(name.decode("ascii"), "m")
    except ValueError:
        return False
    return True
