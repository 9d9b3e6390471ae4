"""The text model as the commands about rules use it: what is wrong with it is said, once."""

from __future__ import annotations

from fnr.cli.here import here
from fnr.config.settings import Settings
from fnr.config.text_model_file import load_text_model
from fnr.policy.text_model import TextModel


def text_model_here(settings: Settings) -> TextModel | None:
    """The model with what operators taught it; None when it is switched off."""
    model, problem = load_text_model(here().paths, settings)
    if problem:
        here().notice(f"notice: {problem}")
    return model
