"""A ComfyUI workflow as a worker runs it, against a stand-in of the server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fake_comfyui import GRAPH, OUT_OF_MEMORY, OUTPUTS, PICTURE, FakeComfyui

import fnr.testing
from fnr.api.frames import ComfyPlan
from fnr.host.clock import Clock
from fnr.worker import comfyui
from fnr.worker.comfyui import Workflow, prompt_id_of, undo_prompt
from fnr.worker.comfyui_server import HttpRefusedError


class Hurried(Clock):
    """An hour passes at each look, or what is said."""

    def __init__(self, step_ms: int = 3_600_000) -> None:
        super().__init__()
        self._times_ms = count(0, step_ms)

    def boot_ms(self) -> int:
        """The time."""
        return next(self._times_ms)


@pytest.fixture
def server() -> Iterator[FakeComfyui]:
    with FakeComfyui() as fake:
        yield fake


@pytest.fixture
def workflow(tmp_path: Path) -> str:
    path = tmp_path / "cat.json"
    path.write_text(json.dumps(GRAPH))
    return str(path)


def of(server: FakeComfyui, workflow: str | None, clock: Clock | None = None, **more: Any) -> Any:
    plan = ComfyPlan(url=server.url, workflow=workflow, **more)
    return Workflow(plan, clock=clock or Clock())


NODES = {"6.text": "prompt", "Sampler.seed": "seed"}


def test_the_tasks_input_is_queued_and_its_outputs_come_back(
    server: FakeComfyui, workflow: str
) -> None:
    outcome = fnr.testing.run(of(server, workflow, nodes=NODES), {"prompt": "a dog"})
    [order] = server.queued
    assert order["prompt"]["6"]["inputs"]["text"] == "a dog"
    assert order["prompt"]["3"]["inputs"]["seed"] == 1, "left out, so the workflow's own"
    assert outcome.result == {"prompt_id": order["prompt_id"], "outputs": OUTPUTS, "saved": []}
    # It is known to the next attempt, and to undo, before anybody could be asked.
    assert [one["prompt_id"] for one in outcome.checkpoints] == [order["prompt_id"]]
    [(kind, step)] = outcome.undo
    assert (kind, step["data"]["prompt_id"]) == ("call", order["prompt_id"])
    assert step["function"] == "fnr.worker.comfyui:undo_prompt"


def test_a_task_may_bring_the_workflow(server: FakeComfyui) -> None:
    given = {"workflow": GRAPH, "prompt": "x"}
    assert fnr.testing.run(of(server, None, nodes=NODES), given).ok
    assert server.queued[0]["prompt"]["6"]["inputs"]["text"] == "x"
    bad = fnr.testing.run(of(server, None), {"workflow": {"nodes": []}})
    assert bad.category == "validation"
    assert "Export (API)" in bad.message
    assert fnr.testing.run(of(server, None), {}).category == "validation"


def test_files_are_saved_whole_and_apart(
    server: FakeComfyui, workflow: str, tmp_path: Path
) -> None:
    to = tmp_path / "out"
    outcome = fnr.testing.run(of(server, workflow, save_to=str(to)), {})
    folder = to / fnr.testing.TASK_ID
    assert outcome.result["saved"] == [str(folder / "a.png"), str(folder / "2-a.png")]
    assert (folder / "a.png").read_bytes() == b"cats" + PICTURE
    assert (folder / "2-a.png").read_bytes() == b"dogs" + PICTURE
    assert sorted(path.name for path in folder.iterdir()) == ["2-a.png", "a.png"]


def test_a_file_may_have_the_name_of_our_draft(
    server: FakeComfyui, workflow: str, tmp_path: Path
) -> None:
    sent = {"filename": ".draft", "subfolder": "", "type": "output"}
    server.outputs = {"9": {"images": [sent]}}
    outcome = fnr.testing.run(of(server, workflow, save_to=str(tmp_path / "out")), {})
    [saved] = outcome.result["saved"]
    assert Path(saved).read_bytes() == PICTURE


def test_a_file_that_is_cut_short_is_no_file(
    server: FakeComfyui, workflow: str, tmp_path: Path
) -> None:
    server.cut_files = True
    outcome = fnr.testing.run(of(server, workflow, save_to=str(tmp_path / "out")), {})
    assert not outcome.ok
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_a_name_of_a_file_leads_nowhere_else(
    server: FakeComfyui, workflow: str, tmp_path: Path
) -> None:
    server.at_once = False
    sent = {"filename": "../../etc/x.png", "subfolder": "", "type": "output"}
    outputs = {"9": {"images": [sent, {**sent, "filename": ".."}, {**sent, "filename": "a\0"}]}}
    function = of(server, workflow, save_to=str(tmp_path / "out"))
    ended = in_background(function)
    server.wait_for(lambda: bool(server.waiting))
    server.trouble = lambda _, path: (200, b"y") if path.startswith("/view") else None
    server.end(server.waiting[0], outputs)
    outcome = ended()
    assert outcome.result["saved"] == [str(tmp_path / "out" / fnr.testing.TASK_ID / "x.png")]


def test_a_node_that_raises_is_named_as_what_it_raised(
    server: FakeComfyui, workflow: str, capfd: pytest.CaptureFixture[str]
) -> None:
    server.failure = OUT_OF_MEMORY
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.evidence is not None
    assert [link.type for link in outcome.evidence.exceptions] == [
        "fnr.worker.comfyui.NodeFailedError",
        "torch.OutOfMemoryError",
    ]
    assert "node 3 (KSampler) failed: CUDA out of memory" in outcome.message
    assert outcome.category == "resource"
    said = capfd.readouterr().err
    assert 'File "execution.py", line 1, in execute' in said
    assert "sk-very-secret" not in said + repr(outcome)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (
            {
                "error": {
                    "type": "prompt_outputs_failed_validation",
                    "message": "Prompt outputs failed validation",
                },
                "node_errors": {
                    "3": {
                        "class_type": "KSampler",
                        "errors": [
                            {
                                "type": "value_smaller_than_min",
                                "message": "Value 0 smaller than min of 1",
                                "details": "steps",
                            }
                        ],
                    }
                },
            },
            "validation",
        ),
        (
            {
                "error": {
                    "type": "missing_node_type",
                    "message": "Node 'IPAdapter' not found. The custom node may not be installed.",
                    "details": "Node ID '#12'",
                }
            },
            "permanent",
        ),
    ],
)
def test_a_workflow_that_is_refused(
    server: FakeComfyui, workflow: str, answer: Any, category: str
) -> None:
    server.refusal = (400, answer)
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.category == category, outcome.classification
    assert answer["error"]["message"] in outcome.message
    assert not server.waiting


def test_a_part_of_a_workflow_is_not_rendered(server: FakeComfyui, workflow: str) -> None:
    server.at_once = False
    errors = [{"type": "required_input_missing", "message": "Required input is missing"}]
    server.partial = {"12": {"class_type": "SaveImage", "errors": errors}}
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.category == "validation"
    assert "SaveImage 12" in outcome.message
    assert server.cancelled == [server.queued[0]["prompt_id"]]
    assert not server.waiting


def test_a_part_that_cannot_be_taken_back_is_not_followed(
    server: FakeComfyui, workflow: str
) -> None:
    """Method: the server does not answer who takes it back; the next attempt is told it again."""
    server.at_once = False
    errors = [{"type": "required_input_missing", "message": "Required input is missing"}]
    server.partial = {"12": {"class_type": "SaveImage", "errors": errors}}
    server.trouble = lambda _, path: (503, b"") if path.endswith("/cancel") else None
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.category == "validation", outcome
    assert outcome.undo, "it is taken back later"
    server.end(server.waiting[0])
    again = fnr.testing.run(of(server, workflow), {}, checkpoint=outcome.checkpoints[-1])
    assert again.category == "validation", again


def test_an_answer_may_hold_numbers_that_json_has_not(server: FakeComfyui, workflow: str) -> None:
    """Nodes that always run anew say so by NaN, which ComfyUI writes into queue and history."""
    nan = float("nan")
    server.always = {"6": {"class_type": "X", "inputs": {}, "is_changed": [nan, -1e999]}}
    server.outputs = {"9": {"score": [nan, 1.5]}}
    outcome = fnr.testing.run(of(server, workflow, Hurried()), {})
    assert outcome.ok, outcome
    assert outcome.result["outputs"] == {"9": {"score": [None, 1.5]}}


def test_a_refusal_may_hold_them_too(server: FakeComfyui, workflow: str) -> None:
    """A node may have no largest value: its declaration is a part of the refusal."""
    error = {"type": "x", "message": "Too small", "extra_info": {"max": float("inf")}}
    server.refusal = (400, {"node_errors": {"3": {"errors": [error]}}})
    assert "Too small" in fnr.testing.run(of(server, workflow), {}).message


def test_nothing_is_queued_before_its_id_is_kept(
    server: FakeComfyui, workflow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Method: the daemon is gone for two tries; for good; and the attempt is to end meanwhile."""
    queued_before: list[int] = []

    def keep(_: object) -> bool:
        queued_before.append(len(server.queued))
        return len(queued_before) == 3

    monkeypatch.setattr("fnr.worker.sdk.checkpoint", keep)
    assert fnr.testing.run(of(server, workflow), {}).ok
    assert queued_before == [0, 0, 0]
    gone_for_good = fnr.testing.run(of(server, workflow, Hurried()), {})
    assert gone_for_good.category == "transient"
    assert not fnr.testing.run(of(server, workflow), {}, cancelled=True).ok
    assert len(server.queued) == 1


