"""The tree keeps the house rules, and every rule catches what it is there for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import house_rules
import pytest
from house_rules import RULES, Rule, Source

ROOT = Path(__file__).parents[1]

# Where a rule does not hold, and why: (file, rule) -> reason. An entry nobody needs is a finding.
EXCUSED: dict[tuple[str, str], str] = {}


def sources() -> Iterator[Source]:
    """Every Python file, one after the other.

    Only one tree is there at a time: with all of them the garbage collector takes longer than
    every rule.
    """
    for top in ("fnr", "tests", "tools", "benchmarks"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield Source(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text())


@pytest.mark.unmeasured
def test_the_tree_keeps_the_rules() -> None:
    """One line a finding: file, line, words, rule. All rules in one test, as parsing is dear."""
    found, excuses_used = [], set()
    for source in sources():
        for rule in RULES:
            excuse = (str(source.path), rule.__name__)
            for line, words in rule(source):
                if excuse in EXCUSED:
                    excuses_used.add(excuse)
                else:
                    found.append(f"{source.path}:{line}: {words} ({rule.__name__})")
    assert not found, "\n" + "\n".join(found)
    assert excuses_used == set(EXCUSED), f"no longer needed: {set(EXCUSED) - excuses_used}"


OPENING = '"""Says what it is for."""\n'

# rule, path, code that breaks it, code that does not.
PROOFS: list[tuple[Rule, str, str, str]] = [
    (house_rules.opens_with_a_sentence, "fnr/cli/x.py", "import os\n", OPENING),
    (house_rules.opens_with_a_sentence, "fnr/cli/x.py", '"""Things"""\n', OPENING),
    (house_rules.one_subject, "fnr/cli/x.py", "x = 1\n" * 401, "x = 1\n" * 400),
    (house_rules.one_subject, "tests/test_x.py", "x = 1\n" * 601, "x = 1\n" * 600),
    (
        house_rules.fits_on_a_screen,
        "fnr/cli/x.py",
        "def f():\n" + "    x = 1\n" * 60,
        "def f():\n" + "    x = 1\n" * 59,
    ),
    (
        house_rules.public_is_explained,
        "fnr/cli/x.py",
        "def f() -> None:\n    pass\n",
        'def f() -> None:\n    """Do."""\ndef _g() -> None:\n    pass\n',
    ),
    (house_rules.sql_lives_in_the_store, "fnr/daemon/x.py", "q = 'SELECT 1'\n", "q = 'Select'\n"),
    (house_rules.sql_lives_in_the_store, "fnr/cli/x.py", "q = f'UPDATE task SET {x}'\n", "q = 1\n"),
    (house_rules.sql_lives_in_the_store, "fnr/cli/x.py", "import sqlite3\n", "import json\n"),
    (
        house_rules.sql_stays_portable,
        "fnr/store/x.py",
        "q = 'INSERT OR REPLACE INTO task VALUES (1)'\n",
        "q = 'INSERT INTO task VALUES (1) ON CONFLICT DO NOTHING'\n",
    ),
    (
        house_rules.time_and_chance_are_given,
        "fnr/daemon/x.py",
        "import time\nnow = time.time()\n",
        "import time\nyear = time.strftime\n",
    ),
    (
        house_rules.time_and_chance_are_given,
        "fnr/daemon/x.py",
        "from time import monotonic as m\nnow = m()\n",
        "def f(clock):\n    clock.monotonic()\n",
    ),
    (
        house_rules.time_and_chance_are_given,
        "fnr/policy/x.py",
        "from random import random\nx = random()\n",
        "def f(dice):\n    dice.random()\n",
    ),
    (
        house_rules.the_host_touches_the_machine,
        "fnr/daemon/x.py",
        "import os\nos.kill(1, 9)\n",
        "import os\nos.getpid()\n",
    ),
    (
        house_rules.the_host_touches_the_machine,
        "fnr/daemon/x.py",
        "from subprocess import run\n",
        "from fnr.host.process import spawn\n",
    ),
    (
        house_rules.the_host_touches_the_machine,
        "fnr/worker/x.py",
        "x = f'/proc/{1}/stat'\n",
        "x = 'the /proc/ file system'\n",
    ),
    (
        house_rules.tests_do_not_sleep,
        "tests/test_x.py",
        "import time\ntime.sleep(0.1)\n",
        "import asyncio\nasyncio.sleep(0)\n",
    ),
    (
        house_rules.tests_do_not_sleep,
        "tests/test_x.py",
        "from asyncio import sleep\nasync def f():\n    await sleep(1)\n",
        "import asyncio\nasync def f(done):\n    await done.wait()\n",
    ),
    (
        house_rules.tests_can_fail,
        "tests/test_x.py",
        "def test_it():\n    f()\n    assert True\n",
        "def test_it():\n    assert f()\n",
    ),
    (
        house_rules.names_carry_units,
        "fnr/host/x.py",
        "def f(grace: int | None) -> None: ...\n",
        "def f(grace_ms: int | None, timeout: str) -> None: ...\n",
    ),
    (
        house_rules.names_carry_units,
        "fnr/host/x.py",
        "class C:\n    poll_interval: float = 1.0\n",
        "class C:\n    poll_interval_ms: int = 1\n",
    ),
    (
        house_rules.one_word_per_thing,
        "fnr/daemon/x.py",
        "class JobQueue: ...\n",
        "class TaskQueue: ...\n",
    ),
    (
        house_rules.one_word_per_thing,
        "fnr/daemon/x.py",
        "run_executor = 1\n",
        "loop.run_in_executor(None, f)\n",
    ),
    (house_rules.nothing_is_promised, "fnr/cli/x.py", "x = 1  # TODO: more\n", "x = 'TODO'\n"),
    (
        house_rules.nothing_is_promised,
        "fnr/cli/x.py",
        "def f():\n    raise NotImplementedError\n",
        "def f():\n    raise ValueError\n",
    ),
    (
        house_rules.ignores_carry_reasons,
        "fnr/cli/x.py",
        "x = 1  # noqa: S101\n",
        "x = 1  # noqa: S101 - asserts our own mistake\n",
    ),
    (
        house_rules.ignores_carry_reasons,
        "fnr/cli/x.py",
        "x = f()  # type: ignore[misc]\n",
        "x = f()  # type: ignore[misc]  # the stub is wrong\n",
    ),
    (
        house_rules.ignores_carry_reasons,
        "fnr/cli/x.py",
        "x = 1  # pragma: no cover\n",
        "x = 1  # pragma: no cover - only as root on NFS\n",
    ),
]


def findings(rule: Rule, path: str, code: str) -> list[tuple[int, str]]:
    return list(rule(Source(PurePosixPath(path), code)))


@pytest.mark.parametrize(
    ("rule", "path", "bad", "good"), PROOFS, ids=[proof[0].__name__ for proof in PROOFS]
)
def test_the_rule_catches_a_breach_and_nothing_else(
    rule: Rule, path: str, bad: str, good: str
) -> None:
    assert findings(rule, path, bad)
    assert not findings(rule, path, good)


def test_a_vague_file_name_is_caught() -> None:
    rule = house_rules.says_what_is_in_it
    assert findings(rule, "fnr/store/task_utils.py", OPENING)
    assert not findings(rule, "fnr/store/tasks.py", OPENING)


def test_every_rule_has_a_proof() -> None:
    proven = {proof[0] for proof in PROOFS} | {house_rules.says_what_is_in_it}
    assert proven == set(RULES)
