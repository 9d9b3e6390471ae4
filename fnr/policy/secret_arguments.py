"""Passwords among a program's arguments, behind flags that mean something else elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

# In one piece with the flag; what stands apart from that is no password.
JOINED = "-pWORD"
# `-U name%WORD`
PERCENT = "-U%WORD"
_JOINING = r"\b(?:mysql|mariadb)[\w-]*|\b(?:7z[arz]?|(?:un)?rar)\b"
_PROGRAMS = {
    "-a": r"(?:redis|valkey|keydb)-cli",
    "-w": r"ldap(?:add|compare|delete|modify|modrdn|passwd|search|whoami)",
    "-p": r"mongo\w*|cqlsh|(?:docker|podman|nerdctl|buildah|helm|oras|oc|az)\b.{1,60}\blogin",
    "-P": r"(?:un)?zip|zipcloak|sqlcmd|bcp|tsql|ipmitool|mosquitto_\w+",
    "-A": r"snmp\w+",
    "-X": r"snmp\w+",
    PERCENT: r"smb\w+|rpcclient",
}
# What stands behind a `|` belongs to another program.
_FORMS = {JOINED: re.compile(_JOINING)} | {
    flag: re.compile(rf"\b(?:{programs})\b(?:(?! (?:[|]|&&) |; ).)*\Z")
    for flag, programs in _PROGRAMS.items()
}
PROGRAM = "|".join([_JOINING, r"\blogin\b", *_PROGRAMS.values()])
_PROGRAM = re.compile(PROGRAM)
_LINE_END = re.compile(r"[\r\n]|\\n")
# What docker publishes, of a container that has the name of its program.
_PORTS = re.compile(r"[\d.]+:[\d.:]+")
_WORDS_BEFORE = 40


def is_password_behind(flag: str, value: str, before: str) -> bool:
    """Is it one, behind this flag and all that stands before it? JOINED, PERCENT: of that form."""
    line = _LINE_END.split(before)[-1]
    if value.startswith("-") or _PORTS.fullmatch(value):
        return False
    return _FORMS[flag].search(line) is not None


def passwords_among(words: Sequence[Any]) -> dict[int, str]:
    """Which words of a list are passwords if it is a command, and what of them is none."""
    found: dict[int, str] = {}
    if not any(isinstance(word, str) and _PROGRAM.search(word) for word in words):
        return found
    for at, (flag, word) in enumerate(pairwise(("", *words))):
        if not (isinstance(flag, str) and isinstance(word, str)):
            continue
        form, open_part = flag, ""
        if word.startswith("-p"):
            form, open_part = JOINED, "-p"
        elif flag == "-U" and "%" in word:
            form, open_part = PERCENT, word[: word.find("%") + 1]
        if form not in _FORMS or len(word) == len(open_part):
            continue
        before = " ".join(map(str, words[max(0, at - _WORDS_BEFORE) : at]))
        if is_password_behind(form, word.removeprefix(open_part), before):
            found[at] = open_part
    return found
