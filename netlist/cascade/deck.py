"""A whole parallel network as one SPICE deck: from the pixels' tones to the logits.

Every bus is a subcircuit (combiner, bias tees, chains). Stage s, neuron n and tone t are counters:

    v<s>_<n>   input of a neuron: top of its chain (or of the pool of its chains)
    g<s>_<n>   drive of its oscillator: current times `resistance`; behind the last stage the filtered voltage itself
    o<s>_<n>   port of its oscillator,  a<s>_<n> output of its amplifier
    p<t>       source of a pixel's tone

Time domain only: all oscillators run at once, each tone at its pre-warped frequency (docs/method.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.combiner import combiner_gain
from resonet.netlist.bus.deck import BUS_DEVICES, chain_lines, combiner_lines, tee_parameters
from resonet.netlist.cascade.levels import Levels
from resonet.netlist.cascade.paths import TonePaths
from resonet.netlist.cascade.stages import Stage
from resonet.netlist.design.neuron_options import Kind
from resonet.netlist.planning.frequency_plan import Bus
from resonet.netlist.spice.deck import Deck, control_lines, title_lines
from resonet.netlist.spice.prewarp import played

__all__ = ["DRIVE", "Timing", "cascade_deck"]

DRIVE = "g{s}_{n}"  # node that shows what a neuron is driven with
PRECISION = "reltol=1e-4 vntol=1e-8 abstol=1e-12 trtol=1e5"  # as transient_deck: DC is a thousandth of the RF
NEURON_DEVICES = (
    *("transconductor", "amplifier", "diode_max_arm"),
    *("neuron_relu", "neuron_two_terminal", "neuron_three_terminal"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Fixed time step and end of a transient, s."""

    step: float
    stop: float


def _values(record: Any) -> str:
    """Parameters of a device for its instance line."""
    return " ".join(f"{spec.name}={getattr(record, spec.name):.15g}" for spec in fields(record))


def _bus_subcircuit(name: str, bus: Bus, f_res: Array, levels: Levels) -> list[str]:
    """One bus: inputs of the combiner, DC outputs, and the tails of its chains where another tile is below."""
    plan = levels.plan
    circuit, device = plan.circuit, plan.device
    chains, size = bus.size
    pins = [f"in{k}" for k in range(size)] + [f"d{j}" for j in range(chains)]
    pins += [f"t{j}" for j in range(chains)] if bus.below else []
    lines = [f".subckt {name} {' '.join(pins)}"]
    lines += combiner_lines(pins[:size], "bus", [combiner_gain(size, circuit)] * size, circuit)
    for j in range(chains):
        lines.append(f"xbt{j} bus d{j} h{j}_0 {tee_parameters(circuit)}")
        lines.append(chain_lines(j, f_res[j], f"t{j}" if bus.below else "0", device, circuit))
    return [*lines, f".ends {name}"]


def _top(stage: Stage, s: int) -> list[str]:
    """Node of every chain's DC output: the neuron's own input, but for the arms of a maximum."""
    nodes = [f"c{s}_{chain}" for chain in range(stage.chains)]
    if stage.pool != "max":
        for n, members in enumerate(stage.members):
            for chain in members:
                nodes[chain] = f"v{s}_{n}"
    return nodes


def _buses(levels: Levels, s: int, f_res: Sequence[Array], inputs: list[dict[int, str]]) -> list[str]:
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
        lines += [f"* stage {s}, bus {b}: group {bus.group}, tile {bus.tile}"]
        lines += _bus_subcircuit(f"bus{s}_{b}", bus, frequencies, levels)
        lines.append(f"xb{s}_{b} {' '.join(nodes)} bus{s}_{b}")
    return lines


