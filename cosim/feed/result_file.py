"""One stored result: what a layer holds, what it was computed from, and a hash of its own numbers, as netCDF.

A result of chains on buses carries all its arrays; one of strip lines leaves out what the design says (wiring, trained
weights). A file that is damaged, in whatever way, is read as none.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.files import new_file
from resonet.core.types import Array
from resonet.cosim.strip.held import LINES, LineAggressor, StripWeights
from resonet.cosim.strip.layer import layer_weights
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.held import Aggressor, RfWeights
from resonet.cosim.weights.witness import Witness
from resonet.netlist.design.design import Design
from resonet.netlist.strip.arrangement import find_arrangement
from resonet.netlist.strip.usage import layer_usage

__all__ = ["StoredResult", "read_result", "write_result"]

BUS = ("layer", "method", "depends_on", "buses", "worst", "witness")  # attributes of a result of buses
STRIP = ("layer", "method", "depends_on", "worst", "witness", "numbers")  # and of one of strip lines
NUMBERS = ("fill", "gain", "scale", "failing")


@dataclass(frozen=True, slots=True, eq=False)
class StoredResult:
    """A result as it was read: whole, but not yet weights of a design."""

    depends_on: dict[str, str]
    told: dict[str, Any]
    arrays: dict[str, Array]

    @property
    def witness(self) -> Witness | None:
        """Check of the engine that it is by."""
        return Witness(**self.told["witness"]) if self.told["witness"] else None

    def weights(self, design: Design) -> RfWeights:
        """What the layer held."""
        return _strip_weights(self, design) if "numbers" in self.told else _bus_weights(self, design)


def _content(head: list[Any], arrays: Iterable[Array]) -> str:
    """Hash of a result's own numbers: a file that was damaged is not believed."""
    digest = hashlib.sha256(json.dumps(head).encode())
    for array in arrays:
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array, float).tobytes())
    return digest.hexdigest()


def _maps(stacked: Array, buses: list[str]) -> dict[str, Array]:
    """Crosstalk by bus, each of its own size, out of [buses, size, size] filled up with nan."""
    sizes = [int(np.isfinite(np.diagonal(matrix)).sum()) for matrix in stacked]
    return {bus: matrix[:n, :n] for bus, matrix, n in zip(buses, stacked, sizes, strict=True)}


def _bus_weights(stored: StoredResult, design: Design) -> EffectiveWeights:
    told, arrays = stored.told, stored.arrays
    synapses = design.plan.layer(told["layer"]).layer
    return EffectiveWeights(
        layer=told["layer"],
        values=arrays["effective"],
        trained=arrays["trained"],
        wired=synapses.wired if synapses.addends else None,
        method=told["method"],
        crosstalk=_maps(arrays["crosstalk"], told["buses"]),
        worst=Aggressor(**told["worst"]) if told["worst"] else None,
        witness=stored.witness,
    )


def _strip_weights(stored: StoredResult, design: Design) -> StripWeights:
    told, arrays = stored.told, stored.arrays
    synapses = design.plan.layer(told["layer"]).layer
    parallel = find_arrangement(design.parameters.feed.arrangement).parallel
    usage = layer_usage(synapses, parallel)
    trained, uses = layer_weights(usage, synapses)
    return StripWeights(
        layer=told["layer"],
        values=arrays["effective"],
        trained=trained,
        method=told["method"],
        crosstalk={LINES: arrays["crosstalk"]},
        worst=LineAggressor(**told["worst"]) if told["worst"] else None,
        witness=stored.witness,
        usage=usage,
        groups=synapses.groups,
        parallel=parallel,
        uses=uses,
        f_res=arrays["f_res"],
        **told["numbers"],
    )


def _told(told: dict[str, Any], names: tuple[str, ...]) -> list[Any]:
    """What counts for the hash; a result without a witness has the one that it had before there were any."""
    return [told[name] for name in names if name != "depends_on" and (name != "witness" or told[name])]


def _bus_content(told: dict[str, Any], arrays: dict[str, Array]) -> str:
    maps = _maps(arrays["crosstalk"], told["buses"])
    head = _told(told, BUS)
    return _content(head, (arrays["effective"], arrays["trained"], *maps.values()))


def _strip_content(told: dict[str, Any], arrays: dict[str, Array]) -> str:
    return _content(_told(told, STRIP), arrays.values())


