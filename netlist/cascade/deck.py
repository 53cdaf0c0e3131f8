"""A whole parallel network as one SPICE deck: from the pixels' tones to the logits.

Every bus is a subcircuit (combiner, bias tees, chains). Stage s, neuron n and tone t are counters:

    v<s>_<n>   input of a neuron: top of its chain (or of the pool of its chains)
    g<s>_<n>   drive of its oscillator: current times `resistance`; behind the last stage the filtered voltage itself
    f<s>_<n>   filtered voltage before a transconductor of straight pieces
    o<s>_<n>   port of its oscillator,  a<s>_<n> output of its amplifier
    p<t>       source of a pixel's tone

Time domain only: all oscillators run at once, each tone at its pre-warped frequency (docs/theory/method.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.combiner import combiner_gain
from resonet.models.neuron.electronics import KneeTransconductor
from resonet.netlist.bus.deck import BUS_DEVICES, chain_lines, combiner_lines, tee_parameters
from resonet.netlist.cascade.levels import Levels, StageLevels
from resonet.netlist.cascade.paths import TonePaths
from resonet.netlist.cascade.stages import Stage
from resonet.netlist.design.neuron_options import Kind
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.spice.prewarp import played

__all__ = ["Timing", "cascade_deck", "shown_node"]

PRECISION = {"reltol": "1e-4", "vntol": "1e-8", "abstol": "1e-12"}
NEURON_DEVICES = (
    *("transconductor", "amplifier", "diode_max_arm"),
    *("neuron_relu", "neuron_two_terminal", "neuron_three_terminal"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Fixed time step and end of a transient, s."""

    step: float
    stop: float


def _values(record: Any) -> dict[str, str]:
    """Parameters of a device for its instance line."""
    return numbers(15, **{spec.name: getattr(record, spec.name) for spec in fields(record)})


def _bus_subcircuit(name: str, bus: Bus, f_res: Array, levels: Levels, dialect: Dialect) -> list[str]:
    """One bus: inputs of the combiner, DC outputs, and the tails of its chains where another tile is below."""
    plan = levels.plan
    circuit, device = plan.circuit, plan.device
    chains, size = bus.size
    pins = [f"in{k}" for k in range(size)] + [f"d{j}" for j in range(chains)]
    pins += [f"t{j}" for j in range(chains)] if bus.below else []
    lines = combiner_lines(pins[:size], "bus", [combiner_gain(size, circuit)] * size, circuit, dialect=dialect)
    for j in range(chains):
        tee = ("bus", f"d{j}", f"h{j}_0")
        lines.append(dialect.format_instance(f"xbt{j}", tee, "bias_tee", tee_parameters(circuit)))
        lines.append(chain_lines(j, f_res[j], f"t{j}" if bus.below else "0", device, circuit, dialect=dialect))
    return dialect.write_subcircuit(name, pins, lines)


def _top(stage: Stage, s: int) -> list[str]:
    """Node of every chain's DC output: the neuron's own input, but for the arms of a maximum."""
    nodes = [f"c{s}_{chain}" for chain in range(stage.chains)]
    if stage.pool != "max":
        for n, members in enumerate(stage.members):
            for chain in members:
                nodes[chain] = f"v{s}_{n}"
    return nodes


def _buses(levels: Levels, s: int, f_res: Sequence[Array], inputs: list[dict[int, str]], dialect: Dialect) -> list[str]:
    """Subcircuits and instances of a stage's buses; `inputs` [buses] holds the node of each combiner input."""
    stage, entry = levels.parallel.stages[s], levels.parallel.entry(s)
    tops, outputs = _top(stage, s), stage.chains // stage.copies.groups
    highest: dict[int, int] = {}
    for bus in entry.buses:
        for output in bus.outputs:
            chain = bus.group * outputs + int(output)
            highest[chain] = max(bus.tile, highest.get(chain, 0))
    lines = []
    for b, (bus, frequencies) in enumerate(zip(entry.buses, f_res, strict=True)):
        chains = [bus.group * outputs + int(output) for output in bus.outputs]
        nodes = [inputs[b][k] for k in range(bus.size[1])]
        nodes += [tops[c] if bus.tile == highest[c] else f"m{s}_{c}_{bus.tile}" for c in chains]
        nodes += [f"m{s}_{c}_{bus.tile - 1}" for c in chains] if bus.below else []
        lines.append(dialect.format_comment(f"stage {s}, bus {b}: group {bus.group}, tile {bus.tile}"))
        lines += _bus_subcircuit(f"bus{s}_{b}", bus, frequencies, levels, dialect)
        lines.append(dialect.format_instance(f"xb{s}_{b}", nodes, f"bus{s}_{b}"))
    return lines


