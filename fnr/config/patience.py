"""Read [functions.NAME.retry]: how often, how soon, at what cost, by category."""

from __future__ import annotations

from typing import Any

from fnr.config.keys import (
    BUDGET_KEYS,
    CATEGORY_RETRY_KEYS,
    RETRY_KEYS,
    Report,
    read_table,
)
from fnr.config.units import format_duration
from fnr.policy.budget import BudgetPolicy
from fnr.policy.retry import CategoryRetry, RetryPolicy
from fnr.policy.rules import Category
from fnr.policy.toml_lines import KeyPath

# Of the others no attempt follows, so there is nothing to set.
CATEGORIES = (Category.TRANSIENT.value, Category.RESOURCE.value, Category.UNKNOWN.value)


def read_patience(report: Report, path: KeyPath, table: object) -> RetryPolicy:
    """The policy, as far as it can be read; problems are in the report."""
    if not isinstance(table, dict):
        report.problem(path, "must be a table")
        return RetryPolicy()
    own = {key: value for key, value in table.items() if key not in CATEGORIES}
    found = read_table(report, path, own, RETRY_KEYS | BUDGET_KEYS)
    budget = {
        key.setting: found.pop(key.setting) for key in BUDGET_KEYS.values() if key.setting in found
    }
    # What contradicts itself is left out before the categories build on it.
    found = _delays(report, path, found, RetryPolicy())
    return RetryPolicy(
        **found,
        budget=_budget(report, path, budget),
        by_category={
            name: _category(report, (*path, name), table[name], found)
            for name in CATEGORIES
            if name in table
        },
    )


def _delays(
    report: Report, path: KeyPath, fields: dict[str, Any], default: RetryPolicy
) -> dict[str, Any]:
    """With a delay_max that fits the delay, unless both are given and contradict each other."""
    delay_ms = fields.get("delay_base_ms", default.delay_base_ms)
    delay_max_ms = fields.setdefault("delay_max_ms", max(delay_ms, default.delay_max_ms))
    if delay_ms > delay_max_ms:
        longest = format_duration(delay_max_ms)
        report.problem(path, f"delay {format_duration(delay_ms)} is more than delay_max {longest}")
        return {}
    return fields


def _budget(report: Report, path: KeyPath, fields: dict[str, Any]) -> BudgetPolicy:
    initial_ms = fields.get("initial_ms", BudgetPolicy().initial_ms)
    fields.setdefault("max_ms", max(initial_ms, BudgetPolicy().max_ms))
    if "initial_ms" not in fields:
        fields["initial_ms"] = min(initial_ms, fields["max_ms"])
    if fields["initial_ms"] > fields["max_ms"]:
        most = format_duration(fields["max_ms"])
        report.problem(path, f"budget {format_duration(initial_ms)} is more than budget_max {most}")
        return BudgetPolicy()
    return BudgetPolicy(**fields)


def _category(
    report: Report, path: KeyPath, table: object, function: dict[str, Any]
) -> CategoryRetry:
    fields = read_table(report, path, table, CATEGORY_RETRY_KEYS)
    base = RetryPolicy(**{key: value for key, value in function.items() if key.startswith("delay")})
    if "delay_base_ms" in fields or "delay_max_ms" in fields:
        fields = _delays(report, path, fields, base)
    return CategoryRetry(**fields)
