"""Loading fnr.toml: everything wrong is said at once, with its line, and nothing is guessed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.config.load import Loaded, load
from fnr.config.paths import find_paths
from fnr.config.settings import LimitSettings
from fnr.config.template import EXAMPLES, TEMPLATE
from fnr.policy.retry import RetryPolicy

Load = Callable[..., Loaded]
TYPES = "str, int, float, bool, list, object, any"


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    def write_and_load(text: str | bytes, **options: dict[str, str]) -> Loaded:
        raw = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "fnr.toml").write_bytes(raw)
        environ = options.pop("environ", {})
        return load(find_paths(str(tmp_path), environ={}), environ=environ, **options)

    return write_and_load


def said(found: Loaded) -> list[str]:
    """Problems as "LINE: message", without the folder."""
    return [f"{p.where.rpartition('/')[2]}: {p.message}" for p in found.problems]


def test_without_a_file_there_is_run_and_every_default(tmp_path: Path) -> None:
    found = load(find_paths(str(tmp_path), environ={}), environ={})
    assert found.problems == ()
    assert list(found.settings.functions) == ["run"]
    run = found.settings.functions["run"]
    assert (run.kind, run.workers_min, run.window) == ("run", 0, 1)
    assert run.workers_max == max(2, os.cpu_count() or 1)
    assert (run.retry.retries_max, run.retry.unknown_max, run.retry.waits_max) == (0, 0, 0)
    assert set(found.origins.values()) == {"default"}


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    found = load(find_paths(str(tmp_path), str(tmp_path / "other.toml"), {}), environ={})
    assert said(found) == ["other.toml: there is no such file"]


def test_every_key_is_read_into_its_unit(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    found = loaded("""
        version = 1
        [daemon]
        drain_timeout = "1h30m"
        [store]
        reserve = "1GiB"
        [log]
        level = "debug"
        file_size = "64KiB"
        [redact]
        patterns = ["hf_[a-z]+"]
        env_keys = ["*TOKEN*"]
        [functions.render]
        python = "mypkg.render:run"
        workers = { min = 1, max = 2 }
        timeout = "10m"
        progress_timeout = "500ms"
        gpus = 1
        max_tasks_per_worker = 7
        env = { A = "b" }
        env_file = ".env"
        cwd = "."
        nice = 5
        on_daemon_exit = "kill"
        input = { width = "int", path = "str", steps = "int?" }
        limits = { memory = "2GiB", cpu_time = "1500ms", files = 1024, file_size = "1B" }
        [functions.render.retry]
        max = 9
        delay = "2s"
        wait = "1m"
        [functions.transcode]
        command = ["ffmpeg", "{path}", "{{}}"]
        workers = 3
        result = "file:{path}"
        """)
    assert said(found) == []
    settings = found.settings
    assert settings.daemon.drain_timeout_ms == 5_400_000
    assert settings.store.reserve_mib == 1024
    assert (settings.log.level, settings.log.file_bytes_max) == ("debug", 65_536)
    assert (settings.redact, settings.redact_env_keys) == (("hf_[a-z]+",), ("*TOKEN*",))
    render = settings.functions["render"]
    assert (render.kind, render.workers_min, render.workers_max) == ("python", 1, 2)
    assert (render.timeout_ms, render.progress_timeout_ms) == (600_000, 500)
    assert (render.gpus, render.max_tasks_per_worker, render.nice) == (1, 7, 5)
    assert render.cwd == str(tmp_path)
    assert render.env_file == str(tmp_path / ".env")
    assert render.limits == LimitSettings(
        memory_mib=2048, cpu_time_s=2, files=1024, file_size_mib=1
    )
    assert render.retry == RetryPolicy(retries_max=9, delay_base_ms=2_000, wait_ms=60_000)
    assert render.input == {"width": "int", "path": "str", "steps": "int?"}
    transcode = settings.functions["transcode"]
    assert (transcode.workers_min, transcode.workers_max) == (3, 3)
    assert found.origins["functions.render.retry.max"] == "fnr.toml:28"
    assert found.origins["functions.render.timeout"] == "fnr.toml:16"
    assert found.origins["store.keep_done"] == "default"


def test_all_problems_are_said_at_once_in_the_order_of_lines(loaded: Load, tmp_path: Path) -> None:
    found = loaded(
        """version = 2
