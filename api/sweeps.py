"""A design over a range of its parameters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from resonet.api.inputs import DesignOrFolder, PathText, refuse, stored_design
from resonet.core.choices import chosen_words
from resonet.core.numbers import percent, small_percent
from resonet.core.tabled import Table, Tabled
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame
    from xarray import Dataset

    from resonet.cosim.sweep.outcomes import Outcomes
    from resonet.cosim.sweep.sweep import Measure, Sweep
    from resonet.netlist.programming.methods import Method

__all__ = ["Points", "program_names", "sweep"]


def program_names(text: str | Sequence[str], what: str = "--program") -> "tuple[Method, ...]":
    """Programs of text with commas or of names, or `all`. Raises InputError."""
    from resonet.netlist.programming.methods import METHODS

    return chosen_words(text, METHODS, what)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Points(Tabled):
    """Points of a sweep; those that failed are NaN, and say why."""

    sweep: "Sweep"
    outcomes: "Outcomes"
    journal: Path

    @property
    def failed(self) -> dict[int, str]:
        """Why, by number of the point."""
        return {number: self.outcomes[number].error for number in self.outcomes.failed()}

    def to_xarray(self) -> "Dataset":
        """Quantities over (point, program, layer), axes as coordinates of the points, units in their attributes."""
        from resonet.cosim.sweep.table import sweep_dataset

        return sweep_dataset(self.sweep, self.outcomes)

    def to_pandas(self) -> "DataFrame":
        """A row a point, program and layer."""
        return self.to_xarray().to_dataframe()

    @property
    def table(self) -> Table:
        """RMS error of the worst layer, and accuracies."""
        axes, programs = [axis.name for axis in self.sweep.axes], list(self.sweep.programs)
        accuracy = self.sweep.measure != "weights"
        rows = []
        for number in sorted(self.outcomes):
            found = self.outcomes[number].values or {}
            errors = [found.get("rms_error", {}).get(name, {}) for name in programs]
            cells = [f"{value:.6g}" for value in self.sweep.point(number).values()]
            cells += [small_percent(max(own.values())) if own else "failed" for own in errors]
            cells += [percent(found.get("accuracy", {}).get(name)) for name in programs] if accuracy else []
            rows.append(cells)
        names = (*axes, *(f"RMS {name}" for name in programs), *(f"accuracy {n}" for n in programs if accuracy))
        notes = [f"point {number}: {text}" for number, text in list(self.failed.items())[:3]]
        return Table(
            f"{len(self.outcomes)} points (RMS: of the worst layer, part of its largest weight)", names, rows, notes
        )


def sweep(
    design: DesignOrFolder,
    over: Mapping[str, Iterable[float | int | str] | str],
    *,
    together: bool = False,
    measure: "Measure" = "weights",
    program: str | Sequence[str] = "all",
    data: PathText | None = None,
    spread: float = 0.0,
    seed: int = 1,
    resonators: Literal["linear", "saturating"] = "linear",
    repeat: int = 1,
    engine: str = "auto",
    jobs: int | None = None,
    folder: PathText | None = None,
    progress: Progress = unwatched,
) -> Points:
    """A design of a folder over parameters, {"device.damping": [0.005, 0.01]} or "0.005:0.02:8", planned anew each.

    All combinations, or value by value (`together`). `measure`: weights, accuracy, noise (of a .npz file of labelled
    images, `data`). `spread`: of f_res from fabrication, half-widths, drawn from `seed`. Points are kept in results/ of
    `folder` (default: the design's); `jobs` processes (default: one a core). Raises InputError, EngineError.

    >>> found = rn.sweep(build, {"device.damping": [0.01, 0.02]}, program="coupled", engine="linear", jobs=1)
    >>> found.to_xarray()["device_damping"].values.tolist()
    [0.01, 0.02]
    """
    from resonet.cosim.saturation.tables import check_engine
    from resonet.cosim.sweep.axes import Spread, parse_axis
    from resonet.cosim.sweep.sweep import Sweep, run_sweep
    from resonet.cosim.weights.engines import find_engine

    given, place = stored_design(design, "sweep")
    if resonators == "saturating":
        check_engine(find_engine(engine))
    find_engine(engine)
    refuse("data", data is not None and measure == "weights", 'with measure="accuracy" or "noise"')
    refuse("resonators", resonators != "linear" and measure == "weights", 'with measure="accuracy" or "noise"')
    refuse("repeat", repeat != 1 and measure != "noise", 'with measure="noise"')
    text = {
        name: values if isinstance(values, str) else ",".join(map(_written, values)) for name, values in over.items()
    }
    kinds = (measure == "noise", resonators == "saturating", given.parameters.feed.kind == "stripline")
    axes = tuple(parse_axis(f"{name}={values}", *kinds) for name, values in text.items())
    draws = spread or measure == "noise" or "spread" in text
    refuse("seed", (seed != 1 or "seed" in text) and not draws, 'with spread, or measure="noise"')
    file = None if data is None else str(Path(data).absolute())
    made = Sweep(
        str(place), axes, together, measure, program_names(program, "program"), engine, file,
        spread=Spread(spread, seed), repeats=repeat, resonators=resonators,
    )  # fmt: skip
    with progress(f"sweep, {engine}", made.count) as done:
        journal, outcomes = run_sweep(made, Path(folder) if folder else place, jobs, None, done)
    return Points(made, outcomes, journal)


def _written(value: object) -> str:
    """A value as a range is written: numbers with all their digits."""
    return repr(float(value)) if isinstance(value, float) else str(value)
