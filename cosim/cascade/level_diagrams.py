"""The level diagram of a cascade, as RF engineers draw it: power of a tone stage by stage, noise floors, headrooms.

Powers of a tone of the part u of p_max, from its source to its resonator:

    source       EMF² u / (8 Z0)                     available; behind a neuron what its amplifier gives
    splitter     the same of the neediest arm: less by 10 log10(ways), for a splitter of that many ways
    bus          (EMF of the bus)² u / (8 Z0)        available; less by 10 log10(tones) and the combiner's loss
    resonator    ½ |i|² R0 u                         less by mismatch, and by what the other chains of the bus take

and before it, of a neuron's tone: voltage of its chains, drive current, power of the oscillator. Noise floors: k T B in
the linewidth B = f/Q of the resonator; noise of the amplifier in the same; `chain_noise_voltage` at the DC side.
"""

from dataclasses import dataclass, replace

import numpy as np

from resonet.core.errors import InputError
from resonet.core.types import Array, Bools
from resonet.cosim.cascade.hardware import Hardware
from resonet.cosim.cascade.two_pass import CascadeRun, cascade, chain_noise_voltage, pixel_tones
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.circuit.noise import BOLTZMANN
from resonet.netlist.cascade.levels import Levels, voltages_of

__all__ = [
    "MUCH_NOISE",
    "TEMPERATURE",
    "LayerLevels",
    "LevelDiagram",
    "NeuronLevel",
    "ToneLevel",
    "dbm",
    "faults",
    "level_diagram",
    "noisy",
]

TEMPERATURE = 300.0  # K
MUCH_CLIPPED = 0.01  # share of activations
MUCH_NOISE = 0.1  # of full scale, rms
LINEAR = 1.01  # of p_max: the scales just hold the calibration batch, and the circuit's errors come on top
MOST_IMAGES = 200
WHICH = ("largest", "median", "smallest")


@dataclass(frozen=True, slots=True)
class NeuronLevel:
    """What makes a tone."""

    voltage: float  # V at the transconductor, of the pooled chains
    current: float  # A through the oscillator
    overdrive: float  # current over threshold current, ξ
    oscillator: float  # W into a matched load
    amplifier: float  # W at a matched load
    p1db: float  # W, output of the amplifier at 1 dB compression


@dataclass(frozen=True, slots=True)
class ToneLevel:
    """One tone into a layer, W."""

    layer: str
    which: str  # of the non-zero tones of the batch: largest, median, smallest
    image: int
    tone: int
    frequency: float  # Hz
    part: float  # of p_max
    ways: int  # buses that need it
    inputs: int  # tones on its bus
    source: float
    splitter: float
    bus: float
    resonator: float
    neuron: NeuronLevel | None  # None for a pixel


@dataclass(frozen=True, slots=True)
class LayerLevels:
    """Noise floors and headrooms of a layer; of its neurons nan behind the last."""

    layer: str
    tone_noise: float  # W in a resonator's linewidth, k T B, at the layer's highest channel
    chain_noise: float  # V rms at the transconductor
    full_scale: float  # V, largest voltage at a transconductor, without what is trimmed off
    beyond: float  # share of its inputs beyond what tones carry: pixels that are cut off, tones above p_max
    p_max: float  # dB from the largest power in a resonator to p_max
    overdrive: float  # largest ξ of its oscillators
    clamp: float  # dB of current from there to the clamp
    clipped: float  # share of activations beyond the clamp
    p1db: float  # dB from the largest amplifier output to 1 dB compression
    amplifier_noise: float  # W at the amplifiers' outputs in a linewidth, the largest


@dataclass(frozen=True, slots=True)
class LevelDiagram:
    """Levels of a network over a batch of images."""

    images: int
    p_max: float  # W
    tones: tuple[ToneLevel, ...]
    layers: tuple[LayerLevels, ...]


def dbm(watts: float) -> float:
    """Power in dBm, of W above 0."""
    return 10 * float(np.log10(watts)) + 30


def _tones(levels: Levels, number: int, run: CascadeRun, images: Array) -> Array:
    """Powers of the tones into a stage, [n, tones], units of p_max."""
    if number == 0:
        return pixel_tones(levels.parallel, images)
    offset, full_scale = levels.parallel.scale(number)
    return np.asarray((run.stages[number - 1].outputs + offset) / full_scale)


