"""The documents say what the program does: states, keys, exit codes, commands, files."""

from __future__ import annotations

import ast
import functools
import json
import re
import sqlite3
from contextlib import closing
from enum import StrEnum
from pathlib import Path

import pytest
from command_lines import commands_in, complaint
from command_tree import read_tree
from fake_comfyui import GRAPH
from house_rules import OUR_WORD
from make_docs import files_there, made_files

from fnr import __version__
from fnr.cli.help import exit_codes
from fnr.config import keys
from fnr.config.alerts import ALERT_KEYS
from fnr.config.load import load
from fnr.config.paths import Paths, find_paths
from fnr.config.rule_files import load_rules
from fnr.config.settings import (
    AlertTable,
    BreakerTable,
    DaemonSettings,
    FunctionSettings,
    LimitSettings,
    LogSettings,
    Settings,
    StoreSettings,
)
from fnr.daemon.worker_process import WorkerState
from fnr.policy.breaker import LEGAL_BREAKER_MOVES
from fnr.policy.budget import BudgetPolicy
from fnr.policy.chaos import ChaosSettings
from fnr.policy.dead_letter import DeathCause, LetterState
from fnr.policy.faults import CATALOGUE
from fnr.policy.incident import LEGAL_INCIDENT_MOVES, IncidentState
from fnr.policy.replay import LEGAL_REPLAY_MOVES, EntryState, ReplayState
from fnr.policy.retry import RetryPolicy
from fnr.policy.rule_keys import RULE_KEYS
from fnr.policy.rules import Category, Strategy
from fnr.policy.task import LEGAL_MOVES, AttemptOutcome, TaskState
from fnr.policy.undo import LEGAL_UNDO_MOVES, StepState
from fnr.store.migrate import migrate

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
TREE = functools.cache(read_tree)


@functools.cache
def schema() -> str:
    """The statements that make the tables of today, whatever steps led to them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        rows = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return "\n".join(sql for (sql,) in rows)


def document(name: str) -> str:
    return (ROOT / name).read_text()


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of any level."""
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"no section {heading!r}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of a table without head and rule; code marks are taken off."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows[2:]]


# ── states ───────────────────────────────────────────────────────────────────


def moves(heading: str) -> list[tuple[str, str, str]]:
    drawn = section(document("docs/states.md"), heading)
    return re.findall(r"^ {4}(\S+) --> (\S+): (.+)$", drawn, re.MULTILINE)


def test_the_incident_diagram_is_the_table_of_legal_moves() -> None:
    [start, *drawn] = moves("Incident")
    assert start == ("[*]", "new", "the first error of a fingerprint")
    assert drawn == [(before, after, why) for (before, after), why in LEGAL_INCIDENT_MOVES.items()]


def test_the_breaker_diagram_is_the_table_of_legal_moves() -> None:
    [start, *drawn] = moves("Breaker")
    assert start == ("[*]", "closed", "nobody has heard of it")
    assert drawn == [(before, after, why) for (before, after), why in LEGAL_BREAKER_MOVES.items()]


def test_the_diagram_of_undo_is_the_table_of_legal_moves() -> None:
    [start, *drawn] = moves("Undo step")
    assert start == ("[*]", "recorded", "on disk, before its act")
    assert drawn == [(before, after, why) for (before, after), why in LEGAL_UNDO_MOVES.items()]


def test_the_task_diagram_is_the_table_of_legal_moves() -> None:
    [start, *drawn] = moves("Task")
    assert start == ("[*]", "queued", "submitted")
    assert drawn == [(before, after, why) for (before, after), why in LEGAL_MOVES.items()]


def test_the_replay_diagram_is_the_table_of_legal_moves() -> None:
    [start, *drawn] = moves("Replay")
    assert start == ("[*]", "planning", "`fnr dlq replay`")
    assert drawn == [(before, after, why) for (before, after), why in LEGAL_REPLAY_MOVES.items()]


