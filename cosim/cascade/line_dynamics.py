"""Chains under strip lines in time: what their lines drive, and how their rectified voltages settle.

Lines follow their tones at once. A resonator's answer to its own line, current i per √W, is followed by the near mode
of eq. (1) of `rectifier_dynamics`; the far mode and all that other lines do in it are at rest with the tones, for they
are small. What the voltages settle to is the two-pass method's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from resonet.core.types import Array, Complex
from resonet.cosim.cascade.rectifier_dynamics import Ramp
from resonet.cosim.strip.attribution import coherent_terms
from resonet.cosim.strip.layer import layer_windows
from resonet.cosim.strip.passes import StripPass, rectified, squared, strip_pass
from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.dc_side import DcStack
from resonet.models.neuron.electronics import POLES
from resonet.netlist.cascade.line_stages import LineStage
from resonet.netlist.strip.parasitics import extract_parasitics

__all__ = ["LineDrive", "line_drive", "line_interference", "line_passes", "line_stack", "line_voltages"]


@dataclass(frozen=True, slots=True, eq=False)
class LineDrive:
    """What the lines of a stage do; resonators and chains as the placement has them."""

    weights: Array  # [chains, lines] V/W at the open head
    own: Complex  # [resonators] A/√W, junction current that stands for the own line, peak
    gain: Array  # [resonators] V at the head of its chain per volt rectified
    f_res: Array  # [resonators] Hz, with what of the tuning current arrives
    power: Array  # [lines] W in all resonators together per W of tone

    def reached(self, line: LineStage) -> Array:
        """W in each resonator per W of its own line's tone, [resonators]; 1 where nothing attenuates it."""
        return np.asarray(0.5 * line.device.resistance * squared(self.own))


def line_passes(line: LineStage) -> Iterator[StripPass]:
    """RF and DC passes of a stage, window by window: together they may be gigabytes."""
    for window in layer_windows(line.placement, line.feed.window):
        yield strip_pass(line.placement, line.frequencies, line.causes, window, line.feed.neighbours, line.device)


def line_stack(line: LineStage, circuit: BusCircuit, bandwidth: float) -> DcStack:
    """DC side of the neurons of a stage, as its longest chain is; `bandwidth` of the transconductor's poles, Hz."""
    ground, size = extract_parasitics(line.placement, line.middle, line.parasitics), int(line.sizes.max())
    resistance = size * (line.device.resistance + ground.chain_resistance)
    return DcStack.of_chain(resistance, size * float(ground.chain_ground.mean()), circuit, bandwidth, POLES)


def line_interference(line: LineStage, powers: Array) -> Array:
    """What lines of one frequency do together, V [chains of the stage]: RMS over random phases of all lines.

    powers [lines] W. Each pair adds √(P_l P_m) 2 |Q_lm| cos φ, so the variance is Σ P_l P_m |Q_lm|² over l ≠ m.
    """
    found = np.zeros(line.usage.chains)
    for passes in line_passes(line):
        driven = replace(passes, current=passes.current * np.sqrt(powers[passes.lines])[:, None])
        _, rms = coherent_terms(driven, line.tuned, line.device)
        found[passes.chains] = np.sqrt((rms**2).sum(1))
    return found[line.chains]


@lru_cache(maxsize=8)
def line_drive(line: LineStage) -> LineDrive:
    """Drive of a programmed stage, window by window. Raises InputError."""
    asked, tuned = line.programmed, line.tuned
    usage, device = line.usage, line.device
    count = len(usage.line)
    weights, power = np.zeros((usage.chains, len(usage.inputs))), np.zeros(len(usage.inputs))
    own, gain = np.zeros(count, complex), np.zeros(count)
    for passes in line_passes(line):
        weights[np.ix_(passes.chains, passes.lines)] = passes.gains @ rectified(passes, asked, device).T
        resonators = passes.circuit.resonators
        inside = np.flatnonzero(np.isin(usage.chain[resonators], passes.chains))
        here, chain = resonators[inside], np.searchsorted(passes.chains, usage.chain[resonators[inside]])
        own[here] = passes.current[np.searchsorted(passes.lines, usage.line[here]), inside]
        gain[here] = passes.gains[chain, inside]
        power[passes.lines] += 0.5 * device.resistance * squared(passes.current[:, inside]).sum(1)
    return LineDrive(weights, own, gain, tuned, power)


def line_voltages(line: LineStage, amplitudes: Array, h: float) -> Array:
    """Voltages at the open heads of a stage's chains, V [times, chains of the stage].

    amplitudes [times, tones] in √W, in steps of h seconds; at rest without tones before the first.
    """
    drive, usage, device = line_drive(line), line.usage, line.device
    w, w0 = 2j * np.pi * line.frequencies[usage.tone], 2 * np.pi * drive.f_res
    near = w0 * (-device.damping + 1j * np.sqrt(1 - device.damping**2))
    push = w0**2 / (2j * near.imag) * drive.own
    signed = 0.5 * device.transduction * drive.gain * drive.own.conj()
    ramp = Ramp.of(near - w, push, h)
    rest = (signed * push / (w - near)).real  # V/W of the near mode once it has settled
    tone = line.tone[usage.line]
    lasting = amplitudes**2 @ line.matrix(drive.weights, amplitudes.shape[1]).T
    mode, before, found = np.zeros(len(tone), complex), np.zeros(len(tone)), np.empty(lasting.shape)
    for n, now in enumerate(amplitudes):
        a = np.where(tone >= 0, now[tone], 0.0)
        if n:
            mode = ramp.decay * mode + ramp.before * before + ramp.after * a
        missing, before = (signed * mode).real * a - rest * a**2, a
        found[n] = lasting[n] + np.bincount(usage.chain, missing, usage.chains)[line.chains]
    return found
