"""Fault maps of a design: drawn at random, or given by name in a file.

A file is a table (.csv) with the columns layer, bus, chain, resonator, kind, detuning: `dense1,t3,17,4,short,`. Chains,
resonators and tones count on their bus from 0 at the feed; what a kind does not need stays empty:

    stuck            chain, resonator, detuning in half-widths
    short, open      chain, resonator
    tone             resonator: the tone of that place
    oscillator       chain: the neuron that it belongs to, whichever of its buses is named
    line             chain: the first beyond the break

Maps that are drawn at rising rates from one seed hold one another: a device is faulty where its own random number lies
below the rate.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.core.parameters import shown
from resonet.core.types import Array
from resonet.netlist.chips.draws import MOST_NUMBER, uniforms
from resonet.netlist.chips.faults import (
    FAULTS,
    OF_RESONATORS,
    Fault,
    FaultKind,
    FaultMap,
    FaultOptions,
    LayerFaults,
    no_faults,
)
from resonet.netlist.design.design import Design
from resonet.netlist.network.cnn import inner_layers
from resonet.netlist.planning.frequency_plan import LayerPlan

__all__ = ["COLUMNS", "draw_faults", "fault_map", "read_faults", "write_faults"]

COLUMNS = ("layer", "bus", "chain", "resonator", "kind", "detuning")
STREAM = 1000  # first of the streams of faults, behind those of quantities
STREAMS = ("resonator", "detuning", "tone", "oscillator", "line")  # their order is part of what seeds give
NEEDS: dict[FaultKind, tuple[str, ...]] = {
    "stuck": ("chain", "resonator", "detuning"),
    "short": ("chain", "resonator"),
    "open": ("chain", "resonator"),
    "tone": ("resonator",),
    "oscillator": ("chain",),
    "line": ("chain",),
}
MOST_BYTES = 200_000_000
FURTHEST = 1e4  # half-widths


def _check_oscillators(design: Design, layer: str, where: str) -> None:
    """InputError where a layer's neurons have no oscillators, or not such that stay dark at a sum of their own."""
    inner = {one.name: one for one in inner_layers(design.cnn)}
    if layer not in inner:
        raise InputError(f"{where}: behind layer {layer} there are no oscillators; possible: {', '.join(inner)}")
    if not inner[layer].activation.homogeneous:
        raise InputError(
            f"{where}: layer {layer} has {inner[layer].activation}, no ReLU, and sends a tone at any sum; possible: "
            "kind tone on the buses that take it"
        )


def draw_faults(
    design: Design,
    rates: Mapping[FaultKind, float],
    seed: int = 1,
    number: int = 0,
    options: FaultOptions | None = None,
) -> FaultMap:
    """Faults of chip `number` of a seed; rates as parts of the devices that may have them. Raises InputError.

    Rates are those of resonators (stuck, short, open; one has one of them), tones of a layer, neurons, chains of a bus.
    """
    options = options or FaultOptions()
    _check_rates(design, rates, seed, number)
    oscillating = {one.name for one in inner_layers(design.cnn)}
    layers = {}
    for n, entry in enumerate(design.plan.layers):
        draws = partial(_drawn, seed, number, n)
        made = layers[entry.layer.name] = no_faults(entry)
        _draw_resonators(made, rates, draws, options.stuck_range)
        if rates.get("tone"):
            made.tones[:] = draws("tone", made.tones.size).reshape(made.tones.shape) < rates["tone"]
        if rates.get("oscillator") and entry.layer.name in oscillating:
            dead = draws("oscillator", made.oscillators.size) < rates["oscillator"]
            made.oscillators[:] = dead.reshape(made.oscillators.shape)
        if rates.get("line"):
            chains = sum(bus.size[0] for bus in entry.buses)
            _break_lines(entry, made, draws("line", chains), rates["line"])
    return FaultMap(layers, design.plan.device.damping, options)


