"""[breakers.NAME]: what is always there, what a table changes, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fnr.config.breaker_words import health_probe, show_health_probe, show_some_of, some_of
from fnr.config.load import Loaded, load
from fnr.config.paths import find_paths


def loaded(tmp_path: Path, toml: str) -> Loaded:
    (tmp_path / "fnr.toml").write_text(toml)
    return load(find_paths(str(tmp_path)), environ={})


def test_four_breakers_are_always_there(tmp_path: Path) -> None:
    breakers = loaded(tmp_path, "").settings.breakers
    numbers = {name: (one.failures_max, one.open_ms) for name, one in breakers.items()}
    assert numbers == {
        "comfyui": (3, 30_000),
        "storage": (5, 60_000),
        "gpu_allocation": (2, 120_000),
        "default": (5, 60_000),
    }


def test_a_table_changes_only_what_it_names(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        """
[breakers.prompts]
trials = 2
[breakers.default]
failures = 7
[breakers.comfyui]
probe = "127.0.0.1:8188"
""",
    ).settings
    assert (settings.breaker("prompts").trials, settings.breaker("prompts").failures_max) == (2, 7)
    assert settings.breaker("nobody").failures_max == 7
    assert settings.breaker("comfyui").failures_max == 3
    assert settings.breaker("comfyui").probe == ("TCP", "127.0.0.1:8188")


@pytest.mark.parametrize(
    ("toml", "line", "words"),
    [
        ("[breakers.x]\nfailurs = 3", 2, "did you mean 'failures'"),
        ('[breakers.x]\nwindow = "9 of 5"', 2, "9 failures of 5 calls"),
        ("[breakers.x]\nwindow = 6", 2, "6 of 10"),
        ('[breakers.x]\nprobe = "ftp://x"', 2, "no URL"),
        ('[breakers.x]\nprobe = "just words"', 2, "neither"),
        ('[breakers.x]\nprobe = "host:99999"', 2, "neither"),
        ("[breakers.x]\nprobe = []", 2, "list of its words"),
        ('[breakers.x]\nopen = "5m"\nopen_max = "1m"', 3, "less than open"),
        ("[breakers.X]", 1, "a name is"),
        ("[breakers._x]", 1, "begins with a letter or digit"),
        ("breakers = 3", 1, "must be tables"),
        ('[functions.f]\ncommand = ["true"]\nservices = "storage"', 3, "list of names"),
        ('[functions.f]\ncommand = ["true"]\nservices = ["No Name"]', 3, "is no name"),
        (
            '[functions.f]\ncommand = ["true"]\nservices = ["-y"]',
            3,
            "begins with a letter or digit",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, toml: str, line: int, words: str) -> None:
    [problem] = loaded(tmp_path, toml).problems
    assert problem.where.endswith(f":{line}")
    assert words in problem.message


@pytest.mark.parametrize("written", ["6 of 10", "off", "1 of 1"])
def test_windows_are_shown_as_they_are_written(written: str) -> None:
    assert show_some_of(some_of(written)) == written


@pytest.mark.parametrize(
    "written", ["http://h:1/x?y=1", "https://h", "h:80", "[::1]:80", ["curl", "-fs", "http://h"]]
)
def test_probes_are_shown_as_they_are_written(written: object) -> None:
    assert show_health_probe(health_probe(written)) == written


def test_a_function_names_each_service_once(tmp_path: Path) -> None:
    toml = '[functions.f]\ncommand = ["true"]\nservices = ["storage", "x", "storage"]'
    assert loaded(tmp_path, toml).settings.functions["f"].services == ("storage", "x")
