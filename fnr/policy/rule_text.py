"""A rule as its file says it, written from what an operator typed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from fnr.policy.toml_lines import array_of, strings_of, top_end
from fnr.policy.toml_text import Value, assigned, quoted

HEADER = "# {why}; yours to edit, `fnr rules check` finds mistakes.\nversion = 1\n"
# Of a condition that a test must also meet: the key of the rule, and of the test.
_ALSO_IN_TESTS = ("exception", "code", "exit", "signal")
_COMMA = re.compile(r"\s*,[ \t]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?\n")


def rule_text(fields: Mapping[str, Value], tests: Sequence[str]) -> str:
    """The rule's table; each test is a message, beside whatever else the conditions ask for."""
    lines = ["[[rule]]", *assigned(fields)]
    beside = {key: _example(key, fields[key]) for key in _ALSO_IN_TESTS if key in fields}
    for message in tests:
        lines += ["[[rule.test]]", *assigned({"message": message, **beside})]
    return "\n".join(lines) + "\n"


def switched(text: str, *, off: Sequence[str], on: Collection[str]) -> str:
    """The file that switches rules off, with these as well and without those.

    Whatever else people have written into it stays. Of strange writing it may not come out right:
    who asks compares.
    """
    text = text or HEADER.format(why="Written by `fnr rules disable`") + "\n"
    place = array_of(text, "disable")
    if place is None:
        end = top_end(text)
        text = f"{text[:end]}disable = [\n]\n{text[end:]}"
        place = array_of(text, "disable")
        assert place is not None
    gone = {form for name in on for form in (quoted(name), f'"{name}"', f"'{name}'")}
    for start, end in reversed([*strings_of(text, *place)]):
        if text[start:end] in gone:
            text = _without(text, start, end)
    place = array_of(text, "disable")
    assert place is not None
    return _with(text, place, off) if off else text


def _without(text: str, start: int, end: int) -> str:
    """Less an item, with its comma; and with its line and what is noted there, if it has one."""
    rest = _COMMA.match(text, end)
    end = rest.end() if rest else end
    first = text.rfind("\n", 0, start) + 1
    behind = _REST.match(text, end)
    if not text[first:start].strip() and behind:
        return text[:first] + text[behind.end() :]
    return text[:start] + text[end:]


def _with(text: str, place: tuple[int, int], names: Sequence[str]) -> str:
    """With more items, each on a line before the bracket that ends the list."""
    last = max((end for _, end in strings_of(text, *place)), default=None)
    if last is not None and not _COMMA.match(text, last):
        text = f"{text[:last]},{text[last:]}"
        place = place[0], place[1] + 1
    before = text[: place[1]].rstrip(" \t")
    if not before.endswith("\n"):
        before += "\n"
    return before + "".join(f"    {quoted(name)},\n" for name in names) + text[place[1] :]


def _example(key: str, value: Value) -> Value:
    """Something that meets a condition: its first value, with its star taken for nothing."""
    assert isinstance(value, Sequence) and value, (key, value)
    first = value[0]
    if isinstance(first, int):
        return first
    if key == "code":
        low, dash, high = first.partition("-")
        is_range = bool(dash) and high.isdecimal()
        return [(low if is_range else first).replace("*", "")]
    # "*.TimeoutError" asks for a module; any will do.
    start = "some." if first.startswith("*.") else ""
    return start + first.removeprefix("*.").replace("*", "") or "Error"
