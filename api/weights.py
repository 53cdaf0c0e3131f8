"""What the circuit holds: effective weights of every program, and who disturbs whom."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from resonet.api.inputs import DesignOrFolder, as_design, design_layers
from resonet.core.numbers import small_percent
from resonet.core.tabled import Table, Tabled
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset

    from resonet.cosim.weights.held import RfWeights
    from resonet.cosim.weights.summary import LayerSummary
    from resonet.cosim.weights.witness import Witness
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = ["Crosstalk", "Weights", "crosstalk", "effective_weights", "held_weights"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Weights(Tabled):
    """Effective weights by program and layer, in the units of the trained ones."""

    design: "Design"
    engine: str
    programs: "Mapping[Method, Mapping[str, RfWeights]]"

    def __getitem__(self, program: "Method") -> "Mapping[str, RfWeights]":
        return self.programs[program]

    @property
    def witness(self) -> "Witness | None":
        """All checks of the engine as one; None where there was none."""
        from resonet.cosim.weights.checks import joined

        return joined(one.witness for held in self.programs.values() for one in held.values())

    @property
    def summaries(self) -> "list[LayerSummary]":
        """A line a layer."""
        from resonet.cosim.weights.summary import summarise

        return summarise(self.design, self.programs)

    def to_pandas(self) -> "DataFrame":
        """A row a program and layer: RMS error, that of the worst neuron, the strongest crosstalk (dB)."""
        import pandas as pd

        rows = [
            {"program": program, "layer": name, "rms_error": one.rms_error, "worst_neuron": one.worst_neuron.neuron}
            | {"neuron_error": one.worst_neuron.rms, "crosstalk_db": one.worst.level if one.worst else float("nan")}
            for program, held in self.programs.items()
            for name, one in held.items()
        ]
        return pd.DataFrame(rows).set_index(["program", "layer"])

    def to_xarray(self) -> "Dataset":
        """For each layer `NAME` (program, group, output, tap), and `NAME_trained` without the program.

        Of a layer on strip lines every position has its own weights: (program, group, position, output, tap).
        """
        import numpy as np
        import xarray as xr

        data: dict[str, Any] = {}
        for name in dict.fromkeys(name for held in self.programs.values() for name in held):
            own = [held[name] for held in self.programs.values()]
            places = ("group", "position", "output", "tap") if own[0].values.ndim == 4 else ("group", "output", "tap")
            dims = tuple(f"{name}_{place}" for place in places)
            meaning = {"units": "1", "long_name": f"effective weights of {name}, units of the trained ones"}
            data[name] = ("program", *dims), np.stack([one.values for one in own]), meaning
            trained = np.broadcast_to(own[0].trained, own[0].values.shape)
            data[f"{name}_trained"] = dims, trained, {"units": "1", "long_name": f"trained weights of {name}"}
        named = {"program": np.array([str(program) for program in self.programs], np.str_)}
        return xr.Dataset(data, coords=named, attrs={"title": self.design.cnn.file, "engine": self.engine})

    @property
    def table(self) -> Table:
        """RMS errors."""
        rows = [
            (name, *(small_percent(held[name].rms_error) if name in held else "-" for held in self.programs.values()))
            for name in dict.fromkeys(name for held in self.programs.values() for name in held)
        ]
        title = f"{self.design.cnn.file}: RMS weight error, part of the layer's largest weight"
        notes = [f"by {self.engine}" + (f"; {self.witness}" if self.witness else "")]
        return Table(title, ("layer", *map(str, self.programs)), rows, notes)


def held_weights(
    design: "Design",
    methods: "Sequence[Method]",
    layers: list[str],
    engine: str,
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> "dict[Method, dict[str, RfWeights]]":
    """What some layers hold by some programs; of a design of a folder from there, or kept there. Raises InputError."""
    from resonet.cosim.feed.store import count_steps, stored_programs
    from resonet.cosim.weights.engines import find_engine

    chosen = find_engine(engine)
    with progress("weights", len(methods) * count_steps(design, layers)) as done:
        return stored_programs(design.folder, design, methods, layers, jobs, done, chosen)


def effective_weights(
    design: DesignOrFolder,
    *,
    program: str = "all",
    layer: str | Sequence[str] | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> Weights:
    """The weights that the circuit holds, of one program (formula, coupled, calibrated) or `all` there are.

    `engine`: auto (linear, checked by ngspice on a sample), linear, ngspice, formula. A design of a folder keeps what
    engines with decks computed in results/, and takes it from there. Raises InputError, EngineError.

    >>> w = rn.effective_weights(rn.load(build), program="coupled", engine="linear")
    >>> w["coupled"]["conv1"].values.shape  # groups, outputs, taps
    (1, 4, 9)
    >>> bool(w["coupled"]["conv1"].rms_error < 0.01)
    True
    """
    from resonet.cosim.feed.feeds import chosen_programs

    given = as_design(design)
    layers = design_layers(given, layer)
    methods = chosen_programs(given, program, layers)
    return Weights(given, engine, held_weights(given, methods, layers, engine, jobs, progress))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Crosstalk(Tabled):
    """Who disturbs whom, by the last program of some weights."""

    weights: Weights

    @property
    def program(self) -> "Method":
        """Whose it is."""
        return list(self.weights.programs)[-1]

    @property
    def layers(self) -> "list[LayerSummary]":
        """A line a layer: chains, resonators, channels, errors of every program, the worst aggressor."""
        return self.weights.summaries

    def to_pandas(self) -> "DataFrame":
        """The same as a table; errors as part of the layer's largest weight, levels in dB."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.layers]).set_index("name").dropna(axis=1, how="all")

    def to_xarray(self) -> "Dataset":
        """Maps `LAYER_BUS` (victim, aggressor): largest |V| / (P K_SD) over the chains, resonators from the feed on."""
        import xarray as xr

        maps = {
            f"{name}_{bus}": ((f"{name}_{bus}_victim", f"{name}_{bus}_aggressor"), own, {"units": "1"})
            for name, held in self.weights[self.program].items()
            for bus, own in held.crosstalk.items()
        }
        return xr.Dataset(maps, attrs={"title": self.weights.design.cnn.file, "program": str(self.program)})

    @property
    def table(self) -> Table:
        """Worst aggressors."""
        rows = [
            (
                row.name,
                "-" if row.worst_aggressor_db is None else f"{row.worst_aggressor_db:.1f} dB",
                row.worst_aggressor or "-",
            )
            for row in self.layers
        ]
        title = f"{self.weights.design.cnn.file}: strongest crosstalk, {self.program}, against K_SD P"
        return Table(title, ("layer", "level", "where"), rows)


def crosstalk(
    design: DesignOrFolder,
    *,
    program: str = "all",
    layer: str | Sequence[str] | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> Crosstalk:
    """What every tone rectifies in resonators of other tones: keywords and errors as for `effective_weights`.

    >>> found = rn.crosstalk(rn.load(build), program="coupled", engine="linear")
    >>> [row.name for row in found.layers], bool(found.layers[0].worst_aggressor_db < 0)
    (['conv1', 'dense1'], True)
    """
    return Crosstalk(
        effective_weights(design, program=program, layer=layer, engine=engine, jobs=jobs, progress=progress)
    )
