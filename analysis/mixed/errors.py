"""The one error of the model room: a sentence that names the column and the reason."""

from __future__ import annotations


class ModelError(ValueError):
    """A model that cannot be fitted to these data as asked; the message says what and why."""
