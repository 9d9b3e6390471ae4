"""Rules made ready to be looked up, as a value that can be kept in a file."""

from __future__ import annotations

import zlib

import msgspec
from msgspec import Struct

from fnr.policy.asked import NO_TEXT
from fnr.policy.rules import Rule
from fnr.policy.standing import Standing

_MAGIC = b"fnr rule index 1\n"


class Rows(Struct, frozen=True, array_like=True):
    """Values by number, each encoded by itself, so that only those that are needed are made."""

    data: bytes
    ends: list[int]


class Lists(Struct, frozen=True, array_like=True):
    """Lists of numbers by number."""

    flat: list[int]
    ends: list[int]


class Entry(Struct, frozen=True, array_like=True):
    """A rule without its expressions and examples.

    found_by: the expressions it is filed under, as Asked has it.
    text and what follows: its expressions as numbers of pieces, in the order to try.
    """

    rule: Rule
    standing: Standing
    found_by: int = NO_TEXT
    text: tuple[int, ...] = ()
    all_text: tuple[tuple[int, ...], ...] = ()
    unless_text: tuple[int, ...] = ()
    unless_all_text: tuple[tuple[int, ...], ...] = ()


class RuleIndex(Struct, frozen=True, array_like=True):
    """Everything that finding a rule needs.

    named:   name and category of every rule; its place here is its number, the best standing first.
    pieces:  of all expressions; entries: of all rules.
    parts:   of words, by number, as pieces ask for them.
    by_part: the pieces to look at when a part stands in a text; filed: the rules under a piece.
    short:   pieces without a telling word that are looked for all at once; always: the others.
    by_code: rules filed under a code, or a key of what was noted of the attempt and whose it is.
    by_range, by_type: rules filed so; others: rules that are always tried.
    globs:   all names of exceptions with a star.
    """

    named: list[tuple[str, str]]
    entries: Rows
    pieces: Rows
    parts: list[bytes]
    by_part: Lists
    filed: Lists
    short: list[int]
    always: list[int]
    by_code: dict[str, list[int]]
    by_range: dict[str, list[int]]
    by_type: dict[str, list[int]]
    others: list[int]
    globs: list[str]


class DamagedIndex(ValueError):
    """The bytes are not a rule index of this version."""


def dump_index(index: RuleIndex) -> bytes:
    """The index as bytes, the same bytes for the same index."""
    return _MAGIC + zlib.compress(msgspec.msgpack.encode(index), 9)


def load_index(data: bytes) -> RuleIndex:
    """Read what dump_index wrote; raises DamagedIndex."""
    if not data.startswith(_MAGIC):
        raise DamagedIndex("it does not begin like a rule index of version 1")
    try:
        return msgspec.msgpack.decode(zlib.decompress(data[len(_MAGIC) :]), type=RuleIndex)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise DamagedIndex(str(error)) from error
