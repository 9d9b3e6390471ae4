"""What an error says to type next, for the home that it is about."""

from __future__ import annotations

from fnr.config.paths import Paths

# What stands before a command at the end of a sentence of the daemon.
_MARKS = (": fnr ", "; fnr ", "; then fnr ")


def for_here(next_step: str, paths: Paths) -> str:
    """What an error says to type next, as it is typed for this home: the daemon knows no flags."""
    ours = paths.command
    words = next_step.split()
    # A page of help is the same for every home.
    own = (
        words[:1] == ["fnr"] and words[1:2] not in (["help"], ["--home"]) and "--help" not in words
    )
    return ours + next_step[3:] if own and not next_step.startswith(ours) else next_step


def told_here(words: str, command: str) -> str:
    """A sentence of the daemon that ends with what to type next, as it is typed for this home.

    command: how `fnr` is called for it.
    """
    for mark in _MARKS:
        said, found, step = words.rpartition(mark)
        if found and not step.startswith("--"):
            return f"{said}{mark.removesuffix('fnr ')}{command} {step}"
    return words