def _per_part(levels: Levels, number: int) -> Array:
    """Power in the resonator that a branch is meant for, [branches], W at p_max."""
    plan, entry, paths = levels.plan, levels.parallel.entry(number), levels.stages[number].paths
    watts = np.zeros(len(paths.tone))
    for b, power in enumerate(bus_powers(plan, entry)):
        at = paths.bus == b
        diagonal = np.diagonal(power)[paths.slot[at]]
        watts[at] = 0.5 * plan.device.resistance * diagonal * plan.options.p_max
    return watts


def _chosen(tones: Array, live: Bools) -> list[tuple[int, int]]:
    """Image and tone of the largest, the median and the smallest non-zero one of [n, tones]."""
    rows, columns = np.nonzero((tones > 0) & live)
    if not len(rows):
        raise InputError("no tone above zero in the whole batch; possible: images that are not black")
    order = np.argsort(tones[rows, columns], kind="stable")
    picked = order[[-1, len(order) // 2, 0]]
    return [(int(rows[i]), int(columns[i])) for i in picked]


def _neuron(levels: Levels, number: int, tone: int, voltages: Array) -> NeuronLevel:
    """The neuron of stage `number` behind a tone of the next, from the voltages [neurons] at the transconductors on."""
    stage_levels, paths, z0 = levels.stages[number], levels.stages[number + 1].paths, levels.impedance
    assert stage_levels.kind is not None
    current, voltage = float(stage_levels.current(voltages)[tone]), float(voltages[tone])
    power = float(stage_levels.options.oscillator(stage_levels.kind, z0).power(current))
    amplifier = stage_levels.options.amplifier(z0, float(stage_levels.gain[tone]))
    out = float(amplifier.compressed(np.sqrt(2 * z0 * power), paths.frequency[tone]))
    overdrive = current / stage_levels.options.threshold_current
    return NeuronLevel(voltage, current, overdrive, power, out**2 / (2 * z0), amplifier.p1db)


def _tone(levels: Levels, number: int, which: str, at: tuple[int, int], part: float, per_part: Array) -> ToneLevel:
    """Levels of a tone of the part `part` from its source on, by its neediest branch."""
    (image, tone), paths, z0 = at, levels.stages[number].paths, levels.impedance
    entry = levels.parallel.entry(number)
    branches = np.flatnonzero(paths.tone == tone)
    branch = int(branches[paths.emf[branches].argmax()])
    bus = entry.buses[paths.bus[branch]]
    emf = bus.levels[paths.slot[branch]] ** 2 * levels.plan.options.p_max
    return ToneLevel(
        levels.parallel.stages[number].layer.name,
        which,
        image,
        tone,
        float(paths.frequency[tone]),
        part,
        int(paths.ways[tone]),
        len(bus.taps),
        float(paths.source[tone] ** 2 * part / (8 * z0)),
        float(paths.emf[branch] ** 2 * part / (8 * z0)),
        float(emf * part / (8 * z0)),
        float(per_part[branch] * part),
        None,
    )


def _decibel(part: float) -> float:
    return 10 * float(np.log10(part)) if part > 0 else float("inf")


def _layer(
    levels: Levels, number: int, tones: Array, following: Array | None, voltages: Array, per_part: Array, beyond: float
) -> LayerLevels:
    """Noise floors and headrooms of a stage; `following` are the tones into the next, None behind the last."""
    design, stage_levels, stage = levels.parallel, levels.stages[number], levels.parallel.stages[number]
    device, paths = design.plan.device, stage_levels.paths
    live = paths.tone >= 0
    largest = float((per_part[live] * tones.max(0)[paths.tone[live]]).max())
    trimmed = voltages - stage_levels.rest[stage.first]
    overdrive = clamp = clipped = p1db = amplifier_noise = float("nan")
    if stage_levels.kind is not None and following is not None:
        xi = stage_levels.current(voltages) / stage_levels.options.threshold_current
        overdrive, clipped = float(xi.max()), float((xi > stage_levels.options.clamp).mean())
        clipped = 0.0 if np.isfinite(stage_levels.ceiling) else clipped  # a clamp of the trained activation is meant
        clamp = 2 * _decibel(stage_levels.options.clamp / max(overdrive, 1e-300))
        after = levels.stages[number + 1].paths
        out = float((after.source**2 * following.max(0) / (8 * levels.impedance)).max())
        p1db = _decibel(stage_levels.options.p1db / max(out, 1e-300))
        amplifier_noise = _amplifier_noise(levels, number)
    return LayerLevels(
        stage.layer.name,
        BOLTZMANN * TEMPERATURE * float(paths.channel.max()) / device.quality,
        chain_noise_voltage(levels, number, TEMPERATURE),
        float(np.abs(trimmed).max()),
        beyond,
        _decibel(design.plan.options.p_max / max(largest, 1e-300)),
        overdrive,
        clamp,
        clipped,
        p1db,
        amplifier_noise,
    )


def _amplifier_noise(levels: Levels, number: int) -> float:
    """Largest noise of a stage's amplifiers at their outputs in a linewidth of the next stage's resonators, W."""
    stage_levels, paths = levels.stages[number], levels.stages[number + 1].paths
    quality, live = levels.plan.device.quality, paths.ways > 0
    amplifier = stage_levels.options.amplifier(levels.impedance)
    density = amplifier.noise_power(paths.frequency[live]) * (stage_levels.gain[live] / amplifier.gain) ** 2
    return float((density * paths.frequency[live] / quality).max())


def _beyond(levels: Levels, number: int, tones: Array, images: Array) -> float:
    """Share of the tones that would be above p_max."""
    if number:
        return float((tones[:, levels.stages[number].paths.ways > 0] > LINEAR).mean())
    offset, full_scale = levels.parallel.scale(0)
    x = (levels.parallel.network.cnn.sent(images) + offset) / full_scale
    return float(((x > LINEAR) | (x < 1 - LINEAR)).mean())


def level_diagram(hardware: Hardware, images: Array) -> LevelDiagram:
    """Levels over a batch of images [n, *input_shape], the first `MOST_IMAGES` of it, by the two-pass cascade.

    Raises InputError.
    """
    levels, images = hardware.levels, np.asarray(images[:MOST_IMAGES], float)
    run = cascade(levels, hardware.held, images)
    parts = [_tones(levels, number, run, images) for number in range(len(levels.stages))]
    volts = [voltages_of(levels, number, stage.sums) for number, stage in enumerate(run.stages)]
    shown, layers = [], []
    for number, tones in enumerate(parts):
        per_part = _per_part(levels, number)
        for which, at in zip(WHICH, _chosen(tones, levels.stages[number].paths.ways > 0), strict=True):
            tone_level = _tone(levels, number, which, at, float(tones[at]), per_part)
            if number:
                neuron = _neuron(levels, number - 1, at[1], volts[number - 1][at[0]])
                tone_level = replace(tone_level, neuron=neuron)
            shown.append(tone_level)
        following = parts[number + 1] if number + 1 < len(parts) else None
        beyond = _beyond(levels, number, tones, images)
        layers.append(_layer(levels, number, tones, following, volts[number], per_part, beyond))
    return LevelDiagram(len(images), levels.plan.options.p_max, tuple(shown), tuple(layers))


def faults(diagram: LevelDiagram) -> list[str]:
    """What is wrong with the levels, a line each: clipped oscillators, resonators beyond their linear range."""
    messages = []
    for row in diagram.layers:
        if row.clipped > MUCH_CLIPPED:
            messages.append(
                f"layer {row.layer}: {100 * row.clipped:.1f} % of its activations drive an oscillator beyond the "
                f"clamp (largest {row.overdrive:.2f} threshold currents); possible: less neuron.headroom, a larger "
                "neuron.clamp, or calibration images"
            )
        if row.p_max < -_decibel(LINEAR):
            messages.append(
                f"layer {row.layer}: {-row.p_max:.2f} dB above p_max in a resonator, beyond its linear range; "
                "possible: compile with --calibration images that hold the largest activations"
            )
    return messages


def noisy(diagram: LevelDiagram) -> list[tuple[str, float]]:
    """Layers whose noise at the transconductors is more than a tenth of full scale: a line, and the part of it."""
    return [
        (
            f"layer {row.layer}: chain noise of {1e6 * row.chain_noise:.3g} uV rms at a full scale of "
            f"{1e6 * row.full_scale:.3g} uV; possible: more plan.p_max, less neuron.bandwidth",
            row.chain_noise / row.full_scale if row.full_scale else float("inf"),
        )
        for row in diagram.layers
        if row.chain_noise > MUCH_NOISE * row.full_scale
    ]
