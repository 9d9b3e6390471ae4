"""-o json is JSON, whatever the locale is and whatever bytes a name is made of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from live_home import LiveHome

FNR = (sys.executable, "-m", "fnr")
WORD = "né😀→"
NO_CHARACTERS = b"\xff"


def ran(*words: str | bytes, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*FNR, *words], check=False, capture_output=True, env={**os.environ, **env}, timeout=60
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "UTF8"])
def test_every_character_comes_through_streams_that_cannot_write_it(
    home: LiveHome, encoding: str
) -> None:
    where = ("--home", str(home.folder), "-o", "json")
    env = {"PYTHONIOENCODING": encoding}

    said = json.loads(ran(*where, "submit", "say", f"word={WORD}", "--wait", **env).stdout)
    refused = json.loads(ran(*where, "submit", "say", f"{WORD}=1", **env).stderr)

    assert said["items"][0]["result"] == f"{WORD}\n"
    assert WORD in refused["error"]["why"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_the_fast_path_of_status_does_the_same(encoding: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix=f"fnr-{WORD}-"))
    home = LiveHome(folder, "").up()
    try:
        where = ("--home", str(folder))
        status = ran(*where, "status", "-o", "json", PYTHONIOENCODING=encoding)
        assert json.loads(status.stdout)["home"] == str(folder)
        assert status.stderr == b""
    finally:
        home.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_bytes_that_are_no_characters_are_named_in_json_too(home: LiveHome, tmp_path: Path) -> None:
    missing = bytes(tmp_path) + b"/" + NO_CHARACTERS
    where = ("--home", str(home.folder), "-o", "json")

    refused = ran(*where, "submit", "say", "--input", b"@" + missing)

    assert refused.returncode == 65
    assert json.loads(refused.stderr)["error"]["message"].endswith("/\\udcff cannot be read")


@pytest.mark.parametrize("words", [("status",), ("status", "-o", "json"), ("config", "path")])
def test_a_home_whose_name_is_no_text_is_shown(tmp_path: Path, words: tuple[str, ...]) -> None:
    shown = ran("--home", bytes(tmp_path) + b"/" + NO_CHARACTERS, *words)

    assert shown.returncode == (3 if "status" in words else 0)
    assert b"\\udcff" in shown.stdout
    assert b"Traceback" not in shown.stderr
