"""Noise of the tones into a layer: what rides on them, and what their oscillators' amplitude and phase do.

A tone of the part a of p_max carries the power a + δ with the part's fluctuation δ, and stands off its channel by δf:

* **noise of the source** of density S (W/Hz, one-sided, at RF) beats with the tone. With peak phasors, P = ½ R |I|²
  and the noise's part in phase n, δP = R I n, and n has twice the density of the noise current (both sidebands fold
  onto one): S_δP = 4 P S. So with s = S over the power of a full tone at the same place, S_δ = 4 a s, per Hz.
  At the bus a full tone has P = EMF² / 8 Z0 available:
  - *combiner*: k T, of matched sources and a passive combiner: s = k T / P;
  - *amplifier*: a source of full power P_s amplifies an oscillator of the power P_o by P_s/P_o, so that it gives the
    density k T0 F P_s / P_o at the noise figure F. Amplifiers are broad and combiners have no filters: those of all
    tones are heard at each, s = k T0 F Σ_s P_s / (P_o P), P_s and P at the bus. Sources of pixels have the same
    amplifiers, and the same power before them. Behind the filters of a multiplexer each amplifier is heard at the other
    channels as far as its filter lets it through, and the first is k T of what is seen through the filters;
* **amplitude noise** of an oscillator: relative density of its power, and corner, at the drive that gives a: ξ = 1 +
  drive a of the ideal one, ξ = (1 + Q p)/(1 - p) of the others, with p in proportion to a;
* **phase noise**: an oscillator of line width Δ (FWHM, white frequency noise) has the one-sided density Δ/π of δf;
* **tiles**: the tone of the same channel in the tile beside drives κ of its current here (docs/theory/noise.md). The
  sources of a channel are locked to one frequency, so this is no beat that a filter takes out but a constant in a read,
  in phases that nobody knows: δ has the variance 2 κ² a a', whatever the bandwidth;
* **line width**: no noise, but what the same line takes off the weights of its tone (`ToneNoise.widths`).

Tones of pixels come from generators without the last two. All that listen to a tone hear the same δ and δf.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array
from resonet.models.circuit.bus import bus_load
from resonet.models.circuit.multiplexer import multiplexer_transfers, multiplexer_warmth
from resonet.models.circuit.noise import BOLTZMANN
from resonet.models.neuron.electronics import REFERENCE
from resonet.models.neuron.oscillator_noise import amplitude_density, frequency_density, linewidth
from resonet.netlist.design.neuron_options import NeuronOptions
from resonet.netlist.design.noise_options import NoiseSource
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan
from resonet.netlist.planning.tile_coupling import TileCoupling

__all__ = ["Oscillators", "ToneNoise", "by_tap", "riding_noise"]


@dataclass(frozen=True, slots=True, eq=False)
class Oscillators:
    """The oscillators behind the tones of a layer."""

    channel: Array  # [groups, taps] Hz
    drive: float  # ξ - 1 at p_max
    ideal: bool  # power in proportion to ξ - 1, and not to p
    damping: float
    qnl: float
    thermal: float  # p_T

    def _rates(self, carried: Array) -> tuple[Array, Array]:
        """ξ and Γ0, 1/s, for parts of p_max [groups, n, positions, taps]."""
        xi = 1 + self.drive * carried
        if not self.ideal:
            p = np.minimum(carried, 1.0) * (self.drive / (1 + self.drive + self.qnl))
            xi = (1 + self.qnl * p) / (1 - p)
        return xi, 2 * np.pi * self.damping * self.channel[:, None, None]

    def amplitude(self, carried: Array, bandwidth: Array) -> Array:
        """Variance of δ, same shape: relative density and corner behind a filter of that bandwidth, Hz [groups, taps].

        Two poles in a row, which is exact for one pole after another: B B' / (B + B') with B' = π/2 times the corner.
        """
        density, corner = amplitude_density(*self._rates(carried), self.qnl, self.thermal)
        own = 0.5 * np.pi * corner
        b = bandwidth[:, None, None]
        return np.asarray(carried**2 * density * own * b / (own + b))

    def width(self, carried: Array) -> Array:
        """Δ, Hz, same shape."""
        return linewidth(*self._rates(carried), self.qnl, self.thermal)

    def frequency(self, carried: Array, bandwidth: Array) -> Array:
        """Variance of δf, Hz², same shape."""
        return np.asarray(frequency_density(self.width(carried)) * bandwidth[:, None, None])


@dataclass(frozen=True, slots=True, eq=False)
class ToneNoise:
    """Noise of the tones into a layer, behind what its neurons read."""

    bandwidth: Array  # [groups, taps] Hz, equivalent noise bandwidth from a tone's power to the neurons
    riding: dict[NoiseSource, Array]  # by source [groups, taps] 1/Hz, s of the text
    oscillators: Oscillators | None  # None: of pixels
    amplitude: bool  # which of the oscillators' noises there are
    phase: bool
    linewidth: float | None = None  # α of the resonators that the line width is compared with; None: tones are sharp
    tiles: TileCoupling | None = None  # None: not counted, or one tile a neuron

    def widths(self, carried: Array) -> Array | None:
        """Half of Δ in half-widths of a resonator at the tone, for parts of p_max; None where tones are sharp.

        [groups, n, positions, taps].
        """
        if self.linewidth is None or self.oscillators is None:
            return None
        half = self.linewidth * self.oscillators.channel[:, None, None]
        return np.asarray(self.oscillators.width(carried) / (2 * half))

    @property
    def widest(self) -> float:
        """The largest of these, of tones that carry nothing; 0 where they are sharp."""
        found = self.widths(np.zeros((len(self.bandwidth), 1, 1, self.bandwidth.shape[1])))
        return 0.0 if found is None else float(found.max())

    def carried_variances(self, carried: Array) -> dict[NoiseSource, Array]:
        """Variance of δ by source, for parts of p_max [groups, n, positions, taps]."""
        found: dict[NoiseSource, Array] = {
            name: 4 * carried * (density * self.bandwidth)[:, None, None] for name, density in self.riding.items()
        }
        if self.amplitude and self.oscillators is not None:
            found["amplitude"] = self.oscillators.amplitude(carried, self.bandwidth)
        if self.tiles is not None:
            found["tiles"] = self.tiles.variance(carried)
        return found

    def frequency_variance(self, carried: Array) -> Array | None:
        """Variance of δf, Hz², likewise; None where there is none."""
        if not self.phase or self.oscillators is None:
            return None
        return self.oscillators.frequency(carried, self.bandwidth)

    def drawn(self, carried: Array, normal: Callable[[], Array]) -> tuple[Array, Array | None]:
        """One read of tones [groups, n, positions, taps]: the powers that they carry, and a δf, Hz, or None.

        Powers are parts of p_max; a power is not negative. Each call of `normal` gives normal deviates of that shape.
        """
        variances, moved, noisy = self.carried_variances(carried), self.frequency_variance(carried), carried
        if variances:
            noisy = np.maximum(carried + np.sqrt(np.sum([*variances.values()], axis=0)) * normal(), 0.0)
        if moved is not None:
            moved = carried * np.sqrt(moved) * normal()
        return noisy, moved


def by_tap(entry: LayerPlan, values: list[Array]) -> Array:
    """Values of the tones bus by bus as [groups, taps]; of the banks of a tile, which share them, the last one's."""
    found = np.zeros((entry.layer.groups, entry.layer.taps))
    for bus, own in zip(entry.buses, values, strict=True):
        found[bus.group, bus.taps] = own
    return found


