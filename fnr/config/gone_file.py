"""A fnr.toml, or rules.d, that was there and is gone: by mistake, or its disk is not mounted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

from fnr.config.functions import RUN
from fnr.policy.chaos import CANARY

WHY_GONE = "without it no function would be left; an empty file says that this is meant"
WHY_NO_RULES = "without it none of your rules would be left; an empty folder says that it is meant"
BUILT_IN_FUNCTIONS = frozenset({RUN, CANARY})


def file_is_gone(config_file: str, functions: Iterable[str]) -> bool:
    """Is there no fnr.toml, although only one can have declared some of these functions?"""
    return not os.path.lexists(config_file) and not BUILT_IN_FUNCTIONS.issuperset(functions)


def rules_gone(rules_dir: str) -> str:
    """What operators are told of a rules.d that is gone."""
    return f"{rules_dir} is gone: {WHY_NO_RULES}"


def look_for_rules(rules_dir: str) -> str:
    """The command that helps then; a link that leads nowhere is in the way of a folder."""
    return f"{'ls -l' if Path(rules_dir).is_symlink() else 'mkdir'} {shlex.quote(rules_dir)}"
