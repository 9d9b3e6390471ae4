"""A file that is not there: the submitter's mistake or the deployment's, by who asked for it."""

from __future__ import annotations

from test_task_life import HomeAt, end_of, submit

from fnr.api.incident_requests import GetError, ListErrors

COMMANDS = """
[functions.show]
command = ["cat", "{clip}"]

[functions.infer]
command = ["cat", "/nowhere/base-model.bin", "{clip}"]

[functions.draw]
command = ["true"]
result = "file:{clip}"
"""


def test_the_input_tells_whose_file_is_missing(home_at: HomeAt) -> None:
    home = home_at(COMMANDS).up()
    named = {}
    given_to = {"show": "/nowhere/a-b.mp4", "infer": "/dev/null", "draw": "/nowhere/a-b.mp4"}
    for name, given in given_to.items():
        task_id = submit(home, name, {"clip": given})
        assert end_of(home, task_id).task.state == "dead"
        [line] = home.ask(ListErrors(where=f"task:{task_id}")).items
        error = home.ask(GetError(error_id=line.error_id)).error
        named[name] = error.classification.category, error.evidence.named_input
    # Of a command that said that all went well the result is missing: it is not the submitter's.
    assert named == {
        "show": ("validation", ("clip",)),
        "infer": ("permanent", ()),
        "draw": ("permanent", ("clip",)),
    }
