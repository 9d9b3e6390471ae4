"""Writes the manual pages that describe no command: fnr.toml(5), fnr-rules(5), fnr-filters(7).

Their words are those of docs/, which tests compare with the code; what each key takes is read
from the code itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from roff import ShowRow, escape, from_markdown, inline
from takes import takes

from fnr import __version__
from fnr.cli.help import FILTER_FORMS
from fnr.config import keys
from fnr.config.alerts import ALERT_KEYS
from fnr.config.load import PLAIN_TABLES
from fnr.policy.filter_fields import (
    ANY_FIELDS,
    ERROR_FIELDS,
    INCIDENT_FIELDS,
    UNDO_FIELDS,
    Field,
)
from fnr.policy.rule_keys import RULE_KEYS, TEST_KEYS, RuleKey

DOCS = Path(__file__).parents[1] / "docs"


def file_pages() -> dict[str, str]:
    """File name -> page."""
    pages = {
        "fnr.toml.5": ("fnr.toml", "the settings of fnr", _settings()),
        "fnr-rules.5": ("fnr-rules", "how a failure gets its name", _rules()),
        "fnr-filters.7": ("fnr-filters", "which tasks, letters, errors are meant", _filters()),
    }
    return {name: _page(name, *page) for name, page in pages.items()}


def all_keys() -> dict[str, Mapping[str, keys.Key]]:
    """Every table of keys by its name in keys.py, in small letters: "daemon", "function"."""
    return {
        name.removesuffix("_KEYS").lower(): table
        for name, table in (vars(keys) | {"ALERT_KEYS": ALERT_KEYS}).items()
        if name.endswith("_KEYS")
    }


def _page(file: str, name: str, summary: str, body: list[str]) -> str:
    section = file.rpartition(".")[2]
    others = ["fnr(1)", "fnr.toml(5)", "fnr-rules(5)", "fnr-filters(7)"]
    see_also = [
        rf"\fB{escape(other[:-3])}\fR{other[-3:]}" for other in others if name != other[:-3]
    ]
    lines = [
        r".\" Made by tools/make_docs.py from docs/ and the code; do not edit.",
        f'.TH {name.upper()} {section} "" "fnr {__version__}" "fnr manual"',
        ".SH NAME",
        rf"{escape(name)} \- {escape(summary)}",
        *body,
        ".SH SEE ALSO",
        *(f"{line}," for line in see_also[:-1]),
        see_also[-1],
    ]
    return "\n".join(lines) + "\n"


def _settings() -> list[str]:
    text = (DOCS / "configuration.md").read_text()
    # A sentence for whoever changes the repository.
    text = text.replace(
        "`tests/test_docs.py` compares the tables below with the loader, and loads the examples.\n",
        "",
    )
    return [".SH DESCRIPTION", *from_markdown(text, _setting_row)]


def _setting_row(heading: str) -> ShowRow:
    """How the row of a key below this heading is shown."""
    table = _table_of(heading.strip("`[]"))

    def show(row: list[str], titles: list[str]) -> str:
        name = row[0].strip("`")
        if titles[:2] != ["key", "default"]:
            named = [f"{title}: {cell}" for title, cell in zip(titles[1:], row[1:], strict=True)]
            return inline("; ".join(named))
        facts = []
        if name in table and (words := takes(table[name].read)):
            facts.append(f"Takes {words}.")
        if row[1].strip("`") != "–":
            facts.append(f"Default: {row[1]}.")
        text = row[2][:1].upper() + row[2][1:]
        return inline(" ".join([f"{text.rstrip('.')}.", *facts]))

    return show


def _table_of(heading: str) -> Mapping[str, keys.Key]:
    """The keys of [functions.NAME], `limits`, [daemon]."""
    name = heading.partition(".")[0]
    if name in PLAIN_TABLES:
        return PLAIN_TABLES[name]
    tables = all_keys()
    return tables.get(name) or tables.get(name.removesuffix("s")) or {}


def _rules() -> list[str]:
    body = [".SH DESCRIPTION", *from_markdown((DOCS / "rules.md").read_text())]
    body += [".SH KEYS OF A RULE", *_rule_keys(RULE_KEYS)]
    return [*body, ".SH KEYS OF AN EXAMPLE", *_rule_keys(TEST_KEYS)]


def _rule_keys(table: Mapping[str, RuleKey]) -> list[str]:
    lines = []
    for name, key in table.items():
        lines += [".TP", rf"\fB{escape(name)}\fR", escape(f"Takes {takes(key.read)}.")]
    return lines


def _filters() -> list[str]:
    lines = [
        ".SH DESCRIPTION",
        escape("What --where takes in fnr task list, dlq replay and others."),
    ]
    for form, meaning in FILTER_FORMS:
        lines += [".TP", rf"\fB{escape(form)}\fR", escape(f"{meaning[:1].upper()}{meaning[1:]}.")]
    lines += [".SH FIELDS OF TASKS AND DEAD LETTERS", *_fields(ANY_FIELDS)]
    lines += [".SH FIELDS OF ERRORS", *_fields(ERROR_FIELDS)]
    lines += [".SH FIELDS OF INCIDENTS", *_fields(INCIDENT_FIELDS)]
    return [*lines, ".SH FIELDS OF STEPS OF UNDO", *_fields(UNDO_FIELDS)]


def _fields(table: Mapping[str, Field]) -> list[str]:
    lines = []
    for name, field in sorted(table.items()):
        choices = f" One of {', '.join(field.choices)}." if field.choices else ""
        text = f"{field.help[:1].upper()}{field.help[1:].rstrip('.')}.{choices}"
        lines += [".TP", rf"\fB{escape(name)}\fR ({field.kind})", escape(text)]
    return lines
