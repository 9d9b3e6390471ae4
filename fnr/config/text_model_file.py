"""Load the text model: that of the package, with the layer that operators taught it.

A damaged layer never keeps anything from running: the package's model decides without it, and who
loads it is told. `[rules] text_model = false` means no model at all.
"""

from __future__ import annotations

from pathlib import Path

from fnr.config.paths import Paths
from fnr.config.rule_files import read_text_model
from fnr.config.settings import Settings
from fnr.config.whole_file import read_whole
from fnr.policy.local_model import with_local
from fnr.policy.text_model import DamagedModel, TextModel
from fnr.policy.used_up import is_used_up

LAYER_BYTES_MAX = 64 * 1024 * 1024


def load_text_model(paths: Paths, settings: Settings) -> tuple[TextModel | None, str]:
    """The model, None when it is switched off; and what is wrong with its layer, in words.

    Raises OSError where no file descriptor, or no memory, is left to read it with.
    """
    if not settings.rules.text_model:
        return None, ""
    model = read_text_model()
    if model is None:
        return None, "the text model of the package is missing or damaged: install fnr again"
    file = Path(paths.learnt_file)
    try:
        return with_local(model, read_whole(str(file), bytes_max=LAYER_BYTES_MAX)), ""
    except FileNotFoundError:
        return model, ""
    except OSError as error:
        if is_used_up(error):
            raise
        return model, f"{file} cannot be read: {error.strerror or error}"
    except DamagedModel as error:
        return (
            model,
            f"{file} is no layer of the text model: {error}; fnr rules learn makes a new one",
        )
    except ValueError as error:
        return model, f"{file} cannot be read: {error}"