@pytest.mark.parametrize(
    ("heading", "states"),
    [
        ("Attempt", AttemptOutcome),
        ("Dead letter", LetterState),
        ("Letter of a replay", EntryState),
        ("Worker", WorkerState),
    ],
)
def test_the_other_diagrams_know_every_state(heading: str, states: type[StrEnum]) -> None:
    drawn = {state for before, after, _ in moves(heading) for state in (before, after)}
    assert drawn - {"[*]"} == set(states)


@pytest.mark.parametrize(
    ("table_name", "column", "values"),
    [
        ("task", "state", TaskState),
        ("attempt", "outcome", AttemptOutcome),
        ("error", "category", Category),
        ("error", "strategy", Strategy),
        ("dead_letter", "cause", DeathCause),
        ("dead_letter", "category", Category),
        ("dead_letter", "state", LetterState),
        ("incident", "state", IncidentState),
        ("incident", "category", Category),
        ("correction", "category", Category),
        ("undo_step", "state", StepState),
        ("replay_plan", "state", ReplayState),
        ("replay_entry", "state", EntryState),
    ],
)
def test_the_schema_allows_exactly_the_values_of_the_code(
    table_name: str, column: str, values: type[StrEnum]
) -> None:
    # Pending entries stand in a table of their own.
    elsewhere = {EntryState.PENDING} if values is EntryState else set()
    body = re.search(rf'CREATE TABLE "?{table_name}"? \((.*?)\n\) STRICT', schema(), re.DOTALL)
    assert body
    checks = re.findall(rf"CHECK \({column} IN \(([^)]*)\)\)", body[1])
    assert [set(re.findall(r"'(\w+)'", check)) for check in checks] == [set(values) - elsewhere]


# ── configuration ────────────────────────────────────────────────────────────

FUNCTION = FunctionSettings(name="x", kind="command")
FUNCTION_TABLES = {
    "workers": "1",
    "retry": "–",
    "degrade": "–",
    "limits": "–",
    "env": "–",
    "input": "–",
    "nodes": "–",
    "undo": "–",
}


def defaults(table_keys: dict[str, keys.Key], settings: object) -> dict[str, str]:
    return {name: shown(key, getattr(settings, key.setting)) for name, key in table_keys.items()}


def shown(key: keys.Key, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "–" if value in (None, "", (), {}) else str(key.show(value))


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("`[daemon]`", defaults(keys.DAEMON_KEYS, DaemonSettings())),
        ("`[store]`", defaults(keys.STORE_KEYS, StoreSettings())),
        ("`[breakers.NAME]`", defaults(keys.BREAKER_KEYS, BreakerTable())),
        ("`[alerts.NAME]`", defaults(ALERT_KEYS, AlertTable(name="ops"))),
        ("`[log]`", defaults(keys.LOG_KEYS, LogSettings())),
        ("`[chaos]`", defaults(keys.CHAOS_KEYS, ChaosSettings())),
        ("`[redact]`", defaults(keys.REDACT_KEYS, Settings())),
        ("`[functions.NAME]`", defaults(keys.FUNCTION_KEYS, FUNCTION) | FUNCTION_TABLES),
        ("`workers`", defaults(keys.WORKERS_KEYS, FUNCTION)),
        (
            "`retry`",
            defaults(keys.RETRY_KEYS, RetryPolicy()) | defaults(keys.BUDGET_KEYS, BudgetPolicy()),
        ),
        ("`limits`", defaults(keys.LIMIT_KEYS, LimitSettings())),
    ],
)
def test_every_key_is_documented_with_its_default(heading: str, expected: dict[str, str]) -> None:
    rows = table(section(document("docs/configuration.md"), heading))
    assert {row[0]: row[1] for row in rows} == expected
    assert set(FUNCTION_TABLES) == set(keys.FUNCTION_TABLES)


def test_every_key_of_a_rule_has_a_row() -> None:
    rows = table(section(document("docs/rules.md"), "A rule file"))
    told = {word for row in rows for word in re.findall(r"\w+", row[0])}
    # Those two stand in the example above the tables.
    assert {*RULE_KEYS} - told == {"name", "category"}


