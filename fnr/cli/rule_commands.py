"""The commands of `fnr rules` that operators change rules with, and learn from the past by."""

from __future__ import annotations

import typer

from fnr.cli.group import examples
from fnr.cli.rule_add import add
from fnr.cli.rule_edit import edit
from fnr.cli.rule_learn import learn
from fnr.cli.rule_stats import stats
from fnr.cli.rule_suggest import suggest_rules
from fnr.cli.rule_switches import disable, enable


def register(app: typer.Typer) -> None:
    """Put them into the group."""
    app.command(
        "suggest",
        epilog=examples(
            "fnr rules suggest",
            "fnr rules suggest --since 7d --min-hits 5",
            "fnr rules suggest --apply",
        ),
    )(suggest_rules)
    app.command(
        epilog=examples(
            "fnr rules add seats --category resource --text 'no free seat' --test 'no free seat 7'",
            "fnr rules add bad-scene --category validation --exit 3 -n",
        )
    )(add)
    app.command(epilog=examples("fnr rules edit", "EDITOR=nano fnr rules edit local"))(edit)
    app.command(epilog=examples("fnr rules enable cuda/library-workspace"))(enable)
    app.command(
        epilog=examples(
            "fnr rules disable cuda/library-workspace", "fnr rules disable -n some-rule"
        )
    )(disable)
    app.command(
        epilog=examples(
            "fnr rules stats", "fnr rules stats --own", "fnr rules stats --never -o name"
        )
    )(stats)
    app.command(
        epilog=examples("fnr rules learn -n", "fnr rules learn", "fnr rules learn --reset")
    )(learn)
