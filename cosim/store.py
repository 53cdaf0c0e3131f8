"""Effective weights on disk: `results/effective_<layer>_<method>.nc`, recomputed only when stale."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from resonet.cosim.effective import Aggressor, EffectiveWeights, effective_weights
from resonet.cosim.ngspice import find_ngspice, ngspice_version
from resonet.netlist.deck import dc_gain_decks, rf_deck
from resonet.netlist.design import Design
from resonet.netlist.folder import new_file
from resonet.netlist.graph import bus_names
from resonet.netlist.programming import Method
from resonet.spice_lib.library import library_text

__all__ = ["count_decks", "stored_effective_weights"]


def count_decks(design: Design, layers: list[str]) -> int:
    """Decks that the effective weights of some layers take, for a progress bar."""
    graph = design.graph("coupled")
    return sum(len(bus_names(graph, layer)) + len(dc_gain_decks(graph, layer)) for layer in layers)


def _depends_on(design: Design, layer: str, method: Method) -> str:
    """Hash of everything that the effective weights of a layer depend on: decks, libraries, levels, weights, engine."""
    graph = design.graph(method)
    digest = hashlib.sha256(f"effective 1; ngspice {ngspice_version(find_ngspice())}".encode())
    decks = [rf_deck(graph, layer, bus) for bus in bus_names(graph, layer)] + dc_gain_decks(graph, layer)
    for text in [*library_text().values(), *(deck.text for deck in decks)]:
        digest.update(text.encode())
    entry = design.plan.layer(layer)
    scale = design.program(method).layer(layer).weight_scale
    for array in [entry.layer.matrix, np.array(scale), *(bus.levels for bus in entry.buses)]:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _content(result: EffectiveWeights) -> str:
    """Hash of a result's own numbers: a file that was damaged is not believed."""
    digest = hashlib.sha256(
        json.dumps([list(result.crosstalk), asdict(result.worst) if result.worst else None]).encode()
    )
    for array in (result.values, result.trained, *result.crosstalk.values()):
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, float).tobytes())
    return digest.hexdigest()


def _write(result: EffectiveWeights, depends_on: str, path: Path) -> None:
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
            "depends_on": depends_on,
            "content": _content(result),
            "buses": json.dumps(buses),
            "worst": json.dumps(asdict(result.worst) if result.worst else None),
        },
    )
    with new_file(path) as temporary:
        data.to_netcdf(temporary, engine="scipy")


def _read(layer: str, method: Method, depends_on: str, path: Path) -> EffectiveWeights | None:
    """The stored result, if it is there, whole, and computed from the same things."""
    import xarray as xr

    if not path.is_file():
        return None
    try:
        with xr.open_dataset(path, engine="scipy") as data:
            if data.attrs.get("depends_on") != depends_on:
                return None
            buses, worst = json.loads(data.attrs["buses"]), json.loads(data.attrs["worst"])
            crosstalk = {}
            for bus, matrix in zip(buses, data["crosstalk"].values.astype(float), strict=True):
                size = int(np.isfinite(np.diagonal(matrix)).sum())
                crosstalk[bus] = matrix[:size, :size]
            values, trained = (data[name].values.astype(float) for name in ("effective", "trained"))
            found = EffectiveWeights(
                layer=layer,
                values=values,
                trained=trained,
                method=method,
                crosstalk=crosstalk,
                worst=Aggressor(**worst) if worst else None,
            )
            return found if _content(found) == data.attrs["content"] else None
    except Exception:  # damaged, in whatever way its reader says so: computed anew, and replaced
        return None


def stored_effective_weights(
    folder: Path,
    design: Design,
    method: Method,
    layers: list[str] | None = None,
    jobs: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> dict[str, EffectiveWeights]:
    """Effective weights of some layers of a design folder (default all), from `results/` or else from ngspice.

    `done` is called once a deck, also for what was stored. Raises InputError, EngineError.
    """
    found = {}
    for layer in layers or [entry.layer.name for entry in design.plan.layers]:
        design.plan.layer(layer)
        path = folder / "results" / f"effective_{layer}_{method}.nc"
        key = _depends_on(design, layer, method)
        stored = _read(layer, method, key, path)
        if stored is None:
            stored = effective_weights(design, layer, method, jobs, done)
            _write(stored, key, path)
        else:
            for _ in range(count_decks(design, [layer])):
                done()
        found[layer] = stored
    return found
