"""What a function is given, and what its tasks are told when it cannot have it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from live_home import LiveHome
from test_task_life import end_of, submit

from fnr.api import requests as ask
from fnr.api.resource_requests import ExplainWait
from fnr.client.log_lines import LogLines
from fnr.host.worker_log import read_span

HomeAt = Callable[[str], LiveHome]

SAY = """
[redact]
env_keys = ["*TOKEN"]
[functions.say]
command = ["sh", "-c", "echo $A_TOKEN; exit 1"]
env_file = "own.env"
retry = { max = 0, unknown_max = 0 }
"""
REST = """
[functions.rest]
command = ["true"]
workers = { min = 0, max = 1 }
"""


def test_a_changed_env_file_counts_with_the_reload_and_its_secrets_are_hidden_from_then_on(
    home_at: HomeAt,
) -> None:
    """A worker that read it by itself was given a secret that nobody knew as one."""
    home = home_at(SAY)
    (home.folder / "own.env").write_text("A_TOKEN=first-secret\n")
    home.up()

    def printed() -> str:
        """In the log's file, which has what the program wrote."""
        task_id = end_of(home, submit(home, "say")).task.task_id
        detail = home.ask(ask.GetTask(task_id=task_id))
        assert b"secret" not in msgspec.json.encode(detail)
        [span] = home.ask(ask.ListLogSpans(task_id=task_id))
        [record] = LogLines(None).feed(read_span(span.log_path, span.log_from, span.log_to))
        return record.text.decode()

    assert printed() == "first-secret"
    (home.folder / "own.env").write_text("A_TOKEN=second-secret\n")
    home.ask(ask.RestartWorkers(workers=["say"]))
    assert printed() == "first-secret"
    assert home.ask(ask.ReloadConfig()).changed == ["say"]
    assert printed() == "second-secret"
    (home.folder / "own.env").unlink()
    home.ask(ask.RestartWorkers(workers=["say"]))
    assert printed() == "second-secret"


ASKS = """
[functions.rest]
command = ["true"]
[functions.asks]
command = ["%s", "-m", "fnr", "submit", "rest", "-o", "name"]
result = "stdout"
[functions.elsewhere]
command = ["sh", "-c", "echo $FNR_HOME"]
result = "stdout"
env = { FNR_HOME = "/elsewhere" }
"""


def test_a_function_that_submits_a_task_finds_the_daemon_that_runs_it(home_at: HomeAt) -> None:
    """A daemon that knows its home by --home, unless fnr.toml says which one is meant."""
    home = home_at(ASKS % sys.executable).up()
    submitted = msgspec.json.decode(end_of(home, submit(home, "asks")).result)
    assert end_of(home, submitted.strip()).task.function == "rest"
    said = msgspec.json.decode(end_of(home, submit(home, "elsewhere")).result)
    assert said == "/elsewhere\n"


LATE = """
[redact]
env_keys = ["*TOKEN"]
[functions.late]
command = ["sh", "-c", "echo $A_TOKEN; echo > $0; read go < $1; echo $A_TOKEN; false",
           "{started}", "{gate}"]
env_file = "own.env"
retry = { max = 0, unknown_max = 0 }
"""


