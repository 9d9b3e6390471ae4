"""The loop does not wait long for the interpreter where a thread searches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fnr.api.errors import Refused
from fnr.config.paths import find_paths
from fnr.config.settings import Settings
from fnr.daemon import main
from fnr.host.lock import hold_home


def test_a_thread_that_computes_gives_the_interpreter_back_soon(tmp_path: Path) -> None:
    before_s = sys.getswitchinterval()
    paths = find_paths(home=str(tmp_path))
    main.make_folders(paths)
    held = hold_home(paths.lock_file)
    try:
        with pytest.raises(Refused, match="another daemon runs"):
            main.run(paths, Settings(), load=Settings)
        assert sys.getswitchinterval() == pytest.approx(main.TURN_S) != pytest.approx(before_s)
    finally:
        sys.setswitchinterval(before_s)
        held.release()
