"""What sections of the page are made of; the templates know how each is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from resonet.report.page.verdict import Judged

__all__ = ["Block", "Image", "Missing", "Page", "Plot", "Schematic", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text."""

    KIND: ClassVar[str] = "table"
    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)  # columns that are text, and stand left
    folded: bool = False  # opened by whom it interests
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """An interactive plot: a specification for plotly with colours by name (`charts.COLOURS`)."""

    KIND: ClassVar[str] = "plot"
    name: str  # unique on the page
    title: str  # what is seen
    alt: str  # what it says, for who cannot see it
    spec: Mapping[str, Any]
    table: Table | None = None  # the same numbers
    square: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """What has not been computed, or no longer holds."""

    KIND: ClassVar[str] = "missing"
    what: str
    command: str
    why: str = ""  # stale


@dataclass(frozen=True, slots=True)
class Image:
    """A drawing as PNG."""

    KIND: ClassVar[str] = "image"
    title: str
    alt: str
    data: str  # URI


@dataclass(frozen=True, slots=True)
class Schematic:
    """A chain on its bus."""

    KIND: ClassVar[str] = "schematic"
    name: str
    title: str
    alt: str
    width: int
    height: int
    shapes: tuple[Mapping[str, Any], ...]


Block = Table | Plot | Missing | Image | Schematic


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    name: str  # of its anchor
    title: str
    blocks: Sequence[Block] = ()
    sections: "Sequence[Section]" = ()
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """All of it."""

    title: str
    subtitle: str
    state: str  # pass, fail, open or none: what stands first
    headline: str
    judged: tuple[Judged, ...]
    sections: tuple[Section, ...] = field(default=())
