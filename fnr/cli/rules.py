"""`fnr rules`: list, show, check, test, eval, reload, and what changes rules.

None but reload needs a daemon.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from fnr.api.errors import ConfigError, NotFound, UsageError
from fnr.api.requests import ReloadConfig
from fnr.cli.group import examples, group
from fnr.cli.here import RELOAD_TIMEOUT_MS, here
from fnr.cli.render import show_list, show_one, write, write_json
from fnr.cli.rule_commands import register
from fnr.cli.rule_drop_ins import loaded_rules, several_rules, tell_if_behind, tell_if_gone, warn
from fnr.cli.rule_eval import evaluate_file
from fnr.cli.rule_try import try_text
from fnr.cli.rule_views import RULES, rule_line, rule_page
from fnr.config.rule_files import (
    LoadedRules,
    checked_packs,
    load_rules,
    operator_files,
    read_packs,
    read_rule_file,
    with_operator_rules,
)
from fnr.policy.counted import counted
from fnr.policy.rule_file import RuleProblem, nearest
from fnr.policy.rules import Category, Rule

app = group("rules", "Rules: what gives a failure its name, and so decides what happens next.")

PROBLEMS_SHOWN = 200


class Checked(Struct, frozen=True, kw_only=True):
    """What `fnr rules check` looked at."""

    files: tuple[str, ...]
    rules: int
    examples: int
    warnings: tuple[RuleProblem, ...]


@app.command("list", epilog=examples("fnr rules list --own", "fnr rules list -c resource cuda"))
def list_rules(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD…]", help="Only rules with all of these in their name."),
    ] = None,
    *,
    category: Annotated[
        str | None,
        typer.Option("--category", "-c", metavar="CATEGORY", help="Only rules of this category."),
    ] = None,
    own: Annotated[bool, typer.Option("--own", help="Only rules of rules.d.")] = False,
) -> None:
    """List all rules by name; those of rules.d come before the packs, as they decide."""
    if category is not None and category not in set(Category):
        raise UsageError(f"there is no category {category!r}", why=f"known: {', '.join(Category)}")
    loaded = loaded_rules()
    found = [
        rule_line(rule, loaded)
        for rule in sorted(loaded.rules, key=lambda one: (not one.operator, one.name))
        if (rule.operator or not own)
        and (category is None or rule.category == category)
        and all(word in rule.name for word in words or ())
    ]
    show_list(RULES, found, total=len(found))
    tell_if_behind(loaded)


@app.command(epilog=examples("fnr rules show cuda/gpu-memory", "fnr rules show disk-full-words"))
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or the end of it.")],
    *,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Of fnr's own rules, also one that yields to yours.")
    ] = False,
) -> None:
    """Show one rule as its file says it, with its examples."""
    loaded = loaded_rules()
    rule = find_rule(name, loaded, shipped=shipped)
    line = rule_line(rule, loaded)
    show_one("fnr.rules.show/1", rule, lambda: rule_page(rule, line), name=rule.name)
    tell_if_behind(loaded)


@app.command(epilog=examples("fnr rules check", "fnr rules check my-draft.toml"))
def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE…]", help="Check these as if they were in rules.d."),
    ] = None,
) -> None:
    """Check packs and rules.d, with every example: all mistakes at once; exit 78 if there are any.

    Found are mistakes of writing, expressions that RE2 does not take, examples that another rule
    decides, and rules that can never decide because a better one holds whenever they do. Rules of
    yours with the name of a shipped one count in its place, with a warning.
    """
    loaded, read = (_with_drafts(files), files) if files else (load_rules(here().paths), [])
    tell_if_gone()
    # To read the packs is a third of the work, and done once.
    packs, wrong = (read_packs(), []) if files else checked_packs()
    if problems := [*loaded.problems, *wrong]:
        raise _config_error(problems, "these rules have" if files else "rules have")
    rules = (*loaded.own, *packs)
    checked = Checked(
        files=tuple(read) or loaded.files,
        rules=len(rules),
        examples=sum(len(rule.tests) for rule in rules),
        warnings=warn(loaded),
    )
    if here().as_json:
        write_json({"schema": "fnr.rules.check/1", **_fields(checked)})
    else:
        write(_all_good(checked.rules, checked.examples))
    if not files:
        tell_if_behind(loaded)


app.command("test", epilog=examples(
    "fnr rules test 'CUDA out of memory. Tried to allocate 2 GiB' --exception RuntimeError",
    "fnr rules test render.log --exit 137",
    "dmesg | tail -50 | fnr rules test -",
    "fnr rules test --against-history 7d --rules my-draft.toml",
))(try_text)  # fmt: skip
app.command("eval", epilog=examples(
    "fnr rules eval labelled.jsonl", "fnr rules eval labelled.jsonl -o json | jq .accuracy"
))(evaluate_file)  # fmt: skip


@app.command(epilog=examples("fnr rules reload"))
def reload() -> None:
    """Put rules.d and fnr.toml in force as they are now: all of it, or nothing at all."""
    report = here().ask(ReloadConfig(), offline=False, timeout_ms=RELOAD_TIMEOUT_MS)
    loaded = load_rules(here().paths)
    own = {rule.name for rule in loaded.own}
    counting = loaded.rule_set.named
    count = len(own & counting.keys())
    warn(loaded)
    words = (
        f"{counted(count, 'rule of rules.d is', 'rules of rules.d are')} in force,"
        f" above {len(counting) - count} of packs\n"
    )
    show_one("fnr.rules.reload/1", report, lambda: words, name="reloaded")


register(app)


def find_rule(name: str, loaded: LoadedRules, *, shipped: bool = False) -> Rule:
    """The rule of that name, or the only one whose name ends so; your own before a shipped one."""
    rules = [rule for rule in loaded.rules if not (shipped and rule.operator)]
    found = [rule for rule in rules if rule.name == name]
    found = found or [rule for rule in rules if rule.name.endswith(f"/{name}")]
    names = sorted({rule.name for rule in found})
    if len(names) > 1:
        raise several_rules(name, names)
    if len(found) > 1:
        here().notice(f"notice: a shipped rule is called {names[0]} too, and yields to yours")
        here().hint(f"{here().command} rules show {names[0]} --shipped")
    if found:
        return max(found, key=lambda rule: rule.operator)
    known = tuple(rule.name for rule in rules)
    why = nearest(name, known).partition(", ")[2]
    raise NotFound(f"there is no rule {name!r}", why=why, next_step="fnr rules list")


def _with_drafts(files: list[str]) -> LoadedRules:
    """rules.d with these files in it, in place of those of the same name."""
    drafts: dict[str, Path] = {}
    for file in map(Path, files):
        other = drafts.setdefault(file.name, file)
        if other != file:
            raise UsageError(
                f"{other} and {file} would be the same file of rules.d",
                next_step=f"{here().command} rules check {shlex.quote(str(file))}",
            )
    own, problems = operator_files(here().paths.rules_dir)
    kept = [file for file in own if file.name not in drafts]
    every = sorted((*kept, *drafts.values()), key=lambda file: file.name)
    parsed = [read_rule_file(file, pack=file.stem, operator=True) for file in every]
    return with_operator_rules(parsed, files=tuple(map(str, every)), problems=problems)


def _config_error(problems: list[RuleProblem], what: str) -> ConfigError:
    count = len(problems)
    shown = [f"{problem.where}: {problem.message}" for problem in problems[:PROBLEMS_SHOWN]]
    if count > PROBLEMS_SHOWN:
        shown.append(f"and {count - PROBLEMS_SHOWN} more")
    noun = "problem" if count == 1 else "problems"
    return ConfigError(f"{what} {count} {noun}", details=tuple(shown))


def _fields(checked: Checked) -> dict[str, object]:
    return {name: getattr(checked, name) for name in Checked.__struct_fields__}


def _all_good(rules: int, examples: int) -> str:
    if rules == 1:
        theirs = "is its example" if examples == 1 else f"are its {examples} examples"
        return f"1 rule is good, and so {theirs}\n"
    return f"{rules} rules are good, and so are their {examples} examples\n"