def test_a_prompt_behind_a_line_that_was_cut_is_found_again(
    server: FakeComfyui, workflow: str
) -> None:
    """Method: the tunnel to the server is down for an attempt, and the prompt goes on."""
    server.at_once = False
    first = in_background(of(server, workflow))
    server.wait_for(lambda: bool(server.waiting))
    server.end(server.waiting[0])
    kept = first().checkpoints[-1]
    with FakeComfyui() as gone:
        cut = of(gone, workflow)
    second = fnr.testing.run(cut, {}, attempt=2, checkpoint=kept)
    assert second.category == "transient"
    assert not second.checkpoints, "what is kept of the first stays"
    third = fnr.testing.run(of(server, workflow), {}, attempt=3, checkpoint=kept)
    assert third.ok
    assert len(server.queued) == 1


def test_what_the_attempt_before_has_queued_is_not_rendered_again(
    server: FakeComfyui, workflow: str
) -> None:
    """Method: it is still running, it is done, it has failed, it is another workflow."""
    server.at_once = False
    first = in_background(of(server, workflow))
    server.wait_for(lambda: bool(server.waiting))
    [prompt_id] = server.waiting
    # Its worker dies; the next attempt begins with what it kept.
    kept = {"prompt_id": prompt_id, "graph": comfyui._digest(GRAPH)}
    second = in_background(of(server, workflow), attempt=2, checkpoint=kept)
    server.end(prompt_id)
    assert first().result == second().result
    third = fnr.testing.run(of(server, workflow), {}, attempt=3, checkpoint=kept)
    assert third.result["prompt_id"] == prompt_id
    assert len(server.queued) == 1
    assert third.undo, "a task that ends for good takes it back, whoever had queued it"

    server.at_once = True
    changed = {"prompt_id": prompt_id, "graph": "of another"}
    fourth = fnr.testing.run(of(server, workflow), {}, attempt=2, checkpoint=changed)
    assert (fourth.ok, len(server.queued)) == (True, 2)
    server.forget()
    fifth = fnr.testing.run(of(server, workflow), {}, attempt=2, checkpoint=kept)
    assert fifth.ok
    assert len(server.queued) == 3