def _bus_variables(result: RfWeights) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables of the file, and what it tells besides."""
    buses = list(result.crosstalk)
    size = max(len(matrix) for matrix in result.crosstalk.values())
    crosstalk = np.full((len(buses), size, size), np.nan)
    for n, bus in enumerate(buses):
        matrix = result.crosstalk[bus]
        crosstalk[n, : len(matrix), : len(matrix)] = matrix
    dims, what = ("group", "output", "tap"), "largest |V| / (P K_SD) over the chains of the bus"
    variables = {
        "effective": (dims, result.values, {"units": "1", "long_name": "weight that the circuit holds"}),
        "trained": (dims, result.trained, {"units": "1", "long_name": "trained weight"}),
        "crosstalk": (("bus", "victim", "aggressor"), crosstalk, {"units": "1", "long_name": what}),
    }
    return variables, {"buses": buses}


def _strip_variables(result: StripWeights) -> tuple[dict[str, Any], dict[str, Any]]:
    long = "weight that the circuit holds, of every chain to every line"
    what = "largest |V| / (P K_SD) of other lines, from tone to tone"
    variables = {
        "effective": (("chain", "line"), result.values, {"units": "1", "long_name": long}),
        "f_res": (("resonator",), result.f_res, {"units": "Hz", "long_name": "resonance frequency"}),
        "crosstalk": (("victim", "aggressor"), result.crosstalk[LINES], {"units": "1", "long_name": what}),
    }
    return variables, {"numbers": {name: getattr(result, name) for name in NUMBERS}}


def _write(path: Path, variables: dict[str, Any], attributes: dict[str, str]) -> None:
    """What xarray would write of these variables and attributes, byte by byte."""
    from scipy.io import netcdf_file  # a tenth of what it takes to import xarray, more so where there is dask

    with netcdf_file(path, "w", version=2) as data:
        for name, text in attributes.items():
            setattr(data, name, text.encode())
        for dims, array, _ in variables.values():
            for dim, size in zip(dims, np.shape(array), strict=True):
                if dim not in data.dimensions:
                    data.createDimension(dim, size)
        for name, (dims, array, own) in variables.items():
            variable = data.createVariable(name, "f8", dims)
            variable[:] = array
            for key, value in (own | {"_FillValue": np.float64(np.nan)}).items():
                setattr(variable, key, value.encode() if isinstance(value, str) else value)


def write_result(result: RfWeights, depends_on: dict[str, str], path: Path) -> None:
    """Write what a layer holds, whole or not at all."""
    strip = isinstance(result, StripWeights)
    variables, more = _strip_variables(result) if isinstance(result, StripWeights) else _bus_variables(result)
    told: dict[str, Any] = {"layer": result.layer, "method": result.method}
    told["worst"] = asdict(result.worst) if result.worst else None
    told["witness"] = asdict(result.witness) if result.witness else None
    told |= more
    arrays = {name: np.asarray(array, float) for name, (_, array, _) in variables.items()}
    attrs = {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}
    attrs |= {
        "title": f"effective weights of {result.layer}, program {result.method}",
        "depends_on": json.dumps(depends_on),
        "content": (_strip_content if strip else _bus_content)(told, arrays),
    }
    with new_file(path, durable=True) as temporary:
        _write(temporary, variables, attrs)


def read_result(path: Path) -> StoredResult | None:
    """A stored result, if it is there and whole."""
    from scipy.io import netcdf_file  # a tenth of what it takes to import xarray

    if not path.is_file():
        return None
    try:
        with netcdf_file(path, mmap=False) as data:
            strip = hasattr(data, "numbers")
            texts = {name: getattr(data, name).decode() for name in (STRIP if strip else BUS) if name != "witness"}
            texts["witness"] = getattr(data, "witness", b"null").decode()
            names = ("effective", "f_res" if strip else "trained", "crosstalk")
            arrays = {name: np.array(data.variables[name][:], float) for name in names}
            content = data.content.decode()
        told = {name: text if name in ("layer", "method") else json.loads(text) for name, text in texts.items()}
        result = StoredResult(told.pop("depends_on"), told, arrays)
        return result if (_strip_content if strip else _bus_content)(told, arrays) == content else None
    except Exception:  # damaged, in whatever way its reader says so: computed anew, and replaced
        return None
