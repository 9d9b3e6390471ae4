"""The manual pages: clean for the programs that show them, and complete."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from file_pages import all_keys, file_pages
from programs import needs
from roff import from_markdown, inline
from takes import takes

from fnr.config import keys
from fnr.policy.filter_fields import ANY_FIELDS, ERROR_FIELDS, INCIDENT_FIELDS, UNDO_FIELDS
from fnr.policy.rule_keys import RULE_KEYS, TEST_KEYS

ROOT = Path(__file__).parents[1]
PAGES = sorted(map(str, (ROOT / "man").glob("man*/*")))
# mandoc wants the day of a page's last change, which would change pages that say the same.
WANTED = re.compile(r".* missing date, .*")


def named(page: str) -> set[str]:
    """What a page explains: bold names behind .TP."""
    found = re.findall(r"^\.TP\n\\fB(.+?)\\fR", file_pages()[page], re.MULTILINE)
    return {name.replace("\\-", "-") for name in found}


def test_every_page_refers_to_the_pages_of_files() -> None:
    for page in map(Path, PAGES):
        text = page.read_text("utf-8").partition(".SH SEE ALSO")[2].replace("\\-", "-")
        for file in file_pages():
            name, _, section = file.rpartition(".")
            assert page.name == file or rf"\fB{name}\fR({section})" in text, page


@pytest.mark.parametrize(
    "checker",
    [
        ["groff", "-man", "-ww", "-z", "-Tutf8", "-P-c"],
        ["mandoc", "-T", "lint", "-W", "warning"],
    ],
    ids=lambda checker: checker[0],
)
def test_the_pages_are_clean(checker: list[str]) -> None:
    needs(checker[0])
    complaints = []
    for page in PAGES:
        done = subprocess.run([*checker, page], capture_output=True, text=True, check=False)
        complaints += [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert len(PAGES) > 20
    assert [line for line in complaints if not WANTED.fullmatch(line)] == []


def test_a_page_that_is_not_clean_is_found(tmp_path: Path) -> None:
    needs("groff", "mandoc")
    page = tmp_path / "bad.1"
    page.write_text(".TH BAD 1\n.SH NAME\nbad \\- \\*[nothing]\n.NOSUCH request\n")
    command = ["groff", "-man", "-ww", "-z", "-Tutf8"]
    if shutil.which("groff") is None:
        command = ["mandoc", "-T", "lint", "-W", "warning"]
    done = subprocess.run([*command, page], capture_output=True, text=True, check=False)
    assert "NOSUCH" in done.stdout + done.stderr


def test_man_finds_a_page_by_its_name() -> None:
    needs("man")
    for name, words in (("fnr-dlq", "dead letters"), ("fnr.toml", "progress_timeout")):
        done = subprocess.run(
            ["man", "-M", str(ROOT / "man"), "-P", "cat", name],
            capture_output=True,
            text=True,
            check=True,
        )
        assert words in done.stdout


def test_every_key_of_the_settings_is_explained() -> None:
    known = {name for table in all_keys().values() for name in table} | set(keys.FUNCTION_TABLES)
    assert known - named("fnr.toml.5") == set()


def test_every_key_of_a_rule_and_every_field_is_explained() -> None:
    assert {*RULE_KEYS, *TEST_KEYS} - named("fnr-rules.5") == set()
    fields = {*ANY_FIELDS, *ERROR_FIELDS, *INCIDENT_FIELDS, *UNDO_FIELDS}
    assert fields - named("fnr-filters.7") == set()


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (keys.FUNCTION_KEYS["nice"].read, "-20 to 19"),
        (keys.LOG_KEYS["level"].read, "debug, info, warning or error"),
        (keys.FUNCTION_KEYS["timeout"].read, "a duration above 0"),
        (keys.LIMIT_KEYS["memory"].read, "a size above 0"),
        (RULE_KEYS["exit"].read, "0 to 255, or a list of such"),
        (RULE_KEYS["severity"].read, "low, normal, high or critical"),
    ],
)
def test_what_a_key_takes_is_read_from_its_reader(read, words: str) -> None:
    assert takes(read) == words


def test_text_stays_text() -> None:
    """A line that begins with a dot, a quote or a backslash is no request to the formatter."""
    assert inline(".SH `x`") == r"\&.SH \fBx\fR"
    assert inline("'br") == r"\&'br"
    assert inline(r"a\fBb") == r"a\efBb"
    assert inline("`--all`, – and *this*") == r"\fB\-\-all\fR, \[u2013] and \fIthis\fR"
    assert inline("[`a` b](c.md) [w](https://w.example)") == r"a b w <https://w.example>"
    assert inline("([`[redact]`](c.md))") == "([redact])"


def test_the_parts_of_markdown_become_requests() -> None:
    page = from_markdown(
        "# Title\n\nfirst\nline\n\n## Head\n\nwords\n\n- one\n  more\n- two\n\n1. a\n\n"
        "| k | v |\n|---|---|\n| `x` | y |\n\n```sh\n.dot\n\n# no heading\n```\nend\n"
    )
    assert page == [
        *["first line", ".SH Head", "words", r".IP \(bu 4", "one more", r".IP \(bu 4", "two"],
        *[".IP 1. 4", "a", ".TP", r"\fBx\fR", "y"],
        *[".PP", ".nf", ".RS 4", r"\&.dot", "", "# no heading", ".RE", ".fi", ".PP", "end"],
    ]
