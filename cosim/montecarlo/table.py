"""Chips of a Monte Carlo as an xarray dataset and as text with commas: one row a chip."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.files import new_file
from resonet.core.types import Array
from resonet.cosim.montecarlo.findings import measured
from resonet.cosim.montecarlo.limits import QUANTITIES
from resonet.cosim.montecarlo.run import MonteCarlo
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.netlist.design.tidy import bound_folder

if TYPE_CHECKING:
    from xarray import Dataset

__all__ = ["montecarlo_dataset", "write_montecarlo"]


def montecarlo_dataset(run: MonteCarlo, outcomes: Outcomes) -> "Dataset":
    """Dataset of the chips, in order: quantities over (chip, level) or (chip, level, layer); failed ones NaN."""
    import xarray as xr

    numbers, levels = np.array(sorted(outcomes), dtype=int), list(run.levels)
    first: dict[str, Any] = next((row.values for row in outcomes.values() if row.values), {}) or {}
    layers = list(next(iter(first.get("rms_error", {}).values()), {}))

    def of(*names: str) -> Array:
        return np.array(outcomes.numbers(*names))

    data: dict[str, Any] = {}
    for name in measured(run):
        known = QUANTITIES[name]
        meaning = {"units": known.unit or "1", "long_name": known.text}
        if known.levels:
            data[name] = ("chip", "level"), np.stack([of(*known.place, level) for level in levels], 1), meaning
        else:
            data[name] = "chip", of(*known.place), meaning
    meaning = {"units": "1", "long_name": "RMS weight error of a layer, part of its largest weight"}
    by_layer = [[of("rms_error", level, layer) for layer in layers] for level in levels]
    data["layer_error"] = ("chip", "level", "layer"), np.moveaxis(np.array(by_layer), 2, 0), meaning
    meaning = {"units": "1", "long_name": "resonators at an end of their tuning range"}
    data["at_end"] = ("chip", "level"), np.stack([of("at_end", level) for level in levels], 1), meaning
    if run.data is not None:
        data["software"] = "chip", of("software"), {"units": "1"}
    rows = [outcomes.plain(int(number)) for number in numbers]
    data["seconds"] = "chip", np.array([seconds for seconds, _ in rows]), {"units": "s"}
    data["error"] = "chip", np.array([error or "-" for _, error in rows])
    named = {"level": np.array(levels, np.str_), "layer": np.array(layers, np.str_)}
    attrs = {"title": "montecarlo", "montecarlo": json.dumps(asdict(run), default=str)}
    return xr.Dataset(data, coords={"chip": numbers} | named, attrs=attrs)


def _columns(data: "Dataset") -> dict[str, Array]:
    """Columns of text: quantities by level."""
    found: dict[str, Array] = {"chip": np.asarray(data["chip"].values)}
    for name, own in data.data_vars.items():
        if own.dims == ("chip",):
            found[str(name)] = np.asarray(own.values)
        elif own.dims == ("chip", "level"):
            found |= {f"{name}_{level}": own.values[:, n] for n, level in enumerate(data["level"].values)}
    return found


def write_montecarlo(data: "Dataset", journal: Path) -> list[Path]:
    """Write the dataset beside its journal, and its columns as text with commas."""
    paths = [journal.with_suffix(".nc"), journal.with_suffix(".csv")]
    with new_file(paths[0], durable=True) as temporary:
        data.to_netcdf(temporary, engine="scipy")
    columns = _columns(data)
    with new_file(paths[1]) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    bound_folder(journal.parent.parent, "results")
    return paths