def _drawn(seed: int, number: int, layer: int, what: str, count: int) -> Array:
    """Random numbers of a layer's devices, of one stream for each kind of device."""
    return uniforms(seed, number, layer, STREAM + STREAMS.index(what), count)


def _draw_resonators(
    made: LayerFaults, rates: Mapping[FaultKind, float], draws: Callable[[str, int], Array], furthest: float
) -> None:
    """Stuck, short and open ones: each kind has its own part of the numbers between 0 and 1."""
    if not any(rates.get(kind) for kind in OF_RESONATORS):
        return
    count = sum(codes.size for codes in made.codes)
    ends = np.cumsum([codes.size for codes in made.codes])[:-1]
    own, off = np.split(draws("resonator", count), ends), np.split(furthest * (2 * draws("detuning", count) - 1), ends)
    for codes, detunings, numbers, values in zip(made.codes, made.detunings, own, off, strict=True):
        for code, kind in enumerate(OF_RESONATORS, 1):
            part = len(OF_RESONATORS) * numbers - (code - 1)  # rates of up to a third keep their own part
            codes[((part >= 0) & (part < len(OF_RESONATORS) * rates.get(kind, 0.0))).reshape(codes.shape)] = code
        detunings[:] = values.reshape(codes.shape)


def _break_lines(entry: LayerPlan, made: LayerFaults, own: Array, rate: float) -> None:
    first = 0
    for n, bus in enumerate(entry.buses):
        hit = np.flatnonzero(own[first : first + bus.size[0]] < rate)
        made.breaks[n] = hit[0] if len(hit) else bus.size[0]
        first += bus.size[0]


def _check_rates(design: Design, rates: Mapping[FaultKind, float], seed: int, number: int) -> None:
    for kind, rate in rates.items():
        if kind not in FAULTS:
            raise InputError(f"faults of kind {str(kind)[:40]!r}; possible: {', '.join(FAULTS)}")
        most = 1 / len(OF_RESONATORS) if kind in OF_RESONATORS else 1.0
        if not 0 <= rate <= most:
            raise InputError(f"rate of {kind} {rate:g}; possible: 0 ... {most:.3g}")
    if not (0 <= seed <= MOST_NUMBER and 0 <= number <= MOST_NUMBER):
        raise InputError(f"faults of seed {seed}, chip {number}: possible: 0 ... {MOST_NUMBER}")
    design.require_bus("faults")
    if rates.get("oscillator"):
        for one in inner_layers(design.cnn):
            _check_oscillators(design, one.name, "faults of kind oscillator")


