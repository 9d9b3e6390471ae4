"""Files of NAME=value lines, as people paste them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fnr.config.env_file import read_env_file


def test_the_usual_forms_are_understood(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# comment\n\nA=1\nexport B = two words # why\nC='$HOME #x'\n"
        'D="a\\nb\\""  # d\nE=\nF=a#b\n'
    )
    assert read_env_file(str(file)) == {
        "A": "1",
        "B": "two words",
        "C": "$HOME #x",
        "D": 'a\nb"',
        "E": "",
        "F": "a#b",
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [("A=1\nB\n", "line 2 is not NAME=value"), ("A='x\n", "line 1: the quote is not closed"),
     ("A=\0\n", "line 1 contains a NUL")],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / ".env"
    file.write_text(text)
    with pytest.raises(ValueError, match=problem):
        read_env_file(str(file))
