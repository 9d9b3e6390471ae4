"""Run a ComfyUI workflow: queue it, follow it to its end, bring its files home.

A prompt goes on in ComfyUI whoever dies here. It is queued under an id of ours that is kept for the
next attempt first, so that this one looks for it there and does not render the same a second time;
and with a step of undo, so that a task that ends for good leaves no prompt behind.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from fnr.api.frames import ComfyPlan
from fnr.config.workflow_file import read_workflow
from fnr.host.clock import Clock
from fnr.host.disk import write_all
from fnr.policy.workflow import (
    BadWorkflowError,
    Graph,
    NodeFailure,
    PromptState,
    Standing,
    filled,
    graph_of,
    node_errors,
    refusal,
    standing,
)
from fnr.worker import sdk, undo
from fnr.worker.comfyui_server import ComfyServer, HttpRefusedError
from fnr.worker.wishes import Reject, Retry

# A prompt that has just ended is in neither list for a moment; one that ComfyUI does not know after
# this long is lost, because it was restarted.
GONE_MS = 5_000
# One that cannot be connected to is dead; one that is silent may be loading a model.
DEAD_MS = 60_000
BUSY_MS = 600_000
LOOK_MS, LOOK_MS_MAX = 100, 1_000
_NOT_FOUND, _NOT_ALLOWED = 404, 405
_DRAFT = ".draft"


class PromptRefusedError(Exception):
    """ComfyUI did not take the workflow, or would have run a part of it only."""

    def __init__(self, words: str, status_code: int | None = None) -> None:
        super().__init__(words)
        self.status_code = status_code


class NodeFailedError(Exception):
    """A node raised; what it raised there is the cause."""


class PromptCancelledError(Exception):
    """The attempt was asked to end, and took its prompt back."""


class Workflow:
    """The function of a worker."""

    def __init__(self, plan: ComfyPlan, *, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._server = ComfyServer(plan.url)

    def __call__(self, **given: Any) -> dict[str, Any]:
        """Run it with a task's input; raises what ended it."""
        graph = self._graph(given)
        prompt_id = ""
        try:
            prompt_id = self._taken_before(graph) or self._queue(graph)
            outputs = self._follow(prompt_id)
        except BaseException:
            # Who is only interrupted leaves it to the next attempt, which finds it.
            if prompt_id and sdk.cancelled():
                cancel_prompt(self._server, prompt_id)
            raise
        return {
            "prompt_id": prompt_id,
            "outputs": outputs,
            "saved": [*self._save(outputs)] if self._plan.save_to else [],
        }

    def _graph(self, given: dict[str, Any]) -> Graph:
        path = self._plan.workflow
        try:
            graph = graph_of(given.get("workflow")) if path is None else read_workflow(path)
            return filled(graph, self._plan.nodes, given)
        except BadWorkflowError as error:
            if path is not None:
                raise
            raise Reject(f"the input's workflow cannot be queued: {error}") from None

    def _taken_before(self, graph: Graph) -> str:
        """The prompt that an attempt before has queued, if it may still come to a good end."""
        kept = sdk.attempt().checkpoint
        prompt_id = str(kept.get("prompt_id", "")) if isinstance(kept, dict) else ""
        if not prompt_id:
            return ""
        if kept.get("graph") != _digest(graph):  # its file has changed meanwhile
            with suppress(HttpRefusedError):
                cancel_prompt(self._server, prompt_id)
            return ""
        try:
            found = self._look(prompt_id)
        except ConnectionRefusedError:
            # Its prompts may be gone with it, or only what leads there: the one before stays kept.
            raise
        except OSError:
            found = self._patiently(lambda: self._look(prompt_id))
        if found.state in {PromptState.PENDING, PromptState.RUNNING, PromptState.DONE}:
            _say(f"prompt {prompt_id} of the attempt before is {found.state}: followed")
            undo.call(_UNDO, self._step(prompt_id))
            return prompt_id
        return ""

    def _queue(self, graph: Graph) -> str:
        token = sdk.attempt().token
        prompt_id = prompt_id_of(token)
        self._keep({"prompt_id": prompt_id, "graph": _digest(graph)})
        undo.call(_UNDO, self._step(prompt_id))
        order = {"prompt": graph, "prompt_id": prompt_id, "client_id": f"fnr-{token}"}
        try:
            answer = self._server.post("/prompt", order)
        except HttpRefusedError as error:
            words = refusal(error.answer) or str(error)
            raise PromptRefusedError(words, error.status_code) from None
        except ConnectionRefusedError:
            raise
        except OSError:
            # It may have been taken all the same.
            if self._patiently(lambda: self._look(prompt_id)).state is PromptState.UNKNOWN:
                raise
            return prompt_id
        given = answer.get("prompt_id") if isinstance(answer, dict) else None
        if isinstance(given, str) and given != prompt_id:  # an older one chooses by itself
            prompt_id = given
            sdk.checkpoint({"prompt_id": prompt_id, "graph": _digest(graph)})
            undo.call(_UNDO, self._step(prompt_id))
        if left_out := node_errors(answer):
            # Nobody follows a part of it, also where it cannot be taken back before undo does.
            sdk.checkpoint(None)
            with suppress(OSError, HttpRefusedError):
                cancel_prompt(self._server, prompt_id)
            why = "ComfyUI would run a part of it only: prompt outputs failed validation"
            raise PromptRefusedError("\n".join([why, *left_out]))
        return prompt_id

    def _keep(self, what: dict[str, str]) -> None:
        """See to it that the next attempt finds it; a daemon that is gone may be back soon."""
        until_ms = self._clock.boot_ms() + BUSY_MS
        while not sdk.checkpoint(what):
            if sdk.cancelled():
                raise PromptCancelledError("asked to end before its prompt was queued")
            if self._clock.boot_ms() >= until_ms:
                raise Retry("no daemon keeps the id of its prompt, so it was not queued")

    def _step(self, prompt_id: str) -> dict[str, str]:
        return {"url": self._plan.url, "prompt_id": prompt_id}

    def _follow(self, prompt_id: str) -> dict[str, Any]:
        """Wait for its end; what it has put out."""
        began_ms, lost_ms = self._clock.boot_ms(), None
        while True:
            found = self._patiently(lambda: self._look(prompt_id))
            now_ms = self._clock.boot_ms()
            match found.state:
                case PromptState.DONE:
                    return found.outputs
                case PromptState.FAILED:
                    raise _raised(found.failure or NodeFailure())
                case PromptState.INTERRUPTED:
                    raise Retry(f"prompt {prompt_id} was interrupted in ComfyUI by somebody else")
                case PromptState.UNKNOWN:
                    lost_ms = now_ms if lost_ms is None else lost_ms
                    if now_ms - lost_ms >= GONE_MS:
                        raise Retry(f"ComfyUI does not know prompt {prompt_id} any more")
                case _:
                    lost_ms = None
                    waits = found.state is PromptState.PENDING
                    sdk.progress(0, stage=f"waits behind {found.ahead}" if waits else "runs")
            self._pause(min(LOOK_MS_MAX, LOOK_MS + (now_ms - began_ms) // 20))

    def _look(self, prompt_id: str) -> Standing:
        # The queue first: what ends in between is then in the history.
        queue = self._server.get("/queue")
        return standing(
            prompt_id,
            queue=queue,
            history=self._server.get(f"/history/{quote(prompt_id, safe='')}"),
        )

    def _patiently(self, look: Callable[[], Standing]) -> Standing:
        """Ask until it answers: busy is not dead, and dead is not lost until it stays so."""
        began_ms, dead_ms = self._clock.boot_ms(), None
        while True:
            try:
                return look()
            except OSError as error:
                now_ms = self._clock.boot_ms()
                if not isinstance(error, ConnectionError):
                    dead_ms = None
                elif dead_ms is None:
                    dead_ms = now_ms
                is_lost = dead_ms is not None and now_ms - dead_ms >= DEAD_MS
                if is_lost or now_ms - began_ms >= BUSY_MS:
                    raise
            self._pause(LOOK_MS_MAX)

    def _pause(self, for_ms: int) -> None:
        if sdk.cancelled():
            raise PromptCancelledError("asked to end while its prompt was followed")
        select.poll().poll(for_ms)

    def _save(self, outputs: dict[str, Any]) -> Iterator[str]:
        """Bring the files of its outputs to save_to/TASK; the paths."""
        folder = Path(self._plan.save_to) / sdk.attempt().task_id
        folder.mkdir(parents=True, exist_ok=True)
        taken = {_DRAFT}
        for file in files_of(outputs):
            name = Path(file["filename"]).name
            number = 1
            while name in taken:
                number += 1
                name = f"{number}-{Path(file['filename']).name}"
            taken.add(name)
            draft = folder / _DRAFT
            try:
                with self._server.download("/view", file) as parts:
                    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
                    try:
                        for part in parts:
                            write_all(fd, part)
                        os.fsync(fd)
                    finally:
                        os.close(fd)
                draft.replace(folder / name)
            finally:
                draft.unlink(missing_ok=True)
            yield str(folder / name)


def prompt_id_of(token: str) -> str:
    """Under which id an attempt queues its prompt: one that ComfyUI takes, and nobody else has."""
    return str(UUID(bytes=sha256(f"fnr attempt {token}".encode()).digest()[:16], version=4))


def files_of(outputs: dict[str, Any]) -> Iterator[dict[str, str]]:
    """What GET /view wants to know of each file that was put out; previews are left out."""
    for node in outputs.values():
        for kind in node.values() if isinstance(node, dict) else ():
            for file in kind if isinstance(kind, list) else ():
                match file:
                    case {"filename": str() as name, "type": "output"} if _is_a_name(name):
                        subfolder = str(file.get("subfolder") or "")
                        yield {"filename": name, "subfolder": subfolder, "type": "output"}


def _is_a_name(path: str) -> bool:
    return "\0" not in path and Path(path).name not in {"", ".", ".."}


def cancel_prompt(server: ComfyServer, prompt_id: str) -> None:
    """See to it that it does not run, or ends soon; one that has ended stays as it is.

    Raises OSError where ComfyUI cannot be asked.
    """
    try:
        server.post(f"/api/jobs/{quote(prompt_id, safe='')}/cancel", {})
    except HttpRefusedError as error:
        if error.status_code not in {_NOT_FOUND, _NOT_ALLOWED}:
            raise
    else:
        return
    # An older one: out of the queue, and only if it runs is there anything to interrupt, because
    # the oldest interrupt whatever runs.
    server.post("/queue", {"delete": [prompt_id]})
    found = standing(prompt_id, queue=server.get("/queue"), history={})
    if found.state is PromptState.RUNNING:
        server.post("/interrupt", {"prompt_id": prompt_id})


def undo_prompt(step: dict[str, str]) -> None:
    """The step of undo of every prompt that was about to be queued."""
    # A server that is gone took its prompts with it.
    with suppress(ConnectionRefusedError):
        cancel_prompt(ComfyServer(step["url"]), step["prompt_id"])


def _raised(failure: NodeFailure) -> NodeFailedError:
    """What ended the prompt, with what the node raised there as its cause."""
    _say(failure.traceback.rstrip())
    where = f"node {failure.node_id} ({failure.node_type})"
    error = NodeFailedError(
        f"{where} failed: {failure.message or failure.type or 'no reason given'}"
    )
    if failure.type:
        module, _, name = failure.type.rpartition(".")
        # Rules know it by its type, which is no class of this process.
        kind = type(name, (Exception,), {"__module__": module or "builtins"})
        error.__cause__ = kind(failure.message)
    return error


def _digest(graph: Graph) -> str:
    return sha256(msgspec.json.encode(graph, order="sorted")).hexdigest()


def _say(words: str) -> None:
    """Into the log of the attempt."""
    if words:
        os.write(2, f"{words}\n".encode(errors="backslashreplace"))


_UNDO = f"{__name__}:{undo_prompt.__name__}"
