"""What the answers of all commands have, and words that several of their types use."""

from pathlib import Path

from typing_extensions import TypedDict  # of which pydantic makes schemas on Python 3.11 too

from resonet.core.validity import Warned
from resonet.cosim.weights.witness import Witness

__all__ = ["ByLayer", "Checked", "Common", "Files"]

ByLayer = dict[str, float]
Files = list[Path]


class Common(TypedDict):
    """What every answer has."""

    schema: str
    warnings: list[Warned]


class Checked(Common):
    """Whose the weights are."""

    engine: str
    witness: Witness | None
