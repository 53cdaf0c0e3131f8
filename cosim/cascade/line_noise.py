"""Noise at the neurons of a stage under strip lines: the record of chains on buses, with lines in the place of taps.

All chains of the stage are one group, [1, chains, lines]. What differs from buses (`noise/layer_noise`): no source
feeds the chains, no combiner adds, and a line has an amplifier of its own, so that s = k T0 F / P_o, and k T over what
the line's source has available. Johnson noise is that of the longest chain. Precession and slopes are those of a
resonator in its own line's tone; foreign tones are weaker, and off resonance. Resonators that saturate have the
precession noise of all their tones (`SaturatingLines.heard`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.cosim.cascade.line_dynamics import line_drive, line_stack
from resonet.cosim.noise.chain_sums import line_loss
from resonet.cosim.noise.layer_noise import LayerNoise, Place, constant_noise, full_drive
from resonet.cosim.noise.noisy import NoisyWeights
from resonet.cosim.noise.tones import Oscillators, ToneNoise
from resonet.cosim.saturation.lines import SaturatingLines
from resonet.cosim.strip.held import StripWeights
from resonet.cosim.weights.held import HeldWeights
from resonet.models.circuit.noise import BOLTZMANN
from resonet.models.neuron.electronics import REFERENCE
from resonet.models.resonator.linear import real_susceptibility
from resonet.models.resonator.precession_noise import precession_density
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.cascade.line_stages import LineStage
from resonet.netlist.design.design import Design
from resonet.netlist.design.neuron_options import IDEAL
from resonet.netlist.design.noise_options import NoiseSource
from resonet.netlist.strip.drive import line_emf

__all__ = ["NoisyLines", "line_noise", "line_widths"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NoisyLines(NoisyWeights):
    """Weights under strip lines with noise in every read; `carried` [n, steps, lines] as of `StripWeights`."""

    lines: StripWeights

    def answers(self, carried: Array) -> Array:
        """One read, [groups, n, outputs, positions]."""
        return self.read(carried, lambda: self.random.standard_normal(carried.shape))

    def read(self, carried: Array, normal: Callable[[], Array]) -> Array:
        """The same with deviates of the tones by `normal`, of the shape of `carried`."""
        noise = self.noise
        noisy, shifts = noise.tones.drawn(carried[None], lambda: normal()[None])
        answers, precession = self.heard_by(noisy[0], self.base.answers)
        shape = (1, len(carried), noise.unit.shape[1], carried.shape[1])  # [1, n, chains, steps]
        volts = noise.drawn(shape, precession, self.random)
        if shifts is not None:
            volts += noise.slope[:, None] @ shifts.swapaxes(2, 3)
        return np.asarray(answers + self._by_output(volts))

    def heard_by(self, carried: Array, linear: Callable[[Array], Array]) -> tuple[Array, Array | None]:
        """Answers [groups, n, outputs, positions], and variances of the precession noise, V² [1, n, chains, steps]."""
        noise, flat = self.noise, carried[None]
        widths = noise.tones.widths(flat)
        heard = self.base.heard(carried, None if widths is None else widths[0], noise.agitation)
        if heard is not None:
            return heard[0], heard[1] if noise.precession is not None else None
        lost = np.zeros(()) if widths is None else self._by_output(noise.lost(flat, widths))
        return np.asarray(linear(carried) - lost), noise.linear_precession(flat)

    def _by_output(self, volts: Array) -> Array:
        """Voltages of the chains [1, n, chains, steps] in the units and the order of the products."""
        return self.lines.by_output((volts / self.noise.unit[:, None, :, None])[0].swapaxes(1, 2))

    @property
    def flat(self) -> NoisyWeights:
        """All chains as one group, for a budget: `carried` [1, n, 1, lines]."""
        if isinstance(self.base, SaturatingLines):
            return NoisyWeights.around(self.base.flat, self.noise, self.random)
        values, trained = self.lines.values[None], self.lines.trained[None]
        return NoisyWeights.around(
            HeldWeights(layer=self.layer, values=values, trained=trained), self.noise, self.random
        )


def _tones(design: Design, line: LineStage, bandwidth: float, place: Place) -> ToneNoise:
    """Noise of the tones of the lines."""
    neuron, noise, ends = design.parameters.neuron, design.parameters.noise, line.ends
    full = design.plan.options.p_max * line_emf(line.placement, ends, line.device.resistance) ** 2 / (8 * ends.source)
    count, each = (1, len(line.tone)), dict[NoiseSource, float]()
    each["combiner"] = BOLTZMANN * noise.temperature / full
    each["amplifier"] = BOLTZMANN * REFERENCE * 10 ** (neuron.noise_figure / 10) / place.power
    oscillators = None
    if place.kind is not None and {"amplitude", "phase", "linewidth"} & set(noise.chosen):
        thermal, drive, ideal = (
            neuron.in_thermal_bath(noise).seed,
            full_drive(design, place.kind) - 1,
            place.kind == IDEAL,
        )
        oscillators = Oscillators(line.channel[None], drive, ideal, neuron.damping, neuron.nonlinear_damping, thermal)
    return ToneNoise(
        np.full(count, bandwidth),
        {name: np.full(count, own) for name, own in each.items() if name in noise.chosen},
        oscillators,
        "amplitude" in noise.chosen,
        "phase" in noise.chosen,
        line.device.damping if "linewidth" in noise.chosen else None,
    )


def line_widths(design: Design, line: LineStage, place: Place) -> Callable[[Array], Array | None]:
    """What the line widths of the tones into a stage are, as `ToneNoise.widths`, for carried [1, n, steps, lines]."""
    return _tones(design, line, 0.0, place).widths


def _layer_noise(design: Design, line: LineStage, held: StripWeights, place: Place) -> LayerNoise:
    """Noise of the stage, chains as the placement has them."""
    device, neuron, noise, usage = line.device, design.parameters.neuron, design.parameters.noise, line.usage
    p_max, drive = design.plan.options.p_max, line_drive(line)
    stack = line_stack(line, design.plan.circuit, neuron.bandwidth)
    bandwidth = float(stack.bandwidths(average=neuron.integration)[0])
    thermal = float(thermal_power(device.damping, device.threshold_current, noise.temperature, noise.polarisation))
    f, watts = line.channel[usage.line], drive.reached(line) * p_max
    steep = -4 * device.damping * device.sensitivity * real_susceptibility(f / drive.f_res, device.damping)[1]
    precession, slope = np.zeros((2, usage.chains, len(usage.inputs)))
    density = precession_density(device, f, drive.f_res, 1.0, thermal)
    np.add.at(precession, (usage.chain, usage.line), drive.gain**2 * watts * density * bandwidth)
    np.add.at(slope, (usage.chain, usage.line), drive.gain * watts * steep / drive.f_res)
    tones, heard = _tones(design, line, bandwidth, place), "precession" in noise.chosen
    loss = np.zeros((3, *precession.shape))
    signed = -4 * device.damping * device.sensitivity * drive.gain * watts
    for own, lost in zip(loss, line_loss(f, drive.f_res, device.damping, tones.widest), strict=True):
        np.add.at(own, (usage.chain, usage.line), signed * lost)
    return LayerNoise(
        held.layer,
        np.full((1, usage.chains), held.scale / held.gain * p_max),
        bandwidth,
        constant_noise(design, stack, [int(line.sizes.max())], place.last),
        precession[None] if heard else None,
        np.array([thermal * heard * bandwidth]),
        slope[None],
        loss[:, None],
        tones,
    )


def line_noise(
    design: Design,
    line: LineStage,
    held: StripWeights,
    place: Place,
    random: np.random.Generator,
    base: HeldWeights | None = None,
) -> NoisyLines:
    """The weights of a stage with noise as [noise] and [neuron] of a design say. Raises InputError.

    `base`, default the same, is what answers to the tones, such as saturating resonators.
    """
    return NoisyLines.around(base or held, _layer_noise(design, line, held, place), random, lines=held)
