"""Workflows as they are queued, and what ComfyUI's answers say of a prompt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnr.policy.workflow import (
    BadWorkflowError,
    PromptState,
    filled,
    graph_of,
    node_errors,
    place_of,
    refusal,
    standing,
)

GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1}, "_meta": {"title": "Sampler"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a"}, "_meta": {"title": "Text"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "b"}, "_meta": {"title": "Text"}},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([], "no object"),
        ({}, "no nodes"),
        ({"nodes": [], "links": []}, 'save it with "Export (API)"'),
        ({"3": {"inputs": {}}}, "node 3 has no class_type"),
        ({"3": "KSampler"}, "node 3 has no class_type"),
        ({"3": {"class_type": "KSampler", "inputs": [1]}}, "inputs of node 3 are no object"),
        ({str(n): {"class_type": "A"} for n in range(10_001)}, "10001 nodes; at most 10000"),
    ],
)
def test_what_cannot_be_queued_says_why(found: object, why: str) -> None:
    with pytest.raises(BadWorkflowError, match=why.replace("(", r"\(").replace(")", r"\)")):
        graph_of(found)


def test_a_workflow_may_stand_in_the_body_that_queues_it() -> None:
    assert graph_of({"prompt": GRAPH, "client_id": "x"}) == graph_of(GRAPH) == GRAPH


def test_inputs_stand_in_their_places_and_the_rest_stays() -> None:
    places = {"3.seed": "seed", "Sampler.steps": "steps", "6.text": "prompt", "7.text": "not"}
    made = filled(GRAPH, places, {"seed": 7, "steps": 12, "prompt": ["6", 0]})
    assert made["3"]["inputs"] == {"seed": 7, "steps": 12}
    assert (made["6"]["inputs"]["text"], made["7"]["inputs"]["text"]) == (["6", 0], "b")
    assert GRAPH["3"]["inputs"] == {"seed": 1}, "what it was made from is as it was"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("text", "must read"),
        (".text", "must read"),
        ("6.", "must read"),
        ("8.text", "no node '8'"),
        ("Text.text", "2 nodes have the title 'Text': 6, 7"),
    ],
)
def test_a_place_that_is_none_says_why(place: str, why: str) -> None:
    with pytest.raises(BadWorkflowError, match=why):
        place_of(GRAPH, place)


def queue(*ids: str) -> dict[str, Any]:
    items = [[number, one, {}, {}, []] for number, one in enumerate(ids)]
    return {"queue_running": items[:1], "queue_pending": items[:0:-1]}


def test_a_prompt_waits_runs_and_is_forgotten() -> None:
    waits = standing("c", queue=queue("a", "b", "c", "d"), history={})
    assert (waits.state, waits.ahead) == (PromptState.PENDING, 2)
    assert standing("a", queue=queue("a", "b"), history={}).state is PromptState.RUNNING
    assert standing("x", queue=queue("a", "b"), history={}).state is PromptState.UNKNOWN


def entry(status: object, outputs: object = None) -> dict[str, Any]:
    return {"p": {"prompt": [], "outputs": {} if outputs is None else outputs, "status": status}}


def test_how_a_prompt_ended() -> None:
    outputs = {"9": {"images": []}}
    done = standing("p", queue={}, history=entry({"status_str": "success"}, outputs))
    assert (done.state, done.outputs) == (PromptState.DONE, outputs)
    assert standing("p", queue={}, history={"p": {}}).state is PromptState.DONE, "of an old version"
    messages = [["execution_start", {}], ["execution_interrupted", {"node_id": "3"}]]
    stopped = entry({"status_str": "error", "messages": messages})
    assert standing("p", queue={}, history=stopped).state is PromptState.INTERRUPTED
    said = {
        "node_id": "3",
        "node_type": "KSampler",
        "exception_type": "torch.OutOfMemoryError",
        "exception_message": "CUDA out of memory.\n",
        "traceback": ["one\n", "two\n"],
        "current_inputs": {"api_key": ["sk-0123"]},
    }
    failed = entry({"status_str": "error", "messages": [["execution_error", said]]})
    found = standing("p", queue={}, history=failed)
    assert found.state is PromptState.FAILED
    assert found.failure is not None
    assert (found.failure.type, found.failure.message) == (
        "torch.OutOfMemoryError",
        "CUDA out of memory.",
    )
    assert found.failure.traceback == "one\ntwo\n"
    assert "sk-0123" not in repr(found)


def test_a_refusal_names_each_mistake() -> None:
    answer = {
        "error": {
            "type": "prompt_outputs_failed_validation",
            "message": "Prompt outputs failed validation",
            "details": "",
        },
        "node_errors": {
            "4": {
                "class_type": "CheckpointLoaderSimple",
                "errors": [
                    {
                        "type": "value_not_in_list",
                        "message": "Value not in list",
                        "details": "ckpt_name: 'a.safetensors' not in []",
                    }
                ],
            }
        },
    }
    assert refusal(answer).splitlines() == [
        "Prompt outputs failed validation (prompt_outputs_failed_validation)",
        "* CheckpointLoaderSimple 4:",
        "  - Value not in list: ckpt_name: 'a.safetensors' not in [] (value_not_in_list)",
    ]
    assert refusal({"error": "no prompt"}) == "no prompt"
    assert refusal(None) == ""


@given(answer=JSON)
def test_no_answer_breaks_the_reader(answer: Any) -> None:
    refusal(answer)
    node_errors(answer)
    state = standing("p", queue=answer, history={"p": answer}).state
    assert state in PromptState
    assert standing("p", queue=answer, history=answer).state in PromptState
