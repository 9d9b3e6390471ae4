"""A rule as its file says it, written from what an operator typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fnr.policy.toml_text import Value, assigned, quoted

HEADER = "# {why}; yours to edit, `fnr rules check` finds mistakes.\nversion = 1\n"
# Of a condition that a test must also meet: the key of the rule, and of the test.
_ALSO_IN_TESTS = ("exception", "code", "exit", "signal")


def rule_text(fields: Mapping[str, Value], tests: Sequence[str]) -> str:
    """The rule's table; each test is a message, beside whatever else the conditions ask for."""
    lines = ["[[rule]]", *assigned(fields)]
    beside = {key: _example(key, fields[key]) for key in _ALSO_IN_TESTS if key in fields}
    for message in tests:
        lines += ["[[rule.test]]", *assigned({"message": message, **beside})]
    return "\n".join(lines) + "\n"


def switched_off(names: Sequence[str]) -> str:
    """The file that switches rules off."""
    lines = "".join(f"    {quoted(name)},\n" for name in names)
    listed = f"disable = [\n{lines}]\n" if names else "disable = []\n"
    return HEADER.format(why="Written by `fnr rules disable`") + "\n" + listed


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
