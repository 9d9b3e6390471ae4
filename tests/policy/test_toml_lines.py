"""Where keys stand in a TOML text, compared with what tomllib reads of it."""

from __future__ import annotations

import tomllib

import pytest

from fnr.policy.toml_lines import Lines

TEXT = '''version = 1
[daemon]
# [not] = "a table"
drain = "10m"   # x = 3
list = [
  "x", # ]
  "]", { a = 1 },
]
long = """
key = 3
\\""" [x]
"""
raw = \'\'\'
[y] \'\'\'
[functions."my fn".retry]
max=3
x.y . 'z' = {a=1, b = [1,
  2]}
last = "#"
[[many]]
n = 1
[many.part]
n = 2
[[many]]
[[many.list]]
n = 3
[[many.list]]
n = 4
'''

PLACES = [
    (("version",), 1),
    (("daemon",), 2),
    (("daemon", "drain"), 4),
    (("daemon", "list"), 5),
    (("daemon", "long"), 9),
    (("daemon", "raw"), 13),
    (("functions",), 15),
    (("functions", "my fn", "retry"), 15),
    (("functions", "my fn", "retry", "max"), 16),
    (("functions", "my fn", "retry", "x", "y", "z"), 17),
    (("functions", "my fn", "retry", "x", "y", "z", "b"), 17),
    (("functions", "my fn", "retry", "last"), 19),
    (("many",), 20),
    (("many", "0", "n"), 21),
    (("many", "0", "part", "n"), 23),
    (("many", "1"), 24),
    (("many", "1", "list", "0", "n"), 26),
    (("many", "1", "list", "1", "n"), 28),
    (("many", "1", "list", "2", "n"), 25),
    (("daemon", "nowhere"), 2),
    (("nowhere",), 1),
]


@pytest.mark.parametrize(("path", "line"), PLACES)
def test_a_key_is_found_on_its_line(path: tuple[str, ...], line: int) -> None:
    tomllib.loads(TEXT)  # the scanner may expect a valid text
    assert Lines(TEXT).of(path) == line


def test_nothing_inside_a_string_is_taken_for_a_key() -> None:
    assert Lines(TEXT).of(("daemon", "key")) == 2
    assert Lines(TEXT).of(("y",)) == 1
