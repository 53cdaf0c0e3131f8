"""What stands around the oscillator of a neuron: transconductor, amplifier, diode maximum, and what they draw.

**Transconductor.** The chain voltage v sets the drive current, i = bias + gm (v_f + offset), with v_f = v through three
equal poles at `bandwidth`: beat notes between adjacent channels are as large as the voltages that count, a decade above
them, and one pole would leave a tenth. It takes no current. Its noise is that of an input voltage of density en (V/√Hz,
white, before the poles), so the voltage v_f has en √(3π/16 bandwidth) rms: ∫ (1 + x²)^-3 dx = 3π/16.

**Knee.** A transconductor with two slopes: i = bias + gmlow min(v - knee, 0) + gmhigh max(v - knee, 0), at once (it
stands behind the poles of a linear one). Several on one output add up to any curve of straight pieces: the first has
the slopes of the first two, each further one (gmlow = 0) adds the change of slope at its knee.

**Amplifier.** Input resistance z0, one pole at `bandwidth`, then a limiter, then an EMF behind z0: a matched load sees

    v_out = vsat tanh(gain v_f / vsat)         at every instant,

so a tone of peak amplitude A leaves with vsat F(gain |H| A / vsat), F of `limiter`, and odd harmonics. vsat follows
from the output power at which the fundamental is 1 dB low: vsat = √(2 z0 p1db) / F(x1). Noise at a matched source of
290 K: output density k T0 F gain² |H|² (W/Hz), F the noise figure (H. T. Friis, Proc. IRE 32, 419 (1944)).

**Diode maximum** (max pooling of DC voltages). Every input is amplified by g and feeds one common node through a diode;
a current ipull pulls it down. Kirchhoff: Σ isat [exp((g v_i - V)/(n Vt)) - 1] = ipull, so

    V = n Vt ln Σ exp(g v_i / (n Vt)) - n Vt ln(ipull/isat + N),

and the output stage takes off the last term, a constant, and divides by g:

    v_out = (n Vt / g) ln Σ exp(g v_i / (n Vt)).

So an input far above the others passes unchanged; the error is never negative and at most (n Vt / g) ln N, where N
inputs are equal. Vt = kT/q at 27 °C, the temperature at which ngspice works unless told otherwise.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from resonet.core.errors import InputError
from resonet.core.parameters import Interface, check, parameter
from resonet.core.types import Array
from resonet.models.neuron.limiter import FULL, ONE_DECIBEL, fundamental, fundamental_inverse
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.thermal import BOLTZMANN, CHARGE

__all__ = [
    "POLES",
    "Amplifier",
    "DiodeMaximum",
    "DiodeMaximumArm",
    "DiodeMaximumOut",
    "KneeTransconductor",
    "NeuronSupply",
    "Transconductor",
]


REFERENCE = 290.0  # K, temperature of the source in a noise figure
THERMAL_VOLTAGE = BOLTZMANN * 300.15 / CHARGE  # V, at 27 °C
POLES = 3  # of the transconductor
LINEAR = SpinDiode()
SMALL_SIGNAL = "typical of small-signal RF amplifiers"
DIODE = "silicon junction, default of SPICE"
INSIDE = Interface("diode_max_arm", (("in", "input, takes no current"), ("common", "common node of all arms")))
OUTSIDE = Interface("diode_max_out", (("common", "common node of all arms"), ("out", "maximum, a voltage source")))


@dataclass(frozen=True, slots=True)
class Transconductor:
    """Chain voltage to drive current: i = bias + gm (v + offset), three equal poles."""

    SPICE: ClassVar[Interface] = Interface(
        "transconductor", (("in", "voltage in, takes no current"), ("out", "the current comes out, into a load"))
    )

    gm: float = parameter(0.1, "A/V", -1e3, 1e3, "transconductance", "0.1 mV of a chain to 10 uA, the threshold")
    offset: float = parameter(0.0, "V", -10.0, 10.0, "input offset voltage", "trimmed")
    bias: float = parameter(LINEAR.threshold_current, "A", -1.0, 1.0, "current at zero input", "the threshold current")
    bandwidth: float = parameter(
        20e6, "Hz", 1.0, 1e12, "each of the three poles", "well below the beat notes, estimate"
    )
    en: float = parameter(1e-9, "V/sqrt(Hz)", 1e-12, 1e-6, "input noise density", "typical of low-noise amplifiers")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    @property
    def settling(self) -> float:
        """Time constant of each pole, s."""
        return 1 / (2 * math.pi * self.bandwidth)

    @property
    def noise_bandwidth(self) -> float:
        """Equivalent noise bandwidth of the three poles, Hz."""
        return 3 * math.pi / 16 * self.bandwidth

    @property
    def noise_voltage(self) -> float:
        """Noise at the input, behind the poles, V rms."""
        return self.en * math.sqrt(self.noise_bandwidth)

    def current(self, volts: ArrayLike) -> Array:
        """Settled current, A, for a DC voltage, V, of any shape."""
        return np.asarray(self.bias + self.gm * (np.asarray(volts, float) + self.offset))


@dataclass(frozen=True, slots=True)
class KneeTransconductor:
    """Voltage to current with two slopes that meet at the knee."""

    SPICE: ClassVar[Interface] = Interface(
        "transconductor_knee", (("in", "voltage in, takes no current"), ("out", "the current comes out, into a load"))
    )

    gmlow: float = parameter(0.0, "A/V", -1e6, 1e6, "transconductance below the knee", "none: a rectifier")
    gmhigh: float = parameter(0.1, "A/V", -1e6, 1e6, "transconductance above it", "as of the linear one")
    knee: float = parameter(0.0, "V", -1e6, 1e6, "voltage at which the slopes meet", "trimmed")
    bias: float = parameter(0.0, "A", -1e3, 1e3, "current at the knee", "none: a rectifier")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    def current(self, volts: ArrayLike) -> Array:
        """Current, A, for a voltage, V, of any shape."""
        over = np.asarray(volts, float) - self.knee
        return np.asarray(self.bias + self.gmlow * np.minimum(over, 0) + self.gmhigh * np.maximum(over, 0))


@dataclass(frozen=True, slots=True)
class Amplifier:
    """RF amplifier: one pole, soft limiter, matched at both ends."""

    SPICE: ClassVar[Interface] = Interface("amplifier", (("in", "input port, z0 to ground"), ("out", "output port")))

    gain: float = parameter(10.0, "", 1e-6, 1e6, "voltage gain between matched ends", SMALL_SIGNAL)
    bandwidth: float = parameter(40e9, "Hz", 1e3, 1e15, "pole before the limiter", "twice the band of the project")
    p1db: float = parameter(1e-2, "W", 1e-15, 1e3, "output power at 1 dB compression, matched load", SMALL_SIGNAL)
    nf: float = parameter(3.0, "dB", 1e-2, 60.0, "noise figure, source of z0 at 290 K", SMALL_SIGNAL)
    z0: float = parameter(50.0, "Ohm", 1e-3, 1e9, "impedance of both ports", "50 ohm convention")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)

    @property
    def vsat(self) -> float:
        """Largest instantaneous voltage at a matched load, V."""
        return math.sqrt(2 * self.z0 * self.p1db) / (ONE_DECIBEL * 10**-0.05)

    def pole(self, f: ArrayLike = 0.0) -> Array:
        """|H|, the pole's part of the gain at f, Hz."""
        return np.asarray(1 / np.hypot(1, np.asarray(f, float) / self.bandwidth))

    def compressed(self, amplitude: ArrayLike, f: ArrayLike = 0.0) -> Array:
        """Peak fundamental at a matched load, V, for a tone of that peak at the input, V; shapes broadcast."""
        drive = self.gain * self.pole(f) * np.abs(np.asarray(amplitude, float))
        return np.asarray(self.vsat * fundamental(drive / self.vsat))

    def drive_for(self, amplitude: ArrayLike, f: ArrayLike = 0.0) -> Array:
        """Peak input, V, for a peak fundamental at a matched load, V; the inverse of `compressed`.

        InputError within 0.012 % of 4/π vsat and beyond: no drive gives it.
        """
        wanted = np.asarray(amplitude, float)
        x = fundamental_inverse(wanted / self.vsat)
        if np.isnan(x).any():
            raise InputError(
                f"amplifier: a tone of {float(np.nanmax(wanted)):.4g} V at its output; possible: 0 ... "
                f"{FULL * self.vsat:.4g} V, 4/pi of its limit (a larger p1db)"
            )
        return np.asarray(x * self.vsat / (self.gain * self.pole(f)))

    def noise_power(self, f: ArrayLike = 0.0) -> Array:
        """Noise density at a matched load, W/Hz, with a matched source of 290 K: k T0 F gain² |H|²."""
        return np.asarray(BOLTZMANN * REFERENCE * 10 ** (self.nf / 10) * (self.gain * self.pole(f)) ** 2)


