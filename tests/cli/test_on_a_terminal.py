"""What people see: tables in a terminal of any width, colour or none, pipes that close early."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from live_home import LiveHome
from terminals import Session, show

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COLOURFUL = {"FORCE_COLOR": "1"}


@pytest.fixture(scope="module")
def hostile(home: LiveHome) -> LiveHome:
    """The home with a task that died saying what no terminal should be told."""
    home.fnr("submit", "refuse", "n=1", "--wait")
    home.fnr("run", "--", "sh", "-c", f"printf '{'x' * 10_000}' >&2; exit 1")
    return home


@pytest.mark.parametrize("columns", [20, 40, 200])
@pytest.mark.parametrize("words", [("task", "list"), ("dlq", "list"), ("worker", "list", "--gone")])
def test_lists_fit_any_width(hostile: LiveHome, columns: int, words: tuple[str, ...]) -> None:
    shown = show(hostile.folder, *words, "-q", columns=columns, NO_COLOR="1")
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert max(map(len, lines)) <= max(columns, len("01JD0000000000000000000001") + 12)


@pytest.mark.parametrize("words", [("task", "list"), ("dlq", "list"), ("status",)])
def test_eighty_columns_are_enough_for_a_table(hostile: LiveHome, words: tuple[str, ...]) -> None:
    shown = show(hostile.folder, *words, "-q", columns=80, NO_COLOR="1")
    titles = [line for line in shown.splitlines() if re.match(r"(TASK|FUNCTION) ", line)]
    assert titles


def test_markup_in_a_message_stays_what_it_is_and_escapes_do_nothing(hostile: LiveHome) -> None:
    shown = show(hostile.folder, "dlq", "list", columns=200)
    assert "[rank0]: CUDA error [/b] [31mred 1" in COLOUR.sub("", shown)
    assert COLOUR.findall(shown)
    assert "\x1b[31mred" not in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"FNR_NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_means_no_colour(hostile: LiveHome, env: dict[str, str]) -> None:
    for words in (("dlq", "list"), ("status",)):
        assert "\x1b" not in show(hostile.folder, *words, **env)


def test_no_color_is_a_flag_too(hostile: LiveHome) -> None:
    assert "\x1b" not in show(hostile.folder, "status", "--no-color")


def test_forced_colour_is_for_terminals_only(
    hostile: LiveHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" in show(hostile.folder, "dlq", "list", TERM="dumb", FORCE_COLOR="1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in hostile.fnr("dlq", "list").stdout
    assert "FORCE_COLOR: colour on a dumb terminal" in hostile.fnr("help", "environment").stdout


def test_logs_on_a_terminal_are_harmless(hostile: LiveHome) -> None:
    found = hostile.fnr("run", "-d", "--", "printf", r"\033[2Jcleared\n")
    hostile.fnr("task", "wait", found.stdout.strip())
    shown = show(hostile.folder, "logs", found.stdout.strip())
    assert shown == "[2Jcleared\n"


def test_hints_are_for_people_only(hostile: LiveHome) -> None:
    shown = show(hostile.folder, "submit", "say", "word=x")
    assert "hint: fnr --home" in shown
    assert hostile.fnr("submit", "say", "word=x").stderr == ""
    assert "hint" not in show(hostile.folder, "submit", "say", "word=x", "-q")


def test_many_lines_show_a_progress_bar(hostile: LiveHome, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_text('{"word": "x"}\n' * 2_000)
    words = ("submit", "say", "--jsonl", str(file), "--delay", "1h")
    shown = show(hostile.folder, *words)
    assert "submitting" in shown
    assert "2000 accepted" in shown
    assert "01" not in COLOUR.sub("", shown).partition("2000 accepted")[0].split()


def test_a_bar_counts_lines_that_come_one_by_one(home: LiveHome, tmp_path: Path) -> None:
    pipe = tmp_path / "lines"
    os.mkfifo(pipe)
    session = Session(home.folder, "submit", "say", "--jsonl", str(pipe), env=COLOURFUL)
    with pipe.open("w", buffering=1) as lines:
        for number in (1, 2):
            lines.write('{"word": "w"}\n')
            session.wait_for(f" {number} lines")
    assert session.end() == 0


def test_no_bar_moves_where_somebody_types(home: LiveHome) -> None:
    session = Session(home.folder, "submit", "say", "--jsonl", "-", env=COLOURFUL)
    session.type('{"word": "w"}\n\x04')
    assert session.end() == 0
    assert "1 accepted" in session.shown()
    assert "submitting" not in session.shown()


def piped(home: LiveHome, command: str) -> subprocess.CompletedProcess[str]:
    fnr = f"{sys.executable} -m fnr --home {home.folder}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command.replace("fnr", fnr, 1)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )


@pytest.mark.parametrize(
    "command",
    [
        "fnr task list --limit 0 | head -1",
        "fnr task list --limit 0 -o jsonl | true",
        "fnr status | true",
        "fnr --help | true",
        "fnr logs refuse -f | true",
        "fnr logs run -f -n 1 | head -c 1",
        "fnr errors tail -n 1 | head -1",
    ],
)
def test_a_reader_that_has_enough_is_no_error(hostile: LiveHome, command: str) -> None:
    found = piped(hostile, command)
    assert (found.returncode, found.stderr) == (0, "")


def test_names_pipe_into_the_next_command(hostile: LiveHome) -> None:
    fnr = f"{sys.executable} -m fnr --home {hostile.folder}"
    ids = hostile.fnr("submit", "say", "word=x", "--delay", "1h").stdout
    found = piped(hostile, f"fnr task list --where id:{ids.strip()} -o name | {fnr} task cancel -")
    assert (found.returncode, found.stdout) == (0, ids)


@pytest.mark.parametrize("there", [0, 2])
def test_no_task_that_came_after_the_question_is_cancelled(hostile: LiveHome, there: int) -> None:
    tag = f"asked=about-{there}"
    words = ("submit", "say", "word=x", "--delay", "1h", "--tag", tag)
    meant = [hostile.fnr(*words).stdout for _ in range(there)]
    session = Session(hostile.folder, "task", "cancel", "--where", f"tag.{tag.replace('=', ':')}")
    session.wait_for("[y/N]")
    later = hostile.fnr(*words).stdout
    session.type("y\n")
    assert session.end() == 0
    assert all(f"{task_id.strip()}\n" in session.shown() for task_id in meant)
    assert later.strip() not in session.shown()
    assert hostile.fnr("task", "cancel", later.strip()).returncode == 0


def test_ctrl_c_while_waiting_is_130_and_the_task_goes_on(hostile: LiveHome) -> None:
    session = Session(hostile.folder, "submit", "say", "word=x", "--delay", "1h", "--wait")
    session.wait_for("submitted ").interrupt()
    session.wait_for("the task goes on")
    assert session.end() == 130


def test_a_reader_who_has_enough_does_not_end_a_submit(home: LiveHome, tmp_path: Path) -> None:
    """Method: nobody reads the ids, as behind `| head -1`, from the first of three chunks on."""
    lines = tmp_path / "many.jsonl"
    lines.write_text('{"word": "w"}\n' * 3_000)
    words = ("submit", "say", "--jsonl", lines, "--delay", "1h", "--tag", "unread=yes")
    command = [sys.executable, "-m", "fnr", "--home", home.folder, *words]
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    found = subprocess.run(command, stdout=write_fd, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write_fd)
    assert found.returncode == 0
    assert found.stderr.startswith("3000 accepted in ")
    assert (
        len(home.fnr("task", "cancel", "--where", "tag.unread:yes", "-y").stdout.split()) == 3_000
    )


def test_a_command_whose_output_nobody_reads_is_named(home: LiveHome) -> None:
    """Method: the command writes once more, after its reader has gone, until it is cancelled."""
    words = ("run", "--", "sh", "-c", "while :; do echo more; sleep 0.1; done")
    command = [sys.executable, "-m", "fnr", "--home", home.folder, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as found:
        assert found.stdout is not None and found.stderr is not None
        assert found.stdout.readline() == "more\n"
        found.stdout.close()
        said = found.stderr.read()
    assert found.returncode == 0
    assert said.startswith("nobody reads its output any more; it goes on: fnr --home ")
    assert home.fnr("task", "cancel", said.split()[-1]).returncode == 0
