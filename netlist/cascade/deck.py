"""A whole parallel network as one SPICE deck: from the pixels' tones to the logits.

Every bus is a subcircuit (combiner, bias tees, chains), and so are all lines and chains of a stage under strip lines
(`line_deck`). Stage s, neuron n and tone t are counters:

    v<s>_<n>   input of a neuron: top of its chain (or of the pool of its chains)
    g<s>_<t>   drive of an oscillator: current times `resistance`; behind the last stage the filtered voltage itself
    f<s>_<t>   filtered voltage before a transconductor of straight pieces
    o<s>_<t>   port of the oscillator,  a<s>_<t> output of its amplifier
    p<t>       source of a pixel's tone

t counts the tones of a stage's neurons, one for each neuron where they feed one stage only; where they feed several,
<s> is <s>to<d> for stage d. z<s>_<n> is the filtered voltage of a logit whose neuron feeds stages too.

Time domain only: all oscillators run at once, each tone at its pre-warped frequency (docs/theory/method.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import count
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.combiner import combiner_gain
from resonet.models.neuron.electronics import KneeTransconductor
from resonet.netlist.bus.combining import combiner_lines, feed_lines, feed_port, matching_lines
from resonet.netlist.bus.deck import BUS_DEVICES, chain_lines, tee_parameters
from resonet.netlist.cascade.levels import Levels, LinkLevels
from resonet.netlist.cascade.line_deck import LINE_DEVICES, write_lines
from resonet.netlist.cascade.paths import TonePaths
from resonet.netlist.cascade.stages import SILENT, Stage
from resonet.netlist.network.cnn import IMAGE
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE, Dialect, numbers
from resonet.netlist.spice.prewarp import played

__all__ = ["Shown", "Timing", "cascade_deck", "shown"]

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
    port = feed_port(circuit)
    lines = feed_lines(pins[:size], port, bus.frequencies, circuit, combiner_gain(size, circuit), dialect)
    lines += matching_lines(port, "bus", circuit, dialect)
    for j in range(chains):
        tee = ("bus", f"d{j}", f"h{j}_0")
        lines.append(dialect.format_instance(f"xbt{j}", tee, "bias_tee", tee_parameters(circuit)))
        lines.append(chain_lines(j, f_res[j], f"t{j}" if bus.below else "0", device, circuit, dialect=dialect))
    return dialect.write_subcircuit(name, pins, lines)


def _top(stage: Stage, s: int) -> list[str]:
    """Node of every chain's DC output: the neuron's own input, but where only maxima take it."""
    nodes, n = [f"c{s}_{chain}" for chain in range(stage.chains)], count()
    for pooling in stage.poolings:
        for members, number in zip(pooling.members, n, strict=False):
            for chain in members if pooling.kind != "max" else ():
                nodes[chain] = f"v{s}_{number}"
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


def _chains(levels: Levels, s: int, inputs: list[dict[int, str]], dialect: Dialect) -> list[str]:
    """Chains of a stage on their buses or under their lines; `inputs` [buses], or one for all lines, as `_buses`."""
    line, name = levels.parallel.lines[s], levels.parallel.stages[s].layer.name
    if line is not None:
        tops = _top(levels.parallel.stages[s], s)
        return write_lines(f"lines{s}", line, levels.plan.circuit, inputs[0], tops, dialect)
    f_res = levels.parallel.design.program(levels.method).layer(name).f_res
    return _buses(levels, s, f_res, inputs, dialect)


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


def _source(node: str, emf: float, frequency: float, step: float, impedance: float, dialect: Dialect) -> str:
    values = numbers(12, z0=impedance) | numbers(15, emf=emf, f=float(played(frequency, step)))
    return dialect.format_instance(f"x{node}", (node,), "tone_port", values)


def _padded(
    s: int,
    paths: TonePaths,
    root: float,
    inputs: list[dict[int, str]],
    step: float,
    dialect: Dialect,
) -> list[str]:
    """Tones of padded pixels, a source each: `root` is the root of their power over p_max where they have an offset."""
    lines = []
    for i in np.flatnonzero(paths.tone < 0):
        node, emf = f"dark{s}_{i}", 0.0 if paths.tone[i] == SILENT else paths.emf[i] * root
        inputs[paths.bus[i]][int(paths.slot[i])] = node
        lines.append(_source(node, emf, paths.channel[i], step, paths.impedance, dialect))
    return lines


def _pool(levels: Levels, s: int, dialect: Dialect) -> list[str]:
    """Diode maxima of a stage."""
    stage, lines, instance = levels.parallel.stages[s], list[str](), dialect.format_instance
    diodes, tops, n = levels.stages[s].options.maximum(), _top(stage, s), count()
    options, trim, arm = levels.stages[s].options, levels.stages[s].trim, _values(diodes.arm)
    for pooling in stage.poolings:
        for members, number in zip(pooling.members, n, strict=False):
            if pooling.kind != "max":
                continue
            live = members[members >= 0]
            for i, chain in enumerate(live):  # behind a low-pass: a diode would take the peak of what RF is left
                at = f"l{s}_{number}_{i}"
                low_pass = _values(options.transconductor(1.0, 0.0 if trim is None else -float(trim[chain])))
                lines.append(instance(f"x{at}", (tops[chain], at), "transconductor", low_pass))
                lines.append(dialect.format_element(f"r{at}", (at, "0"), "1"))
                lines.append(instance(f"xm{s}_{number}_{i}", (at, f"w{s}_{number}"), "diode_max_arm", arm))
            ends = (f"w{s}_{number}", f"v{s}_{number}")
            lines.append(instance(f"xm{s}_{number}", ends, "diode_max_out", _values(diodes.out(len(live)))))
    return lines


def _neurons(levels: Levels, s: int, step: float, dialect: Dialect) -> list[str]:
    """Pools, transconductors, oscillators and amplifiers behind a stage; behind logits, low-pass readouts."""
    stage, stage_levels, circuit = levels.parallel.stages[s], levels.stages[s], levels.plan.circuit
    lines = [dialect.format_comment(f"stage {s}: neurons"), *_pool(levels, s, dialect)]
    rin = numbers(12, rin=circuit.readout_resistance)
    read = sorted(set(_top(stage, s))) if levels.parallel.lines[s] is None else []
    lines += [dialect.format_instance(f"xro{s}_{node}", (node,), "readout", rin) for node in read]
    for link in stage_levels.links:
        for t in range(len(link.neurons)):
            lines += _neuron(levels, s, link, t, step, dialect)
    gm = _values(stage_levels.options.transconductor(1.0))
    for n in levels.parallel.network.read(s).tolist():
        node = _read_node(levels, s, n)
        lines.append(dialect.format_instance(f"x{node}", (f"v{s}_{n}", node), "transconductor", gm))
        lines.append(dialect.format_element(f"r{node}", (node, "0"), "1"))
    return lines


def _read_node(levels: Levels, s: int, n: int) -> str:
    """Filtered voltage of a logit."""
    return f"{'z' if levels.stages[s].links else 'g'}{s}_{n}"


def _ends(levels: Levels, s: int, link: LinkLevels, t: int) -> tuple[str, str, str, str]:
    """Nodes of an oscillator: filtered voltage, drive, port, output of its amplifier."""
    stem = f"{s}_{t}" if len(levels.stages[s].links) == 1 else f"{s}to{link.link.to}_{t}"
    return f"f{stem}", f"g{stem}", f"o{stem}", f"a{stem}"


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a deck shows what a neuron gets: a filtered voltage, or the drive of an oscillator."""

    node: str
    link: LinkLevels | None = None  # of the oscillator, whose tone it is; None for the voltage itself
    tone: int = 0


