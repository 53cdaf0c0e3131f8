"""Fits: what was put in comes out, the errors are honest, and what cannot be fitted is refused in one line."""

import re

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.models.fit.fit import _fit_one_port, fit_device, fit_rectification, fit_touchstone, one_port, rectification
from resonet.models.fit.measured import read_curve
from resonet.models.resonator.linear import SpinDiode, rectified_per_watt

RNG = np.random.default_rng
TRUE = {"f0": 5e9, "damping": 0.01, "sensitivity": 8838.0, "psi": 0.3, "background": 50.0}
PORT = {"f0": 5e9, "damping": 0.01, "bias_swing": -30.0, "resistance": 900.0, "inductance": 2e-10, "capacitance": 8e-15}


def sweep(f0=5e9, damping=0.01, widths=6.0, per_width=8):
    """Frequencies over `widths` full widths, `per_width` points each."""
    full = 2 * damping * f0
    return f0 + full * np.linspace(-widths / 2, widths / 2, round(widths * per_width) + 1)


def write_s1p(path, f, z, z0=50.0, noise=0.0, seed=0):
    s = (z - z0) / (z + z0) + noise * (RNG(seed).normal(size=len(f)) + 1j * RNG(seed + 1).normal(size=len(f)))
    rows = [f"{a:.12e} {b.real:.15e} {b.imag:.15e}" for a, b in zip(f, s, strict=True)]
    path.write_text(f"! biased resonator\n# Hz S RI R {z0:g}\n" + "\n".join(rows) + "\n")
    return path


def test_the_curve_is_that_of_the_resonator():
    f = sweep()
    assert rectification(f, 5e9, 0.01, SpinDiode().sensitivity) == pytest.approx(
        rectified_per_watt(f, 5e9, SpinDiode()), rel=1e-12
    )


@pytest.mark.parametrize("damping", [1e-3, 1e-2, 5e-2])
@pytest.mark.parametrize(("sensitivity", "psi"), [(8838.0, 0.0), (8838.0, 0.3), (-40.0, -0.9), (3e-3, 1.5)])
def test_noiseless_recovery(damping, sensitivity, psi):
    true = TRUE | {"damping": damping, "sensitivity": sensitivity, "psi": psi, "background": 0.02 * abs(sensitivity)}
    f = sweep(damping=damping)
    found = fit_rectification((f, rectification(f, **true)))
    for name, value in true.items():
        size = 1.0 if name == "psi" else abs(sensitivity) if name == "background" else abs(value)
        assert found[name] == pytest.approx(value, abs=1e-6 * size), name
    assert found.r_squared == pytest.approx(1)
    assert found.quality == pytest.approx(1 / (2 * damping))


@pytest.mark.parametrize("per_width", [3, 5])
def test_three_points_a_width_are_enough(per_width):
    f = sweep(widths=5, per_width=per_width) + 1.3e7
    found = fit_rectification((f, rectification(f, **TRUE)))
    assert found["f0"] == pytest.approx(5e9, rel=1e-6)
    assert found["damping"] == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("psi", [-0.7, 0.7])
def test_sign_of_the_mix_angle(psi):
    # exactly at the resonance Re chi = 0 and Im chi = -1/(2α): V/P = -4 α K Im chi sin ψ = 2 K sin ψ
    assert float(rectification(5e9, 5e9, 0.01, 100.0, psi)) == pytest.approx(200 * np.sin(psi))
    f = sweep()
    found = fit_rectification((f, rectification(f, 5e9, 0.01, 100.0, psi) + RNG(1).normal(0, 2, len(f))))
    assert found["psi"] == pytest.approx(psi, abs=0.05)
    swapped = fit_rectification((f, -rectification(f, 5e9, 0.01, 100.0, psi)))
    assert (swapped["sensitivity"], swapped["psi"]) == pytest.approx((-100, psi))


@pytest.mark.slow
@pytest.mark.parametrize("runs", [50, pytest.param(150, marks=pytest.mark.nightly)])
def test_errors_agree_with_the_scatter_of_many_measurements(runs):
    f, noise = sweep(), 0.05 * TRUE["sensitivity"]
    clean = rectification(f, **TRUE)
    fits = [fit_rectification((f, clean + RNG(seed).normal(0, noise, len(f)))) for seed in range(runs)]
    values = {name: np.array([fit[name] for fit in fits]) for name in TRUE}
    for name, true in TRUE.items():
        told = np.sqrt(np.mean([fit.estimates[name].error ** 2 for fit in fits]))
        assert values[name].std(ddof=1) == pytest.approx(told, rel=0.3), name
        assert abs(values[name].mean() - true) < 4 * told / np.sqrt(runs), name
        within = np.mean([abs(fit[name] - true) < 3 * fit.estimates[name].error for fit in fits])
        assert within > 0.97
    names = list(TRUE)
    told = np.mean([fit.correlation for fit in fits], 0)
    seen = np.corrcoef([values[name] for name in names])
    assert np.abs(told - seen).max() < 0.25


