"""Lines against scikit-rf and ngspice; the field of a strip against the law of Biot and Savart."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from resonet.core.errors import InputError
from resonet.models.line.lines import (
    LIGHT,
    SECTIONS,
    LineGeometry,
    LosslessLine,
    RlcLine,
    RlgcLine,
    abcd,
    coplanar,
    field_strip,
    ladder_abcd,
    microstrip,
    scattering,
    skin_depth,
    strip_field,
)

ROOT = Path(__file__).parents[2]
F = np.linspace(1e9, 20e9, 39)
LOSSY = RlgcLine(r=2e4, l=400e-9, g=3.0, c=150e-12, length=3e-3)
LINES = [LosslessLine(z0=70.0, td=2e-11), RlcLine(r=2e4, length=3e-3), LOSSY, replace(LOSSY, r=0.0, g=0.0)]
THICK = LineGeometry(width=30e-6, gap=18e-6, thickness=4e-6, loss_tangent=1e-3)
FLAT = LineGeometry(height=10e-6, thickness=4e-6, loss_tangent=1e-3)


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("models_devices", ROOT / "benchmarks" / "_models_devices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_two_port_is_that_of_scikit_rf():
    import skrf

    for line in LINES:
        r, ind, g, c, length = line.rlgc
        medium = skrf.media.DistributedCircuit(skrf.Frequency.from_f(F, unit="Hz"), C=c, L=ind, R=r, G=g)
        wanted = medium.line(length, "m")
        wanted.renormalize(50)
        assert np.abs(scattering(abcd(F, line)) - wanted.s).max() < 1e-9


def test_two_port_at_its_limits():
    assert abcd(0.0, LOSSY)[0, 1] == pytest.approx(
        LOSSY.r * LOSSY.length * math.sinh(math.sqrt(2e4 * 3) * 3e-3) / (math.sqrt(2e4 * 3) * 3e-3)
    )
    assert abcd(0.0, LINES[0]) == pytest.approx(np.eye(2))
    quarter = scattering(abcd(1 / (4 * 2e-11), LINES[0]))
    assert quarter[0, 0] == pytest.approx((70**2 / 50 - 50) / (70**2 / 50 + 50))
    m = abcd(F, LOSSY)
    assert np.linalg.det(m) == pytest.approx(np.ones(len(F)))
    assert np.all(np.linalg.norm(scattering(m), 2, axis=(1, 2)) < 1)  # passive


def test_ladder_error_is_of_second_order():
    error = [np.abs(ladder_abcd(F, LOSSY, n) - abcd(F, LOSSY)).max() for n in (SECTIONS, 2 * SECTIONS, 4 * SECTIONS)]
    assert error[0] / error[1] == pytest.approx(4, rel=0.02)
    assert error[1] / error[2] == pytest.approx(4, rel=0.02)
    line = LosslessLine(td=1e-9)  # one wave along the line: phase wrong by 1/24 (2π/16)², 0.64 %
    phase = np.arccos(ladder_abcd(0.99e9, line)[0, 0].real)
    assert 2 * np.pi - phase == pytest.approx(2 * np.pi * 0.99 * (1 + (2 * np.pi / 16) ** 2 / 24), rel=2e-4)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.SPICE.name)
def test_line_in_ngspice(bench, line):
    name = line.SPICE.name
    body = ["vs s 0 dc 0 ac 2", "rs s a 50", "rl b 0 50", f"x1 a b {name} {bench.on_line(line)}"]
    plot = bench.simulate("line", [f"{name}.lib"], body, ["ac lin 39 1g 20g"])[0]
    a, b = plot.columns(["v(a)", "v(b)"]).T
    wanted = scattering(ladder_abcd(F, line) if name == "line_rlgc" else abcd(F, line))
    assert np.abs(a - 1 - wanted[:, 0, 0]).max() < 1e-6
    assert np.abs(b - wanted[:, 1, 0]).max() < 1e-6


def test_lossless_line_in_a_transient_keeps_the_step(bench):
    line = LosslessLine(z0=50.0, td=1e-10)
    body = ["vs s 0 dc 0 sin(0 2 5e9)", "rs s a 50", "rl b 0 50", f"x1 a b line_lossless {bench.on_line(line)}"]
    plot = bench.simulate("wave", ["line_lossless.lib"], [*body, ".options trtol=1e5"], ["tran 1p 2n 0 1p"])[0]
    t, a, b = plot.axis, *plot.columns(["v(a)", "v(b)"]).T
    assert len(t) < 2100
    late = t > 2e-10
    assert b[late] == pytest.approx(np.interp(t[late] - 1e-10, t, a), abs=2e-3)


@pytest.mark.parametrize(("kind", "geometry"), [(coplanar, THICK), (microstrip, FLAT)])
def test_geometry_gives_the_medium_of_scikit_rf(kind, geometry):
    import skrf

    shared = {
        "frequency": skrf.Frequency.from_f([10e9], unit="Hz"),
        "w": geometry.width,
        "h": geometry.height,
        "t": geometry.thickness,
        "ep_r": geometry.permittivity,
        "tand": geometry.loss_tangent,
        "rho": geometry.resistivity,
        "diel": "frequencyinvariant",
    }
    medium = skrf.media.CPW(s=geometry.gap, **shared) if kind is coplanar else skrf.media.MLine(rough=0.0, **shared)
    line = kind(geometry, 10e9, 1e-3)
    series, shunt = line.r + 2j * np.pi * 10e9 * line.l, line.g + 2j * np.pi * 10e9 * line.c
    gamma, loss = medium.gamma[0], medium.gamma[0].real / medium.gamma[0].imag
    assert np.sqrt(series * shunt) == pytest.approx(gamma, rel=loss**2)
    assert np.sqrt(line.l / line.c) == pytest.approx(medium.z0_characteristic[0].real, rel=1e-9)
    assert line.length == 1e-3
    assert line.g > 0


def test_thin_metal_has_its_dc_resistance():
    thin = replace(THICK, thickness=1e-7)
    assert thin.thickness < 3 * skin_depth(10e9, thin.resistivity)
    for kind in (coplanar, microstrip, field_strip):
        assert kind(thin, 10e9, 1e-3).r == pytest.approx(1.68e-8 / (30e-6 * 1e-7), rel=1e-9)
    assert coplanar(THICK, 10e9, 1e-3).r > 1.68e-8 / (30e-6 * 4e-6)
    assert skin_depth(1e10, 1.68e-8) == pytest.approx(0.652e-6, rel=1e-2)


def test_default_geometry_is_near_50_ohm_and_half_in_silicon():
    line = coplanar(LineGeometry(), 10e9, 1e-3)
    assert math.sqrt(line.l / line.c) == pytest.approx(45, abs=5)
    assert 1 / math.sqrt(line.l * line.c) == pytest.approx(
        LIGHT / math.sqrt((1 + 11.7) / 2), rel=0.08
    )  # thick metal: faster


def test_field_strip_is_the_microstrip_in_a_homogeneous_medium():
    for ratio in (0.2, 1.0, 3.0, 20.0):
        geometry = LineGeometry(width=ratio * 1e-5, height=1e-5, thickness=1e-9, permittivity=1.0)
        ours, theirs = field_strip(geometry, 1e7, 1e-3), microstrip(geometry, 1e7, 1e-3)
        assert ours.l == pytest.approx(theirs.l, rel=2e-3)
        assert ours.c == pytest.approx(theirs.c, rel=2e-3)
    filled = field_strip(LineGeometry(permittivity=4.0, loss_tangent=0.01), 1e9, 1e-3)
    assert 1 / math.sqrt(filled.l * filled.c) == pytest.approx(LIGHT / 2, rel=1e-9)
    assert filled.g == pytest.approx(2 * math.pi * 1e9 * filled.c * 0.01)


def test_strip_field_is_biot_and_savart():
    w, h, current = 1e-6, 3e-7, 2e-3
    for d in (0.0, 4e-7, -3e-6):
        scale = current / w / (2 * np.pi)
        wanted = scale * quad(lambda u, d=d: h / (h**2 + (d - u) ** 2), -w / 2, w / 2, epsabs=0)[0]
        assert strip_field(current, w, h, d) == pytest.approx(wanted, rel=1e-9)
    assert strip_field(current, w, 0.0) == pytest.approx(current / (2 * w))
    assert strip_field(current, w, 1e-3) == pytest.approx(current / (2 * np.pi * 1e-3), rel=1e-6)
    assert strip_field(np.ones((3, 1)), w, np.ones(4)).shape == (3, 4)


def test_bad_parameters_are_named():
    with pytest.raises(InputError, match=r"line.height = 0: must be within"):
        LineGeometry(height=0.0)
