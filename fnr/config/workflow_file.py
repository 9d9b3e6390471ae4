"""Read a workflow from the file that a function names."""

from __future__ import annotations

import msgspec

from fnr.config.whole_file import read_whole
from fnr.policy.workflow import BadWorkflowError, Graph, graph_of

WORKFLOW_BYTES_MAX = 10 * 1024 * 1024


def read_workflow(path: str) -> Graph:
    """The workflow in a file. Raises OSError, and BadWorkflowError, which names the file."""
    try:
        data = read_whole(path, bytes_max=WORKFLOW_BYTES_MAX)
    except ValueError as error:
        raise BadWorkflowError(f"{path}: {error}") from None
    try:
        return graph_of(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadWorkflowError(f"{path} is no JSON: {error}") from None
    except BadWorkflowError as error:
        raise BadWorkflowError(f"{path}: {error}") from None
