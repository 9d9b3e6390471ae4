"""Read a workflow from the file that a function names."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fnr.policy.workflow import BadWorkflowError, Graph, graph_of

WORKFLOW_BYTES_MAX = 10 * 1024 * 1024


def read_workflow(path: str) -> Graph:
    """The workflow in a file. Raises OSError, and BadWorkflowError, which names the file."""
    with Path(path).open("rb") as file:
        data = file.read(WORKFLOW_BYTES_MAX + 1)
    try:
        if len(data) > WORKFLOW_BYTES_MAX:
            raise BadWorkflowError(f"it has more than {WORKFLOW_BYTES_MAX} bytes")
        return graph_of(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadWorkflowError(f"{path} is no JSON: {error}") from None
    except BadWorkflowError as error:
        raise BadWorkflowError(f"{path}: {error}") from None
