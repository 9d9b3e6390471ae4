"""The tasks: what was asked for, where each is, and the story of how it went."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from fnr.api.question import Request
from fnr.api.requests import GetTask, ListTasks
from fnr.client.own_command import OwnCommand
from fnr.client.task_history import story
from fnr.client.task_story import page, why
from fnr.client.without_secrets import without_secrets
from fnr.policy.filter import TASK_FIELDS
from fnr.policy.record import Page, TaskDetail
from fnr.policy.task import LIVE_STATES, Task
from fnr.tui.cells import ago, short_id, signed
from fnr.tui.feed import Feed
from fnr.tui.screens.list_view import ListView
from fnr.tui.widgets.paged_table import TableColumn
from fnr.tui.widgets.wanted import Wanted
from fnr.tui.wishes import Ask, Values, Wish, Wished, flag, on_ids, several

# The filter that means all that can be cancelled.
LIVE = f"state:{','.join(sorted(LIVE_STATES))}"


class TasksView(ListView):
    """All tasks, newest first."""

    name_of_screen = "tasks"
    kinds = frozenset({"task"})
    fields = TASK_FIELDS
    empty = "no tasks; fnr submit FUNCTION hands one over"
    columns = (
        TableColumn(title="TASK", cell=lambda task: short_id(task.task_id), width=13, spare=2),
        TableColumn(title="FUNCTION", cell=lambda task: task.function, width=16, spare=1),
        TableColumn(title="STATE", cell=lambda task: signed(task.state.value), width=11),
        TableColumn(
            title="TRIES", cell=lambda task: str(task.attempts), width=5, right=True, spare=3
        ),
        TableColumn(
            title="AGE", cell=lambda task: ago(task.created_at_ms), width=7, right=True, spare=1
        ),
        TableColumn(title="WHY", cell=why, flexible=True),
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("C", "change_cancel", "cancel"),
        Binding("l", "logs", "logs"),
    ]

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed)
        self._on_page: TaskDetail | None = None

    def id_of(self, item: Any) -> str:
        """A task by its id."""
        return str(item.task_id)

    def page_of(self, where: str, wanted: Wanted) -> Request[Page[Any]]:
        """Tasks, newest first."""
        return ListTasks(
            where=where, after=wanted.after, limit=wanted.limit, backwards=wanted.backwards
        )

    async def words_of(self, item: Task) -> str:
        """The page of a task, and below it its story."""
        self._on_page = without_secrets(
            await self.feed.ask(GetTask(task_id=item.task_id)), self.feed.redaction
        )
        return _words(self._on_page)

    def words_now(self) -> str | None:
        """What a task that has not ended waits for, and how long yet."""
        detail = self._on_page
        return _words(detail) if detail and detail.task.state in LIVE_STATES else None

    @property
    def command(self) -> tuple[str, ...]:
        """The same on the command line."""
        return ("task", "history", self.subject) if self.subject else ("task", "list")

    def action_logs(self) -> None:
        """What the task has printed."""
        if task_id := self.subject:
            # Rows may move before somebody asks for it once more.
            own = OwnCommand(words=("logs", task_id, "-n", "200"))
            self.post_message(
                Wished(
                    Wish(
                        title=f"output of task {task_id}",
                        text="What its attempts have printed, oldest first; the last 200 lines.",
                        verb="",
                        changes=False,
                        command=lambda _: own,
                        trial=lambda _: own,
                        trial_verb="Again",
                        tried_at_once=True,
                    )
                )
            )

    def action_change_cancel(self) -> None:
        """Cancel tasks that have not ended."""
        if self.table.window.everything:
            where = self.where or LIVE
            words = "the filter finds and that " if self.where else ""
            text = f"Every task that {words}has not ended."
            found: list[str] = []
        else:
            where = ""
            found = self.chosen_ids(lambda task: task.state in LIVE_STATES)
            text = several(found, "task") + ": those that wait at once, those that run by stopping"
            if not found:
                self.post_message(self.Told("nothing to cancel: it has ended", bad=True))
                return

        def command(values: Values) -> OwnCommand:
            reason = flag("--reason", values["reason"])
            if where:
                words = ("task", "cancel", "--where", where, *reason)
                return OwnCommand(words=words, unasked=("-y",))
            return on_ids(("task", "cancel"), found, reason)

        self.post_message(
            Wished(
                Wish(
                    title="cancel tasks",
                    text=text,
                    verb="Cancel tasks",
                    command=command,
                    asks=(Ask(name="reason", label="reason", hint="kept on record"),),
                )
            )
        )


def _words(detail: TaskDetail) -> str:
    head = page(detail).rstrip("\n")
    return f"{head}\n\nhistory\n\n" + "\n".join(story(detail))