@pytest.mark.parametrize("how", ["reload", "next daemon"])
def test_what_was_secret_until_a_change_is_hidden_in_what_was_begun_before_it(
    home_at: HomeAt, tmp_path: Path, how: str
) -> None:
    """Also in the logs of before, which nobody could hide it in later."""
    home = home_at(LATE)
    own, started, gate = home.folder / "own.env", tmp_path / "started", tmp_path / "gate"
    own.write_text("A_TOKEN=first-secret\n")
    os.mkfifo(started)
    os.mkfifo(gate)
    home.up()
    task_id = submit(home, "late", {"started": str(started), "gate": str(gate)})
    started.read_text()
    own.write_text("A_TOKEN=second-secret\n")
    if how == "reload":
        assert home.ask(ask.ReloadConfig()).changed == ["late"]
    else:
        home.kill()
        home.up()
    while home.log().count("former secrets blanked out") < 1:
        pass
    gate.write_text("go\n")
    end_of(home, task_id)
    detail = home.ask(ask.GetTask(task_id=task_id))
    assert b"first-secret" not in msgspec.json.encode(detail)
    assert b"[redacted]" in msgspec.json.encode(detail)
    if how == "reload":
        # The worker goes, because its function has changed.
        while home.log().count("former secrets blanked out") < 2:
            pass
        assert "first-secret" not in home.fnr("logs", task_id).stdout
    [span] = home.ask(ask.ListLogSpans(task_id=task_id))
    [first, *_] = read_span(span.log_path, span.log_from, span.log_to).splitlines()
    assert first.endswith(b" " + b"*" * 12)


def test_a_queued_task_says_that_its_function_is_paused_or_gone(home_at: HomeAt) -> None:
    home = home_at(REST).up()
    home.ask(ask.PauseFunction(functions=["rest"]))
    task_id = submit(home, "rest")
    assert home.ask(ExplainWait(task_id=task_id)).holds == {"pause": "rest is paused"}
    home.write("")
    home.ask(ask.ReloadConfig())
    assert home.ask(ExplainWait(task_id=task_id)).holds == {"function": "rest is not in fnr.toml"}
    assert "held back: rest is not in fnr.toml\n" in home.fnr("task", "show", task_id).stdout
    home.kill()
    home.up()
    assert home.ask(ask.ResumeFunction(functions=["rest"])).changed == ["rest"]


def test_a_queued_task_says_why_no_worker_can_be_started(home_at: HomeAt) -> None:
    home = home_at(REST + 'cwd = "there"\n')
    (home.folder / "there").mkdir()
    home.up()
    (home.folder / "there").rmdir()
    task_id = submit(home, "rest")
    while not (holds := home.ask(ExplainWait(task_id=task_id)).holds):
        pass
    assert holds["workers"].startswith("no worker could be started: [Errno 2]")
    assert f"'{home.folder}/there'" in holds["workers"]


def test_a_function_that_cannot_be_loaded_tells_no_secret(home_at: HomeAt) -> None:
    home = home_at("""
[redact]
env_keys = ["*TOKEN"]
[functions.leaky]
python = "leaky:run"
cwd = "."
env = { A_TOKEN = "very-secret", PYTHONPATH = "." }
""")
    (home.folder / "leaky.py").write_text("import os\nraise OSError(os.environ['A_TOKEN'])\n")
    home.up()
    end_of(home, submit(home, "leaky"))
    [line] = [one for one in home.ask(ask.GetStatus()).functions if one.function == "leaky"]
    assert line.problem == "cannot be loaded: OSError: [redacted]"
    assert "OSError: [redacted]" in home.log()
    assert "very-secret" not in home.log()


def test_a_function_that_its_workers_still_load_is_starting(home_at: HomeAt) -> None:
    home = home_at("")
    home.write(f'[functions.slow]\npython = "slow:run"\nenv = {{ PYTHONPATH = "{home.folder}" }}\n')
    gate = home.folder / "gate"
    os.mkfifo(gate)
    (home.folder / "slow.py").write_text(
        "from pathlib import Path\n"
        "Path(__file__).with_name('gate').read_text()\n"
        "def run() -> None: ...\n"
    )
    home.up()

    def state() -> str:
        [line] = home.ask(ask.GetStatus()).functions
        return str(line.state)

    with gate.open("w"):  # the worker has opened it, and waits for what it says
        assert state() == "starting"
        for command in (("status",), ("function", "list")):
            assert "starting" in home.fnr(*command).stdout
    assert end_of(home, submit(home, "slow")).task.state == "done"
    assert state() == "ready"
