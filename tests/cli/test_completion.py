"""`fnr completion`: the script of each shell, and where it is put."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cli_runs import Run

from fnr.cli.completion import SCRIPTS, place, what_next
from fnr.config.installed_files import installed_file

ROOT = Path(__file__).parents[2]
PLACES = {
    "bash": ".local/share/bash-completion/completions/fnr",
    "zsh": ".local/share/zsh/site-functions/_fnr",
    "fish": ".config/fish/completions/fnr.fish",
}


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SHELL", raising=False)
    return tmp_path


@pytest.mark.parametrize("shell", SCRIPTS)
def test_it_is_put_where_the_shell_looks(shell: str, command: Run, user: Path) -> None:
    script = (ROOT / SCRIPTS[shell][0]).read_text()
    assert command("completion", "show", shell).out == script
    dry = command("completion", "install", "--shell", shell, "-n", "-o", "json").json
    assert dry == {
        "schema": "fnr.completion.install/1",
        "shell": shell,
        "file": str(user / PLACES[shell]),
        "changed": True,
        "dry_run": True,
    }
    assert not (user / PLACES[shell]).exists()
    assert command("completion", "install", "--shell", shell).code == 0
    assert (user / PLACES[shell]).read_text() == script
    again = command("completion", "install", "--shell", shell, "-o", "json")
    assert (again.code, again.json["changed"]) == (0, False)


def test_the_shell_is_the_users_own(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert command("completion", "install", "-o", "json").json["shell"] == "fish"
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    refused = command("completion", "install")
    assert refused.code == 2
    assert "SHELL is '/bin/tcsh'" in refused.err


def test_the_shell_may_be_said_as_a_word(command: Run) -> None:
    for words in (["zsh"], ["--shell", "zsh"], ["zsh", "--shell", "zsh"]):
        assert command("completion", "install", *words, "-n", "-o", "json").json["shell"] == "zsh"
    refused = command("completion", "install", "zsh", "--shell", "bash")
    assert refused.code == 2
    assert "zsh and --shell bash exclude each other" in refused.err


def test_a_file_of_somebody_else_is_left_alone(command: Run, user: Path) -> None:
    file = user / PLACES["zsh"]
    file.parent.mkdir(parents=True)
    file.write_text("my own\n")
    refused = command("completion", "install", "--shell", "zsh")
    assert refused.code == 6
    assert "fnr completion install zsh -y" in refused.err
    assert file.read_text() == "my own\n"
    assert command("completion", "install", "--shell", "zsh", "-y").code == 0
    assert file.read_text().startswith("#compdef fnr")


def test_what_is_in_the_way_is_named(command: Run, user: Path) -> None:
    (user / ".local").write_text("a file")
    refused = command("completion", "install", "--shell", "bash")
    assert refused.code == 74
    assert str(user / PLACES["bash"]) in refused.err


def test_the_places_follow_xdg() -> None:
    env = {"HOME": "/u", "XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c"}
    assert str(place("bash", env)) == "/d/bash-completion/completions/fnr"
    assert str(place("bash", {**env, "BASH_COMPLETION_USER_DIR": "/b"})) == "/b/completions/fnr"
    assert str(place("zsh", env)) == "/d/zsh/site-functions/_fnr"
    assert str(place("fish", env)) == "/c/fish/completions/fnr.fish"


def test_what_was_installed_with_the_package_is_found_too() -> None:
    """In an environment the scripts lie under its `share`; the tree has no file of this name."""
    assert installed_file("no-such-file", "bash-completion/completions/fnr") is not None
    assert installed_file("no-such-file", "no/such/file") is None


def test_tab_starts_no_program(tmp_path: Path) -> None:
    """Method: no program can be found, and bash says so of any that is asked for."""
    (tmp_path / "state/words").mkdir(parents=True)
    (tmp_path / "state/words/tasks").write_text("01JD\tgreet done\n")
    line = f"fnr --home {tmp_path} task show 0"
    code = f"""
        source {ROOT}/completions/fnr.bash
        PATH=/nowhere
        COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line}) COMP_CWORD=5
        _fnr; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("01JD\n", "")


def test_what_to_add_can_be_pasted_whatever_the_home_is_called() -> None:
    environ = {"HOME": "/home/an n"}
    told = {shell: what_next(shell, place(shell, environ)) for shell in ("bash", "zsh")}
    data = "/home/an n/.local/share"
    assert told["bash"].endswith(f" source '{data}/bash-completion/completions/fnr'")
    assert told["zsh"].endswith(f" fpath=('{data}/zsh/site-functions' $fpath)")