def shown(levels: Levels, s: int) -> list[Shown]:
    """Where the neurons of a stage are read, in their order."""
    nodes = {n: Shown(_read_node(levels, s, n)) for n in levels.parallel.network.read(s).tolist()}
    for link in levels.stages[s].links:
        for t, n in enumerate(link.neurons.tolist()):
            filtered, drive, *_ = _ends(levels, s, link, t)
            nodes.setdefault(n, Shown(drive, link, t) if link.knees is None else Shown(filtered))
    return [nodes[n] for n in range(levels.parallel.stages[s].neurons)]


def _transconductor(levels: Levels, s: int, link: LinkLevels, t: int, dialect: Dialect) -> list[str]:
    """Transconductor of an oscillator; of straight pieces it is a filter, and an element for each corner."""
    instance, at = dialect.format_instance, f"v{s}_{link.neurons[t]}"
    filtered, drive, *_ = _ends(levels, s, link, t)
    if link.knees is None:
        gm = link.options.transconductor(float(link.gm[t]), float(link.bias[t]))
        return [instance(f"x{drive}", (at, drive), "transconductor", _values(gm))]
    knees = link.knees
    lines = [
        instance(f"x{filtered}", (at, filtered), "transconductor", _values(link.options.transconductor(1.0))),
        dialect.format_element(f"r{filtered}", (filtered, "0"), "1"),
    ]
    for k, (volts, step) in enumerate(zip(knees.volts[t].tolist(), knees.steps[t].tolist(), strict=True)):
        slope, bias = (float(knees.below[t]), float(link.bias[t])) if k == 0 else (0.0, 0.0)
        element = KneeTransconductor(slope, slope + step, volts, bias)
        lines.append(instance(f"x{drive}_{k}", (filtered, drive), element.SPICE.name, _values(element)))
    return lines


