"""A finished sweep as an xarray dataset, `results/sweep_<key>.nc`: one row a point."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.files import new_file
from resonet.core.types import Array
from resonet.cosim.sweep.points import Outcome
from resonet.cosim.sweep.sweep import Sweep
from resonet.cosim.weights.checks import joined
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


def _cell(outcome: Outcome, *keys: str) -> float:
    """A value by its keys; NaN where the point failed or has none."""
    value: Any = outcome.values
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return float("nan") if value is None else float(value)


def sweep_witness(outcomes: Mapping[int, Outcome]) -> Witness | None:
    """Checks of the engine at all points as one; None where there was none."""
    told = [row.values["witness"] for row in outcomes.values() if row.values and "witness" in row.values]
    return joined(Witness(**one) for one in told)


def sweep_dataset(sweep: Sweep, outcomes: Mapping[int, Outcome]) -> "Dataset":
    """Dataset of the points, in order: axes and quantities over (point, program, layer); failed points are NaN."""
    import xarray as xr

    rows = [outcomes[number] for number in sorted(outcomes)]
    first: dict[str, Any] = next((row.values for row in rows if row.values), {}) or {}
    programs, layers = list(first.get("rms_error", {})), list(first.get("source_dbm", {}))
    points = sweep.points
    data: dict[str, Any] = {
        name: (("point", "program", "layer"), _table(rows, name, programs, layers), {"units": unit, "long_name": text})
        for name, (unit, text) in BY_LAYER.items()
    }
    source = np.array([[_cell(row, "source_dbm", layer) for layer in layers] for row in rows]).reshape(len(rows), -1)
    data["source_dbm"] = (("point", "layer"), source, {"units": "dBm", "long_name": "largest power of a tone source"})
    if sweep.measure == "accuracy":
        shares = np.array([[_cell(row, "accuracy", p) for p in programs] for row in rows]).reshape(len(rows), -1)
        data["accuracy"] = (
            ("point", "program"),
            shares,
            {"units": "1", "long_name": "share of images classified right"},
        )
        data["software"] = ("point", np.array([_cell(row, "software") for row in rows]), {"units": "1"})
    data["seconds"] = ("point", np.array([row.seconds for row in rows]), {"units": "s"})
    data["error"] = ("point", np.array([row.error or "-" for row in rows]))
    axes = {
        axis.name.replace(".", "_"): ("point", np.array([float(points[n][axis.name]) for n in sorted(outcomes)]))
        for axis in sweep.axes
    }
    found = sweep_witness(outcomes)
    told = {"witness": json.dumps(asdict(found))} if found else {}
    named = {"program": np.array(programs, dtype=np.str_), "layer": np.array(layers, dtype=np.str_)} if programs else {}
    return xr.Dataset(
        data, coords=axes | named, attrs={"title": "sweep", "sweep": json.dumps(asdict(sweep), default=str)} | told
    )


def _table(rows: list[Outcome], name: str, programs: list[str], layers: list[str]) -> Array:
    """A quantity [points, programs, layers]."""
    found = [[[_cell(row, name, p, layer) for layer in layers] for p in programs] for row in rows]
    return np.array(found, float).reshape(len(rows), len(programs), len(layers))


def write_sweep(data: "Dataset", journal: Path) -> Path:
    """Write the dataset beside its journal."""
    path = journal.with_suffix(".nc")
    with new_file(path, durable=True) as temporary:
        data.to_netcdf(temporary, engine="scipy")
    bound_folder(journal.parent.parent, "results")
    return path
