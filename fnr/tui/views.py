"""Which screens there are, and where each is made."""

from __future__ import annotations

# In the order of their keys; made when they are first looked at.
VIEWS: dict[str, tuple[str, str]] = {
    "dashboard": ("fnr.tui.screens.dashboard", "DashboardView"),
    "tasks": ("fnr.tui.screens.tasks", "TasksView"),
    "errors": ("fnr.tui.screens.errors", "ErrorsView"),
    "dlq": ("fnr.tui.screens.dlq", "DlqView"),
    "rules": ("fnr.tui.screens.rules", "RulesView"),
    "breakers": ("fnr.tui.screens.breakers", "BreakersView"),
    "chaos": ("fnr.tui.screens.chaos", "ChaosView"),
    "logs": ("fnr.tui.screens.logs", "LogsView"),
}