def _number(text: str, what: str, most: int, where: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < most:
        raise InputError(f"{where}: {what} {shown(text)}; possible: 0 ... {most - 1}")
    return value


def _detuning(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= FURTHEST:
        raise InputError(f"{where}: detuning {shown(text)}; possible: -{FURTHEST:g} ... {FURTHEST:g} half-widths")
    return value


def _fault(row: Mapping[str, str], design: Design, where: str) -> Fault:
    """One row, looked up in the design."""
    kinds = {kind: kind for kind in FAULTS}
    kind = kinds.get(row["kind"].strip())  # type: ignore[call-overload]
    if kind is None:
        raise InputError(f"{where}: kind {shown(row['kind'])}; possible: {', '.join(FAULTS)}")
    for name in COLUMNS[2:4] + COLUMNS[5:]:
        given, needed = bool(row[name].strip()), name in NEEDS[kind]
        if given != needed:
            told = "is missing" if needed else f"has no meaning for kind {kind}"
            raise InputError(f"{where}: {name} {told}; possible: {kind} with {', '.join(NEEDS[kind])}")
    layers = {entry.layer.name: entry for entry in design.plan.layers}
    layer = row["layer"].strip()
    if layer not in layers:
        raise InputError(f"{where}: layer {shown(layer)}; possible: {', '.join(layers)}")
    design.require_bus("faults", [layer])
    buses = {bus.name: bus for bus in layers[layer].buses}
    name = row["bus"].strip()
    if name not in buses:
        some = ", ".join(list(buses)[:8]) + (" ..." if len(buses) > 8 else "")
        raise InputError(f"{where}: bus {shown(name)} of layer {layer}; possible: {some}")
    chains, size = buses[name].size
    if kind == "oscillator":
        _check_oscillators(design, layer, where)
    return Fault(
        layer,
        name,
        _number(row["chain"], "chain", chains, where) if "chain" in NEEDS[kind] else None,
        _number(row["resonator"], "resonator", size, where) if "resonator" in NEEDS[kind] else None,
        kind,
        _detuning(row["detuning"], where) if kind == "stuck" else None,
    )


def _enter(fault: Fault, layer: LayerFaults, numbers: Mapping[str, int]) -> bool:
    """Write a fault into a layer; False where the device has another already."""
    n = numbers[fault.bus]
    bus, chain, k = layer.entry.buses[n], fault.chain or 0, fault.resonator or 0
    if fault.kind in OF_RESONATORS:
        before = layer.codes[n][chain, k]
        layer.codes[n][chain, k] = 1 + OF_RESONATORS.index(fault.kind)
        layer.detunings[n][chain, k] = fault.detuning or 0.0
        return not before
    if fault.kind == "line":
        free = layer.breaks[n] == bus.size[0]
        layer.breaks[n] = chain
        return bool(free)
    tone = fault.kind == "tone"
    array, place = (
        layer.tones if tone else layer.oscillators,
        (bus.group, bus.taps[k] if tone else bus.outputs[chain]),
    )
    free = not array[place]
    array[place] = True
    return bool(free)


def fault_map(
    design: Design, faults: Sequence[Fault], options: FaultOptions | None = None, places: Sequence[str] | None = None
) -> FaultMap:
    """Map of these faults; `places` say in messages where each stands. Raises InputError where a device has two."""
    layers = {entry.layer.name: no_faults(entry) for entry in design.plan.layers}
    numbers = {name: {bus.name: n for n, bus in enumerate(made.entry.buses)} for name, made in layers.items()}
    for number, fault in enumerate(faults):
        if not _enter(fault, layers[fault.layer], numbers[fault.layer]):
            place = places[number] if places else f"fault {number + 1}"
            raise InputError(f"{place}: this device of layer {fault.layer}, bus {fault.bus} is named twice")
    return FaultMap(layers, design.plan.device.damping, options or FaultOptions())


def read_faults(path: Path, design: Design, options: FaultOptions | None = None) -> FaultMap:
    """Map of a file. Raises InputError, which names the row, for what is not in the design or named twice."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: {path.stat().st_size:,} bytes; possible: {MOST_BYTES:,}")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); possible: a table (.csv)") from None
    rows = csv.reader(text.splitlines())
    faults, places = list[Fault](), list[str]()
    try:
        header = [name.strip() for name in next(rows, [])]
        if tuple(header) != COLUMNS:
            raise InputError(f"{path}, row 1: {shown(','.join(header))}; possible: {','.join(COLUMNS)}")
        for n, row in enumerate(rows, 2):
            if not row or not "".join(row).strip():
                continue
            place = f"{path}, row {n}"
            if len(row) != len(COLUMNS):
                raise InputError(f"{place}: {len(row)} columns; possible: {','.join(COLUMNS)}")
            faults.append(_fault(dict(zip(COLUMNS, row, strict=True)), design, place))
            places.append(place)
    except csv.Error as error:
        raise InputError(f"{path}: no table ({error}); possible: {','.join(COLUMNS)}") from None
    return fault_map(design, faults, options, places)


def write_faults(faults: FaultMap, path: Path) -> None:
    """Write a map as `read_faults` takes it."""
    with new_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one in faults.named():
            blank = ("" if value is None else repr(value) for value in (one.chain, one.resonator, one.detuning))
            chain, resonator, off = blank
            writer.writerow((one.layer, one.bus, chain, resonator, one.kind, off))