def test_a_workflow_that_has_changed_takes_the_one_before_back(
    server: FakeComfyui, workflow: str
) -> None:
    """Method: the file is mended while the prompt of a worker that died still waits."""
    server.at_once = False
    server.waiting = ["somebody-elses", "ours"]
    kept = {"prompt_id": "ours", "graph": "as it was"}
    ended = in_background(of(server, workflow), attempt=2, checkpoint=kept)
    server.wait_for(lambda: bool(server.queued))
    assert server.cancelled == ["ours"]
    server.end(server.queued[0]["prompt_id"])
    assert ended().ok
    assert server.waiting == ["somebody-elses"]


def test_a_prompt_that_the_server_forgot_is_tried_again(server: FakeComfyui, workflow: str) -> None:
    server.at_once = False
    ended = in_background(of(server, workflow, Hurried()))
    server.wait_for(lambda: bool(server.waiting))
    server.forget()
    outcome = ended()
    assert outcome.category == "transient"
    assert "does not know prompt" in outcome.message


def test_a_prompt_that_somebody_interrupts_is_tried_again(
    server: FakeComfyui, workflow: str
) -> None:
    server.at_once = False
    ended = in_background(of(server, workflow))
    server.wait_for(lambda: bool(server.waiting))
    server.interrupt(server.waiting[0])
    outcome = ended()
    assert outcome.category == "transient"
    assert "interrupted in ComfyUI by somebody else" in outcome.message


def test_a_server_that_is_not_there_is_told_at_once(server: FakeComfyui, workflow: str) -> None:
    function = of(server, workflow)
    server.close()
    outcome = fnr.testing.run(function, {}, attempt=2, checkpoint={"graph": "?"})
    assert outcome.category == "transient"
    assert outcome.evidence is not None
    assert [code.value for code in outcome.evidence.codes] == ["ECONNREFUSED"]