[daemon]
drain_timout = "10m"
drain_timeout = 10
[functions.render]
python = "mypkg.render"
command = ["x"]
workers = { min = 3, max = 2 }
cwd = "nowhere"
user = "nobody-of-that-name"
[functions.transcode]
command = ["ffmpeg", "{inptu}", "{"]
input = { input = "str", width = "integer" }
retry = { delay = "5m", delay_max = "60s" }
[functions.run]
python = "a:b"
[redact]
patterns = ["("]
[functons.x]
a = 1
"""
    )
    render, transcode = "functions.render", "functions.transcode"
    expected = f"""
fnr.toml:1: version: this fnr reads version 1, not 2
fnr.toml:3: daemon.drain_timout: unknown key, did you mean 'drain_timeout'?
fnr.toml:4: daemon.drain_timeout: needs a unit: "10s" or "10m"? (ms, s, m, h, d, w)
fnr.toml:5: {render}: has both python and command: exactly one says what to run
fnr.toml:6: {render}.python: must be "package.module:callable", got "mypkg.render"
fnr.toml:8: {render}.workers: min 3 is more than max 2
fnr.toml:9: {render}.cwd: there is no folder {tmp_path}/nowhere
fnr.toml:10: {render}.user: there is no user 'nobody-of-that-name' on this host
fnr.toml:12: {transcode}.command: {{inptu}} is not among the declared input
fnr.toml:12: {transcode}.command: '{{' has a single brace; write {{{{ and }}}} for braces
fnr.toml:13: {transcode}.input.width: must be one of {TYPES}, with "?" behind if optional
fnr.toml:14: {transcode}.retry: delay 5m is more than delay_max 1m
fnr.toml:15: functions.run: 'run' is built in: it is what `fnr run` uses; choose another name
fnr.toml:18: redact.patterns: '(' cannot be used: missing ): (
fnr.toml:19: functons: unknown key, did you mean 'functions'?
"""
    assert [line.removesuffix(" at position 0") for line in said(found)] == expected.split("\n")[
        1:-1
    ]


def test_a_place_that_cannot_be_found_is_a_problem_with_its_line(
    loaded: Load, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    name = "n" * 300
    found = loaded(
        f"""[functions.render]
command = ["render"]
env_file = "~nobody-of-that-name/.env"
undo_within = ["~nobody-of-that-name/out", "loop"]
cwd = "{name}"
[functions.other]
command = ["other"]
cwd = "~nobody-of-that-name"
[functions.third]
command = ["third"]
cwd = "loop"
"""
    )
    nobody = "whose home that is, nobody here knows"
    assert said(found) == [
        f"fnr.toml:3: functions.render.env_file: ~nobody-of-that-name/.env: {nobody}",
        f"fnr.toml:4: functions.render.undo_within: ~nobody-of-that-name/out: {nobody}",
        f"fnr.toml:5: functions.render.cwd: {tmp_path}/{name}: File name too long",
        f"fnr.toml:8: functions.other.cwd: ~nobody-of-that-name: {nobody}",
        f"fnr.toml:11: functions.third.cwd: {tmp_path}/loop: Too many levels of symbolic links",
    ]


def test_one_mistake_hides_no_other_of_the_same_list_or_table(loaded: Load) -> None:
    found = loaded(
        """[redact]
patterns = ["(", 3, "a++", "fine"]
env_keys = [1, "A", 2]
[functions.render]
command = ["render"]
timeout = 5
services = ["A", "storage", "B"]
degrade = [
  { when = ["resourc", "resource", "never"], function = "nobody" },
  { when = ["resource"], function = "nobody" },
]
"""
    )
    degrade, when = "functions.render.degrade", "is not one of resource, transient, unknown"
    begin = (
        "fnr.toml:2: redact.patterns: '(' cannot be used",
        "fnr.toml:2: redact.patterns: must be text in quotes, got 3",
        "fnr.toml:2: redact.patterns: 'a++' cannot be used",
        "fnr.toml:3: redact.env_keys: must be text in quotes, got 1",
        "fnr.toml:3: redact.env_keys: must be text in quotes, got 2",
        "fnr.toml:6: functions.render.timeout: needs a unit",
        "fnr.toml:7: functions.render.services: 'A' is no name",
        "fnr.toml:7: functions.render.services: 'B' is no name",
        f"fnr.toml:8: {degrade}.0.when: 'resourc' {when}",
        f"fnr.toml:8: {degrade}.0.when: 'never' {when}",
        f"fnr.toml:8: {degrade}.0.function: there is no function 'nobody'",
        f"fnr.toml:8: {degrade}.1.function: there is no function 'nobody'",
    )
    assert [line[: len(words)] for line, words in zip(said(found), begin, strict=True)] == [*begin]


def test_a_list_in_the_environment_has_all_its_mistakes_said(loaded: Load) -> None:
    found = loaded("", environ={"FNR_CHAOS_PROTECT": "[1, 2]"})
    where = "env FNR_CHAOS_PROTECT: chaos.protect: must be text in quotes"
    assert said(found) == [f"{where}, got 1", f"{where}, got 2"]


def test_one_mistake_is_said_once_however_often_it_stands_in_a_line(loaded: Load) -> None:
    found = loaded(
        """[functions.trim]
command = ["sh", "-c", "test -s $1 || { rm $1; }", "{inptu}", "-o{inptu}"]
input = { input = "str" }
"""
    )
    brace, name = said(found)
    assert "has a single brace" in brace
    assert "{inptu} is not among the declared input" in name


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('timeout = "10"', 'needs a unit: "10s" or "10m"?'),
        ('timeout = "ten minutes"', "is not a duration"),
        ('timeout = "0s"', "must be longer than 0"),
        ('hang_timeout = "999ms"', 'must be at least "1s", because beats come once a second'),
        ("timeout = true", "got true or false"),
        ('timeout = "300000d"', "longer than 100 years"),
        ('limits = { memory = "2GB" }', 'did you mean "2GiB"?'),
        ("limits = { memory = 2 }", 'needs a unit: "2MiB" or "2GiB"?'),
        ('limits = { memory = "0B" }', "must be more than 0"),
        ('limits = { memry = "1GiB" }', "did you mean 'memory'?"),
        ("workers = 0", "must be 1 to 10000"),
        ("workers = []", "write 2 or { min = 1, max = 2 }"),
        ("gpus = -1", "must be 0 to 64"),
        ("gpus = 1.5", "must be a whole number"),
        ('nice = "low"', "must be a whole number"),
        ('on_daemon_exit = "stay"', "must be keep or kill"),
        ("env = { A = 1 }", "must be text in quotes"),
        ('env = { "A B" = "1" }', "is no name for an environment variable"),
        ('env_file = "none.env"', "No such file or directory"),
        ('result = "stdout"', "is for commands"),
        ("retry = { jitter = 2 }", "must be 0 to 1"),
        ('input = ["a"]', "must be a table"),
        ("timeot = 1", "did you mean 'timeout'?"),
    ],
)
def test_a_wrong_value_is_explained(loaded: Load, line: str, problem: str) -> None:
    [only] = said(loaded(f'[functions.f]\npython = "a:b"\n{line}\n'))
    assert only.startswith("fnr.toml:3: functions.f.")
    assert problem in only


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[functions.f]\n", "has none of python, command, comfyui"),
        ("[functions.f]\ncommand = []\n", "must name a program"),
        ('[functions.f]\ncommand = ["a", 1]\n', "must be text in quotes"),
        ('[functions.f]\ncommand = ["a"]\nresult = "stderr"\n', 'must be "stdout", "json" or'),
        ('[functions.f]\ncommand = ["a"]\nresult = "file:"\n', 'must be "stdout", "json" or'),
        (
            '[functions.f]\ncommand = ["a"]\nresult = "file:{workdir}/out.png"\n',
            "{workdir} is removed when the attempt ends, the result with it",
        ),
        (
            '[functions.f]\ncommand = ["a"]\nprogress_timeout = "2m"\n',
            "a command has no progress to report; set timeout",
        ),
        (
            '[functions.f]\ncommand = ["a", "{n}"]\ninput = { n = "int?" }\n',
            "is optional input, and a command needs every value",
        ),
        ('[functions."A B"]\npython = "a:b"\n', "a function's name is 1 to 64 of a-z"),
        ("functions = 3\n", "must be tables"),
        ("daemon = 3\n", "must be a table"),
        ("[functions]\nf = 3\n", "must be a table"),
        ('version = "1"\n', "reads version 1"),
        ("version = 1.0\n", "reads version 1, not 1.0"),
    ],
)
def test_a_wrong_shape_is_explained(loaded: Load, body: str, problem: str) -> None:
    assert any(problem in line for line in said(loaded(body)))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"[daemon\n", "fnr.toml:1:8: not TOML: Expected ']' at the end of a table declaration"),
        (b"a = 1\na = 2\n", "fnr.toml:2:6: not TOML: Cannot overwrite a value"),
        (b"a = 1\nb = [\n", "fnr.toml:2: not TOML: Invalid value: the file ends here"),
        (b"a = 1\nb = '\xff'\n", "fnr.toml:2: not UTF-8"),
        (b"a = " + b"[" * 5_000, "fnr.toml: nested too deeply"),
        (
            b"version = " + b"1" * 5_000,
            (
                "fnr.toml: not TOML: Exceeds the limit (4300 digits) for integer string"
                " conversion: value has 5000 digits"
            ),
        ),
        (b"#" * (4 * 1024 * 1024 + 1), "fnr.toml: 4194305 bytes; at most 4194304 are read"),
    ],
)
def test_what_is_no_toml_is_said_with_line_and_column(
    loaded: Load, raw: bytes, problem: str
) -> None:
    assert said(loaded(raw)) == [problem]


def test_a_link_to_nowhere_is_not_taken_for_no_file(tmp_path: Path) -> None:
    (tmp_path / "fnr.toml").symlink_to(tmp_path / "not-mounted")
    assert said(load(find_paths(str(tmp_path), environ={}), environ={})) == [
        "fnr.toml: there is no such file"
    ]


def test_a_file_from_an_editor_of_windows_is_read(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=1\r\n")
    text = '[functions.f]\r\npython = "a:b"\r\nenv_file = ".env"\r\n'
    found = loaded(b"\xef\xbb\xbf" + text.encode())
    assert said(found) == []
    assert found.settings.functions["f"].env_from_file == {"A": "1"}


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "fnr.toml").mkdir()
    assert said(load(find_paths(str(tmp_path), environ={}), environ={})) == [
        "fnr.toml: cannot be read: Is a directory"
    ]


def test_the_environment_beats_the_file_and_a_flag_beats_both(loaded: Load) -> None:
    text = '[log]\nlevel = "debug"\nformat = "json"\nfiles = 2\n'
    environ = {"FNR_LOG_LEVEL": "info", "FNR_LOG_FILES": "3", "FNR_LOG_FORMAT": "", "FNR_HOME": "x"}
    found = loaded(text, environ=environ, flags={"log.level": "error"})
    assert said(found) == []
    log = found.settings.log
    assert (log.level, log.files_max, log.format) == ("error", 3, "json")
    origins = {
        key: found.origins[f"log.{key}"] for key in ("level", "files", "format", "file_size")
    }
    assert origins == {
        "level": "flag",
        "files": "env FNR_LOG_FILES",
        "format": "fnr.toml:3",
        "file_size": "default",
    }


def test_numbers_and_lists_in_the_environment_are_written_as_in_the_file(loaded: Load) -> None:
    environ = {"FNR_CHAOS_STOP_LOAD": "3.5", "FNR_CHAOS_PROTECT": '["billing-*", "a"]'}
    found = loaded("", environ=environ)
    assert said(found) == []
    assert (found.settings.chaos.stop_load, found.settings.chaos.protect) == (
        3.5,
        ("billing-*", "a"),
    )
    environ = {"FNR_CHAOS_PROTECT": "a,b", "FNR_CHAOS_STOP_LOAD": "[" * 5_000}
    environ |= {"FNR_DAEMON_CLIENTS_MAX": "9" * 30, "FNR_LOG_FILES": "three"}
    assert [line.partition(": ")[2] for line in said(loaded("", environ=environ))] == [
        "chaos.protect: must be a list of texts, got 'a,b'",
        f"chaos.stop_load: must be a number, got '{'[' * 58}…",
        f"daemon.clients_max: must be 1 to 100000, got {'9' * 30}",
        "log.files: must be a whole number, got 'three'",
    ]


def test_the_text_model_is_switched_by_file_and_environment(loaded: Load) -> None:
    assert loaded("").settings.rules.text_model
    assert not loaded("[rules]\ntext_model = false\n").settings.rules.text_model
    environ = {"FNR_RULES_TEXT_MODEL": "false"}
    assert not loaded("[rules]\ntext_model = true\n", environ=environ).settings.rules.text_model
    [refused] = said(loaded('[rules]\ntext_model = "false"\n'))
    assert refused == "fnr.toml:2: rules.text_model: must be true or false, got 'false'"


def test_wrong_variables_are_said_by_name(loaded: Load) -> None:
    environ = {"FNR_LOG_LEVLE": "x", "FNR_DAEMON_DRAIN_TIMEOUT": "60", "FNR_TASK_ID": "x"}
    environ |= {"FNR_REDACT_PATTERNS": '["x"]', "FNR_DEAMON_QUEUE_MAX": "3", "FNR_FARM_QUEUE": "a"}
    unitless, table, unknown, only_file = said(loaded("", environ=environ))
    assert only_file == "env FNR_REDACT_PATTERNS: only fnr.toml can set this"
    assert unitless.startswith(
        'env FNR_DAEMON_DRAIN_TIMEOUT: daemon.drain_timeout: needs a unit: "60s" or "60m"?'
    )
    assert unknown == "env FNR_LOG_LEVLE: unknown variable, did you mean 'FNR_LOG_LEVEL'?"
    near = "unknown variable, did you mean 'FNR_DAEMON_QUEUE_MAX'?"
    assert table == f"env FNR_DEAMON_QUEUE_MAX: {near}"


def test_delays_that_contradict_each_other_are_said_beside_what_a_category_adds(
    loaded: Load,
) -> None:
    """The category builds on the function's delays, which do not count when they contradict."""
    [only] = said(
        loaded(
            """[functions.f]
python = "a:b"
retry = { delay = "5m", delay_max = "1s", transient = { max = 1 } }
"""
        )
    )
    assert only == "fnr.toml:3: functions.f.retry: delay 5m is more than delay_max 1s"


def test_restart_delays_must_fit_together(loaded: Load) -> None:
    [only] = said(loaded('[daemon]\nrestart_delay = "2m"\n'))
    assert only.startswith("fnr.toml:2: daemon.restart_delay: 120000 ms is more than")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do both")
def test_only_root_may_change_user_or_go_below_nice_0(loaded: Load) -> None:
    lines = said(loaded('[functions.f]\npython = "a:b"\nuser = "root"\nnice = -1\n'))
    assert [line.partition(": ")[2] for line in lines] == [
        "functions.f.user: only root can start workers as 'root'",
        "functions.f.nice: only root can go below 0",
    ]


def test_a_place_that_cannot_be_looked_at_is_one_problem_of_the_file(
    loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cwd on a disk that went away, or a slip in a name, is a line of the file like any other."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "loop").symlink_to("loop")
    long = "x" * 300
    lines = said(
        loaded(
            f"""\
            [functions.f]
            python = "a:b"
            cwd = "~no_such_user/work"
            env_file = "~no_such_user/.env"
            undo_within = ["~no_such_user/out", "loop/out", "~/out"]
            [functions.g]
            python = "a:b"
            cwd = "{long}"
            [functions.h]
            python = "a:b"
            cwd = "loop"
            """
        )
    )
    unknown = "whose home that is, nobody here knows"
    assert [line for line in lines if unknown in line] == [
        f"fnr.toml:3: functions.f.cwd: ~no_such_user/work: {unknown}",
        f"fnr.toml:4: functions.f.env_file: ~no_such_user/.env: {unknown}",
        f"fnr.toml:5: functions.f.undo_within: ~no_such_user/out: {unknown}",
    ]
    assert f"fnr.toml:8: functions.g.cwd: {tmp_path}/{long}: File name too long" in lines
    loop = f"functions.h.cwd: {tmp_path}/loop: Too many levels of symbolic links"
    assert f"fnr.toml:11: {loop}" in lines


def test_a_place_that_the_locale_cannot_name_is_a_problem(tmp_path: Path) -> None:
    """Method: a locale that has no letters but those of ASCII."""
    (tmp_path / "fnr.toml").write_text(
        '[functions.f]\npython = "a:b"\ncwd = "größe"\nundo_within = ["größe"]\n', "utf-8"
    )
    found = subprocess.run(
        [sys.executable, "-m", "fnr", "--home", str(tmp_path), "config", "check"],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    lines = found.stderr.decode().splitlines()
    assert (found.returncode, len([line for line in lines if "no name in a locale" in line])) == (
        78,
        2,
    )


def test_what_init_writes_is_right_and_imports(tmp_path: Path) -> None:
    (tmp_path / "fnr.toml").write_text(TEMPLATE)
    (tmp_path / "fnr_examples.py").write_text(EXAMPLES)
    found = load(find_paths(str(tmp_path), environ={}), environ={})
    assert said(found) == []
    assert sorted(found.settings.functions) == ["count", "greet", "run"]
    assert found.settings.functions["count"].cwd == str(tmp_path)
    sys.path.insert(0, str(tmp_path))
    try:
        from fnr_examples import count_lines
    finally:
        sys.path.pop(0)
    (tmp_path / "text").write_text("a\nb\n")
    assert count_lines(str(tmp_path / "text"))["lines"] == 2


def test_every_default_in_the_template_is_the_real_one(tmp_path: Path) -> None:
    """Method: load it with the comments taken off the keys that show defaults."""
    (tmp_path / "fnr_examples.py").write_text(EXAMPLES)
    text = TEMPLATE
    head, retry, tail = text.partition("# [functions.count.retry]")
    lines = [line.removeprefix("# ") if " = " in line else line for line in tail.splitlines()]
    told = [line for line in lines if not line.startswith(("patterns", "env_keys"))]
    (tmp_path / "fnr.toml").write_text(head + retry.removeprefix("# ") + "\n".join(told))
    found = load(find_paths(str(tmp_path), environ={}), environ={})
    assert said(found) == []
    empty = load(find_paths(str(tmp_path / "none"), environ={}), environ={}).settings
    assert found.settings.functions["count"].retry == RetryPolicy()
    assert found.origins["functions.count.retry.deaths_max"].startswith("fnr.toml:")
    assert (found.settings.daemon, found.settings.store, found.settings.log) == (
        empty.daemon,
        empty.store,
        empty.log,
    )


@given(st.binary(max_size=300) | st.text(alphabet="[]{}=\"'\n.# abmin1,", max_size=300))
def test_no_file_whatever_its_content_raises(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "fnr.toml").write_bytes(raw)
    found = load(find_paths(str(folder), environ={}), environ={})
    assert "run" in found.settings.functions


def test_a_ladder_knows_which_halves_are_declared_numbers(loaded: Load) -> None:
    found = loaded("""
[functions.f]
python = "m:f"
input = { n = "int?", x = "float", word = "str" }
degrade = [{ when = ["resource"], set = { n = "half", x = 0.5, word = "half" } }]
""")
    assert (said(found), found.settings.functions["f"].degrade[0].numbers) == ([], ("n",))


def test_a_ladder_that_waits_for_a_breaker_that_cannot_be_is_a_mistake(loaded: Load) -> None:
    steps = """
[[functions.f.degrade]]
when = ["resource", "breaker:storag"]
set = { n = 1 }
[[functions.f.degrade]]
when = ["breaker:disk", "breaker:tape", "breaker:comfyui"]
set = { n = 2 }
"""
    shell = '[functions.f]\ncommand = ["x"]\n'
    others = '[functions.g]\ncommand = ["y"]\nservices = ["disk"]\n[breakers.tape]\nfailures = 2\n'
    [problem] = said(loaded(shell + others + steps))
    assert problem == (
        "fnr.toml:10: functions.f.degrade.0.when: 'breaker:storag' can never hold: no function has"
        " 'storag' among its services, and there is no [breakers.storag]; did you mean 'storage'?"
    )
    # A Python function may guard calls by any name, and nothing says by which.
    assert said(loaded('[functions.h]\npython = "m:h"\n' + shell + others + steps)) == []


def test_a_step_of_undo_that_is_none_is_named(loaded: Load) -> None:
    found = loaded('[functions.f]\ncommand = ["x"]\nundo = [{ remove = "a" }]\n')
    assert "3: functions.f.undo: 'remove' is not one of remove_file, " in said(found)[0]
