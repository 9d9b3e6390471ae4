"""Secrets in a real daemon: what failures say is stored without them, and nothing shows them."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from live_home import LiveHome
from test_task_life import HomeAt, end_of, function, submit

from fnr.api import requests as ask
from fnr.policy.task import TaskState

SECRETS = ("hunter2", "LICENCE-17", "value-of-a-variable")
WORDS = "no way to https://bob:hunter2@h.example with LICENCE-17 or value-of-a-variable"
COMMAND = """
[functions.push]
command = ["sh", "-c", 'echo "$WORDS"; echo "$WORDS" >&2; exit 3']
env = { WORDS = "%s", MY_TOKEN = "value-of-a-variable" }
[functions.push.retry]
unknown_max = 0
[redact]
patterns = ["LICENCE-[0-9]+"]
env_keys = ["*TOKEN"]
"""

# The secret begins before the last 64 KiB of the output, and ends in them.
CUT = """
[functions.long]
command = [
  "sh", "-c",
  'yes a | head -c 9000; echo "b $MY_TOKEN and more"; yes cccc | head -c 65520; exit 3',
]
env = { MY_TOKEN = "value-of-a-variable" }
[functions.long.retry]
unknown_max = 0
"""

LATE = """
[functions.late]
command = ["sh", "-c", 'echo > {folder}/began; read x < {folder}/gate; echo "no $MY_TOKEN"; exit 3']
env = {{ MY_TOKEN = "{token}" }}
retry = {{ max = 0, unknown = {{ max = 0 }} }}
"""
GOOD = """
[functions.{name}]
command = ["sh", "-c", 'echo "$WORDS"']
env = {{ WORDS = "{words}", MY_TOKEN = "value-of-a-variable" }}
{more}
[redact]
patterns = ["LICENCE-[0-9]+"]
"""
OWN_MODULES = """
[functions.broken]
python = "broken:run"
cwd = "."
[functions.guarded]
python = "guarded:run"
cwd = "."
retry = { max = 0 }
[breakers.storage]
failures = 1
[redact]
patterns = ["LICENCE-[0-9]+"]
"""
GUARDED = """
import fnr

def run():
    with fnr.breaker("storage"):
        raise ConnectionResetError(104, "LICENCE-17 was reset by peer")
"""

SHOWS = """
import fnr

def run(folder):
    fnr.progress(1, stage="LICENCE-17", preview="/srv/LICENCE-17.png")
    fnr.checkpoint({})
    open(f"{folder}/began", "w").write("yes")
    open(f"{folder}/gate").read()
"""


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def stored(home: LiveHome) -> str:
    """Everything in the store but the inputs, which must be whole."""
    connection = sqlite3.connect(f"file:{home.paths.store_file}?mode=ro", uri=True)
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        if name != "task_input"
    ]
    text = "".join(str(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables)
    connection.close()
    return text


@pytest.mark.parametrize("name", ["bad", "push"])
def test_no_secret_of_a_failure_is_stored_or_shown(home_at: HomeAt, name: str) -> None:
    """Of a Python function, and of a command."""
    home = home_at(function("bad", "fail") + COMMAND % WORDS).up()
    given = {"message": WORDS, "kind": "ValueError"} if name == "bad" else {}
    task = submit(home, name, given)
    assert end_of(home, task).task.state is TaskState.DEAD
    for command in (
        ("task", "show", task),
        ("task", "history", task),
        ("dlq", "show", task),
        ("dlq", "show", task, "-o", "json"),
        ("errors", "show", task),
        ("errors", "explain", task),
        ("task", "logs", task),
        ("task", "logs", task, "-o", "json"),
        ("task", "logs", task, "-f"),
        *([("logs", name)] if name == "push" else []),
    ):
        shown = home.fnr(*command)
        assert shown.returncode == 0, (command, shown.stderr)
        assert leaks(shown.stdout + shown.stderr) == [], command
        assert "[redacted]" in shown.stdout + shown.stderr or command[:2] == ("task", "logs")
    assert leaks(stored(home)) == []
    assert leaks(home.log()) == []
    if given:
        # It is the task's input all the same: a replay runs with it, an export takes it along.
        assert json.loads(bytes(home.ask(ask.GetTask(task_id=task)).input)) == given
        assert leaks(home.fnr("dlq", "export").stdout) == list(SECRETS)


def test_how_to_undo_is_kept_whole_and_shown_without_secrets(home_at: HomeAt) -> None:
    words = WORDS.split()
    undo = f"undo_tries = 1\nundo = [{{ command = {json.dumps(['false', *words])} }}]"
    home = home_at(COMMAND.replace("[functions.push.retry]", f"{undo}\n[functions.push.retry]"))
    home.up()
    task = submit(home, "push")
    end_of(home, task)
    for command in (
        ("task", "show", task),
        ("task", "history", task),
        ("dlq", "show", task, "-o", "json"),
        ("undo", "list", task, "-o", "json"),
        ("undo", "show", f"{home.ask(ask.GetTask(task_id=task)).undo[0].undo_id}"),
    ):
        shown = home.fnr(*command)
        assert (shown.returncode, leaks(shown.stdout + shown.stderr)) == (0, []), command
        assert "***@h.example with [redacted]" in shown.stdout.replace('","', " ")
    [step] = home.ask(ask.GetTask(task_id=task)).undo
    assert step.data["argv"] == ["false", *words]


def test_settings_are_shown_without_secrets_wherever_they_stand(home_at: HomeAt) -> None:
    probe = f"probe = {json.dumps(['ask', '--token', 'LICENCE-18', *WORDS.split()])}"
    home = home_at(
        COMMAND % WORDS
        + f"[breakers.storage]\n{probe}\n"
        + function("login", "echo", 'env = { DB_PASSPHRASE = "p1", SSH_KEY_FILE = "/k" }')
        + """[functions.ask]