def _filtered(plan: FrequencyPlan, bus: Bus, full: Array) -> tuple[Array | float, Array | float]:
    """Parts of k T at each channel of a bus, and Σ P_s as its amplifiers are heard there, [tones] or for all alike."""
    circuit, resistance, (chains, size) = plan.circuit, plan.device.resistance, bus.size
    if circuit.combining == "resistive":
        return 1.0, float(full.sum())
    load = bus_load(bus.frequencies, resistance, size, chains, circuit, bus.below)
    through = np.abs(multiplexer_transfers(bus.frequencies, load, circuit)) ** 2
    return multiplexer_warmth(bus.frequencies, load, circuit), (full / np.diagonal(through)) @ through


def riding_noise(
    plan: FrequencyPlan, entry: LayerPlan, neuron: NeuronOptions, power: float, temperature: float
) -> dict[NoiseSource, Array]:
    """S of the text by source, 1/Hz [groups, taps]; `power` of a full tone's oscillator, W."""
    thermal, amplified = [], []
    density = BOLTZMANN * REFERENCE * 10 ** (neuron.noise_figure / 10) / power
    for bus in entry.buses:
        full = bus.levels**2 * plan.options.p_max / (8 * plan.circuit.impedance)
        warm, heard = _filtered(plan, bus, full)
        thermal.append(BOLTZMANN * temperature * warm / full)
        amplified.append(density * heard / full)
    return {"combiner": by_tap(entry, thermal), "amplifier": by_tap(entry, amplified)}
