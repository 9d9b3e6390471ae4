"""Finds `fnr …` in texts and says whether the program would understand it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from command_tree import Command

from fnr.cli.argv import FlagError, hoist

# Where a shell's own words begin, the command of ours has ended.
_SHELL = re.compile(r"^(\||\|\||&&|&|;|>|>>|<|2>.*|#.*)$")
_SPAN = re.compile(r"`(fnr [^`\n]+)`")
_FENCE = re.compile(r"^```(?:console|sh|bash|text)?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands_in(markdown: str) -> Iterator[str]:
    """Every fnr command line of a document, from code blocks and from code in sentences."""
    for block in _FENCE.findall(markdown):
        for line in block.splitlines():
            typed = line.removeprefix("$ ").strip()
            if re.match(r"([A-Z_]+=\S+ )*(\S*/bin/)?fnr( |$)", typed):
                yield typed
    yield from _SPAN.findall(_FENCE.sub("", markdown))


def complaint(line: str, tree: Command) -> str | None:
    """Why the command line of the tree would refuse this; None when it would take it."""
    words = list(_own_words(line))
    try:
        _, words = hoist(words)
    except FlagError as error:
        return str(error)
    command = tree
    while words and (child := _child(command, words[0])):
        command, words = child, words[1:]
    if command.children and words and not words[0].startswith("-"):
        # `fnr COMMAND --help` speaks of any command.
        return (
            None
            if words[0].isupper() or words[0] == "…"
            else f"{command.line} has no command {words[0]!r}"
        )
    return _misused(command, words)


def _own_words(line: str) -> Iterator[str]:
    """The words behind `fnr`, up to a pipe or whatever else belongs to the shell."""
    typed = re.split(r" {3,}|, (?:or|then|with|which) ", line)[0]  # the rest explains it
    plain = re.sub(r"\$\([^)]*\)", "X", typed)
    words = shlex.split(plain, comments=False)
    while not re.fullmatch(r"(\S*/)?fnr", words[0]):
        words.pop(0)
    for word in words[1:]:
        if _SHELL.match(word):
            return
        if word.endswith(";"):
            yield word[:-1]
            return
        yield word


def _child(command: Command, name: str) -> Command | None:
    return next((child for child in command.children if child.path[-1] == name), None)


def _misused(command: Command, words: list[str]) -> str | None:
    known = {name: flag for flag in command.flags for name in flag.names}
    known_switches = {"-h", "--help", "--version"}
    positional = 0
    while words:
        word = words.pop(0)
        if word == "--":
            positional += len(words)
            break
        if not word.startswith("-") or word == "-":
            positional += 1
            continue
        name, has_value, _ = word.partition("=")
        if name in known_switches:
            continue
        if name not in known and not name.startswith("--"):
            name, has_value = name[:2], name[2:]  # -n5
        if name not in known:
            return f"{command.line} has no flag {name}"
        if known[name].metavar and not has_value:
            if not words:
                return f"{command.line}: {name} needs a value"
            words.pop(0)
    most = 1_000 if any(arg.many for arg in command.arguments) else len(command.arguments)
    if positional > most:
        return f"{command.line} takes {most} words, not {positional}"
    return None
