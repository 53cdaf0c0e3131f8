"""Dialect `xyce`: a start of what Xyce spells otherwise than ngspice.

Xyce has no control language, so a deck is of one analysis. What is not said here is spelled as in ngspice; analyses and
commands that are not known here are refused.
"""

from collections.abc import Iterable, Mapping, Sequence

from resonet.core.errors import InputError
from resonet.netlist.spice.dialect import Dialect

PRINTED = {"op": "dc", "ac": "ac", "tran": "tran"}  # what `.print` calls an analysis


class Xyce(Dialect):
    """Syntax of Xyce, as far as decks of one analysis need it."""

    name = "xyce"

    def write_control(self, commands: Iterable[str]) -> list[str]:
        """The end of the deck."""
        if told := list(commands):
            raise InputError(f"dialect xyce: no command {told[0][:40]!r}; possible: decks of one analysis")
        return [".end", ""]

    def write_runs(self, name: str, analyses: Sequence[str] = ("run",), vectors: Sequence[str] = ()) -> list[str]:
        """The analysis as a line; `run` stands for one that is a line already."""
        if len(analyses) != 1:
            raise InputError(f"deck {name[:60]}: {len(analyses)} analyses; possible for dialect xyce: one")
        lines = [] if analyses[0] == "run" else [self.format_analysis(analyses[0])]
        return [*lines, *self.write_control(())]

    def format_analysis(self, command: str) -> str:
        """An analysis as a line, and all of it into the deck's raw file."""
        kind = command.split()[0]
        if kind not in PRINTED:
            raise InputError(f"dialect xyce: no analysis {kind[:20]!r}; possible: {', '.join(PRINTED)}")
        return f".{command}\n.print {PRINTED[kind]} format=raw v(*) i(*)"

    def format_save(self, vectors: Iterable[str]) -> str:
        """For people: `.print` takes everything."""
        return self.format_comment("needed: " + " ".join(vectors))

    def format_fixed_step(self, reltol: str = "1e-6", vntol: str = "1e-10", abstol: str = "1e-14") -> str:
        """Trapezoids without an estimate of the truncation error."""
        return f".options timeint method=trap erroption=1 reltol={reltol} abstol={vntol}"

    def format_pivots(self, least: str = "0.1") -> str:
        """Nothing: Xyce's direct solvers choose pivots by themselves."""
        return self.format_comment(f"pivots of at least {least} of a column's largest")

    def format_instance(
        self, name: str, nodes: Iterable[str], subcircuit: str, parameters: Mapping[str, str] | None = None
    ) -> str:
        """A subcircuit; its parameters follow a word."""
        words = ["PARAMS:", *(f"{key}={value}" for key, value in parameters.items())] if parameters else []
        return " ".join([name, *nodes, subcircuit, *words])

    def voltage_of(self, node: str, inside: str = "") -> str:
        """Voltage of a node; an instance ends with a colon."""
        return f"v({inside}:{node})" if inside else f"v({node})"

    def element_of(self, element: str, inside: str = "") -> str:
        """An element; an instance ends with a colon."""
        return f"{inside}:{element}" if inside else element
