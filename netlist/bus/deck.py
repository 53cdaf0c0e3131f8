"""Hardware of buses -> SPICE decks. Everything is decided before; this file only formats, a chain at a time.

Every deck runs with a bare `ngspice -b deck.cir` and leaves one binary raw file in the current folder. Node and
instance names are made here from counters, never from a model file: chain j, resonator k (0 nearest the feed) is the
instance `xr<j>_<k>` between the nodes `h<j>_<k>` and `h<j>_<k+1>`, with its precession on `x<j>_<k>`.

In the RF pass it stands element by element (netlist/bus/linear_chain.py).
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.bus.chip_chain import common_lines, dc_device, resistances, uneven_chain_lines, uneven_instances
from resonet.netlist.bus.combining import run_one_by_one, source_lines
from resonet.netlist.bus.hardware import BusHardware, Stack, dc_stacks
from resonet.netlist.bus.linear_chain import (
    LINEAR_FORM,
    chain_ends,
    group_tees,
    linear_chain_lines,
    linear_chains,
    save_line,
    tee_parameters,
)
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.spice.prewarp import TankStep
from resonet.netlist.spice.sweep import Sweep, channel_sweeps

__all__ = [
    "BUS_DEVICES",
    "chain_lines",
    "dc_deck",
    "dc_gain_decks",
    "rf_deck",
    "rf_deck_blocks",
    "rf_sweeps",
    "sparam_deck",
    "stack_batches",
    "tee_parameters",
    "transient_deck",
]

BUS_DEVICES = ("resonator", "bias_tee", "tone_port", "combiner_arm", "readout")
BROKEN = 1e12  # ohm, of a broken bus
DC_DECK = 2000  # resonators in one DC deck: ngspice's set-up grows faster than the deck


@functools.lru_cache(maxsize=64)
def _chain_template(
    size: int, ends: tuple[str, str], parameters: tuple[tuple[str, str], ...], circuit: BusCircuit, dialect: Dialect
) -> str:
    """Text of a chain of that size: "@" stands for its number, `parameters` holds what is the same or comes later."""
    pairs, junction = chain_ends(size, ends[1], circuit), f"{circuit.junction_capacitance:.17g}"
    nodes = [(*(pair[::-1] if n % 2 else pair), f"x@_{n}") for n, pair in enumerate(pairs)]
    lines = [dialect.format_instance(f"xr@_{n}", pins, "resonator", dict(parameters)) for n, pins in enumerate(nodes)]
    if circuit.junction_capacitance:
        lines += [dialect.format_element(f"cj@_{n}", pins[:2], junction) for n, pins in enumerate(nodes)]
    return "\n".join(lines + group_tees(size, circuit, ends[0], dialect))


def chain_lines(
    j: int,
    f_res: Array,
    tail: str,
    device: SpinDiode,
    circuit: BusCircuit,
    step: TankStep | None = None,
    dialect: Dialect = NGSPICE,
    bus: str = "bus",
) -> str:
    """The resonators of one chain from head to tail, every other one turned round; formatted all at once.

    With them the bias tees of its groups but the first, which are on the node `bus`.
    """
    shared = numbers(12, r0=device.resistance, cnode=circuit.node_capacitance)
    if step is None:
        parameters, values = {"f0": "%.15g"} | numbers(12, q=device.quality, k=device.transduction) | shared, f_res
    else:
        parameters = {"f0": "%.15g", "q": "%.12g", "k": "%.12g"} | shared
        values = np.stack(step.tank(f_res, device), axis=1).ravel()
    template = _chain_template(len(f_res), (bus, tail), tuple(parameters.items()), circuit, dialect)
    return template.replace("@", str(j)) % tuple(values.tolist())


def _tail(j: int, hardware: BusHardware, dialect: Dialect) -> tuple[str, list[str]]:
    """Far end of a chain: ground, or the DC node of the tile below (its bias tee, its bus grounded, its chain)."""
    below = hardware.bus.below
    if not below:
        return "0", []
    junction = hardware.circuit.junction_capacitance
    return f"t{j}", [
        dialect.format_instance(f"xlow{j}", ("0", f"t{j}", f"l{j}"), "bias_tee", tee_parameters(hardware.circuit)),
        dialect.format_element(
            f"rlow{j}", (f"l{j}", "0"), f"{hardware.under(j):{'.12g' if hardware.values is None else '.17g'}}"
        ),
        *([dialect.format_element(f"clow{j}", (f"l{j}", "0"), f"{junction / below:.17g}")] if junction else ()),
    ]


def _readout(j: int | str, node: str, circuit: BusCircuit, dialect: Dialect) -> str:
    return dialect.format_instance(f"xro{j}", (node,), "readout", numbers(12, rin=circuit.readout_resistance))


def _bus(hardware: BusHardware, chain: Callable[[int, Array, str], str], dialect: Dialect) -> Iterator[str]:
    """Bias tees, chains and readouts of one bus; `chain` writes one by its number, f_res and far end.

    "@" stands for the number of a chain until then.
    """
    tee, feeds = tee_parameters(hardware.circuit), [hardware.feed(j) for j in range(len(hardware.f_res))]
    what = "bias tee, resonators from the feed on (every other one turned round), readout"
    comment = dialect.format_comment(f"chain @: {what}")
    before = {
        feed: f"{comment}\n{dialect.format_instance('xbt@', (feed, 'dc@', 'h@_0'), 'bias_tee', tee)}"
        for feed in set(feeds)
    }
    after = _readout("@", "dc@", hardware.circuit, dialect)
    if "beyond" in before:
        yield dialect.format_comment("the bus is broken")
        yield dialect.format_element("rbreak", ("bus", "beyond"), f"{BROKEN:g}")
    for j, f_res in enumerate(hardware.f_res):
        tail, extra = _tail(j, hardware, dialect)
        yield before[feeds[j]].replace("@", str(j))
        yield chain(j, f_res, tail)
        yield from extra
        yield after.replace("@", str(j))


def rf_deck_blocks(hardware: BusHardware, lib: str = "../lib", dialect: Dialect = NGSPICE) -> Iterator[str]:
    """Text of `rf_deck` in blocks of lines, without the line end between two blocks: for decks of any size."""
    name = _rf_name(hardware)
    devices = [device for device in BUS_DEVICES if device != "resonator"]
    yield from dialect.write_head(name, "RF pass, .ac over the channels, source 0 swept", lib, devices)
    yield dialect.format_pivots()
    yield from map(dialect.format_comment, LINEAR_FORM)
    yield from common_lines(hardware, dialect)
    emf = np.abs(hardware.emf) * math.sqrt(hardware.p_max)  # for a transient of the user's own
    one_by_one = hardware.circuit.combining != "resistive"
    tones = [
        {"mag": str(int(k == 0 and not one_by_one)), "emf": f"{volts:.9g}", "f": f"{f:.15g}"}
        for k, (volts, f) in enumerate(zip(emf.tolist(), hardware.tones.tolist(), strict=True))
    ]
    yield from source_lines(hardware, tones, dialect)
    values = linear_chains(hardware.f_res, hardware.device)

    def write_chain(j: int, _: Array, tail: str) -> str:
        if hardware.values is not None:
            return uneven_chain_lines(j, hardware, tail, dialect)
        return linear_chain_lines(j, next(values), tail, hardware.device, hardware.circuit, dialect)

    yield from _bus(hardware, write_chain, dialect)
    for j, f_res in enumerate(hardware.f_res):
        yield save_line(j, len(f_res), dialect)
    sweeps = [dialect.format_ac(s.scale, s.number, s.low, s.high) for s in rf_sweeps(hardware)]
    if one_by_one:
        yield from dialect.write_control(run_one_by_one(name, sweeps, dialect))
    else:
        yield from dialect.write_runs(name, sweeps)


def rf_sweeps(hardware: BusHardware) -> list[Sweep]:
    """Analyses of the RF pass, the lowest channel first: of source 0 for all, or one of each source at its channel."""
    frequencies = hardware.tones
    if hardware.circuit.combining == "resistive":
        return channel_sweeps(frequencies)
    return [sweep for f in frequencies[::-1] for sweep in channel_sweeps(np.array([f]))]


def _rf_name(hardware: BusHardware) -> str:
    return f"{hardware.bus.layer}_{hardware.bus.name}_rf"


def rf_deck(hardware: BusHardware, lib: str = "../lib", dialect: Dialect = NGSPICE) -> Deck:
    """RF pass of one bus: currents and precessions of every resonator at every channel, per volt of source EMF.

    The arms of the combiner are equal, so a tone enters the bus alike from each of them: one sweep of source 0 over
    all channels stands for one run per source. Behind the filters of a multiplexer each source runs at its own channel.
    `lib` is where the .lib files are, seen from the deck.
    """
    return Deck(_rf_name(hardware), "\n".join(rf_deck_blocks(hardware, lib, dialect)))


@functools.lru_cache(maxsize=64)
def _stack_template(sizes: tuple[int, ...], circuit: BusCircuit, device: str, dialect: Dialect) -> str:
    """Chains and bias tees of one neuron, tiles of those sizes from ground up; "@" stands for its number."""
    lines, tail, first = [], "0", 0
    parameters, tee = {"r0": "%s", "vdc": "%.15g"}, tee_parameters(circuit)
    for t, size in enumerate(sizes):
        top = "out@" if t == len(sizes) - 1 else f"m@_{t}"
        for k, pair in enumerate(chain_ends(size, tail, circuit, f"@_{t}")):
            ends = pair[::-1] if k % 2 else pair
            lines.append(dialect.format_instance(f"xr@_{first + k}", ends, device, parameters))
        lines.append(dialect.format_instance(f"xbt@_{t}", ("0", top, f"h@_{t}_0"), "bias_tee", tee))
        lines += group_tees(size, circuit, "0", dialect, f"@_{t}")
        tail, first = top, first + size
    return "\n".join(lines)


def dc_deck(
    name: str,
    stacks: Sequence[Stack],
    rectified: Sequence[Array] | None = None,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """DC pass of some neurons, each a stack of tiles from ground up (`dc_stacks`).

    With `rectified` (one array of V a neuron, over its resonators from the lowest tile's feed side on) the voltages
    v(out<n>) are the answer. Without, 1 A goes into each output instead: by reciprocity the current through a
    resonator is then its share in the output voltage, so one run gives the gain of every resonator.
    """
    what = "DC pass" if rectified is not None else "DC gain of every resonator: its current with 1 A into the output"
    devices = [dc_device(stack.tiles) for stack in stacks]
    used = *dict.fromkeys(devices), "bias_tee", "readout"
    lines = [*dialect.write_head(name, what, lib, used), dialect.format_pivots("0.5")]
    lines += common_lines(stacks[0].tiles[0].hardware, dialect)
    for n, stack in enumerate(stacks):
        circuit = stack.tiles[0].hardware.circuit
        values = np.zeros(stack.resonators) if rectified is None else rectified[n]
        sizes = tuple(len(tile.f_res) for tile in stack.tiles)
        text = _stack_template(sizes, circuit, devices[n], dialect).replace("@", str(n))
        ohms = [ohm for tile in stack.tiles for ohm in resistances(tile, dialect)]
        lines += [
            text % tuple(x for pair in zip(ohms, values.tolist(), strict=True) for x in pair),
            _readout(n, f"out{n}", circuit, dialect),
        ]
        if rectified is None:
            lines.append(dialect.format_source(f"itest{n}", "0", f"out{n}", dc="1"))
            lines.append(dialect.format_save(dialect.current_of("vdc", f"xr{n}_{k}") for k in range(stack.resonators)))
        else:
            lines.append(dialect.format_save([dialect.voltage_of(f"out{n}")]))
    return Deck(name, "\n".join([*lines, dialect.format_analysis(dialect.format_op()), *dialect.write_runs(name)]))


def stack_batches(buses: Sequence[BusHardware]) -> list[list[Stack]]:
    """Neurons of a layer in batches of at most DC_DECK resonators (or one neuron)."""
    batches: list[list[Stack]] = [[]]
    resonators = 0
    for stack in dc_stacks(buses):
        if resonators and resonators + stack.resonators > DC_DECK:
            batches.append([])
            resonators = 0
        batches[-1].append(stack)
        resonators += stack.resonators
    return batches


def dc_gain_decks(buses: Sequence[BusHardware], dialect: Dialect = NGSPICE) -> list[Deck]:
    """The decks that give the DC gain of every resonator of a layer, one a batch."""
    layer = buses[0].bus.layer
    return [dc_deck(f"{layer}_dc{n}", batch, dialect=dialect) for n, batch in enumerate(stack_batches(buses))]


def transient_deck(
    hardware: BusHardware,
    emf: Array,
    frequencies: Array,
    phases: Array,
    dt: float,
    stop: float,
    step: TankStep | None = None,
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """All tones at once in the time domain; leaves the DC side v(dc<j>) of every chain.

    emf in V (peak, of the tone sources), frequencies in Hz and phases in degrees are per tone; dt and stop in s.
    """
    name = f"{hardware.bus.layer}_{hardware.bus.name}_tran" + ("_tank" if step else "")
    lines = dialect.write_head(name, "transient, all tones at once", lib, BUS_DEVICES)
    waves = zip(emf, frequencies, phases, strict=True)
    tones = [{"emf": f"{e:.15g}", "f": f"{f:.15g}", "ph": f"{p:.9g}"} for e, f, p in waves]
    lines += source_lines(hardware, tones, dialect)
    chain = functools.partial(chain_lines, device=hardware.device, circuit=hardware.circuit, step=step, dialect=dialect)
    lines += _bus(hardware, chain, dialect)
    lines.append(dialect.format_save(dialect.voltage_of(f"dc{j}") for j in range(len(hardware.f_res))))
    lines += [dialect.format_fixed_step(), dialect.format_analysis(dialect.format_tran(dt, stop))]
    return Deck(name, "\n".join(lines + dialect.write_runs(name)))


def sparam_deck(
    hardware: BusHardware,
    chain: int,
    bias: float,
    sweep: tuple[float, float, int],
    lib: str = "../lib",
    dialect: Dialect = NGSPICE,
) -> Deck:
    """S-parameters of one chain between its RF port (1) and its far end (2), both behind bias tees.

    bias in A flows from the feed's DC pin through the chain; sweep is (start Hz, stop Hz, points per
    decade): resonances have the same width on a logarithmic axis.
    """
    bus, circuit, tee = hardware.bus, hardware.circuit, tee_parameters(hardware.circuit)
    tag = f"_{bias * 1e6:g}ua".replace("-", "m").replace(".", "p") if bias else ""
    name = f"{bus.layer}_{bus.name}_n{chain}_sp{tag}"
    what = f"S-parameters of chain {chain}, DC bias {bias:g} A"
    lines = [*dialect.write_head(name, what, lib, ("resonator", "bias_tee")), dialect.format_pivots()]
    lines += [dialect.format_port(f"vport{port}", f"p{port}", port, f"{circuit.impedance:.12g}") for port in (1, 2)]
    lines.append(dialect.format_instance("xbt0", ("p1", "dc0", "h0_0"), "bias_tee", tee))
    if hardware.values is None:
        lines.append(chain_lines(0, hardware.f_res[chain], "far", hardware.device, circuit, dialect=dialect, bus="p1"))
    else:
        lines += [*common_lines(hardware, dialect), uneven_instances(0, chain, hardware, ("p1", "far"), dialect)]
    lines.append(dialect.format_instance("xbt1", ("p2", "0", "far"), "bias_tee", tee))
    lines.append(dialect.format_source("ibias", "0", "dc0", dc=f"{bias:.12g}"))
    lines.append(dialect.format_element("rbias", ("dc0", "0"), f"{circuit.readout_resistance:.12g}"))
    lines.append(dialect.format_analysis(dialect.format_sp("dec", sweep[2], sweep[0], sweep[1])))
    return Deck(name, "\n".join(lines + dialect.write_runs(name, vectors=dialect.write_scattering(2))))
