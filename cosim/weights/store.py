"""Effective weights on disk: `results/effective_<layer>_<method>.nc`, recomputed only when stale.

A result is keyed by what it is computed from, part by part, so that `resonet status` can say what has changed. Two
processes may use one folder: what one of them computes the other waits for.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.files import new_file
from resonet.core.parameters import table_from_record
from resonet.core.sources import PHYSICS, source_hash
from resonet.core.types import Done, nothing
from resonet.core.validity import warn
from resonet.cosim.ngspice.program import engine_identity
from resonet.cosim.weights.effective import Aggressor, EffectiveWeights, effective_weights
from resonet.netlist.bus.deck import stack_batches
from resonet.netlist.bus.graph import bus_names
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.spice_lib.library import library_text

__all__ = ["changed_parts", "count_decks", "effective_path", "result_parts", "stored_effective_weights", "stored_parts"]

LOCK = "results.lock"  # in the design folder
TEXTS = ("layer", "method", "depends_on", "buses", "worst")  # attributes


def count_decks(design: Design, layers: list[str]) -> int:
    """Decks that the effective weights of some layers take, for a progress bar."""
    graph = design.graph("coupled")
    return sum(len(bus_names(graph, layer)) + len(stack_batches(graph, layer)) for layer in layers)


def effective_path(folder: Path, layer: str, method: Method) -> Path:
    """Where the effective weights of a layer are stored."""
    return folder / "results" / f"effective_{layer}_{method}.nc"


def _hash(*things: Any) -> str:
    """Hash of arrays and of what JSON can hold."""
    digest = hashlib.sha256()
    for thing in things:
        array = isinstance(thing, np.ndarray)
        head = f"{thing.dtype}{thing.shape}" if array else json.dumps(thing, sort_keys=True)
        digest.update(head.encode() + (np.ascontiguousarray(thing).tobytes() if array else b""))
    return digest.hexdigest()


def result_parts(design: Design, layer: str, method: Method) -> dict[str, str]:
    """What the effective weights of a layer depend on: hash by name. Raises InputError, EngineError."""
    entry, programmed = design.plan.layer(layer), design.program(method).layer(layer)
    channels = [
        part
        for bus in entry.buses
        for part in ([bus.name, bus.group, bus.below], bus.outputs, bus.taps, bus.frequencies, bus.levels)
    ]
    return {
        "code": _hash(source_hash(*PHYSICS), library_text()),
        "ngspice": engine_identity(),
        "device": _hash(table_from_record(design.plan.device)),
        "bus": _hash(table_from_record(design.plan.circuit)),
        "channels": _hash(*channels, design.plan.options.p_max),
        "weights": _hash(entry.layer.matrix),
        "program": _hash(programmed.weight_scale, *programmed.f_res),
    }


def changed_parts(stored: dict[str, str] | None, now: dict[str, str]) -> list[str]:
    """What a stored result was computed from that is different now; "unreadable" where nobody can tell."""
    return ["unreadable"] if stored is None else [name for name in now if stored.get(name) != now[name]]


def _content(result: EffectiveWeights) -> str:
    """Hash of a result's own numbers: a file that was damaged is not believed."""
    digest = hashlib.sha256(
        json.dumps(
            [result.layer, result.method, list(result.crosstalk), asdict(result.worst) if result.worst else None]
        ).encode()
    )
    for array in (result.values, result.trained, *result.crosstalk.values()):
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, float).tobytes())
    return digest.hexdigest()


def _write(result: EffectiveWeights, depends_on: dict[str, str], path: Path) -> None:
    import xarray as xr

    buses = list(result.crosstalk)
    size = max(len(matrix) for matrix in result.crosstalk.values())
    crosstalk = np.full((len(buses), size, size), np.nan)
    for n, bus in enumerate(buses):
        matrix = result.crosstalk[bus]
        crosstalk[n, : len(matrix), : len(matrix)] = matrix
    dims = ("group", "output", "tap")
    data = xr.Dataset(
        {
            "effective": (dims, result.values, {"units": "1", "long_name": "weight that the circuit holds"}),
            "trained": (dims, result.trained, {"units": "1", "long_name": "trained weight"}),
            "crosstalk": (
                ("bus", "victim", "aggressor"),
                crosstalk,
                {"units": "1", "long_name": "largest |V| / (P K_SD) over the chains of the bus"},
            ),
        },
        attrs={
            "title": f"effective weights of {result.layer}, program {result.method}",
            "layer": result.layer,
            "method": result.method,
            "depends_on": json.dumps(depends_on),
            "content": _content(result),
            "buses": json.dumps(buses),
            "worst": json.dumps(asdict(result.worst) if result.worst else None),
        },
    )
    with new_file(path, durable=True) as temporary:
        data.to_netcdf(temporary, engine="scipy")


def _read(path: Path) -> tuple[dict[str, str], EffectiveWeights] | None:
    """A stored result and what it depends on, if it is there and whole."""
    from scipy.io import netcdf_file  # a tenth of what it takes to import xarray

    if not path.is_file():
        return None
    try:
        with netcdf_file(path, mmap=False) as data:
            told = {name: getattr(data, name).decode() for name in (*TEXTS, "content")}
            arrays = {name: np.array(data.variables[name][:], float) for name in ("effective", "trained", "crosstalk")}
        crosstalk = {}
        for bus, matrix in zip(json.loads(told["buses"]), arrays["crosstalk"], strict=True):
            size = int(np.isfinite(np.diagonal(matrix)).sum())
            crosstalk[bus] = matrix[:size, :size]
        worst = json.loads(told["worst"])
        found = EffectiveWeights(
            layer=told["layer"],
            values=arrays["effective"],
            trained=arrays["trained"],
            method=told["method"],
            crosstalk=crosstalk,
            worst=Aggressor(**worst) if worst else None,
        )
        depends_on: dict[str, str] = json.loads(told["depends_on"])
        return (depends_on, found) if _content(found) == told["content"] else None
    except Exception:  # damaged, in whatever way its reader says so: computed anew, and replaced
        return None


def stored_parts(path: Path) -> dict[str, str] | None:
    """What a stored result was computed from, part by part; None where none can be read."""
    found = _read(path)
    return found[0] if found else None


def _computed(
    folder: Path, design: Design, layer: str, method: Method, jobs: int | None, done: Done
) -> EffectiveWeights:
    """The result of a layer, from the folder if it is fresh, else from ngspice by one process at a time."""
    from filelock import FileLock

    path, parts = effective_path(folder, layer, method), result_parts(design, layer, method)
    known = _read(path)
    if known is None or known[0] != parts:
        with FileLock(folder / LOCK):
            known = _read(path)  # another process may have been at it
            if known is None and path.is_file():
                warn("damaged-result", f"{path}: damaged, edited or of another version; computed anew", 1, 0, "files")
            if known is None or known[0] != parts:
                found = effective_weights(design, layer, method, jobs, done)
                _write(found, parts, path)
                return found
    for _ in range(count_decks(design, [layer])):
        done()
    return known[1]


def stored_effective_weights(
    folder: Path,
    design: Design,
    method: Method,
    layers: list[str] | None = None,
    jobs: int | None = None,
    done: Done = nothing,
) -> dict[str, EffectiveWeights]:
    """Effective weights of some layers of a design folder (default all), from `results/` or else from ngspice.

    `done` is called once a deck, also for what was stored. Raises InputError, EngineError.
    """
    chosen = layers or [entry.layer.name for entry in design.plan.layers]
    for layer in chosen:
        design.plan.layer(layer)
    return {layer: _computed(folder, design, layer, method, jobs, done) for layer in chosen}