@dataclass(frozen=True, slots=True)
class NeuronSupply:
    """What a neuron draws from the DC supply; not in SPICE, whose sources are ideal."""

    efficiency: float = parameter(0.2, "", 1e-6, 1.0, "DC to RF, of the amplifier", "typical of class-A amplifiers")
    supply: float = parameter(1.0, "V", 1e-3, 1e3, "supply voltage of the transconductor", "that of a logic process")

    def __post_init__(self) -> None:
        check(self, "neuron_supply")

    def amplifier_power(self, rf: ArrayLike) -> Array:
        """DC power of the amplifier, W, for an RF output of that power, W."""
        return np.asarray(np.asarray(rf, float) / self.efficiency)

    def drive_power(self, current: ArrayLike) -> Array:
        """DC power of the transconductor, W, for a drive current, A (either direction)."""
        return np.asarray(self.supply * np.abs(np.asarray(current, float)))


@dataclass(frozen=True, slots=True)
class DiodeMaximumArm:
    """One input of the diode maximum: amplifier and diode."""

    SPICE: ClassVar[Interface] = INSIDE

    gain: float = parameter(1e4, "", 1e-3, 1e9, "voltage gain before the diode", "0.1 mV of a chain to 1 V")
    isat: float = parameter(1e-14, "A", 1e-20, 1e-3, "saturation current of the diode", DIODE)
    ideality: float = parameter(1.0, "", 0.5, 10.0, "ideality of the diode", DIODE)

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)