def _neuron(levels: Levels, s: int, link: LinkLevels, t: int, step: float, dialect: Dialect) -> list[str]:
    """One tone of a neuron: transconductor, oscillator, amplifier; a load where nothing needs it."""
    z0, paths, tone = levels.impedance(link), levels.stages[link.link.to].paths, link.link.start + t
    f = float(paths.frequency[tone]) or 1e9
    oscillator = link.options.oscillator(link.kind, z0, f)
    values = _values(oscillator) | numbers(15, f0=float(played(f, step)))
    amplifier = link.options.amplifier(z0, float(link.gain[t]) or 1.0)
    _, g, o, a = _ends(levels, s, link, t)
    lines = [
        *_transconductor(levels, s, link, t, dialect),
        dialect.format_instance(f"x{o}", (g, "0", o), oscillator.SPICE.name, values),
        dialect.format_instance(f"x{a}", (o, a), "amplifier", _values(amplifier)),
    ]
    return lines + ([] if paths.ways[tone] else [dialect.format_element(f"r{a}", (a, "0"), f"{z0:.12g}")])


def _sources(
    levels: Levels, s: int, tones: Array, first: int, step: float, dialect: Dialect
) -> tuple[list[str], list[str]]:
    """Sources of the pixels' tones into a stage, nodes of all its tones; `tones` [pixels] are those of all stages."""
    lines, nodes, paths = list[str](), list[str](), levels.stages[s].paths
    for feed in levels.parallel.stages[s].feeds:
        if feed.source == IMAGE:
            nodes += [f"p{first + t}" for t in range(len(feed.values))]
            emf = paths.source[: len(nodes)] * np.sqrt(tones[first : first + len(nodes)])
            lines += [
                _source(nodes[t], emf[t], paths.frequency[t], step, paths.impedance, dialect)
                for t in np.flatnonzero(paths.ways[: len(nodes)])
            ]
    for source, stage_levels in enumerate(levels.stages[:s]):
        for link in stage_levels.links:
            if link.link.to == s:
                nodes += [_ends(levels, source, link, t)[3] for t in range(len(link.neurons))]
    return lines, nodes


def cascade_deck(
    levels: Levels, tones: Array, timing: Timing, name: str, lib: str = "../lib", dialect: Dialect = NGSPICE
) -> Deck:
    """Transient of the whole network for one image.

    tones [pixels]: powers in units of p_max, from time zero on. The oscillators start from their rest at zero input.
    Leaves the voltage of the `shown_node` of every neuron and logit. Raises InputError.
    """
    design = levels.parallel
    circuit = design.plan.circuit
    pixels = [sum(len(feed.values) for feed in stage.feeds if feed.source == IMAGE) for stage in design.stages]
    if tones.shape != (sum(pixels),) or not np.all((tones >= 0) & (tones <= 1)):
        raise InputError(f"tones of shape {tones.shape}; possible: {sum(pixels)} powers of 0 ... 1")
    bent = any(link.knees for stage_levels in levels.stages for link in stage_levels.links)
    devices = (*BUS_DEVICES, *NEURON_DEVICES, *(("transconductor_knee",) if bent else ()))
    devices += LINE_DEVICES if any(line is not None for line in design.lines) else ()
    lines = dialect.write_head(name, "transient of the whole network", lib, devices)
    saved = []
    for s in range(len(design.stages)):
        paths = levels.stages[s].paths
        sources, nodes = _sources(levels, s, tones, sum(pixels[:s]), timing.step, dialect)
        more, inputs = _distribute(s, paths, nodes, replace(circuit, impedance=paths.impedance), dialect)
        offset, full_scale = design.scale(s)
        root = float(np.sqrt(offset / full_scale))
        lines += sources + more + _padded(s, paths, root, inputs, timing.step, dialect)
        lines += _chains(levels, s, inputs, dialect)
        lines += _neurons(levels, s, timing.step, dialect)
        saved += [dialect.voltage_of(one.node) for one in shown(levels, s)]
    lines += [*dialect.write_saves(saved, 50), dialect.format_fixed_step(**PRECISION)]
    lines.append(dialect.format_analysis(dialect.format_tran(timing.step, timing.stop)))
    return Deck(name, "\n".join(lines + dialect.write_runs(name)))
