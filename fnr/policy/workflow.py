"""A ComfyUI workflow as it is queued, and what ComfyUI says of a prompt it has taken.

Shapes are those of ComfyUI's POST /prompt, GET /queue and GET /history/ID; what older versions
leave out counts as not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

# Node id → {"class_type": …, "inputs": {name: value, or [node id, output number]}}.
Graph = dict[str, dict[str, Any]]

NODES_MAX = 10_000
PROBLEMS_MAX = 20
_TEXT_CHARS_MAX = 1_000


class BadWorkflowError(ValueError):
    """It cannot be queued as it is; says why, and how it is mended."""


class PromptState(StrEnum):
    """Where a prompt is. UNKNOWN: ComfyUI has never heard of it, or has forgotten it."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class NodeFailure(Struct, frozen=True, kw_only=True):
    """What ended a prompt. type: the exception's qualified name there, as ComfyUI gives it."""

    node_id: str = ""
    node_type: str = ""
    type: str = ""
    message: str = ""
    traceback: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of a prompt.

    ahead:   how many others run or wait before it.
    outputs: node id → what the node has put out, of one that is done.
    """

    state: PromptState
    ahead: int = 0
    outputs: dict[str, Any] = field(default_factory=dict)
    failure: NodeFailure | None = None


def graph_of(found: object) -> Graph:
    """A workflow in the form that is queued. Raises BadWorkflowError."""
    if not isinstance(found, dict):
        raise BadWorkflowError(f"it is no object with nodes, but {type(found).__name__}")
    if isinstance(found.get("nodes"), list):
        raise BadWorkflowError(
            'it is what the editor saves; save it with "Export (API)" for the form that is queued'
        )
    graph = found.get("prompt") if isinstance(found.get("prompt"), dict) else found
    assert isinstance(graph, dict)
    if not graph:
        raise BadWorkflowError("it has no nodes")
    if len(graph) > NODES_MAX:
        raise BadWorkflowError(f"it has {len(graph)} nodes; at most {NODES_MAX}")
    for node_id, node in graph.items():
        if not isinstance(node, dict) or not isinstance(node.get("class_type"), str):
            raise BadWorkflowError(f"node {node_id} has no class_type")
        if not isinstance(node.get("inputs", {}), dict):
            raise BadWorkflowError(f"the inputs of node {node_id} are no object")
    return graph


def place_of(graph: Graph, place: str) -> tuple[str, str]:
    """Node id and input of "6.text" or "Title of the node.text". Raises BadWorkflowError."""
    name, dot, key = place.rpartition(".")
    if not (dot and name and key):
        raise BadWorkflowError(f'{place!r} must read "NODE.INPUT", such as "6.text"')
    if name in graph:
        return name, key
    titled = [node_id for node_id, node in graph.items() if _title(node) == name]
    if len(titled) == 1:
        return titled[0], key
    if titled:
        raise BadWorkflowError(
            f"{len(titled)} nodes have the title {name!r}: {', '.join(titled)}; name one by its id"
        )
    raise BadWorkflowError(f"there is no node {name!r}, neither as an id nor as a title")


def filled(graph: Graph, places: Mapping[str, str], given: Mapping[str, Any]) -> Graph:
    """The workflow with a task's input in its places; what the task leaves out stays as it is.

    places: "NODE.INPUT" → key of the input. Raises BadWorkflowError.
    """
    made = {
        node_id: {**node, "inputs": {**node.get("inputs", {})}} for node_id, node in graph.items()
    }
    for place, key in places.items():
        node_id, name = place_of(graph, place)
        if key in given:
            made[node_id]["inputs"][name] = given[key]
    return made


def standing(prompt_id: str, *, queue: object, history: object) -> Standing:
    """Where a prompt is, from what GET /queue and GET /history/ID answer."""
    entry = history.get(prompt_id) if isinstance(history, dict) else None
    if isinstance(entry, dict):
        return _ended(entry)
    running, pending = list(_queued(queue, "queue_running")), list(_queued(queue, "queue_pending"))
    if any(one == prompt_id for _, one in running):
        return Standing(state=PromptState.RUNNING)
    for number, one in pending:
        if one == prompt_id:
            ahead = sum(other < number for other, _ in pending) + len(running)
            return Standing(state=PromptState.PENDING, ahead=ahead)
    return Standing(state=PromptState.UNKNOWN)


def refusal(answer: object) -> str:
    """What a refused prompt is told, a line for each mistake; "" when the answer names none."""
    if not isinstance(answer, dict):
        return ""
    lines = []
    error = answer.get("error")
    if isinstance(error, dict):
        lines.append(_sentence(error))
    elif isinstance(error, str):
        lines.append(error)
    lines += node_errors(answer)
    return "\n".join(lines)[:_TEXT_CHARS_MAX]


def node_errors(answer: object) -> list[str]:
    """The mistakes of single nodes, also of a prompt that was taken without them."""
    found = answer.get("node_errors") if isinstance(answer, dict) else None
    lines = []
    for node_id, node in (found if isinstance(found, dict) else {}).items():
        if not isinstance(node, dict):
            continue
        lines.append(f"* {node.get('class_type', 'node')} {node_id}:")
        errors = node.get("errors")
        lines += [
            f"  - {_sentence(error)}"
            for error in (errors if isinstance(errors, list) else ())
            if isinstance(error, dict)
        ]
    return lines[:PROBLEMS_MAX]


def _title(node: Mapping[str, Any]) -> object:
    meta = node.get("_meta")
    return meta.get("title") if isinstance(meta, dict) else None


def _sentence(error: Mapping[str, Any]) -> str:
    """ "Value not in list: ckpt_name: 'a.ckpt' not in [] (value_not_in_list)"."""
    said = [str(error[key]) for key in ("message", "details") if error.get(key)]
    kind = error.get("type")
    return ": ".join(said) + (f" ({kind})" if kind else "")


def _queued(queue: object, key: str) -> Iterator[tuple[float, str]]:
    """Number and id of each; the smallest number is the next."""
    items = queue.get(key) if isinstance(queue, dict) else None
    for item in items if isinstance(items, list) else ():
        match item:
            case [int() | float() as number, str() as prompt_id, *_]:
                yield number, prompt_id


def _ended(entry: Mapping[str, Any]) -> Standing:
    status, outputs = entry.get("status"), entry.get("outputs")
    said = dict(_messages(status.get("messages"))) if isinstance(status, dict) else {}
    # One that was interrupted has the status "error" as well.
    if "execution_interrupted" in said:
        return Standing(state=PromptState.INTERRUPTED)
    if isinstance(status, dict) and status.get("status_str") == "error":
        return Standing(state=PromptState.FAILED, failure=_failure(said.get("execution_error", {})))
    return Standing(state=PromptState.DONE, outputs=outputs if isinstance(outputs, dict) else {})


def _messages(found: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for message in found if isinstance(found, list) else ():
        match message:
            case [str() as name, dict() as data, *_]:
                yield name, data


def _failure(said: Mapping[str, Any]) -> NodeFailure:
    """Without the node's inputs, which may hold keys."""
    lines = said.get("traceback")
    return NodeFailure(
        node_id=str(said.get("node_id", "")),
        node_type=str(said.get("node_type", "")),
        type=str(said.get("exception_type", "")),
        message=str(said.get("exception_message", "")).strip(),
        traceback="".join(map(str, lines)) if isinstance(lines, list) else "",
    )