def _distribute(
    s: int, paths: TonePaths, nodes: Sequence[str], circuit: BusCircuit
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
            lines += combiner_lines(ends, nodes[tone], paths.share[where].tolist(), circuit, f"{s}_{tone}_")
        for branch, end in zip(where, ends, strict=True):
            inputs[paths.bus[branch]][int(paths.slot[branch])] = end
    return lines, inputs


def _source(name: str, node: str, emf: float, frequency: float, step: float, circuit: BusCircuit) -> str:
    f = float(played(frequency, step))
    return f"x{name} {node} tone_port z0={circuit.impedance:.12g} emf={emf:.15g} f={f:.15g}"


def _padded(
    s: int, paths: TonePaths, root: float, inputs: list[dict[int, str]], step: float, circuit: BusCircuit
) -> list[str]:
    """Tones of padded pixels, a source each: `root` is the root of their power over p_max."""
    lines = []
    for i in np.flatnonzero(paths.tone < 0):
        node = f"dark{s}_{i}"
        inputs[paths.bus[i]][int(paths.slot[i])] = node
        lines.append(_source(node, node, paths.emf[i] * root, paths.channel[i], step, circuit))
    return lines


def _pool(levels: Levels, s: int) -> list[str]:
    """Diode maxima of a stage."""
    stage, lines = levels.parallel.stages[s], list[str]()
    if stage.pool != "max":
        return lines
    diodes = levels.stages[s].options.maximum()
    low_pass, arm = _values(levels.stages[s].options.transconductor(1.0)), _values(diodes.arm)
    for n, members in enumerate(stage.members):
        live = members[members >= 0]
        for i, chain in enumerate(live):  # behind a low-pass: a diode would take the peak of what RF is left
            at = f"l{s}_{n}_{i}"
            lines += [f"x{at} c{s}_{chain} {at} transconductor {low_pass}", f"r{at} {at} 0 1"]
            lines.append(f"xm{s}_{n}_{i} {at} w{s}_{n} diode_max_arm {arm}")
        lines.append(f"xm{s}_{n} w{s}_{n} v{s}_{n} diode_max_out {_values(diodes.out(len(live)))}")
    return lines


def _neurons(levels: Levels, s: int, step: float) -> list[str]:
    """Pools, transconductors, oscillators and amplifiers behind a stage; behind the last, low-pass readouts."""
    stage, own, circuit = levels.parallel.stages[s], levels.stages[s], levels.plan.circuit
    lines = [f"* stage {s}: neurons", *_pool(levels, s)]
    lines += [f"xro{s}_{node} {node} readout rin={circuit.readout_resistance:.12g}" for node in _read(stage, s)]
    for n in range(stage.neurons):
        drive = DRIVE.format(s=s, n=n)
        if own.kind is None:
            gm = own.options.transconductor(1.0)
            lines += [f"xg{s}_{n} v{s}_{n} {drive} transconductor {_values(gm)}", f"rg{s}_{n} {drive} 0 1"]
            continue
        lines += _neuron(levels, (s, n), own.kind, step)
    return lines


def _read(stage: Stage, s: int) -> list[str]:
    """Nodes at which the DC side of the chains is read: one a neuron, or one an arm of a maximum."""
    return sorted(set(_top(stage, s)))


def _neuron(levels: Levels, at: tuple[int, int], kind: Kind, step: float) -> list[str]:
    """One neuron: transconductor, oscillator, amplifier; a load where nothing needs its tone."""
    (s, n), z0 = at, levels.impedance
    own, paths = levels.stages[s], levels.stages[s + 1].paths
    f = float(paths.frequency[n]) or 1e9
    oscillator = own.options.oscillator(kind, z0, f)
    values = {spec.name: getattr(oscillator, spec.name) for spec in fields(oscillator)}
    values["f0"] = float(played(f, step))
    shown = " ".join(f"{name}={value:.15g}" for name, value in values.items())
    gm = own.options.transconductor(own.gm, float(own.bias[n]))
    amplifier = own.options.amplifier(z0, float(own.gain[n]) or 1.0)
    lines = [
        f"xg{s}_{n} v{s}_{n} g{s}_{n} transconductor {_values(gm)}",
        f"xo{s}_{n} g{s}_{n} 0 o{s}_{n} {oscillator.SPICE.name} {shown}",
        f"xa{s}_{n} o{s}_{n} a{s}_{n} amplifier {_values(amplifier)}",
    ]
    return lines + ([] if paths.ways[n] else [f"ra{s}_{n} a{s}_{n} 0 {z0:.12g}"])


def cascade_deck(levels: Levels, tones: Array, timing: Timing, name: str, lib: str = "../lib") -> Deck:
    """Transient of the whole network for one image.

    tones [pixels]: powers in units of p_max, from time zero on. The oscillators start from their rest at zero input.
    Leaves v(g<s>_<n>) of every neuron and logit. Raises InputError.
    """
    design = levels.parallel
    circuit, program = design.plan.circuit, design.design.program(levels.method)
    if tones.shape != (levels.stages[0].paths.tones,) or not np.all((tones >= 0) & (tones <= 1)):
        raise InputError(f"tones of shape {tones.shape}; possible: {levels.stages[0].paths.tones} powers of 0 ... 1")
    lines = title_lines(name, "transient of the whole network", lib, (*BUS_DEVICES, *NEURON_DEVICES))
    saved = []
    for s, stage in enumerate(design.stages):
        paths = levels.stages[s].paths
        nodes = [f"p{t}" if s == 0 else f"a{s - 1}_{t}" for t in range(paths.tones)]
        if s == 0:
            emf = paths.source * np.sqrt(tones)
            lines += [
                _source(nodes[t], nodes[t], emf[t], paths.frequency[t], timing.step, circuit)
                for t in np.flatnonzero(paths.ways)
            ]
        more, inputs = _distribute(s, paths, nodes, circuit)
        offset, full_scale = design.scale(s)
        lines += more + _padded(s, paths, float(np.sqrt(offset / full_scale)), inputs, timing.step, circuit)
        lines += _buses(levels, s, program.layers[s].f_res, inputs) + _neurons(levels, s, timing.step)
        saved += [f"v({DRIVE.format(s=s, n=n)})" for n in range(stage.neurons)]
    lines += [".save " + " ".join(saved[at : at + 50]) for at in range(0, len(saved), 50)]
    lines += [f".options method=trap {PRECISION}", f".tran {timing.step!r} {timing.stop!r} 0 {timing.step!r}"]
    return Deck(name, "\n".join(lines + control_lines(name)))