def examples_of_toml() -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(ROOT)}:{number}", block)
        for path in DOCUMENTS
        for number, block in enumerate(
            re.findall(r"^```toml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
        )
    ]


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=place) for place, block in examples_of_toml()],
)
def test_an_example_in_toml_loads(block: str, tmp_path: Path) -> None:
    if "[[rule]]" in block:
        (tmp_path / "rules.d").mkdir()
        (tmp_path / "rules.d" / "example.toml").write_text(block)
        assert load_rules(find_paths(str(tmp_path))).problems == ()
        return
    (tmp_path / "fnr.toml").write_text(block)
    (tmp_path / "portrait.json").write_text(json.dumps(GRAPH))
    loaded = load(find_paths(str(tmp_path)), environ={})
    assert loaded.problems == ()
    assert len(loaded.settings.functions) > 1 or "[functions" not in block


def test_the_places_of_the_files_are_true(monkeypatch: pytest.MonkeyPatch) -> None:
    def places(paths: Paths) -> list[str]:
        return [
            paths.config_file,
            paths.rules_dir,
            paths.store_file,
            paths.telemetry_file,
            paths.spool_dir,
            paths.users_dir,
            paths.words_dir,
            paths.crash_dir,
            paths.socket_file,
            paths.log_dir,
        ]

    rows = table(section(document("docs/configuration.md"), "Where fnr keeps its files"))
    home = [place.replace("/h/", "DIR/") for place in places(find_paths("/h"))]
    assert [row[1] for row in rows] == home
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    user = find_paths(environ={"HOME": "/u", "XDG_RUNTIME_DIR": "/run/u"})
    told = [row[2].replace("~", "/u").replace("$XDG_RUNTIME_DIR", "/run/u") for row in rows]
    assert told == places(user)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    root = find_paths(environ={})
    assert [row[3] for row in rows] == places(root)


def test_the_table_of_faults_is_the_catalogue() -> None:
    rows = table(section(document("docs/chaos.md"), "Faults"))
    assert [row[:5] for row in rows] == [
        [fault.name, fault.reach.value, fault.risk.value, fault.what, fault.undo]
        for fault in CATALOGUE.values()
    ]
    options = [dict(re.findall(r"([a-z_]+)=([^`\s]*)", row[5])) for row in rows]
    expected = [
        {name: value or "…" for name, value in fault.options.items()}
        for fault in CATALOGUE.values()
    ]
    assert options == expected


# ── commands ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_in_a_document_exists(path: Path) -> None:
    wrong = {
        line: why for line in commands_in(path.read_text()) if (why := complaint(line, TREE()))
    }
    assert wrong == {}


def test_every_command_that_the_program_suggests_exists() -> None:
    """Method: every literal `next_step` in the code, and every example of a help text."""
    suggested = [example for command in TREE().walk() for example in command.examples]
    for path in sorted((ROOT / "fnr").rglob("*.py")):
        text = path.read_text()
        nodes = ast.walk(ast.parse(text)) if re.search("next_step|hint", text) else ()
        for node in nodes:
            if isinstance(node, ast.keyword) and node.arg in {"next_step", "hint"}:
                suggested += _literals(node.value)
    lines = [line for line in suggested if re.match(r"([A-Z_]+=\S+ )*fnr ", line)]
    assert len(lines) > 20
    wrong = {line: why for line in lines if (why := complaint(line, TREE()))}
    assert wrong == {}


