"""Fits and presets, for the show script: `lines` have a bar, `notes` have none."""

from collections.abc import Iterable, Iterator

import numpy as np

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.models.fit.fit import fit_rectification, rectification
from resonet.models.presets.preset import list_presets, load_preset

__all__ = ["lines", "notes"]

TRUE = {"f0": 5e9, "damping": 0.01, "sensitivity": 8838.0, "psi": 0.3, "background": 50.0}
F = 5e9 * (1 + 0.01 * np.linspace(-6, 6, 49))


def _recovery() -> float:
    """Worst relative error of a noiseless fit, over shapes of the line."""
    worst = 0.0
    for psi in (-1.2, 0.0, 0.3, 1.2):
        true = TRUE | {"psi": psi}
        fit = fit_rectification((F, rectification(F, **true)))
        size = true | {"psi": 1.0, "background": true["sensitivity"]}
        worst = max(worst, *(abs(fit[name] - true[name]) / size[name] for name in true))
    return worst


def _uncertainty(runs: int) -> tuple[float, float]:
    """Worst ratio, as difference from 1, of the scatter to the errors told; share of values within three errors."""
    clean, noise = rectification(F, **TRUE), 0.05 * TRUE["sensitivity"]
    fits = [fit_rectification((F, clean + np.random.default_rng(n).normal(0, noise, len(F)))) for n in range(runs)]
    values = {name: np.array([fit[name] for fit in fits]) for name in TRUE}
    errors = {name: np.array([fit.estimates[name].error for fit in fits]) for name in TRUE}
    off = [values[name].std(ddof=1) / np.sqrt(np.mean(errors[name] ** 2)) - 1 for name in TRUE]
    within = np.mean([np.abs(values[name] - true) < 3 * errors[name] for name, true in TRUE.items()])
    return float(np.abs(off).max()), float(within)


def _told(second: float, runs: int) -> tuple[int, int]:
    """Fits of random curves that are told as poor, and fits; with a second resonance of that relative size."""
    rng, poor, fits = np.random.default_rng(1), 0, 0
    for _ in range(runs):
        damping, n = 10 ** rng.uniform(-2.7, -1.5), int(rng.integers(30, 300))
        half = rng.uniform(4, 12) * damping * 5e9
        f = 5e9 + rng.uniform(-0.3, 0.3) * half + np.linspace(-half, half, n)
        y = rectification(f, 5e9, damping, 500, rng.uniform(-1.5, 1.5), 30) + rng.normal(
            0, 10 ** rng.uniform(0, 1.5), n
        )
        apart = rng.choice([-1, 1]) * rng.uniform(0.3, 0.6) * half
        y += rectification(f, 5e9 + apart, damping, 500 * second, rng.uniform(-1.5, 1.5))
        with collected() as found:
            try:
                fit_rectification((f, y))
            except InputError:
                continue
        fits, poor = fits + 1, poor + bool(found)
    return poor, fits


def lines(runs: int = 200) -> Iterator[tuple[str, str, str, bool]]:
    """What, figure, bar, holds; of so many random curves."""
    worst = _recovery()
    yield "fit of a noiseless rectification curve, worst parameter", f"{worst:.1e}", "<= 1e-6", worst <= 1e-6
    off, within = _uncertainty(runs)
    yield f"errors of the fit against the scatter of {runs} curves", f"{off:.0%}", "<= 30 %", off <= 0.3
    yield "fitted values within three standard errors", f"{within:.1%}", ">= 97 %", within >= 0.97
    poor, fits = _told(0.0, runs)
    yield f"right fits that are told as poor, of {runs} curves", f"{poor} of {fits}", "0", poor == 0
    poor, fits = _told(0.5, runs)
    share = poor / fits
    yield "fits of two resonances as one that are told as poor", f"{poor} of {fits}", ">= 98 %", share >= 0.98
    for name in list_presets():
        preset = load_preset(name)
        bad = [
            key
            for key, value in preset.values.items()
            if not (np.isfinite(value) and preset.ranges[key][0] <= value <= preset.ranges[key][1])
        ]
        yield f"preset {name}: f0, Q, K_SD, I_th in its ranges", ", ".join(bad) or "all", "all", not bad


def notes() -> Iterable[tuple[str, str]]:
    """Key figures of the presets."""
    for name in list_presets():
        values = load_preset(name).values
        yield (
            f"preset {name}: f0, Q, K_SD, I_th",
            f"{values['f0'] / 1e9:g} GHz, {values['quality']:g}, {values['sensitivity']:.3g} V/W, "
            f"{values['threshold_current'] * 1e3:g} mA",
        )