def test_what_is_sent_elsewhere_was_not_taken(server: FakeComfyui, workflow: str) -> None:
    """A GET follows; a POST would arrive as a GET, and GET /prompt has a good answer."""
    elsewhere = (301, f"{server.url}/queue".encode())
    server.trouble = lambda method, _: elsewhere if method == "POST" else None
    outcome = fnr.testing.run(of(server, workflow, Hurried()), {})
    assert f"leads to {server.url}/queue" in outcome.message
    assert "HTTP 301" in outcome.message
    with pytest.raises(HttpRefusedError, match="301"):
        undo_prompt({"url": server.url, "prompt_id": "still there"})


def test_busy_is_not_dead(server: FakeComfyui, workflow: str) -> None:
    """Method: its answers fail three times while the prompt is followed."""
    left = [(503, b""), (200, b"<html>"), (0, b"")]
    asked: list[str] = []

    def trouble(method: str, path: str) -> tuple[int, bytes] | None:
        asked.append(path)
        return left.pop(0) if left and method == "GET" else None

    server.trouble = trouble
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.ok, outcome
    assert not left
    assert len(server.queued) == 1


def test_dead_after_a_long_silence_is_dead_for_a_moment_only(
    server: FakeComfyui, workflow: str
) -> None:
    """Method: two minutes pass at each look; it is busy twice, then cuts the connection once."""
    left = [503, 503, -1]
    server.trouble = lambda method, _: (left.pop(0), b"") if left and method == "GET" else None
    outcome = fnr.testing.run(of(server, workflow, Hurried(120_000)), {})
    assert outcome.ok, outcome
    assert not left


def test_what_was_taken_without_an_answer_is_not_queued_twice(
    server: FakeComfyui, workflow: str
) -> None:
    prompt_id = prompt_id_of(fnr.testing.ATTEMPT_ID)
    asked: list[str] = []

    def hang_up(_: str, path: str) -> tuple[int, bytes] | None:
        if path != "/prompt":
            return None
        asked.append(path)
        server.history[prompt_id] = {"outputs": OUTPUTS}
        return 0, b""

    server.trouble = hang_up
    outcome = fnr.testing.run(of(server, workflow), {})
    assert outcome.result["prompt_id"] == prompt_id
    assert asked == ["/prompt"]


def test_who_is_asked_to_end_takes_the_prompt_back(server: FakeComfyui, workflow: str) -> None:
    server.at_once = False
    outcome = fnr.testing.run(of(server, workflow), {}, cancelled=True)
    assert not outcome.ok
    assert server.cancelled == [server.queued[0]["prompt_id"]]
    assert not server.waiting


def test_an_older_server_chooses_its_own_ids_and_interrupts_only_ours(workflow: str) -> None:
    with FakeComfyui(at_once=False, old=True) as server:
        server.waiting.append("somebody-elses")
        outcome = fnr.testing.run(of(server, workflow), {}, cancelled=True)
        assert not outcome.ok
        assert [one["prompt_id"] for one in outcome.checkpoints][-1] == "own-1"
        assert server.waiting == ["somebody-elses"]
        assert server.interrupted == []
        server.waiting.clear()
        fnr.testing.run(of(server, workflow), {}, cancelled=True)
        assert server.interrupted == ["own-2"]


def test_a_step_of_undo_for_a_prompt_that_never_was_does_no_harm(server: FakeComfyui) -> None:
    server.at_once = False
    server.waiting.append("somebody-elses")
    undo_prompt({"url": server.url, "prompt_id": "never"})
    assert server.waiting == ["somebody-elses"]
    server.close()
    undo_prompt({"url": server.url, "prompt_id": "gone with its server"})


def test_a_workflow_file_that_is_gone_is_the_deployments_fault(
    server: FakeComfyui, workflow: str
) -> None:
    Path(workflow).write_text("{")
    assert fnr.testing.run(of(server, workflow), {}).category == "permanent"
    Path(workflow).unlink()
    assert fnr.testing.run(of(server, workflow), {}).category == "permanent"


def in_background(function: Any, **more: Any) -> Any:
    """Run it beside; calling what is returned waits for how it ended."""
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(fnr.testing.run(function, {}, **more)), daemon=True
    )
    thread.start()

    def ended() -> Any:
        thread.join(30)
        assert found, "it did not end"
        return found[0]

    return ended
