"""A file that is not there: the submitter's mistake or the deployment's, by who asked for it."""

from __future__ import annotations

from test_task_life import HomeAt, end_of, submit

from fnr.api.incident_requests import GetError, ListErrors

COMMANDS = """
[functions.show]
command = ["cat", "{clip}"]

[functions.infer]
command = ["cat", "/nowhere/base-model.bin", "{clip}"]
"""


def test_the_input_tells_whose_file_is_missing(home_at: HomeAt) -> None:
    home = home_at(COMMANDS).up()
    named = {}
    for name, given in (("show", "/nowhere/a-b.mp4"), ("infer", "/dev/null")):
        task_id = submit(home, name, {"clip": given})
        assert end_of(home, task_id).task.state == "dead"
        [line] = home.ask(ListErrors(where=f"task:{task_id}")).items
        error = home.ask(GetError(error_id=line.error_id)).error
        named[name] = error.classification.category, error.evidence.named_input
    assert named == {"show": ("validation", ("clip",)), "infer": ("permanent", ())}
