"""A poor fit is told, a good one is not: two resonances, a distorted line, a drift, errors that are too small."""

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.models.fit.fit import fit_rectification, fit_touchstone, one_port, rectification
from resonet.models.fit.measured import Curve
from resonet.models.fit.residuals import smooth_share

RNG = np.random.default_rng
F = np.linspace(4.4e9, 5.6e9, 121)


def told(f, signal, error=None):
    with collected() as found:
        fit_rectification(Curve(f, signal, error))
    assert all(one.code == "fit-residual" and one.value > one.limit == 0.01 for one in found)
    return found


def test_noise_alone_is_never_told():
    """20 right models of any width, angle, density and noise; benchmarks/show_models.py has 200."""
    rng, fits = RNG(11), 0
    for _ in range(20):
        damping, n = 10 ** rng.uniform(-2.7, -1.5), int(rng.integers(14, 90))
        half = rng.uniform(2, 10) * damping * 5e9
        f = 5e9 + rng.uniform(-0.6, 0.6) * half + np.linspace(-half, half, n)
        noise = 1000 / 10 ** rng.uniform(1, 3)
        y = rectification(f, 5e9, damping, 500, rng.uniform(-1.5, 1.5), 30) + rng.normal(0, noise, n)
        try:
            assert told(f, y, np.full(n, noise) if rng.random() < 0.3 else None) == []
            fits += 1
        except InputError:  # too few points in its width
            continue
    assert fits > 14


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_an_exact_curve_is_not_told(noise):
    y = rectification(F, 5e9, 0.01, 500, 0.3, 4.0)
    assert told(F, y + RNG(1).normal(0, 1, len(F)) * noise) == []
    assert told(F, np.round(y, 3)) == []


@pytest.mark.parametrize(("apart", "size"), [(240e6, 1.0), (240e6, 0.3), (150e6, -0.5), (400e6, 0.1)])
def test_two_resonances_are_told(apart, size):
    y = rectification(F, 4.9e9, 0.01, 500, 0.3, 4.0) + rectification(F, 4.9e9 + apart, 0.011, 500 * size, 0.2)
    (one,) = told(F, y + RNG(2).normal(0, 3, len(F)))
    assert "a second resonance near" in one.text
    assert one.value > 0.05 * abs(size)


def test_two_resonances_with_few_points_are_told():
    """Five points in a width: neighbours have nothing in common, the scan still sees it."""
    f = np.arange(4.4e9, 5.6e9, 40e6)
    y = rectification(f, 4.8e9, 0.01, 500, 0.3) + rectification(f, 5.2e9, 0.01, 300, 0.3)
    (one,) = told(f, y + RNG(3).normal(0, 4, len(f)))
    assert "second resonance" in one.text


def test_a_folded_line_is_told():
    """A line that leans over, as at large amplitude: detuning shifted by what the resonator takes up."""
    u = (F - 5e9) / 50e6
    shifted = u.copy()
    for _ in range(200):
        shifted = 0.5 * shifted + 0.5 * (u - 1.2 / (1 + shifted**2))
    y = 1000 * shifted / (1 + shifted**2)
    (one,) = told(F, y + RNG(4).normal(0, 2, len(F)))
    assert "beyond chance" in one.text


def test_a_drift_is_told_and_a_small_one_is_not():
    y = rectification(F, 5e9, 0.01, 500, 0.3) + RNG(5).normal(0, 2, len(F))
    assert told(F, y + 2 * np.sin(np.linspace(0, 20, len(F)))) == []  # 0.4 % of the line
    assert len(told(F, y + 60 * np.sin(np.linspace(0, 20, len(F))))) == 1


def test_given_errors_that_are_too_small_are_told():
    y = rectification(F, 5e9, 0.01, 500, 0.3) + RNG(6).normal(0, 20, len(F))
    assert told(F, y, np.full(len(F), 20.0)) == []
    (one,) = told(F, y, np.full(len(F), 5.0))
    assert "times what the given errors say" in one.text


def write(path, f, z, seed, noise=1e-4):
    s = (z - 50) / (z + 50) + RNG(seed).normal(0, noise, len(f)) + 1j * RNG(seed + 1).normal(0, noise, len(f))
    rows = "\n".join(f"{a!r} {b.real!r} {b.imag!r}" for a, b in zip(f.tolist(), s.tolist(), strict=True))
    path.write_text(f"# Hz S RI R 50\n{rows}\n")
    return path


def test_one_port(tmp_path):
    f = np.linspace(4e9, 6e9, 201)
    given = {"damping": 0.01, "bias_swing": 30.0, "resistance": 900.0, "inductance": 2e-10, "capacitance": 2e-14}
    one = one_port(f, 5e9, **given)
    with collected() as found:
        fit_touchstone(write(tmp_path / "one.s1p", f, one, 1))
    assert found == []
    two = one + one_port(f, 5.4e9, 0.01, 15.0, 0.0)
    with collected() as found:
        fit_touchstone(write(tmp_path / "two.s1p", f, two, 3))
    assert [w.code for w in found] == ["fit-residual"]
    assert "second resonance near" in found[0].text


def test_the_ratio_of_von_neumann():
    """White noise: no share, of unit deviation; a line: all of it."""
    rng = RNG(7)
    found = np.array([smooth_share([rng.normal(0, 1, 100), rng.normal(0, 1, 100)], 200) for _ in range(400)])
    assert abs(found[:, 0].mean()) < 4 * found[:, 0].std() / 20
    assert found[:, 1].std() == pytest.approx(1, rel=0.1)
    assert smooth_share([np.linspace(-1, 1, 200)], 200)[0] > 0.99
    assert smooth_share([np.zeros(20)], 18) == (0.0, 0.0)
