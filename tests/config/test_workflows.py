"""Functions of the kind comfyui: their keys, and what of their workflow is seen before it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_comfyui import GRAPH

from fnr.config import whole_file
from fnr.config.load import Loaded, load
from fnr.config.paths import find_paths

Load = Callable[[str], Loaded]
HEAD = '[functions.cat]\ncomfyui = "comfyui"\nworkflow = "cat.json"\n'


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    (tmp_path / "cat.json").write_text(json.dumps(GRAPH))

    def write_and_load(text: str) -> Loaded:
        (tmp_path / "fnr.toml").write_text(text)
        return load(find_paths(str(tmp_path), environ={}), environ={})

    return write_and_load


def said(found: Loaded) -> list[str]:
    return [f"{p.where.rpartition('/')[2]}: {p.message}" for p in found.problems]


def test_every_key_is_read(loaded: Load, tmp_path: Path) -> None:
    found = loaded(
        HEAD
        + """
        url = "https://gpu2:8188/comfy"
        save_to = "out"
        services = ["storage"]
        nodes = { "6.text" = "prompt", "Sampler.seed" = "seed" }
        input = { prompt = "str", seed = "int?" }
        gpus = 1
        """
    )
    assert found.problems == ()
    cat = found.settings.functions["cat"]
    assert (cat.kind, cat.in_process, cat.comfyui) == ("comfyui", True, "comfyui")
    assert (cat.url, cat.workflow) == ("https://gpu2:8188/comfy", str(tmp_path / "cat.json"))
    assert cat.save_to == str(tmp_path / "out")
    assert cat.nodes == {"6.text": "prompt", "Sampler.seed": "seed"}
    assert cat.services == ("storage", "comfyui"), "its breaker guards it"
    assert cat.window == 1, "a GPU is given to each attempt"


def test_a_service_that_is_named_only_here_has_a_breaker(loaded: Load) -> None:
    found = loaded(HEAD.replace('"comfyui"', '"comfyui-two"'))
    assert found.settings.functions["cat"].services == ("comfyui-two",)
    rung = '[[functions.cat.degrade]]\nwhen = ["breaker:comfyui-two"]\nset = { steps = 4 }\n'
    assert said(loaded(HEAD.replace('"comfyui"', '"comfyui-two"') + rung)) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('comfyui = "A B"', "must be the name of a service"),
        ('comfyui = "c"\nurl = "gpu2:8188"', "no URL that begins with http"),
        ('comfyui = "c"\nurl = "http://gpu2/#flow"', "must end where its paths begin"),
        ('comfyui = "c"\nurl = "http://u:secret@gpu2"', "must have no user and password in it"),
        ('comfyui = "c"\nworkflow = "none.json"', "none.json: No such file or directory"),
        ('comfyui = "c"\nworkflow = "~no-such-user/a.json"', "whose home that is, nobody here"),
        ('comfyui = "c"\nsave_to = "~no-such-user/a"', "whose home that is, nobody here"),
        ('comfyui = "c"\nworkflow = "ui.json"', 'save it with "Export (API)"'),
        ('comfyui = "c"\nworkflow = "broken.json"', "broken.json is no JSON"),
        ('comfyui = "c"\nworkflow = "cat.json"\nnodes = { "66.text" = "a" }', "no node '66'"),
        ('comfyui = "c"\nworkflow = "cat.json"\nnodes = { text = "a" }', "must read"),
        ('comfyui = "c"\nnodes = { "6.text" = 3 }', "must be the name of an input"),
        ('comfyui = "c"\nnodes = 3', "must be a table"),
        (
            'comfyui = "c"\nnodes = { "6.text" = "a" }\ninput = { workflow = "object" }',
            "'a' is not among the declared input",
        ),
        ('comfyui = "c"\ninput = { prompt = "str" }', 'must declare: workflow = "object"'),
        ('comfyui = "c"\nresult = "json"', "is for commands"),
        ('comfyui = "c"\nprogress_timeout = "5m"', "ComfyUI does not say how far it is"),
        ('comfyui = "c"\npython = "a:b"', "has both python and comfyui"),
        ('python = "a:b"\nworkflow = "cat.json"', 'is for functions with comfyui = "SERVICE"'),
        ('command = ["a"]\nnodes = { "6.text" = "a" }', "is for functions with comfyui"),
    ],
)
def test_a_mistake_is_explained(loaded: Load, tmp_path: Path, body: str, problem: str) -> None:
    (tmp_path / "ui.json").write_text('{"nodes": [], "links": []}')
    (tmp_path / "broken.json").write_text("{")
    [only] = said(loaded(f"[functions.f]\n{body}\n"))
    assert problem in only
    assert only.startswith("fnr.toml:")


def test_a_silent_pipe_in_place_of_a_workflow_holds_nobody_up(
    loaded: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file, "SILENCE_MS_MAX", 10)
    os.mkfifo(tmp_path / "pipe")
    [words] = said(loaded('[functions.cat]\ncomfyui = "c"\nurl = "http://h"\nworkflow = "pipe"\n'))
    assert "nobody has written into it for 10 ms" in words
    [words] = said(
        loaded('[functions.cat]\ncomfyui = "c"\nurl = "http://h"\nworkflow = "/dev/zero"\n')
    )
    assert "it does not end" in words
