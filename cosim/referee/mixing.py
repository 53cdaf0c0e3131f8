"""Second-order products in ngspice: three tones, f1 + f2 = f3, against models/circuit/mixing.py.

The products of each two tones fall on the third, and what they do to the DC output changes sign with the phase of one
tone; all else does not depend on phases. So half of the difference between two transients, one with that phase turned
by 180 degrees, is the effect, and the integrator's error of the rest drops out. The pre-warp is that of the tanks: one
that moves tones (cosim/referee/chain.py) would take f3 off f1 + f2.
"""

from dataclasses import dataclass

import numpy as np

from resonet.core.types import Array, Complex
from resonet.cosim.ngspice.kept_step import run_kept_step
from resonet.models.circuit.bus import BusCircuit, bus_currents, tone_levels
from resonet.models.circuit.mixing import product_voltage, series_transfer
from resonet.models.resonator.linear import SpinDiode, resonance_for_detuning, susceptibility
from resonet.netlist.bus.deck import transient_deck
from resonet.netlist.bus.hardware import bus_hardware
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, PlanOptions
from resonet.netlist.spice.prewarp import TankStep

__all__ = ["Shift", "three_tones"]

LOW, MIDDLE = 2.1e9, 3.3e9  # Hz; the third is their sum
DETUNING = np.array([0.5, -0.4, 0.6])  # half-widths: each tone both rectified and absorbed
POINTS = 60  # a period of the highest tone
SIGNS = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True, slots=True)
class Shift:
    """What the products do to the DC output, as part of full scale K_SD p_max."""

    transient: float
    closed_form: float


def _bus(shift: float, circuit: BusCircuit, device: SpinDiode) -> Bus:
    frequencies = np.array([LOW + MIDDLE + shift, MIDDLE, LOW])
    levels = tone_levels(frequencies, device.resistance, 1, circuit)
    return Bus("mixing", "t0", 0, 0, 0, np.array([0]), np.arange(3), frequencies, levels, 0)


def _closed_form(bus: Bus, f_res: Array, source: Complex, circuit: BusCircuit, device: SpinDiode) -> float:
    """V: Σ over tones and resonators of s k Re(chi) Re(I δ*); `source` is each tone's EMF phasor behind the bus."""
    f, k, r = bus.frequencies, device.transduction, device.resistance
    current = bus_currents(f, r, 3, 1, circuit) * source[:, None]
    chi = susceptibility(f[:, None], f_res, device.damping)
    tones = list(zip(current, chi * current, strict=True))
    volts = np.array(
        [
            product_voltage(k, tones[1], tones[2], False),  # on the highest: f1 + f2
            product_voltage(k, tones[0], tones[2], True),  # on the middle one: f3 - f1
            product_voltage(k, tones[0], tones[1], True),  # on the lowest: f3 - f2
        ]
    )
    driven = -np.einsum("tmn,tn->tm", series_transfer(f, r, 3, 1, circuit), SIGNS * volts)
    return float((SIGNS * k * chi.real * (current * driven.conj()).real).sum())


def three_tones(shift: float = 0.0, power: float = 2e-9, phase: float = 0.0) -> Shift:
    """Both, with the highest tone `shift` Hz off the sum of the others and at `phase` degrees, each tone at `power` W.

    The closed form holds for shift = 0; for any other there is no steady effect, and it gives 0. Raises EngineError.
    """
    device, circuit = SpinDiode(), BusCircuit(readout_resistance=1e12)
    bus = _bus(shift, circuit, device)
    f_res = resonance_for_detuning(bus.frequencies, DETUNING, device.damping)
    hardware = bus_hardware(FrequencyPlan(device, circuit, PlanOptions(), ()), bus, f_res[None])
    emf = bus.levels * np.sqrt(power)
    dt = 1 / (POINTS * float(bus.frequencies.max()))
    ring = 1 / (2 * np.pi * device.damping * LOW)
    window = max(10 * ring, 8 / shift if shift else 0.0)
    steps = int(np.ceil((9 * ring + window) / dt))
    volts = []
    for turned in (0.0, 180.0):
        phases = np.array([phase + turned, 0.0, 0.0])
        sounded = emf / hardware.gain
        deck = transient_deck(hardware, sounded, bus.frequencies, phases, dt, steps * dt, TankStep(dt))
        plot = run_kept_step(deck, dt, steps)
        where = plot.axis > plot.axis[-1] - window
        weight = np.sin(np.pi * (plot.axis[where] - plot.axis[where][0]) / window) ** 2
        volts.append(float(weight @ plot.columns(["v(dc0)"])[where, 0].real / weight.sum()))
    full = device.sensitivity * power
    source = emf * np.exp(1j * (np.deg2rad(np.array([phase, 0.0, 0.0])) - np.pi / 2))  # ngspice's sources are sines
    expected = 0.0 if shift else _closed_form(bus, f_res, source, circuit, device)
    return Shift((volts[0] - volts[1]) / 2 / full, expected / full)