def _distribute(
    s: int, paths: TonePaths, nodes: Sequence[str], circuit: BusCircuit, dialect: Dialect
) -> tuple[list[str], list[dict[int, str]]]:
    """Splitters of all tones into a stage; for every bus the node of each combiner input.

    A tone that one bus needs goes there from its source's node; others get a splitter, a combiner the other way round.
    """
    inputs: list[dict[int, str]] = [{} for _ in range(int(paths.bus.max()) + 1)]
    lines = []
    for tone in np.flatnonzero(paths.ways).tolist():
        where = np.flatnonzero(paths.tone == tone).tolist()
        ends = [nodes[tone]] if len(where) == 1 else [f"y{s}_{branch}" for branch in where]
        if len(where) > 1:
            shares = paths.share[where].tolist()
            lines += combiner_lines(ends, nodes[tone], shares, circuit, f"{s}_{tone}_", dialect)
        for branch, end in zip(where, ends, strict=True):
            inputs[paths.bus[branch]][int(paths.slot[branch])] = end
    return lines, inputs


def _source(node: str, emf: float, frequency: float, step: float, circuit: BusCircuit, dialect: Dialect) -> str:
    values = numbers(12, z0=circuit.impedance) | numbers(15, emf=emf, f=float(played(frequency, step)))
    return dialect.format_instance(f"x{node}", (node,), "tone_port", values)


def _padded(
    s: int,
    paths: TonePaths,
    root: float,
    inputs: list[dict[int, str]],
    step: float,
    circuit: BusCircuit,
    dialect: Dialect,
) -> list[str]:
    """Tones of padded pixels, a source each: `root` is the root of their power over p_max."""
    lines = []
    for i in np.flatnonzero(paths.tone < 0):
        node = f"dark{s}_{i}"
        inputs[paths.bus[i]][int(paths.slot[i])] = node
        lines.append(_source(node, paths.emf[i] * root, paths.channel[i], step, circuit, dialect))
    return lines


def _pool(levels: Levels, s: int, dialect: Dialect) -> list[str]:
    """Diode maxima of a stage."""
    stage, lines, instance = levels.parallel.stages[s], list[str](), dialect.format_instance
    if stage.pool != "max":
        return lines
    diodes = levels.stages[s].options.maximum()
    low_pass, arm = _values(levels.stages[s].options.transconductor(1.0)), _values(diodes.arm)
    for n, members in enumerate(stage.members):
        live = members[members >= 0]
        for i, chain in enumerate(live):  # behind a low-pass: a diode would take the peak of what RF is left
            at = f"l{s}_{n}_{i}"
            lines.append(instance(f"x{at}", (f"c{s}_{chain}", at), "transconductor", low_pass))
            lines.append(dialect.format_element(f"r{at}", (at, "0"), "1"))
            lines.append(instance(f"xm{s}_{n}_{i}", (at, f"w{s}_{n}"), "diode_max_arm", arm))
        ends = (f"w{s}_{n}", f"v{s}_{n}")
        lines.append(instance(f"xm{s}_{n}", ends, "diode_max_out", _values(diodes.out(len(live)))))
    return lines


def _neurons(levels: Levels, s: int, step: float, dialect: Dialect) -> list[str]:
    """Pools, transconductors, oscillators and amplifiers behind a stage; behind the last, low-pass readouts."""
    stage, stage_levels, circuit = levels.parallel.stages[s], levels.stages[s], levels.plan.circuit
    lines = [dialect.format_comment(f"stage {s}: neurons"), *_pool(levels, s, dialect)]
    rin = numbers(12, rin=circuit.readout_resistance)
    lines += [dialect.format_instance(f"xro{s}_{node}", (node,), "readout", rin) for node in _read(stage, s)]
    for n in range(stage.neurons):
        drive = shown_node(levels, s, n)
        if stage_levels.kind is None:
            gm = _values(stage_levels.options.transconductor(1.0))
            lines.append(dialect.format_instance(f"xg{s}_{n}", (f"v{s}_{n}", drive), "transconductor", gm))
            lines.append(dialect.format_element(f"rg{s}_{n}", (drive, "0"), "1"))
            continue
        lines += _neuron(levels, (s, n), stage_levels.kind, step, dialect)
    return lines


def _read(stage: Stage, s: int) -> list[str]:
    """Nodes at which the DC side of the chains is read: one a neuron, or one an arm of a maximum."""
    return sorted(set(_top(stage, s)))


def shown_node(levels: Levels, s: int, n: int) -> str:
    """Node that shows what a neuron is driven with; its voltage, where the current does not tell that."""
    return f"g{s}_{n}" if levels.stages[s].knees is None else f"f{s}_{n}"


