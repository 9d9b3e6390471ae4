"""GPUs for tests: the real binding on a compiled libnvidia-ml.so.1 whose state is a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "nvml_stub.c"


class Gpus:
    """What the driver says, until it is told otherwise."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler for the stand-in of NVML")
        pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
        self._state = folder / "gpus"
        library = folder / "libnvidia-ml.so.1"
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, SOURCE],
            check=True,
        )
        self.env = {"LD_LIBRARY_PATH": str(folder), "NVML_STUB_STATE": str(self._state)}

    def say(self, *lines: str) -> None:
        """Replace the state whole."""
        draft = self._state.with_suffix(".new")
        draft.write_text("".join(f"{line}\n" for line in lines))
        draft.rename(self._state)


def gpu(
    number: int, *, total_mib: int = 8192, free_mib: int = 8000, recovery: int = 0, error: int = 0
) -> str:
    """One GPU's line; its UUID is made of its number."""
    return f"gpu {uuid(number)} {total_mib} {free_mib} {recovery} {error}"


def uuid(number: int) -> str:
    """The UUID of the GPU of this number."""
    return f"GPU-0000000{number}"


@pytest.fixture
def gpus(tmp_path: Path) -> Gpus:
    """A driver without GPUs until the test says which there are."""
    folder = tmp_path / "nvml"
    folder.mkdir()
    found = Gpus(folder)
    found.say()
    return found