def _literals(value: ast.expr) -> list[str]:
    """The command in a string; a value put into an f-string counts as one word."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return [value.value]
    if isinstance(value, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else "X" for part in value.values
        ]
        return ["".join(parts)]
    if isinstance(value, ast.IfExp):
        return _literals(value.body) + _literals(value.orelse)
    return []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fnr taks list", "no command 'taks'"),
        ("fnr task lst", "no command 'lst'"),
        ("fnr task list --wher x", "no flag --wher"),
        ("fnr status too many", "takes 0 words"),
        ("fnr task list -o xml", "-o takes"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, words: str) -> None:
    assert words in (complaint(line, TREE()) or "")


def test_every_command_says_what_it_does_and_shows_how() -> None:
    silent = [
        command.line
        for command in TREE().walk()
        if not command.summary or (not command.children and not command.examples)
    ]
    assert silent == []


def test_the_documented_exit_codes_are_those_of_the_errors() -> None:
    rows = table(section(document("README.md"), "Exit codes"))
    assert [int(row[0]) for row in rows] == list(exit_codes())


# ── files ────────────────────────────────────────────────────────────────────


def test_man_pages_and_completions_are_those_of_the_command_line() -> None:
    """If this fails: python tools/make_docs.py"""
    made = made_files()
    there = {name: (ROOT / name).read_text() for name in files_there()}
    old = [name for name in made.keys() | there.keys() if made.get(name) != there.get(name)]
    assert sorted(old) == [], "run: python tools/make_docs.py"


def test_manual_pages_hold_no_stray_request() -> None:
    """A line that begins with a dot is an instruction to the formatter."""
    requests = {"TH", "SH", "SS", "TP", "PP", "IP", "B", "I", "br", "nf", "fi", "RS", "RE", '\\"'}
    for name, text in made_files().items():
        found = (
            set(re.findall(r"^[.'](\S+)", text, re.MULTILINE)) if name.startswith("man/") else set()
        )
        assert found <= requests, name


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in DOCUMENTS
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / link).exists()
    ]
    assert broken == []


def test_links_into_documents_lead_to_a_heading() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}#{anchor}"
        for path in DOCUMENTS
        for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text())
        if anchor not in anchors((path.parent / link) if link else path)
    ]
    assert broken == []


def anchors(page: Path) -> set[str]:
    """What its headings are called in an address."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_a_link_leads_to_every_page() -> None:
    linked = {
        (path.parent / link).resolve()
        for path in DOCUMENTS
        for link in re.findall(r"\]\(([^)#:]+\.md)", path.read_text())
    }
    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md")}
    assert pages - linked == set()


def test_files_named_in_documents_exist() -> None:
    """`fnr/store/settle.py` in a text is a promise to whoever greps for it."""
    gone = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in DOCUMENTS
        for name in re.findall(
            r"`((?:fnr|tests|tools|docs|benchmarks)/[\w/.-]+)`", path.read_text()
        )
        if not (ROOT / name).exists()
    ]
    assert gone == []


def test_the_glossary_rules_out_what_the_house_rules_refuse() -> None:
    rows = table(document("docs/glossary.md"))
    instead = {row[0]: row[2] for row in rows if len(row) == 3}
    for refused, word in OUR_WORD.items():
        if word in instead:
            assert refused in instead[word], f"{refused} is not ruled out beside {word}"


def test_the_two_commands_of_the_readme_are_two() -> None:
    lines = re.findall(r"^python3 -m venv \.venv && .+$", document("README.md"), re.MULTILINE)
    assert [line.rpartition("/")[2] for line in lines] == ["fnr demo", "pytest"]


def test_the_changelog_knows_this_version() -> None:
    assert f"## {__version__}" in document("CHANGELOG.md")


# Declared in fnr.toml and read by nobody but the loader: setting -> why it is there all the same.
UNREAD: dict[str, str] = {"env_file": "loading reads it into env_from_file"}


def test_no_setting_is_without_effect() -> None:
    """A documented key that nothing reads would be a lie; what is only declared is listed."""
    code = "\n".join(
        path.read_text()
        for path in (ROOT / "fnr").rglob("*.py")
        if "config" not in path.parts and path.stem not in {"settings_view", "former_functions"}
    )
    settings = {
        field
        for kind in (
            *(DaemonSettings, StoreSettings, LogSettings, ChaosSettings, Settings),
            *(FunctionSettings, LimitSettings, RetryPolicy),
        )
        for field in kind.__struct_fields__
    }
    read = set(re.findall(r"(?<=\.)\w+|\w+(?==)", code))
    assert settings - read == set(UNREAD)
