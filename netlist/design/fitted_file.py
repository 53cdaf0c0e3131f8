"""fitted.npz of a design folder: the program that was fitted on data for saturating resonators."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.core.npz import read_numbers, write_arrays
from resonet.core.seen import Seen
from resonet.models.resonator.tone_balance import Saturation
from resonet.netlist.design.archive import program_archive, read_program, read_weight_scales, sealed
from resonet.netlist.planning.frequency_plan import FrequencyPlan
from resonet.netlist.programming.fitted import Fitted

__all__ = ["FITTED", "read_fitted", "store_fitted"]

FITTED = "fitted.npz"
FOR = ("p_max", "nonlinear_damping", "frequency_shift", "images")


def store_fitted(fitted: Fitted, fingerprint: str, folder: Path) -> None:
    """Write the fitted program into a design folder."""
    arrays: dict[str, Any] = {"fingerprint": np.array(fingerprint)}
    for layer in fitted.program.layers:
        arrays[f"{layer.layer}/fitted/residual"] = np.array(layer.residual)
        arrays[f"{layer.layer}/fitted/weight_scale"] = np.array(layer.weight_scale)
        arrays[f"{layer.layer}/f_res_fitted"] = np.concatenate([f_res.ravel() for f_res in layer.f_res])
    values = (fitted.p_max, fitted.law.nonlinear_damping, fitted.law.frequency_shift, float(fitted.images))
    arrays |= {f"for/{name}": np.array(value) for name, value in zip(FOR, values, strict=True)}
    with new_file(folder / FITTED, durable=True) as temporary:
        write_arrays(temporary, sealed(arrays))


def read_fitted(folder: Path, planned: FrequencyPlan, fingerprint: str, table: Seen) -> Fitted | None:
    """The fitted program of a folder; None where there is none. Raises InputError."""
    path = folder / FITTED
    if not path.is_file():
        return None
    with program_archive(path, fingerprint, table) as file:
        scales = read_weight_scales(path, file, planned, "fitted")
        program = read_program(path, file, planned, "fitted", scales)
        p_max, damping, shift, images = (float(read_numbers(file, f"for/{name}", 1)) for name in FOR)
        if not (0 < p_max < math.inf and images >= 1):
            raise InputError(f"{path}: fitted for {p_max:g} W on {images:g} images; possible: fit again")
        return Fitted(program, p_max, Saturation(damping, shift), int(images))
