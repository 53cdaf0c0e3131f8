"""A finished sweep as an xarray dataset, `results/sweep_<key>.nc`: one row a point."""

import itertools
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.files import new_file
from resonet.core.types import Array
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.sweep import MOST_CHECKED, Sweep
from resonet.cosim.weights.checks import joined, spread_over
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.tidy import bound_folder

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["sweep_dataset", "sweep_witness", "write_sweep"]

BY_LAYER = {  # quantity: unit, meaning
    "rms_error": ("1", "RMS weight error, part of the layer's largest weight"),
    "worst_aggressor": ("dB", "strongest crosstalk of the layer, against K_SD P"),
    "residual": ("1", "largest error that the program itself left, part of the largest weight"),
    "fill": ("1", "largest weight, part of what a resonator holds"),
}


def sweep_witness(outcomes: Outcomes) -> Witness | None:
    """Checks of the engine at some points as one; None where there was none."""
    told = (outcomes[number].values or {} for number in spread_over(len(outcomes), MOST_CHECKED))
    return joined(Witness(**values["witness"]) for values in told if "witness" in values)


def sweep_dataset(sweep: Sweep, outcomes: Outcomes) -> "Dataset":
    """Dataset of the points, in order: axes and quantities over (point, program, layer); failed points are NaN."""
    import xarray as xr

    numbers = np.array(sorted(outcomes), dtype=int)
    first: dict[str, Any] = next((row.values for row in outcomes.values() if row.values), {}) or {}
    programs, layers = list(first.get("rms_error", {})), list(first.get("source_dbm", {}))

    def of(*names: str) -> Array:
        return np.array(outcomes.numbers(*names))

    def table(*keys: list[str]) -> Array:
        """A quantity [points, ...] over the names of each place."""
        found = [of(*names) for names in itertools.product(*keys)]
        return np.array(found).T.reshape(len(numbers), *(len(names) for names in keys[1:]))

    data: dict[str, Any] = {
        name: (("point", "program", "layer"), table([name], programs, layers), {"units": unit, "long_name": text})
        for name, (unit, text) in BY_LAYER.items()
    }
    source = table(["source_dbm"], layers)
    data["source_dbm"] = (("point", "layer"), source, {"units": "dBm", "long_name": "largest power of a tone source"})
    if sweep.measure != "weights":
        meaning = {"units": "1", "long_name": "share of images classified right"}
        data["accuracy"] = (("point", "program"), table(["accuracy"], programs), meaning)
        data["software"] = ("point", of("software"), {"units": "1"})
    if sweep.noise:
        meaning = {"units": "1", "long_name": "share of images classified right with noise, mean of the repeats"}
        data["noisy"] = (("point", "program"), table(["noisy"], programs), meaning)
        spread = {"units": "1", "long_name": "standard deviation of a repeat"}
        data["noisy_spread"] = (("point", "program"), table(["noisy_spread"], programs), spread)
    rows = [outcomes.plain(int(number)) for number in numbers]
    data["seconds"] = ("point", np.array([seconds for seconds, _ in rows]), {"units": "s"})
    data["error"] = ("point", np.array([error or "-" for _, error in rows]))
    axes = {
        name.replace(".", "_"): ("point", values.astype(float)) for name, values in sweep.values_at(numbers).items()
    }
    found = sweep_witness(outcomes)
    told = {"witness": json.dumps(asdict(found))} if found else {}
    named = {"program": np.array(programs, dtype=np.str_), "layer": np.array(layers, dtype=np.str_)} if programs else {}
    return xr.Dataset(
        data, coords=axes | named, attrs={"title": "sweep", "sweep": json.dumps(asdict(sweep), default=str)} | told
    )


def write_sweep(data: "Dataset", journal: Path) -> Path:
    """Write the dataset beside its journal."""
    path = journal.with_suffix(".nc")
    with new_file(path, durable=True) as temporary:
        data.to_netcdf(temporary, engine="scipy")
    bound_folder(journal.parent.parent, "results")
    return path
