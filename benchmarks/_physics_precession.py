"""Noise of resonators and oscillators: Langevin simulations against what `models` compute."""

import numpy as np
from _langevin import langevin_density, langevin_fed, langevin_line, langevin_oscillator
from _show import info, show

from resonet.models.neuron.oscillator_noise import broadened_weight, isochronous_width, power_noise
from resonet.models.neuron.startup import stationary_power
from resonet.models.resonator.auto_oscillator import AutoOscillator
from resonet.models.resonator.forced_oscillation import forced_power
from resonet.models.resonator.linear import SpinDiode
from resonet.models.resonator.precession_noise import precession_density, saturated_line, saturated_precession_density
from resonet.models.resonator.thermal import thermal_power
from resonet.models.resonator.tone_balance import Saturation, Tones, balance_tones

__all__ = ["claims"]

POWERS = (2e-9, 50e-9, 1e-6)


def _lines(chosen: SpinDiode, qnl: float, noise: float, quick: bool) -> None:
    """What the line of an oscillator takes off the weight of its tone."""
    copies = 600 if quick else 4000
    states = (("twice the threshold", 2.0, 0.02), ("threshold", 1.0, 0.05), ("clamp", 4.0, 0.02))
    for name, xi, bar in states[:1] if quick else states:
        width = 2 * np.pi * isochronous_width(xi, qnl, noise)  # in half-widths of a resonator of that damping
        lost = [1 - float(broadened_weight(u, width) / broadened_weight(u, 0.0)) for u in (1.0, 1e-3)]
        what = f"weights that the line of an oscillator at its {name} ({width:.2g} half-widths) loses"
        info(what, f"{lost[0]:.1%} ... {lost[1]:.1%}")
        ratio = langevin_fed(xi, qnl, noise, 1.0, copies) / float(broadened_weight(1.0, width))
        show(
            "    weight at u = 1, simulated over closed form",
            f"{ratio:.3f}",
            f"within {bar:.0%}",
            abs(ratio - 1) <= bar,
        )
    f0, u, law = 2e9, -1.0, Saturation(qnl)
    tone = f0 * (np.sqrt(1 - chosen.damping**2) + u * chosen.damping)
    per_watt = 2 / chosen.resistance
    for power in POWERS[1:2] if quick else POWERS:
        ratios = []
        for wide in (0.02, 0.1):
            made = (chosen, law, f0, tone, per_watt)
            ours = balance_tones(*made, power, wide).voltages.item() / balance_tones(*made, 1e-18).voltages.item()
            strength = Tones.at(*made).drive.item() * power
            ratios.append(langevin_line(strength, u, wide, qnl, copies) * power / 1e-18 / ours)
        figure, off = " ".join(f"{ratio:.3f}" for ratio in ratios), float(abs(np.array(ratios) - 1).max())
        what = f"saturated at {power * 1e9:g} nW, lines of 0.04 and 0.2 half-widths: voltage, simulated over ours"
        show(what, figure, "within 2 %", off <= 0.02)


def claims(quick: bool) -> None:
    """Print all claims; `quick`: at 50 nW, shorter, oscillators at two currents."""
    chosen = SpinDiode()
    device = AutoOscillator.from_spin_diode(chosen, 2e9)
    noise = float(thermal_power(chosen.damping, chosen.threshold_current))
    info("thermal power p_T of the default device, 300 K, polarisation 0.6", f"{noise:.4f}")
    for power in POWERS[1:2] if quick else POWERS:
        linear, saturated = [], []
        for u in (0.0, 1.0) if quick else (0.0, -0.5, 1.0):
            f = device.free + u * device.damping * device.f0
            found = langevin_density(device, f, power, noise, 4000, 0.05 if quick else 0.02, 100.0)
            line = saturated_line(u, forced_power(device, f, power), 0.0, device.qnl)
            linear.append(found / float(precession_density(chosen, f, device.f0, power, noise)))
            saturated.append(found / float(saturated_precession_density(chosen, device.f0, power, noise, line)))
        what = f"precession noise of a tone of {power * 1e9:g} nW, simulated over closed form"
        off = max(abs(np.array(saturated) - 1))
        show(what, f"{min(saturated):.3f}-{max(saturated):.3f}", "within 10 %", off <= 0.1)
        info("    over the linear closed form", f"{min(linear):.3f}-{max(linear):.3f}")
    for xi in (1.0, 2.0) if quick else (0.5, 1.0, 1.2, 2.0, 4.0):
        mean, density, width = langevin_oscillator(xi, device.qnl, noise, 600 if quick else 4000)
        ours, _, ours_density = power_noise(xi, device.qnl, noise)
        ratios = np.array([mean / ours, density / ours_density, width / isochronous_width(xi, device.qnl, noise)])
        figure, off = " ".join(f"{ratio:.3f}" for ratio in ratios), float(abs(ratios - 1).max())
        what = f"oscillator at {xi:g} I_th: power, its density, line width, simulated over ours"
        show(what, figure, "within 15 %", off <= 0.15)
    currents = (1.0, 1.1, 2.0, 4.0)
    ratios = [float(stationary_power(xi, device.qnl, noise)) / power_noise(xi, device.qnl, noise)[0] for xi in currents]
    info("static law of neurons over the mean power, 1, 1.1, 2, 4 I_th", " ".join(f"{ratio:.3f}" for ratio in ratios))
    _lines(chosen, device.qnl, noise, quick)