@dataclass(frozen=True, slots=True)
class DiodeMaximumOut:
    """Output of the diode maximum: pull-down, trim and the division by the gain."""

    SPICE: ClassVar[Interface] = OUTSIDE

    gain: float = parameter(1e4, "", 1e-3, 1e9, "voltage gain of the arms, divided out", "as the arms")
    ipull: float = parameter(1e-6, "A", 1e-12, 1.0, "current that pulls the common node down", "estimate")
    isat: float = parameter(1e-14, "A", 1e-20, 1e-3, "saturation current of the diodes", DIODE)
    ideality: float = parameter(1.0, "", 0.5, 10.0, "ideality of the diodes", DIODE)
    n: int = parameter(2, "", 1, 1_000_000, "number of arms", "the fewest that need one")

    def __post_init__(self) -> None:
        check(self, self.SPICE.name)


@dataclass(frozen=True, slots=True)
class DiodeMaximum:
    """The diode maximum as a whole, for any number of inputs."""

    gain: float = parameter(1e4, "", 1e-3, 1e9, "voltage gain before the diodes", "0.1 mV of a chain to 1 V")
    isat: float = parameter(1e-14, "A", 1e-20, 1e-3, "saturation current of the diodes", DIODE)
    ideality: float = parameter(1.0, "", 0.5, 10.0, "ideality of the diodes", DIODE)
    ipull: float = parameter(1e-6, "A", 1e-12, 1.0, "current that pulls the common node down", "estimate")

    def __post_init__(self) -> None:
        check(self, "diode_maximum")

    @property
    def width(self) -> float:
        """Width of the corner, n Vt / g, V: inputs that differ by less are mixed."""
        return self.ideality * THERMAL_VOLTAGE / self.gain

    @property
    def arm(self) -> DiodeMaximumArm:
        """One input, in SPICE."""
        return DiodeMaximumArm(self.gain, self.isat, self.ideality)

    def out(self, n: int) -> DiodeMaximumOut:
        """The output for n inputs, in SPICE."""
        return DiodeMaximumOut(self.gain, self.ipull, self.isat, self.ideality, n)

    def maximum(self, volts: ArrayLike, axis: int = -1) -> Array:
        """Output, V, over the inputs along an axis, V."""
        from scipy.special import logsumexp  # heavy enough to wait until somebody pools

        return np.asarray(self.width * logsumexp(np.asarray(volts, float) / self.width, axis=axis))

    def error(self, volts: ArrayLike, axis: int = -1) -> Array:
        """How far the output lies above the true maximum, V: 0 ... width ln N."""
        return np.asarray(self.maximum(volts, axis) - np.max(np.asarray(volts, float), axis=axis))