def test_given_errors_make_chi_square_one():
    f = sweep()
    noise = 0.02 * TRUE["sensitivity"] * (1 + np.linspace(0, 2, len(f)))
    from resonet.models.fit.measured import Curve

    found = fit_rectification(Curve(f, rectification(f, **TRUE) + RNG(2).normal(0, noise), noise))
    assert 0.5 < found.reduced_chi_square < 1.6
    assert abs(found["f0"] - 5e9) < 3 * found.estimates["f0"].error


def test_the_fitted_device_has_the_fitted_sensitivity():
    f = sweep()
    device = fit_rectification((f, rectification(f, **TRUE))).spin_diode()
    assert device.sensitivity == pytest.approx(8838.0)
    assert device.damping == pytest.approx(0.01)


def test_csv_with_units(tmp_path):
    f = sweep()
    volts = rectification(f, **TRUE) * 1e-6
    path = tmp_path / "diode.csv"
    rows = "\n".join(f"{a / 1e9:.12f}; {b * 1e3:.12e}; 1.00001" for a, b in zip(f[::-1], volts[::-1], strict=True))
    path.write_text(f"# a comment\nfrequency (GHz); voltage (mV); power [uW]\n{rows}\n")
    found = fit_device(path)
    assert found["f0"] == pytest.approx(5e9, rel=1e-6)
    assert found["sensitivity"] == pytest.approx(8838, rel=2e-5)
    path.write_text(path.read_text().replace("power [uW]", "power (dBm)").replace("; 1.00001", "; -30.0"))
    assert fit_device(path)["sensitivity"] == pytest.approx(8838, rel=1e-6)
    path.write_text("f (MHz),V/P (mV/mW),error (V/W)\n1,2,3\n0.5,4,5\n")
    curve = read_curve(path)
    assert curve.frequency == pytest.approx([0.5e6, 1e6])
    assert curve.sensitivity == pytest.approx([4, 2])
    assert curve.error == pytest.approx([5, 3])


@pytest.mark.parametrize("r", [50.0, 75.0])
def test_one_port_as_admittance(tmp_path, r):
    """Y-parameters of version 1 are normalised to R; read as S they would fit another resonator."""
    f = np.linspace(3.5e9, 6.5e9, 301)
    y = r / one_port(f, **PORT)
    rows = "\n".join(f"{a:.12e} {b.real:.15e} {b.imag:.15e}" for a, b in zip(f, y, strict=True))
    path = tmp_path / "r.s1p"
    path.write_text(f"# Hz Y RI R {r:g}\n{rows}\n")
    found = fit_touchstone(path)
    for name, value in PORT.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name


def test_one_port_noiseless(tmp_path):
    f = np.linspace(3.5e9, 6.5e9, 301)
    found = fit_touchstone(write_s1p(tmp_path / "r.s1p", f, one_port(f, **PORT)))
    for name, value in PORT.items():
        assert found[name] == pytest.approx(value, rel=1e-6), name
    f = np.linspace(4.5e9, 5.5e9, 101)
    plain = PORT | {"inductance": 0.0, "capacitance": 0.0}
    path = write_s1p(tmp_path / "p.s1p", f, one_port(f, **plain, contact=20.0), 75.0)
    found = fit_touchstone(path, contact=20.0, parasitics=False)
    assert found["resistance"] == pytest.approx(900, rel=1e-6)
    device = found.spin_diode(current=1e-6)
    assert device.transduction == pytest.approx(PORT["bias_swing"] / 1e-6, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [20, pytest.param(60, marks=pytest.mark.nightly)])
def test_one_port_errors_agree_with_the_scatter(tmp_path, runs):
    f = np.linspace(3.5e9, 6.5e9, 201)
    z = one_port(f, **PORT)
    fits = [fit_device(write_s1p(tmp_path / "r.s1p", f, z, noise=1e-3, seed=2 * n)) for n in range(runs)]
    for name, true in PORT.items():
        told = np.sqrt(np.mean([fit.estimates[name].error ** 2 for fit in fits]))
        scatter = np.std([fit[name] for fit in fits], ddof=1)
        assert scatter == pytest.approx(told, rel=0.3), name
        assert abs(np.mean([fit[name] for fit in fits]) - true) < 4 * told / np.sqrt(runs), name


