"""Files of NAME=value lines, as people paste them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fnr.config import whole_file
from fnr.config.env_file import read_env_file


def test_the_usual_forms_are_understood(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# comment\n\nA=1\nexport B = two words # why\nC='$HOME #x'\n"
        'D="a\\nb\\""  # d\nE=\nF=a#b\nG= # your key\nH=#1\n'
    )
    assert read_env_file(str(file)) == {
        "A": "1",
        "B": "two words",
        "C": "$HOME #x",
        "D": 'a\nb"',
        "E": "",
        "F": "a#b",
        "G": "",
        "H": "#1",
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


def test_all_bad_lines_are_named_at_once(tmp_path: Path) -> None:
    """Somebody had to repair one after the other, each with a look of its own."""
    file = tmp_path / ".env"
    file.write_bytes(b"A=1\r\nB\r\nC='x\r\n=2\r\n")
    with pytest.raises(ValueError) as found:
        read_env_file(str(file))
    assert found.value.args == (
        "line 2 is not NAME=value", "line 3: the quote is not closed", "line 4 is not NAME=value",
    )  # fmt: skip
    file.write_bytes(b"A=1\nB=\xff\n")
    with pytest.raises(ValueError, match="line 2 is not UTF-8"):
        read_env_file(str(file))


def test_only_the_end_of_a_line_ends_a_value(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=one\u2028two\x0cthree\nB=4\n")
    assert read_env_file(str(file)) == {"A": "one\u2028two\x0cthree", "B": "4"}


def test_neither_a_silent_pipe_nor_an_endless_file_holds_us_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file, "SILENCE_MS_MAX", 10)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="nobody has written into it"):
        read_env_file(str(pipe))
    with pytest.raises(ValueError, match="it does not end"):
        read_env_file("/dev/zero")
    assert read_env_file("/dev/null") == {}


def test_a_pipe_that_somebody_writes_into_is_read_to_its_end(tmp_path: Path) -> None:
    """As a shell's <(...) is, or a keeper of secrets that stands where the file would be."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    written = [f"A{number}={'x' * 1_000}" for number in range(200)]
    with ThreadPoolExecutor() as pool:
        writing = pool.submit(pipe.write_text, "\n".join(written))
        found = read_env_file(str(pipe))
        writing.result()
    assert [f"{name}={value}" for name, value in found.items()] == written
