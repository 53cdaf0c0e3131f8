"""The archives of a design's programs, program.npz and calibrated.npz: who may read them, and the scales in them."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.npz import array_names, read_array, read_numbers
from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan

__all__ = ["neuron_scale_arrays", "program_archive", "read_neuron_scales", "read_weight_scales"]

NEURON_SCALE = "neuron_scale"  # after the layer's name: exponents of 2, one a neuron
RAISED = "raised"  # likewise: how much more than the layer's scale says the chains of each neuron hold


@contextmanager
def program_archive(path: Path, fingerprint: str) -> Iterator[zipfile.ZipFile]:
    """An archive of programs that was made from the parameters of that fingerprint; InputError where it was not."""
    try:
        with zipfile.ZipFile(path) as file:
            if str(read_array(file, "fingerprint", 1)) != fingerprint:
                raise InputError(
                    f"{path}: made from other parameters than design.toml now holds; "
                    f"possible: resonet compile model.onnx --design design.toml, which takes the new ones"
                )
            yield file
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not the program of this design ({str(error)[:120]})") from None
    except Exception as error:  # zipfile and zlib raise types of their own on damaged archives
        raise InputError(f"{path}: damaged ({type(error).__name__})") from None


def read_weight_scales(path: Path, file: zipfile.ZipFile, planned: FrequencyPlan) -> dict[str, float]:
    """Weight scales of a calibrated program, by layer."""
    scales = {}
    for entry in planned.layers:
        name = entry.layer.name
        scales[name] = float(read_numbers(file, f"{name}/calibrated/weight_scale", 1))
        if not 0 < scales[name] < math.inf:
            raise InputError(f"{path}: layer {name}: weight scale {scales[name]:g}; possible: calibrate again")
    return scales


def neuron_scale_arrays(cnn: Cnn, own: dict[str, Ints]) -> dict[str, Any]:
    """Scales of neurons, and how far their chains are raised, by name in the archive."""
    scales = {f"{layer}/{NEURON_SCALE}": exponents for layer, exponents in own.items()}
    return scales | {f"{layer.name}/{RAISED}": layer.raised for layer in cnn.synapses if layer.raised is not None}


def read_neuron_scales(path: Path, file: zipfile.ZipFile, cnn: Cnn) -> tuple[dict[str, Ints], dict[str, Array]]:
    """Exponents of 2 of the scales of neurons [channels], and how far their chains are raised [groups, outputs].

    By layer, of the layers that have any. Raises InputError.
    """
    scales: dict[str, Ints] = {}
    raised: dict[str, Array] = {}
    known = set(array_names(file))
    for layer in cnn.synapses:
        count, name = len(layer.weight), f"{layer.name}/{NEURON_SCALE}"
        if name in known:
            exponents = read_numbers(file, name, count)
            if exponents.shape != (count,) or not np.array_equal(exponents, np.round(exponents)):
                raise InputError(f"{path}: layer {layer.name}: unusable scales of neurons; possible: compile again")
            scales[layer.name] = exponents.astype(np.int64)
        if f"{layer.name}/{RAISED}" in known:
            raised[layer.name] = read_numbers(file, f"{layer.name}/{RAISED}", count)
    return scales, raised