@pytest.mark.slow
def test_no_resonance_no_fit():
    f = np.linspace(4e9, 6e9, 200)
    for seed in range(5):
        with pytest.raises(InputError, match=r"no resonance|points within"):
            fit_rectification((f, 5 + RNG(seed).normal(0, 1, 200)))
    with pytest.raises(InputError, match="no resonance"):
        fit_rectification((f, f / 1e9))
    with pytest.raises(InputError, match="no resonance"):
        fit_rectification((f, np.zeros(200)))
    with pytest.raises(InputError, match=r"no resonance|points within"):
        fit_rectification((f + 3e9, rectification(f + 3e9, **TRUE)))  # only its tail


def test_unusable_data_are_refused():
    f = sweep()
    y = rectification(f, **TRUE)
    with pytest.raises(InputError, match="6 frequencies; possible: 7 or more"):
        fit_rectification((f[::9][:6], y[::9][:6]))
    y[3] = np.nan
    with pytest.raises(InputError, match="1 of 49 points are not finite"):
        fit_rectification((f, y))
    with pytest.raises(InputError, match="shapes"):
        fit_rectification((f, y[:-1]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows of numbers"),
        ("f (GHz),V/P (V/W)\n1,2\n3\n", "line 3: 1 cells, the header has 2"),
        ("f (GHz),V/P (V/W)\n1,two\n", "line 2: V/P = 'two': not a number"),
        ("f (GHz),V/P (V/Hz)\n1,2\n", "sensitivity in 'V/Hz'"),
        ("f (m),V/P (V/W)\n1,2\n", "frequency in 'm'"),
        ("f (GHz),colour\n1,2\n", "columns 'f (GHz)', 'colour'; possible: frequency"),
        ("f (GHz),f (GHz)\n1,2\n", "two columns of frequency"),
        ("f (GHz),power (W)\n1,2\n", "columns 'f (GHz)', 'power (W)'; possible"),
        ("f (GHz),voltage (V)\n1,2\n", "no power"),
        ("f (GHz),V/P (V/W)\n" + "\n".join(f"{n},nan" for n in range(1, 20)), "line 2: V/P = 'nan': not a number"),
        ("f (GHz),V/P (V/W)\n1,2\n2,3\n", "2 frequencies"),
    ],
)
def test_a_broken_csv_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "broken.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        fit_device(path)
    assert "broken.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_broken_files_are_one_clear_error(tmp_path):
    path = tmp_path / "broken.s1p"
    for content in (b"", b"hello, hardware\n", b"\x80\x04\x95pickle", b"# Hz S RI R 50\n1e9 0.1\n2e9\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"broken\.s1p"):
            fit_device(path)
    with pytest.raises(InputError, match=r"cannot be read"):
        fit_device(tmp_path / "nothing.s1p")
    with pytest.raises(InputError, match=r"possible: \.csv"):
        fit_device(tmp_path / "x.pkl")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file"):
        fit_device(tmp_path / "b.csv")
    f = np.linspace(4.5e9, 5.5e9, 51)
    with pytest.raises(InputError, match="no resonance"):
        fit_device(write_s1p(path, f, np.full(51, 100.0 + 0j)))
    path.with_suffix(".s2p").write_text("# Hz S RI R 50\n")
    with pytest.raises(InputError, match=r"possible: \.csv"):
        fit_device(path.with_suffix(".s2p"))


@pytest.mark.slow
def test_one_ports_of_any_elements_end_in_the_right_minimum():
    """Sweeps of random resonators, leads and capacitances: of 60 such, 5 ended in a wrong minimum and 22 in none."""
    rng, count = np.random.default_rng(20251125), 14
    for _ in range(count):
        r, f0, damping = 10 ** rng.uniform(2.0, 3.5), rng.uniform(2e9, 12e9), 10 ** rng.uniform(-2.5, -1.2)
        swing = 2 * damping * r * rng.choice([-1, 1]) * 10 ** rng.uniform(-1.5, -0.2)
        lead, across = 10 ** rng.uniform(-11, -9), 10 ** rng.uniform(-15, -12.7)
        wide = rng.uniform(8, 30) * damping * f0
        low, high = max(f0 - wide * rng.uniform(0.4, 1), 0.05 * f0), f0 + wide * rng.uniform(0.4, 1)
        f = np.linspace(low, high, 401)
        z = one_port(f, f0, damping, swing, r, lead, across)
        s = (z - 50) / (z + 50) + 1e-3 * (rng.normal(size=401) + 1j * rng.normal(size=401)) / np.sqrt(2)
        found = _fit_one_port(f, s, 50.0, 0.0, True, "sweep")
        assert np.sqrt(np.mean(np.abs(found.measured - found.fitted) ** 2)) < 1.1e-3
        assert abs(found["f0"] - f0) < 6 * found.estimates["f0"].error
        assert abs(found["damping"] - damping) < 6 * found.estimates["damping"].error