def _transconductor(stage_levels: StageLevels, s: int, n: int, dialect: Dialect) -> list[str]:
    """Transconductor of a neuron; of straight pieces it is a filter, and an element for each corner."""
    instance, ends = dialect.format_instance, (f"v{s}_{n}", f"g{s}_{n}")
    if stage_levels.knees is None:
        gm = stage_levels.options.transconductor(float(stage_levels.gm[n]), float(stage_levels.bias[n]))
        return [instance(f"xg{s}_{n}", ends, "transconductor", _values(gm))]
    at, knees = f"f{s}_{n}", stage_levels.knees
    lines = [
        instance(f"x{at}", (ends[0], at), "transconductor", _values(stage_levels.options.transconductor(1.0))),
        dialect.format_element(f"r{at}", (at, "0"), "1"),
    ]
    for k, (volts, step) in enumerate(zip(knees.volts[n].tolist(), knees.steps[n].tolist(), strict=True)):
        slope, bias = (float(knees.below[n]), float(stage_levels.bias[n])) if k == 0 else (0.0, 0.0)
        element = KneeTransconductor(slope, slope + step, volts, bias)
        lines.append(instance(f"xg{s}_{n}_{k}", (at, ends[1]), element.SPICE.name, _values(element)))
    return lines


def _neuron(levels: Levels, at: tuple[int, int], kind: Kind, step: float, dialect: Dialect) -> list[str]:
    """One neuron: transconductor, oscillator, amplifier; a load where nothing needs its tone."""
    (s, n), z0 = at, levels.impedance
    stage_levels, paths = levels.stages[s], levels.stages[s + 1].paths
    f = float(paths.frequency[n]) or 1e9
    oscillator = stage_levels.options.oscillator(kind, z0, f)
    shown = _values(oscillator) | numbers(15, f0=float(played(f, step)))
    amplifier = stage_levels.options.amplifier(z0, float(stage_levels.gain[n]) or 1.0)
    g, o, a = (f"{letter}{s}_{n}" for letter in "goa")
    lines = [
        *_transconductor(stage_levels, s, n, dialect),
        dialect.format_instance(f"x{o}", (g, "0", o), oscillator.SPICE.name, shown),
        dialect.format_instance(f"x{a}", (o, a), "amplifier", _values(amplifier)),
    ]
    return lines + ([] if paths.ways[n] else [dialect.format_element(f"r{a}", (a, "0"), f"{z0:.12g}")])


def cascade_deck(
    levels: Levels, tones: Array, timing: Timing, name: str, lib: str = "../lib", dialect: Dialect = NGSPICE
) -> Deck:
    """Transient of the whole network for one image.

    tones [pixels]: powers in units of p_max, from time zero on. The oscillators start from their rest at zero input.
    Leaves the voltage of the `shown_node` of every neuron and logit. Raises InputError.
    """
    design = levels.parallel
    circuit, program = design.plan.circuit, design.design.program(levels.method)
    if tones.shape != (levels.stages[0].paths.tones,) or not np.all((tones >= 0) & (tones <= 1)):
        raise InputError(f"tones of shape {tones.shape}; possible: {levels.stages[0].paths.tones} powers of 0 ... 1")
    bent = ("transconductor_knee",) if any(stage_levels.knees for stage_levels in levels.stages) else ()
    devices = (*BUS_DEVICES, *NEURON_DEVICES, *bent)
    lines = dialect.write_head(name, "transient of the whole network", lib, devices)
    saved = []
    for s, stage in enumerate(design.stages):
        paths = levels.stages[s].paths
        nodes = [f"p{t}" if s == 0 else f"a{s - 1}_{t}" for t in range(paths.tones)]
        if s == 0:
            emf = paths.source * np.sqrt(tones)
            lines += [
                _source(nodes[t], emf[t], paths.frequency[t], timing.step, circuit, dialect)
                for t in np.flatnonzero(paths.ways)
            ]
        more, inputs = _distribute(s, paths, nodes, circuit, dialect)
        offset, full_scale = design.scale(s)
        root = float(np.sqrt(offset / full_scale))
        lines += more + _padded(s, paths, root, inputs, timing.step, circuit, dialect)
        lines += _buses(levels, s, program.layers[s].f_res, inputs, dialect)
        lines += _neurons(levels, s, timing.step, dialect)
        saved += [dialect.voltage_of(shown_node(levels, s, n)) for n in range(stage.neurons)]
    lines += [*dialect.write_saves(saved, 50), dialect.format_fixed_step(**PRECISION)]
    lines.append(dialect.format_analysis(dialect.format_tran(timing.step, timing.stop)))
    return Deck(name, "\n".join(lines + dialect.write_runs(name)))
