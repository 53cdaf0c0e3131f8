"""ngspice's binary raw files as numpy arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resonet.core.errors import EngineError
from resonet.core.types import Array

__all__ = ["Plot", "RawError", "read_raw"]


class RawError(EngineError):
    """A raw file that is cut short, is none, or lacks what was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """One analysis: `data[point, variable]`, real or complex."""

    name: str  # as ngspice calls the analysis: "AC Analysis", "Transient Analysis", ...
    variables: tuple[str, ...]
    data: NDArray[Any]

    @property
    def axis(self) -> Array:
        """The first variable: frequency, time or sweep (the imaginary part of ngspice's frequency is garbage)."""
        return np.asarray(self.data[:, 0].real, dtype=np.float64)

    def columns(self, names: list[str]) -> NDArray[Any]:
        """Columns of those variables, [points, names]; RawError names what is missing."""
        where = {variable: n for n, variable in enumerate(self.variables)}
        missing = [name for name in names if name not in where]
        if missing:
            raise RawError(f"no {missing[0]} in the plot {self.name!r} ({len(self.variables)} variables)")
        return self.data[:, [where[name] for name in names]]


def read_raw(path: Path) -> list[Plot]:
    """All plots of a binary raw file, in its order. Raises RawError on a file that is cut short."""
    blob, at, plots = path.read_bytes(), 0, []
    marker = b"Binary:\n"
    while at < len(blob):
        end = blob.find(marker, at)
        if end < 0:
            raise RawError(f"{path.name}: no binary section after byte {at}")
        head, _, names = blob[at:end].decode("latin-1").partition("Variables:\n")
        fields = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
        try:
            points, width = int(fields["No. Points"]), int(fields["No. Variables"])
            kind = np.dtype(np.complex128 if "complex" in fields["Flags"] else np.float64)
            variables = tuple(line.split()[1] for line in names.splitlines() if line.strip())
            name = fields["Plotname"].strip()
        except (KeyError, ValueError, IndexError):
            raise RawError(f"{path.name}: header without name, points, flags or variables") from None
        if points < 0 or width != len(variables):
            raise RawError(f"{path.name}: {points} points of {width} variables, {len(variables)} of them named")
        at = end + len(marker)
        size = points * width * kind.itemsize
        if at + size > len(blob):
            raise RawError(f"{path.name}: cut short, {len(blob) - at} of {size} bytes of data")
        data = np.frombuffer(blob, kind, points * width, at).reshape(points, width)
        plots.append(Plot(name, variables, data))
        at += size
    return plots