command = ["curl", "--password", "{password}", "--token", "hunter2"]
input = { password = "str", api_key = "float?" }
"""
    ).up()
    for command in (
        ("config", "show"),
        ("config", "show", "--origin"),
        ("config", "show", "-o", "json"),
        ("function", "show", "push"),
        ("function", "show", "ask", "-o", "json"),
        ("breaker", "show", "storage"),
    ):
        shown = home.fnr(*command)
        assert shown.returncode == 0, shown.stderr
        assert leaks(shown.stdout) == [], command
    shown = home.fnr("config", "show").stdout
    assert 'command = ["curl", "--password", "{password}", "--token", "[redacted]"]' in shown
    assert 'input = { password = "str", api_key = "float?" }' in shown
    assert 'env = { DB_PASSPHRASE = "***", SSH_KEY_FILE = "/k" }' in shown


@pytest.mark.parametrize("code", [0, 3])
def test_what_a_run_was_given_as_a_secret_is_stored_without_it(home_at: HomeAt, code: int) -> None:
    home = home_at("").up()
    secret = "value-of-a-variable"
    shell = f'echo "with $HF_TOKEN"; exit {code}'
    ran = home.fnr("run", "--env", f"HF_TOKEN={secret}", "--", "sh", "-c", shell)
    assert (ran.returncode, ran.stdout) == (code, f"with {secret}\n")
    assert leaks(stored(home)) == []
    assert "with [redacted]" in stored(home)
    [task] = home.ask(ask.ListTasks()).items
    for command in (("logs", "run"), ("task", "logs", task.task_id), ("logs", task.task_id, "-f")):
        assert home.fnr(*command).stdout == "with [redacted]\n", command


def test_what_shows_secrets_because_of_a_mistake_in_the_settings_says_so(home_at: HomeAt) -> None:
    home = home_at(COMMAND % WORDS).up()
    task = submit(home, "push")
    end_of(home, task)
    assert home.fnr("logs", "push").stderr == ""
    file = home.folder / "fnr.toml"
    for trouble in ("has mistakes", "is gone"):
        file.unlink()
        if trouble == "has mistakes":
            file.write_text("[functions")
        for command in (("logs", "push"), ("task", "show", task)):
            shown = home.fnr(*command).stderr
            assert f"notice: {file} {trouble}: secrets that only it tells of are shown" in shown
    file.write_text("")
    assert home.fnr("logs", "push").stderr == ""


def test_tags_and_keys_are_kept_as_they_are_and_shown_without_secrets(home_at: HomeAt) -> None:
    home = home_at(COMMAND % WORDS).up()
    tags = {"api_token": "hunter2", "note": "LICENCE-17", "batch": "7"}
    task = submit(home, "push", unique="LICENCE-17", tags=tags, delay_ms=3_600_000)
    dead = submit(home, "push", key="LICENCE-17", tags=tags)
    end_of(home, dead)
    for command in (
        ("task", "show", task),
        ("task", "show", task, "-o", "json"),
        ("task", "list", "-o", "json"),
        ("task", "wait", dead, "-o", "json"),
        ("errors", "show", dead, "-o", "json"),
        ("errors", "explain", dead, "-o", "json"),
    ):
        shown = home.fnr(*command)
        assert shown.returncode == (command[1] == "wait"), command
        assert leaks(shown.stdout + shown.stderr) == [], command
        assert shown.stdout.count("[redacted]") >= 3, command
    assert task in home.fnr("task", "list", "--where", "tag.note:LICENCE-17").stdout


def test_a_preview_is_shown_without_secrets(home_at: HomeAt) -> None:
    home = home_at(OWN_MODULES.replace("guarded", "shows"))
    for name in ("began", "gate"):
        os.mkfifo(home.folder / name)
    (home.folder / "shows.py").write_text(SHOWS)
    home.up()
    submit(home, "shows", {"folder": str(home.folder)})
    assert (home.folder / "began").read_text() == "yes"
    [worker] = [one for one in home.ask(ask.ListWorkers()) if one.function == "shows"]
    assert (worker.progress, worker.preview) == ("1 [redacted]", "/srv/[redacted].png")
    (home.folder / "gate").write_text("go")


def test_a_store_that_others_could_read_is_closed_to_them_and_that_is_said_once(
    home_at: HomeAt,
) -> None:
    """As old versions left one, with the umask of most hosts."""
    home = home_at("").up()
    home.end()
    files = [Path(home.paths.store_file), Path(home.paths.telemetry_file)]
    for file in files:
        file.touch()
        file.chmod(0o644)
    assert home.start()
    home.end()
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    assert home.start()
    for file in files:
        said = f"others could read {file} (mode 0644): its mode is 0600 now"
        assert home.log().count(said) == 1


def test_why_an_operator_did_something_is_stored_without_secrets(home_at: HomeAt) -> None:
    home = home_at(COMMAND % WORDS).up()
    task_id = submit(home, "push", delay_ms=3_600_000)
    home.ask(ask.PauseFunction(functions=["push"], reason=WORDS))
    assert home.ask(ask.CancelTasks(task_ids=[task_id], reason=WORDS)).changed == [task_id]
    text = stored(home)
    assert text.count(" with [redacted] or [redacted]") == 3, "pause, task, ledger"
    assert leaks(text) == []


def test_half_a_secret_at_the_beginning_of_a_long_output_is_not_stored(home_at: HomeAt) -> None:
    home = home_at(CUT).up()
    end = end_of(home, submit(home, "long"))
    assert end.message == "exit code 3: cccc"
    assert "iable and more" not in stored(home)


def test_a_guarded_call_and_a_function_that_cannot_load_tell_no_secrets(home_at: HomeAt) -> None:
    home = home_at(OWN_MODULES)
    (home.folder / "broken.py").write_text("raise RuntimeError('no LICENCE-17')\n")
    (home.folder / "guarded.py").write_text(GUARDED)
    home.up()
    end_of(home, submit(home, "broken"))
    assert "no [redacted]" in home.fnr("status").stdout
    end_of(home, submit(home, "guarded"))
    assert leaks(stored(home)) == []
    assert "[redacted] was reset by peer" in home.fnr("breaker", "why", "storage").stdout


def test_a_reload_hides_what_the_new_patterns_say(home_at: HomeAt) -> None:
    home = home_at(function("bad", "fail")).up()
    assert "LICENCE-17" in end_of(home, submit(home, "bad", {"message": "LICENCE-17"})).message
    home.write(function("bad", "fail") + '\n[redact]\npatterns = ["LICENCE-[0-9]+"]\n')
    assert home.ask(ask.ReloadConfig()).settings == ["redact.patterns"]
    end = end_of(home, submit(home, "bad", {"message": "LICENCE-17"}))
    assert end.message == "ValueError: [redacted]"


def test_a_value_that_is_secret_no_longer_is_hidden_in_what_began_with_it(home_at: HomeAt) -> None:
    """Method: a token is replaced and loaded while an attempt still has the old one."""
    home = home_at("")
    for name in ("began", "gate"):
        os.mkfifo(home.folder / name)
    home.write(LATE.format(folder=home.folder, token="value-of-a-variable"))
    home.up()
    task = submit(home, "late")
    assert (home.folder / "began").read_text()
    home.write(LATE.format(folder=home.folder, token="another-value"))
    assert home.ask(ask.ReloadConfig()).changed == ["late"]
    (home.folder / "gate").write_text("\n")
    assert end_of(home, task).message == "exit code 3: no [redacted]"
    assert leaks(stored(home)) == []


def test_what_a_command_printed_last_is_stored_without_secrets_unless_it_is_the_result(
    home_at: HomeAt,
) -> None:
    home = home_at(GOOD.format(name="plain", words=WORDS, more="")).up()
    end = end_of(home, submit(home, "plain"))
    assert json.loads(bytes(end.result)) == {
        "exit_code": 0,
        "stdout_tail": "no way to https://bob:***@h.example with [redacted] or [redacted]\n",
    }
    assert leaks(stored(home)) == []
    home.write(GOOD.format(name="asked", words=WORDS, more='result = "stdout"'))
    home.ask(ask.ReloadConfig())
    assert json.loads(bytes(end_of(home, submit(home, "asked")).result)) == f"{WORDS}\n"
