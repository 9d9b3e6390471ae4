"""Read what a function of the kind comfyui says of its workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fnr.config.keys import COMFYUI_KEYS, Report
from fnr.config.workflow_file import read_workflow
from fnr.policy.toml_lines import KeyPath
from fnr.policy.workflow import BadWorkflowError, Graph, place_of

# What belongs to this kind only, beside its name.
_OWN = {*COMFYUI_KEYS, "nodes"} - {"comfyui"}


def read_workflow_keys(
    report: Report,
    path: KeyPath,
    table: Mapping[str, Any],
    fields: dict[str, Any],
    *,
    place: Callable[[str, str], str | None],
) -> dict[str, Any]:
    """Further fields of such a function; problems, also of its file, are in the report.

    fields: what was read of the table already; the declared input among it. place: where a key's
            path is; reports one that is nowhere.
    """
    found: dict[str, Any] = {"nodes": _nodes(report, path, table, fields["input"])}
    for key in ("workflow", "save_to"):
        if written := fields.get(key):
            found[key] = place(key, written)
    # Its breaker guards it, as that of any service.
    found["services"] = tuple(
        dict.fromkeys([*fields.get("services", ()), *filter(None, [fields.get("comfyui")])])
    )
    if file := found.get("workflow"):
        _check_nodes(report, path, file, found["nodes"])
    elif "workflow" not in table and (told := fields["input"]) and told.get("workflow") != "object":
        report.problem(path, 'names no workflow, so its input must declare: workflow = "object"')
    return found


def _check_nodes(report: Report, path: KeyPath, file: str, nodes: Mapping[str, str]) -> None:
    graph = _read(report, (*path, "workflow"), file)
    for node in nodes if graph is not None else ():
        try:
            place_of(graph or {}, node)
        except BadWorkflowError as error:
            report.problem((*path, "nodes", node), str(error))


def refuse_workflow(report: Report, path: KeyPath, table: Mapping[str, Any]) -> None:
    """Of another kind: these keys would be read by nobody."""
    for key in table:
        if key in _OWN:
            report.problem((*path, key), 'is for functions with comfyui = "SERVICE"')


def _nodes(
    report: Report, path: KeyPath, table: Mapping[str, Any], declared: Mapping[str, str]
) -> dict[str, str]:
    nodes = table.get("nodes", {})
    if not isinstance(nodes, dict):
        report.problem((*path, "nodes"), 'must be a table: { "6.text" = "prompt" }')
        return {}
    good = {}
    for place, key in nodes.items():
        here = (*path, "nodes", place)
        if not isinstance(key, str) or not key:
            report.problem(here, "must be the name of an input, in quotes")
        elif declared and key not in declared:
            report.problem(here, f"{key!r} is not among the declared input")
        else:
            report.found(here)
            good[place] = key
    return good


def _read(report: Report, path: KeyPath, file: str) -> Graph | None:
    try:
        return read_workflow(file)
    except OSError as error:
        report.problem(path, f"{file}: {error.strerror}")
    except BadWorkflowError as error:
        report.problem(path, str(error))
    return None
