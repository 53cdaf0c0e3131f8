"""What a design folder holds that still holds: what the page is made of, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resonet.core.types import Array, Complex
from resonet.cosim.montecarlo.limits import Limit
from resonet.cosim.weights.held import RfWeights
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method

__all__ = ["Drawing", "Facts", "Ports", "Run", "Stale", "Told"]


@dataclass(frozen=True, slots=True)
class Run:
    """A command that was run, whose numbers still hold."""

    command: str
    words: str  # the whole command line
    date: str
    answer: Mapping[str, Any]  # as its --json


@dataclass(frozen=True, slots=True)
class Stale:
    """A result that no longer holds, or that cannot be read."""

    what: str
    why: str
    again: str  # the command line that makes it anew
    command: str = ""  # its name


@dataclass(frozen=True, slots=True)
class Told:
    """A warning of validity, of the last run of a command."""

    command: str
    code: str
    text: str
    value: float
    limit: float
    unit: str


@dataclass(frozen=True, slots=True, eq=False)
class Ports:
    """S-parameters of a chain."""

    name: str
    layer: str
    words: str  # the command that made them
    program: str
    engine: str
    f: Array  # Hz
    s: Complex  # [frequencies, ports, ports]
    z0: float  # Ohm, of the first port
    channels: Array  # Hz
    resonances: Array  # Hz
    bias: float  # A


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of a layout as it was made."""

    layer: str
    arrangement: str
    words: str
    png: bytes
    rows: tuple[tuple[str, str], ...]  # facts for people


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Everything that the page shows."""

    folder: str
    design: Design
    program: Method  # that is judged
    weights: Mapping[Method, Mapping[str, RfWeights]]  # by program and layer
    runs: tuple[Run, ...]  # the last first
    stale: tuple[Stale, ...]
    chains: tuple[Ports, ...]
    drawings: tuple[Drawing, ...]
    warnings: tuple[Told, ...]
    limits: Mapping[str, Limit]  # by quantity
    commands: Mapping[str, str]  # command line by what it computes
    provenance: tuple[tuple[str, str], ...]  # what, and which
    parameters: tuple[tuple[str, str, str, str], ...]  # table, name, value, meaning

    def last(self, command: str, **wanted: Any) -> Run | None:
        """The last run of a command whose answer has those values."""
        for run in self.runs:
            if run.command == command and all(run.answer.get(name) == value for name, value in wanted.items()):
                return run
        return None

    def sheet(self, layer: str) -> Run | None:
        """The last run that made a data sheet of S-parameters of a layer."""
        found = (run for run in self.runs if run.command == "sparams" and run.answer.get("layer") == layer)
        return next((run for run in found if "metrics" in run.answer), None)

    @property
    def layers(self) -> list[str]:
        """Names, in order."""
        return [entry.layer.name for entry in self.design.plan.layers]
