"""What a change would do, for `--dry-run`: how many it would reach, and why not the others."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from fnr.api.letter_requests import PreviewPurge, PreviewResolve, ReplayReport
from fnr.api.requests import PreviewCancel
from fnr.cli.here import here
from fnr.cli.render import write, write_json
from fnr.cli.terminal import one_line
from fnr.client.answers import add_preview, in_chunks
from fnr.client.next_step import told_here
from fnr.policy.counted import counted
from fnr.policy.record import Preview

Foreseeable = PreviewCancel | PreviewPurge | PreviewResolve


def show_foreseen(request: Foreseeable, *, noun: str, done: str, if_none: str = "") -> None:
    """noun, done: "3 tasks would be cancelled"; no ids and no filter: nothing would.

    if_none: a notice for who expected some.
    """
    total = Preview()
    for chunk in _chunks(request):
        total = add_preview(total, chunk)
    if here().as_json:
        write_json(
            {
                "schema": "fnr.preview/1",
                "would_be": done,
                "eligible": total.eligible,
                "blocked": total.blocked,
                "examples": total.examples,
                "functions": total.functions,
            },
            pretty=here().output == "json",
        )
        return
    write(f"{counted(total.eligible, noun)} would be {done}\n")
    write("".join(f"{line}\n" for line in details(total, "would not")))
    if if_none and not total.eligible:
        here().notice(if_none)


def details(found: Preview | ReplayReport, others: str) -> Iterator[str]:
    """The functions of those that can go, and the reasons of the others."""
    yield from (f"  {count:>8}  {one_line(name)}" for name, count in found.functions.items())
    blocked = sum(found.blocked.values())
    if not blocked:
        return
    yield f"{blocked} {others}"
    for said, count in sorted(found.blocked.items(), key=lambda item: -item[1]):
        reason = told_here(said, here().command)
        some = ", ".join(found.examples.get(said, ())[:3])
        yield f"  {count:>8}  {one_line(reason)}" + (f"  ({some})" if some else "")


def _chunks(request: Foreseeable) -> Iterator[Preview]:
    for some in in_chunks(request.task_ids):
        yield here().ask(replace(request, task_ids=some))
    while request.where:
        chunk = here().ask(request)
        yield chunk
        if chunk.next is None:
            return
        request = replace(request, after=chunk.next)
