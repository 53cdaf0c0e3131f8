"""Hardware graph -> SPICE decks. Everything is decided before; this file only formats, a chain at a time.

Every deck runs with a bare `ngspice -b deck.cir` and leaves one binary raw file in the current folder. Node and
instance names are made here from counters, never from a model file: chain j, resonator k (0 nearest the feed) is the
instance `xr<j>_<k>` between the nodes `h<j>_<k>` and `h<j>_<k+1>`, with its precession on `x<j>_<k>`.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.bus.graph import HardwareGraph, bus_chains, dc_stacks
from resonet.netlist.spice.deck import Deck, control_lines, title_lines
from resonet.netlist.spice.prewarp import TankStep
from resonet.netlist.spice.sweep import channel_sweeps

__all__ = [
    "BUS_DEVICES",
    "SENSE",
    "chain_lines",
    "combiner_lines",
    "dc_deck",
    "dc_gain_decks",
    "rf_deck",
    "rf_deck_blocks",
    "sparam_deck",
    "stack_batches",
    "tee_parameters",
    "transient_deck",
]

DC_DECK = 2000  # resonators in one DC deck: ngspice's set-up grows faster than the deck
SENSE = "i(v.xr{j}_{k}.vsense)"  # how ngspice names the current sensed inside a resonator


def tee_parameters(circuit: BusCircuit) -> str:
    """Bias tee and its parameters, as an instance line ends."""
    return (
        f"bias_tee cblock={circuit.block_capacitance:.12g} lchoke={circuit.choke_inductance:.12g} "
        f"rchoke={circuit.choke_resistance:.12g} cbypass={circuit.bypass_capacitance:.12g}"
    )


@functools.lru_cache(maxsize=64)
def _chain_template(size: int, tail: str, numbers: str) -> str:
    """Text of a chain of that size: "@" stands for its number, `numbers` holds what is the same or formatted later."""
    ends = [(f"h@_{n}", tail if n == size - 1 else f"h@_{n + 1}") for n in range(size)]
    return "\n".join(
        f"xr@_{n} {b if n % 2 else a} {a if n % 2 else b} x@_{n} resonator {numbers}" for n, (a, b) in enumerate(ends)
    )


def chain_lines(
    j: int, f_res: Array, tail: str, device: SpinDiode, circuit: BusCircuit, step: "TankStep | None" = None
) -> str:
    """The resonators of one chain from head to tail, every other one turned round; formatted all at once."""
    shared = f"r0={device.resistance:.12g} cnode={circuit.node_capacitance:.12g}"
    if step is None:
        numbers, values = f"f0=%.15g q={device.quality:.12g} k={device.transduction:.12g} {shared}", f_res
    else:
        numbers, values = f"f0=%.15g q=%.12g k=%.12g {shared}", np.stack(step.tank(f_res, device), axis=1).ravel()
    return _chain_template(len(f_res), tail, numbers).replace("@", str(j)) % tuple(values.tolist())


@functools.lru_cache(maxsize=64)
def _save_template(size: int) -> str:
    return ".save " + " ".join(f"v(x@_{k}) {SENSE.format(j='@', k=k)}" for k in range(size))


def _tail(j: int, below: int, device: SpinDiode, circuit: BusCircuit) -> tuple[str, list[str]]:
    """Far end of a chain: ground, or the DC node of the tile below (its bias tee, its bus grounded, its chain)."""
    if not below:
        return "0", []
    return f"t{j}", [
        f"xlow{j} 0 t{j} l{j} {tee_parameters(circuit)}",
        f"rlow{j} l{j} 0 {below * device.resistance:.12g}",
    ]


def combiner_lines(
    nodes: Sequence[str], port: str, gains: Sequence[float], circuit: BusCircuit, stem: str = ""
) -> list[str]:
    """Arms between `nodes` and a port, then the port: a combiner into it, a splitter out of it; `stem` in its names."""
    z0, last = f"z0={circuit.impedance:.12g}", len(nodes) - 1
    ends = ["0", *(f"s{stem}{k}" for k in range(1, last + 1)), f"emf{stem}"]  # the arms stack up the EMF of the port
    arms = [
        f"xarm{stem}{k} {node} {ends[k]} {ends[k + 1]} {port} emf{stem} combiner_arm {z0} gain={gain:.15g}"
        for k, (node, gain) in enumerate(zip(nodes, gains, strict=True))
    ]
    return [*arms, f"xout{stem} {port} emf{stem} combiner_out {z0}"]


def _sources(combiner: dict[str, Any], circuit: BusCircuit, tones: Sequence[str]) -> list[str]:
    """Tone sources (their parameters given as text) and the arms of the combiner."""
    lines = ["* tone sources (emf, f: the tone at p_max, for .tran) and power combiner"]
    nodes = [f"in{k}" for k in range(len(tones))]
    *arms, port = combiner_lines(nodes, "bus", [combiner["gain"]] * len(tones), circuit)
    for k, (tone, arm) in enumerate(zip(tones, arms, strict=True)):
        lines += [f"xsrc{k} in{k} tone_port z0={circuit.impedance:.12g} {tone}", arm]
    return [*lines, port]


def _bus(graph: HardwareGraph, layer: str, bus: str, step: "TankStep | None" = None) -> Iterator[str]:
    """Bias tees, chains and readouts of one bus."""
    device, circuit = graph.graph["device"], graph.graph["circuit"]
    tee, readout = tee_parameters(circuit), f"readout rin={circuit.readout_resistance:.12g}"
    for j, chain in enumerate(bus_chains(graph, layer, bus)):
        tail, extra = _tail(j, chain["below"], device, circuit)
        yield f"* chain {j}: bias tee, resonators from the feed on (every other one turned round), readout"
        yield f"xbt{j} bus dc{j} h{j}_0 {tee}"
        yield chain_lines(j, chain["f_res"], tail, device, circuit, step)
        yield from extra
        yield f"xro{j} dc{j} {readout}"


BUS_DEVICES = ("resonator", "bias_tee", "tone_port", "combiner_arm", "readout")


def rf_deck_blocks(graph: HardwareGraph, layer: str, bus: str, lib: str = "../lib") -> Iterator[str]:
    """Text of `rf_deck` in blocks of lines, without the line end between two blocks: for decks of any size."""
    combiner = graph.nodes[f"{layer}/{bus}/combiner"]
    frequencies, name = combiner["frequencies"], _rf_name(layer, bus)
    yield from title_lines(name, "RF pass, .ac over the channels, source 0 swept", lib, BUS_DEVICES)
    emf = combiner["levels"] * math.sqrt(graph.graph["p_max"]) / combiner["gain"]  # for a .tran of the user's own
    tones = [
        f"mag={int(k == 0)} emf={volts:.9g} f={f:.15g}"
        for k, (volts, f) in enumerate(zip(emf, frequencies, strict=True))
    ]
    yield from _sources(combiner, graph.graph["circuit"], tones)
    yield from _bus(graph, layer, bus)
    for j, chain in enumerate(bus_chains(graph, layer, bus)):
        yield _save_template(len(chain["f_res"])).replace("@", str(j))
    yield from control_lines(name, [sweep.command for sweep in channel_sweeps(frequencies)])


def _rf_name(layer: str, bus: str) -> str:
    return f"{layer}_{bus}_rf"


def rf_deck(graph: HardwareGraph, layer: str, bus: str, lib: str = "../lib") -> Deck:
    """RF pass of one bus: currents and precessions of every resonator at every channel, per volt of source EMF.

    The arms of the combiner are equal, so a tone enters the bus alike from each of them: one sweep of source 0 over
    all channels stands for one run per source. `lib` is where the .lib files are, seen from the deck.
    """
    return Deck(_rf_name(layer, bus), "\n".join(rf_deck_blocks(graph, layer, bus, lib)))


@functools.lru_cache(maxsize=64)
def _stack_template(sizes: tuple[int, ...], resistance: str, tee: str) -> str:
    """Chains and bias tees of one neuron, tiles of those sizes from ground up; "@" stands for its number."""
    lines, tail, first = [], "0", 0
    for t, size in enumerate(sizes):
        top = "out@" if t == len(sizes) - 1 else f"m@_{t}"
        nodes = [f"h@_{t}_{k}" for k in range(size)] + [tail]
        for k in range(size):
            a, b = (nodes[k + 1], nodes[k]) if k % 2 else (nodes[k], nodes[k + 1])
            lines.append(f"xr@_{first + k} {a} {b} resonator_dc r0={resistance} vdc=%.15g")
        lines.append(f"xbt@_{t} 0 {top} {nodes[0]} {tee}")
        tail, first = top, first + size
    return "\n".join(lines)


def dc_deck(
    graph: HardwareGraph,
    name: str,
    stacks: Sequence[list[dict[str, Any]]],
    rectified: Sequence[Array] | None = None,
    lib: str = "../lib",
) -> Deck:
    """DC pass of some neurons, each a stack of tiles from ground up (`graph.dc_stacks`).

    With `rectified` (one array of V a neuron, over its resonators from the lowest tile's feed side on) the voltages
    v(out<n>) are the answer. Without, 1 A goes into each output instead: by reciprocity the current through a
    resonator is then its share in the output voltage, so one run gives the gain of every resonator.
    """
    device, circuit = graph.graph["device"], graph.graph["circuit"]
    what = "DC pass" if rectified is not None else "DC gain of every resonator: its current with 1 A into the output"
    lines = title_lines(name, what, lib, ("resonator_dc", "bias_tee", "readout"))
    for n, stack in enumerate(stacks):
        sizes = tuple(len(tile["f_res"]) for tile in stack)
        values = np.zeros(sum(sizes)) if rectified is None else rectified[n]
        text = _stack_template(sizes, f"{device.resistance:.12g}", tee_parameters(circuit)).replace("@", str(n))
        lines.append(text % tuple(values.tolist()))
        lines.append(f"xro{n} out{n} readout rin={circuit.readout_resistance:.12g}")
        if rectified is None:
            lines.append(f"itest{n} 0 out{n} dc 1")
            lines.append(".save " + " ".join(f"i(v.xr{n}_{k}.vdc)" for k in range(sum(sizes))))
        else:
            lines.append(f".save v(out{n})")
    return Deck(name, "\n".join([*lines, ".op", *control_lines(name)]))


Stack = tuple[int, int, list[dict[str, Any]]]


def stack_batches(graph: HardwareGraph, layer: str) -> list[list[Stack]]:
    """Neurons of a layer, as `dc_stacks` gives them, in batches of at most DC_DECK resonators (or one neuron)."""
    batches: list[list[Stack]] = [[]]
    held = 0
    for stack in dc_stacks(graph, layer):
        size = sum(len(tile["f_res"]) for tile in stack[2])
        if held and held + size > DC_DECK:
            batches.append([])
            held = 0
        batches[-1].append(stack)
        held += size
    return batches


def dc_gain_decks(graph: HardwareGraph, layer: str) -> list[Deck]:
    """The decks that give the DC gain of every resonator of a layer, one a batch."""
    return [
        dc_deck(graph, f"{layer}_dc{n}", [tiles for _, _, tiles in batch])
        for n, batch in enumerate(stack_batches(graph, layer))
    ]


def transient_deck(
    graph: HardwareGraph,
    layer: str,
    bus: str,
    emf: Array,
    frequencies: Array,
    phases: Array,
    dt: float,
    stop: float,
    step: TankStep | None = None,
    lib: str = "../lib",
) -> Deck:
    """All tones at once in the time domain; leaves the DC side v(dc<j>) of every chain.

    emf in V (peak, of the tone sources), frequencies in Hz and phases in degrees are per tone; dt and stop in s.
    """
    combiner = graph.nodes[f"{layer}/{bus}/combiner"]
    name = f"{layer}_{bus}_tran" + ("_tank" if step else "")
    lines = title_lines(name, "transient, all tones at once", lib, BUS_DEVICES)
    tones = [f"emf={e:.15g} f={f:.15g} ph={p:.9g}" for e, f, p in zip(emf, frequencies, phases, strict=True)]
    lines += _sources(combiner, graph.graph["circuit"], tones)
    lines += _bus(graph, layer, bus, step)
    lines.append(".save " + " ".join(f"v(dc{j})" for j in range(len(bus_chains(graph, layer, bus)))))
    # The DC output is a thousandth of the RF on the same node, so Newton must converge far below it; and the step must
    # stay fixed, so the truncation error must never ask for a smaller one (trtol).
    lines += [".options method=trap reltol=1e-6 vntol=1e-10 abstol=1e-14 trtol=1e5", f".tran {dt!r} {stop!r} 0 {dt!r}"]
    return Deck(name, "\n".join(lines + control_lines(name)))


def sparam_deck(
    graph: HardwareGraph,
    layer: str,
    bus: str,
    chain: int,
    bias: float,
    sweep: tuple[float, float, int],
    lib: str = "../lib",
) -> Deck:
    """S-parameters of one chain between its RF port (1) and its far end (2), both behind bias tees.

    bias in A flows from the feed's DC pin through the chain; sweep is (start Hz, stop Hz, points per
    decade): resonances have the same width on a logarithmic axis.
    """
    device, circuit = graph.graph["device"], graph.graph["circuit"]
    name = f"{layer}_{bus}_n{chain}_sp" + (f"_{bias * 1e6:g}ua".replace("-", "m").replace(".", "p") if bias else "")
    f_res = bus_chains(graph, layer, bus)[chain]["f_res"]
    lines = title_lines(name, f"S-parameters of chain {chain}, DC bias {bias:g} A", lib, ("resonator", "bias_tee"))
    for port in (1, 2):
        lines.append(f"vport{port} p{port} 0 dc 0 ac 1 portnum {port} z0 {circuit.impedance:.12g}")
    lines.append(f"xbt0 p1 dc0 h0_0 {tee_parameters(circuit)}")
    lines.append(chain_lines(0, f_res, "far", device, circuit))
    lines += [f"xbt1 p2 0 far {tee_parameters(circuit)}", f"ibias 0 dc0 dc {bias:.12g}"]
    lines.append(f"rbias dc0 0 {circuit.readout_resistance:.12g}")
    lines.append(f".sp dec {sweep[2]} {sweep[0]!r} {sweep[1]!r}")
    return Deck(name, "\n".join(lines + control_lines(name, vectors="s_1_1 s_1_2 s_2_1 s_2_2")))
