"""Griffe extension for the reference page: examples of docstrings (>>>) become blocks, as they are no Markdown."""

import re
from typing import Any

import griffe

__all__ = ["Doctests"]

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?! *$).+)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts fences around examples."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Of every object, once it is read."""
        if obj.docstring is not None:
            obj.docstring.value = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", obj.docstring.value)
