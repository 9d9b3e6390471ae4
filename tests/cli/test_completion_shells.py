"""TAB in real bash, zsh and fish: what reaches the command is what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import needs
from shells import Shell

TASK = "01JD0000000000000000000001"
INCIDENT = "1:3f9c0000000000000000"
WORDS = {
    "functions": "greet\tcommand\nthumbnail\tpython\n",
    "tasks": f"{TASK}\tgreet done\n02JD0000000000000000000002\tgreet dead\n",
    "letters": "02JD0000000000000000000002\tgreet permanent\n",
    "incidents": f"{INCIDENT}\tgreet permanent new\n2:44aa\tgreet transient new\n",
    "workers": "03JD0000000000000000000003\tgreet\n",
    "replays": "05JD0000000000000000000005\trunning\n",
    "rules": (
        "builtin/oom\tresource\n"
        "my rules/it's\tpermanent\n"
        "$(touch PWNED)/x\tpermanent\n"
        "`touch PWNED`/y\tpermanent\n"
        "a;touch PWNED\tpermanent\n"
        "star*/x\tpermanent\n"
        "col:on/x\tpermanent\n"
    ),
}
# What is typed before TAB -> the words that `fnr` gets; HOME is the home of the test.
TYPED = {
    "fnr dl": "dlq",
    "fnr dlq repl": "dlq replay",
    "fnr dlq replay --dr": "dlq replay --dry-run",
    "fnr status -o ta": "status -o table",
    "fnr status --output=ta": "status --output=table",
    "fnr completion install --shell z": "completion install --shell zsh",
    "fnr completion install z": "completion install zsh",
    "fnr rules add x --category trans": "rules add x --category transient",
    "fnr task list --where state:q": "task list --where state:queued",
    "fnr undo list --where state:nee": "undo list --where state:needs_operator",
    "fnr --home HOME task show 01": f"--home HOME task show {TASK}",
    "fnr --home=HOME submit gr": "--home=HOME submit greet",
    "fnr submit greet --home HOME th": "submit greet --home HOME th",
    "fnr task cancel x --home HOME 01": f"task cancel x --home HOME {TASK}",
    "fnr --home HOME logs 01": f"--home HOME logs {TASK}",
    "fnr --home HOME logs -f gr": "--home HOME logs -f greet",
    "fnr --home HOME dlq replay -n 02": "--home HOME dlq replay -n 02JD0000000000000000000002",
    "fnr --home HOME errors ack 1:3": f"--home HOME errors ack {INCIDENT}",
    "fnr --home HOME replay pause 05": "--home HOME replay pause 05JD0000000000000000000005",
    "fnr chaos inject worker-k": "chaos inject worker-kill",
    "fnr chaos drill --scenario q": "chaos drill --scenario quick",
    "fnr --home HOME chaos abort 06": "--home HOME chaos abort 06JD0000000000000000000006",
    "fnr --home HOME chaos score 07": "--home HOME chaos score 07JD0000000000000000000007",
    "fnr --home HOME chaos score --against 07": (
        "--home HOME chaos score --against 07JD0000000000000000000007"
    ),
    "fnr --home HOME errors show 1:3": f"--home HOME errors show {INCIDENT}",
    "fnr tui dash": "tui dashboard",
    "fnr --home HOME worker list --function gr": "--home HOME worker list --function greet",
    "fnr --home HOME rules disable col:": "--home HOME rules disable col:on/x",
}
HOSTILE = {
    "my": "my rules/it's",
    r"\$": "$(touch PWNED)/x",
    r"\`": "`touch PWNED`/y",
    "a": "a;touch PWNED",
    "star": "star*/x",
    '"my': "my rules/it's",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a daemon once was; none runs."""
    home = tmp_path_factory.mktemp("home")
    (home / "state/words").mkdir(parents=True)
    for kind, text in WORDS.items():
        (home / "state/words" / kind).write_text(text)
    acting = home / "state/chaos/active/06JD0000000000000000000006"
    acting.mkdir(parents=True)
    (acting / "record.json").write_text("{}")
    (home / "state/chaos/scores").mkdir()
    (home / "state/chaos/scores/07JD0000000000000000000007.json").write_text("{}")
    return home


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shell(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shell]:
    needs(request.param)
    shell = Shell(request.param, tmp_path_factory.mktemp(request.param))
    yield shell
    shell.close()


def test_tab_completes_commands_flags_values_and_what_the_daemon_knows(
    shell: Shell, home: Path
) -> None:
    reached = {
        typed: " ".join(shell.reached(typed.replace("HOME", str(home)) + "\t")).strip()
        for typed in TYPED
    }
    expected = {typed: words.replace("HOME", str(home)) for typed, words in TYPED.items()}
    assert reached == expected


def test_a_hostile_name_reaches_the_command_as_it_is_and_runs_nothing(
    shell: Shell, home: Path
) -> None:
    line = f"fnr --home {home} rules show "
    reached = {typed: shell.reached(f"{line}{typed}\t")[-1] for typed in HOSTILE}
    assert reached == HOSTILE
    assert not list(home.parent.rglob("PWNED"))


def test_without_a_daemon_that_ever_ran_tab_is_silent(shell: Shell, tmp_path: Path) -> None:
    for home in (tmp_path, tmp_path / "missing", "/proc/1/mem", "/dev/null"):
        words = shell.reached(f"fnr --home {home} task show 01\t")
        assert words == ["--home", str(home), "task", "show", "01"]
        assert "rror" not in shell.transcript
        assert "o such" not in shell.transcript
        assert "denied" not in shell.transcript
