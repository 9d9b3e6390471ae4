"""`fnr rules`: suggest, add, edit, enable, disable, stats, learn."""

from __future__ import annotations

from fnr.cli.group import group
from fnr.cli.rule_commands import register

app = group("rules", "Rules: what names an error, and what follows.")
register(app)
