"""What a changed design keeps of the one before: where its calibrated resonators stood, to begin there again.

Kept are detunings, in half-widths of the resonance, and the scale of the weights in units of K_SD: they hardly move
where damping, band or parasitics change, while frequencies do. They count for a layer only where the network is the
same and its buses have the same chains with the same inputs in the same order.
"""

import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.npz import array_names, read_array, read_numbers, write_arrays
from resonet.core.types import Array
from resonet.core.validity import collected
from resonet.models.resonator.linear import resonance_for_detuning
from resonet.netlist.design.archive import layer_channels, split_buses
from resonet.netlist.planning.frequency_plan import LayerPlan
from resonet.netlist.programming.methods import LayerProgram

if TYPE_CHECKING:
    from resonet.netlist.design.design import Design

__all__ = ["EARLIER", "keep_earlier", "read_earlier"]

EARLIER = "earlier.npz"
MOST_DETUNING = 1e3  # half-widths


def _arrays(design: "Design") -> dict[str, Any]:
    """Detunings of the calibrated program by layer and bus, and what they count for."""
    arrays: dict[str, Any] = {"sha256": np.array(design.cnn.sha256)}
    device = design.plan.device
    for entry, programmed in zip(design.plan.layers, design.program("calibrated").layers, strict=True):
        name = entry.layer.name
        arrays[f"{name}/scale"] = np.array(programmed.weight_scale / device.sensitivity)
        arrays |= {f"{name}/{part}": values for part, values in layer_channels(entry).items()}
        arrays[f"{name}/detuning"] = np.concatenate(
            [
                ((bus.frequencies / f_res - 1) / device.damping).ravel()
                for bus, f_res in zip(entry.buses, programmed.f_res, strict=True)
            ]
        )
    return arrays


def keep_earlier(folder: Path, draft: Path, design: "Design", load: Callable[[Path], "Design"]) -> None:
    """Leave in `draft`, the folder of `design`, where the calibrated program of another one in `folder` stood.

    Nothing where there is none, where it is of another network, or where it cannot be read.
    """
    try:
        with collected():
            before = load(folder)
        if before.cnn.sha256 != design.cnn.sha256:
            return
        if "calibrated" in before.programs:
            write_arrays(draft / EARLIER, _arrays(before))
        elif (folder / EARLIER).is_file():
            (draft / EARLIER).write_bytes((folder / EARLIER).read_bytes())
    except (InputError, OSError):
        return


def _detuning(file: zipfile.ZipFile, head: str, size: tuple[int, ...], channels: Mapping[str, Any]) -> Array | None:
    """Detunings of that shape that stand under `head` in the archive; None where they are not of these channels."""
    for name in ("sizes", "outputs", "taps"):
        wanted = channels.get(name)
        if wanted is not None and not np.array_equal(read_numbers(file, f"{head}/{name}", wanted.size), wanted):
            return None
    found = read_numbers(file, f"{head}/detuning", math.prod(size))
    return found if found.shape == size and np.all(np.abs(found) < MOST_DETUNING) else None


def _detunings(file: zipfile.ZipFile, entry: LayerPlan) -> tuple[Array, ...] | None:
    """Detunings of every bus of a layer [chains, resonators]."""
    name = entry.layer.name
    if f"{name}/detuning" in array_names(file):
        found = _detuning(file, name, (entry.resonators,), layer_channels(entry))
        return None if found is None else split_buses(found, entry)
    parts = []
    for bus in entry.buses:  # of a version with arrays for each bus
        part = _detuning(file, f"{name}/{bus.name}", bus.size, {"outputs": bus.outputs, "taps": bus.taps})
        if part is None:
            return None
        parts.append(part)
    return tuple(parts)


def _layer(file: zipfile.ZipFile, design: "Design", entry: LayerPlan) -> LayerProgram | None:
    name, device = entry.layer.name, design.plan.device
    try:
        scale = float(read_numbers(file, f"{name}/scale", 1)) * device.sensitivity
        detunings = _detunings(file, entry)
        if detunings is None:
            return None
        f_res = [
            resonance_for_detuning(bus.frequencies, detuning, device.damping)
            for bus, detuning in zip(entry.buses, detunings, strict=True)
        ]
    except (KeyError, InputError, ValueError):  # other buses, or other numbers of them
        return None
    good = 0 < scale < math.inf and all(np.all(np.isfinite(f) & (f > 0)) for f in f_res)
    return LayerProgram(name, scale, tuple(f_res), 0.0) if good else None


def read_earlier(folder: Path, design: "Design") -> dict[str, LayerProgram]:
    """Programs of those layers of a design that an earlier calibration can begin, by name; none where there is no file.

    A file that is damaged or of another network begins nothing: calibration then starts as without it.
    """
    path = folder / EARLIER
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as file:
            if str(read_array(file, "sha256", 1)) != design.cnn.sha256:
                return {}
            found = {entry.layer.name: _layer(file, design, entry) for entry in design.plan.layers}
    except Exception:  # zipfile and zlib raise types of their own on damaged archives
        return {}
    return {name: programmed for name, programmed in found.items() if programmed}
