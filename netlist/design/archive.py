"""The archives of a design's programs, program.npz and calibrated.npz: who may read them, and what is in them."""

import hashlib
import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.npz import array_names, read_array, read_numbers
from resonet.core.seen import Seen
from resonet.core.types import Array, Ints
from resonet.netlist.network.cnn import Cnn
from resonet.netlist.planning.frequency_plan import FrequencyPlan, LayerPlan
from resonet.netlist.programming.methods import LayerProgram, Method, Program

__all__ = [
    "layer_channels",
    "neuron_scale_arrays",
    "program_archive",
    "read_neuron_scales",
    "read_program",
    "read_weight_scales",
    "sealed",
    "split_buses",
]

NEURON_SCALE = "neuron_scale"  # after the layer's name: exponents of 2, one a neuron
SEAL = "sha256"  # of all other arrays: whether they are as they were written
MOST_BYTES = 1 << 30  # of an archive, unpacked
RAISED = "raised"  # likewise: how much more than the layer's scale says the chains of each neuron hold


def _seal(parts: Mapping[str, str]) -> str:
    """Hash over the arrays of an archive, of which the hash of each is known by name."""
    return hashlib.sha256("\n".join(f"{parts[name]} {name}" for name in sorted(parts)).encode()).hexdigest()


def sealed(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of an archive with the hash of them that `program_archive` checks."""
    parts = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
        parts[name] = hashlib.sha256(file.getbuffer()).hexdigest()
    return {**arrays, SEAL: np.array(_seal(parts))}


def _check_seal(path: Path, file: zipfile.ZipFile) -> str:
    """InputError where arrays are not as they were written; archives of versions without a hash are taken as is."""
    names = [name for name in array_names(file) if name != SEAL]
    if SEAL not in array_names(file):
        return "none"
    if sum(file.getinfo(f"{name}.npy").file_size for name in names) > MOST_BYTES:
        raise InputError(f"{path}: holds more than {MOST_BYTES:,} bytes")
    parts = {}
    for name in names:
        with file.open(f"{name}.npy") as array:
            parts[name] = hashlib.file_digest(array, "sha256").hexdigest()  # type: ignore[arg-type]
    if str(read_array(file, SEAL, 1)) != _seal(parts):
        raise InputError(
            f"{path}: edited since it was written: its arrays do not fit their hash; "
            f"possible: {'compile' if path.name.startswith('program') else 'calibrate'} again"
        )
    return "whole"


@contextmanager
def program_archive(path: Path, fingerprint: str, table: Seen | None = None) -> Iterator[zipfile.ZipFile]:
    """An archive of programs that was made from the parameters of that fingerprint; InputError where it was not.

    Or, with a `table`, where it was edited since, which is looked at when the rest has been read; not again where the
    table knows.
    """
    try:
        with zipfile.ZipFile(path) as file:
            if str(read_array(file, "fingerprint", 1)) != fingerprint:
                raise InputError(
                    f"{path}: made from other parameters than design.toml now holds; "
                    f"possible: resonet compile model.onnx --design design.toml, which takes the new ones"
                )
            yield file
            if table is not None:
                table.of(table.folder / path.name, "seal", lambda: _check_seal(path, file))
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not the program of this design ({str(error)[:120]})") from None
    except Exception as error:  # zipfile and zlib raise types of their own on damaged archives
        raise InputError(f"{path}: damaged ({type(error).__name__})") from None


def read_weight_scales(
    path: Path, file: zipfile.ZipFile, planned: FrequencyPlan, method: Method = "calibrated"
) -> dict[str, float]:
    """Weight scales of a program that has its own, by layer."""
    scales = {}
    for entry in planned.layers:
        name = entry.layer.name
        scales[name] = float(read_numbers(file, f"{name}/{method}/weight_scale", 1))
        if not 0 < scales[name] < math.inf:
            raise InputError(f"{path}: layer {name}: weight scale {scales[name]:g}; possible: calibrate again")
    return scales


def layer_channels(entry: LayerPlan) -> dict[str, Any]:
    """What the buses of a layer are, bus after bus: names, chains and resonators of each, their outputs and taps."""
    parts = {part: np.concatenate([getattr(bus, part) for bus in entry.buses]) for part in ("outputs", "taps")}
    return {
        "buses": np.array([bus.name for bus in entry.buses]),
        "sizes": np.array([b.size for b in entry.buses]),
    } | parts


def split_buses(values: Array, entry: LayerPlan) -> tuple[Array, ...]:
    """Values of all resonators of a layer, bus by bus [chains, resonators]; views."""
    sizes = [bus.size for bus in entry.buses]
    ends = np.cumsum([chains * size for chains, size in sizes])[:-1]
    return tuple(part.reshape(size) for part, size in zip(np.split(values, ends), sizes, strict=True))


def _by_bus(file: zipfile.ZipFile, entry: LayerPlan, method: Method) -> Array:
    """Resonance frequencies out of an archive of earlier versions, with an array for each bus."""
    name, parts = entry.layer.name, []
    for bus in entry.buses:
        values = read_numbers(file, f"{name}/{bus.name}/f_res_{method}", math.prod(bus.size))
        parts.append(values.ravel() if values.shape == bus.size else np.empty(0))
    return np.concatenate(parts)


def read_program(
    path: Path, file: zipfile.ZipFile, planned: FrequencyPlan, method: Method, scales: dict[str, float]
) -> Program:
    """One program out of an open archive. Raises InputError, ValueError, KeyError."""
    layers, known = [], set(array_names(file))
    for entry in planned.layers:
        name = entry.layer.name
        whole = f"{name}/f_res_{method}"
        values = read_numbers(file, whole, entry.resonators) if whole in known else _by_bus(file, entry, method)
        if values.shape != (entry.resonators,) or not (np.all(np.isfinite(values)) and np.all(values > 0)):
            raise InputError(f"{path}: layer {name}: unusable resonance frequencies of {method}")
        residual = float(read_numbers(file, f"{name}/{method}/residual", 1))
        layers.append(LayerProgram(name, scales[name], split_buses(values, entry), residual))
    return Program(method, tuple(layers))


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
