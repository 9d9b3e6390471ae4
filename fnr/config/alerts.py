"""Read the [alerts.NAME] tables: whom to tell what, and how they are reached."""

from __future__ import annotations

import re
from typing import Any

from fnr.config.breaker_words import NAME, NAME_RULE, server_address, server_url
from fnr.config.keys import Key, Report, one_of, read_table, text, texts
from fnr.config.settings import AlertTable
from fnr.config.units import duration_ms, format_duration, positive_duration
from fnr.policy.alert import SEVERITIES
from fnr.policy.toml_lines import KeyPath

CHANNELS_MAX = 50
WAYS = ("command", "webhook", "mail")
# What belongs to one way only.
_OF_WAY = {"headers_env": "webhook", "smtp": "mail", "sender": "mail"}
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_]*)\}|[{}]")
WORDS = ("title", "text", "severity", "key")
_MAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9._-]{1,255}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _mails(value: object) -> tuple[str, ...]:
    found = texts([value] if isinstance(value, str) else value)
    wrong = [one for one in found if not _MAIL.fullmatch(one)]
    if wrong or not found:
        raise ValueError(*(f"{one!r} is no mail address" for one in wrong or ("",)))
    return found


def _sender(value: object) -> str:
    return _mails(text(value))[0]


def _headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError('must be a table of variables: { Authorization = "OPS_TOKEN" }')
    wrong = [name for name in value if not _HEADER.fullmatch(name)]
    wrong += [name for name in value.values() if not _VARIABLE.fullmatch(name)]
    if wrong:
        raise ValueError(*(f"{name!r} is no name" for name in wrong))
    return value


ALERT_KEYS = {
    "command": Key("command", texts, list),
    "webhook": Key("webhook", server_url),
    "headers_env": Key("headers_env", _headers),
    "mail": Key("mail", _mails, list),
    "smtp": Key("smtp", server_address),
    "sender": Key("sender", _sender),
    "severity": Key("severity", one_of(*SEVERITIES)),
    "functions": Key("functions", texts, list),
    "every": Key("every_ms", duration_ms, format_duration),
    "pause": Key("pause_ms", duration_ms, format_duration),
    "timeout": Key("timeout_ms", positive_duration, format_duration),
}


def read_alerts(report: Report, tables: object) -> dict[str, AlertTable]:
    """Every channel that can be read; problems are in the report."""
    if not isinstance(tables, dict):
        report.problem(("alerts",), "must be tables: [alerts.NAME]")
        return {}
    if len(tables) > CHANNELS_MAX:
        report.problem(("alerts",), f"{len(tables)} channels; at most {CHANNELS_MAX}")
    found = {}
    for name, table in tables.items():
        path = ("alerts", name)
        if not NAME.fullmatch(name):
            report.problem(path, f"a name is {NAME_RULE}")
            continue
        before = len(report.problems)
        fields = read_table(report, path, table, ALERT_KEYS)
        _check(report, path, table if isinstance(table, dict) else {}, fields)
        if len(report.problems) == before:
            found[name] = AlertTable(name=name, **fields)
    return found


def _check(report: Report, path: KeyPath, table: dict[str, Any], fields: dict[str, Any]) -> None:
    given = [way for way in WAYS if way in table]
    if len(given) != 1:
        why = f"has {' and '.join(given)}" if given else f"has none of {', '.join(WAYS)}"
        report.problem(path, f"{why}: exactly one says how it is reached")
        return
    for key, way in _OF_WAY.items():
        if key in table and way not in table:
            report.problem((*path, key), f"is for channels with {way}")
    if "command" in fields and not (fields["command"] and fields["command"][0]):
        report.problem((*path, "command"), 'must name a program: ["notify-send", "{title}"]')
    for argument in fields.get("command", ()):
        for one in _PLACEHOLDER.finditer(argument):
            if one[1] is None and len(one[0]) == 1:
                problem = f"{argument!r} has a single brace; write {{{{ and }}}} for braces"
                report.problem((*path, "command"), problem)
            elif one[1] is not None and one[1] not in WORDS:
                known = ", ".join(f"{{{word}}}" for word in WORDS)
                report.problem((*path, "command"), f"{one[0]} is none of {known}")


def filled(argv: tuple[str, ...], words: dict[str, str]) -> list[str]:
    """A channel's command with the words of a message in it."""

    def word(found: re.Match[str]) -> str:
        return words[found[1]] if found[1] is not None else found[0][0]

    return [_PLACEHOLDER.sub(word, argument) for argument in argv]
