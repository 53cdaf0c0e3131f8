"""What a designer sets of the neurons, [neuron] of design.toml, and the devices that follow."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from resonet.core.errors import InputError
from resonet.core.parameters import check, parameter
from resonet.models.neuron.electronics import Amplifier, DiodeMaximum, NeuronSupply, Transconductor
from resonet.models.neuron.starting_oscillator import StartingRelu, StartingThreeTerminal, StartingTwoTerminal
from resonet.models.resonator.thermal import thermal_power
from resonet.netlist.design.noise_options import NoiseOptions
from resonet.netlist.network.activations.base import PIECES

__all__ = ["IDEAL", "KINDS", "Kind", "NeuronOptions", "NeuronOscillator"]

Kind = Literal["relu", "two_terminal", "three_terminal"]
KINDS: tuple[Kind, ...] = ("relu", "two_terminal", "three_terminal")
IDEAL: Kind = (
    "relu"  # power rises linearly above the threshold: stands for any trained activation, with its transconductor
)
LEAST_SEED, MOST_SEED = 1e-9, 0.1  # of the oscillators' records
NeuronOscillator: TypeAlias = StartingRelu | StartingTwoTerminal | StartingThreeTerminal


@dataclass(frozen=True, slots=True)
class NeuronOptions:
    """What the designer decides about neurons; shared by all of a network."""

    bandwidth: float = parameter(
        20e6, "Hz", 1.0, 1e12, "of the transconductor, each of three poles; keeps beat notes out"
    )
    integration: float = parameter(
        0.0, "s", 0.0, 1.0, "over which a gated integrator averages what the poles let through; 0: none"
    )
    input_noise: float = parameter(1e-9, "V/sqrt(Hz)", 1e-12, 1e-6, "of the transconductor, one-sided density")
    supply: float = parameter(1.0, "V", 1e-3, 100.0, "of the transconductor, which sources the drive current from it")
    threshold_current: float = parameter(10e-6, "A", 1e-9, 1.0, "of the oscillator")
    clamp: float = parameter(4.0, "", 1.001, 1e3, "largest current of the oscillator, in threshold currents")
    nonlinear_damping: float = parameter(2.0, "", 0.0, 1e3, "Q_nl of the oscillator")
    seed: float = parameter(
        0.0, "", 0.0, 0.1, "thermal precession power without current; 0: p_T of the oscillator at noise.temperature"
    )
    damping: float = parameter(0.01, "", 1e-5, 0.2, "Gilbert damping of the oscillator: how fast it starts")
    resistance: float = parameter(1e3, "Ohm", 1e-3, 1e9, "of the oscillator, drive line and junction")
    magnetoresistance: float = parameter(1.0, "", 1e-6, 100.0, "of the oscillator")
    read_current: float = parameter(10e-6, "A", 0.0, 1.0, "of the three-terminal oscillator")
    full_power: float = parameter(50e-9, "W", 1e-15, 1.0, "of the ideal ReLU at the clamp")
    headroom: float = parameter(
        0.9, "", 0.01, 1.0, "part of the range of the oscillator that a ReLU's full scale takes"
    )
    pieces: int = parameter(PIECES, "", 2, 64, "straight pieces of a transconductor that is fitted to an activation")
    amplifier_bandwidth: float = parameter(40e9, "Hz", 1e6, 1e13, "of the amplifier, one pole")
    p1db: float = parameter(20e-3, "W", 1e-12, 1e3, "output power of the amplifier at 1 dB compression")
    noise_figure: float = parameter(3.0, "dB", 0.01, 60.0, "of the amplifier")
    efficiency: float = parameter(0.2, "", 1e-4, 1.0, "of the amplifier, RF power over DC power at full output")
    pool_gain: float = parameter(1e4, "", 1.0, 1e9, "voltage gain before the diodes of a maximum")
    pool_current: float = parameter(1e-6, "A", 1e-15, 1.0, "pull-down current of a maximum")

    def __post_init__(self) -> None:
        check(self, "neuron")
        if 0 < self.seed < LEAST_SEED:
            raise InputError(
                f"neuron.seed = {self.seed:g}: possible: 0 (p_T of the oscillator), or {LEAST_SEED:g} ... 0.1"
            )

    def in_thermal_bath(self, noise: NoiseOptions) -> "NeuronOptions":
        """The same with the thermal power p_T of the oscillator as its seed, where none is given.

        Raises InputError where the oscillator is too small for that temperature.
        """
        if self.seed:
            return self
        power = float(thermal_power(self.damping, self.threshold_current, noise.temperature, noise.polarisation))
        if power > MOST_SEED:
            raise InputError(
                f"neuron.threshold_current = {self.threshold_current:g} A: thermal power p_T = {power:.2g} of the "
                f"oscillators at {noise.temperature:g} K, of which the model takes at most {MOST_SEED:g}; possible: "
                "more of it, less neuron.damping or noise.temperature, or a neuron.seed"
            )
        return replace(self, seed=max(power, LEAST_SEED))

    def transconductor(self, gm: float = 0.1, bias: float = 0.0) -> Transconductor:
        """Transconductor of one neuron."""
        return Transconductor(gm=gm, bias=bias, bandwidth=self.bandwidth, en=self.input_noise)

    def amplifier(self, impedance: float, gain: float = 1.0) -> Amplifier:
        """Amplifier of one neuron."""
        return Amplifier(gain, self.amplifier_bandwidth, self.p1db, self.noise_figure, impedance)

    def supplies(self) -> NeuronSupply:
        """What a neuron draws."""
        return NeuronSupply(self.efficiency, self.supply)

    def maximum(self) -> DiodeMaximum:
        """Diode maximum of a pool."""
        return DiodeMaximum(gain=self.pool_gain, ipull=self.pool_current)

    def oscillator(self, kind: Kind, impedance: float, frequency: float = 1e9) -> NeuronOscillator:
        """Oscillator of one neuron; its frequency sets only how fast it starts, and its tone.

        Without a seed it is at room temperature.
        """
        common = {"f0": frequency, "ith": self.threshold_current, "clamp": self.clamp, "z0": impedance}
        common["gamma0"] = 2 * np.pi * self.damping * frequency
        if kind == IDEAL:
            return StartingRelu(rin=self.resistance, pfull=self.full_power, **common)
        seed = self.seed or self.in_thermal_bath(NoiseOptions()).seed
        common |= {"qnl": self.nonlinear_damping, "seed": seed, "r0": self.resistance}
        common["mr"] = self.magnetoresistance
        match kind:
            case "two_terminal":
                return StartingTwoTerminal(**common)
            case "three_terminal":
                return StartingThreeTerminal(rline=self.resistance, iread=self.read_current, **common)
            case _:
                raise InputError(f"neurons of kind {kind!r}; possible: {', '.join(KINDS)}")
