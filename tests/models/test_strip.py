"""Strip lines: field against Biot and Savart, capacitance against closed forms, scikit-rf and finite differences."""

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ellipk

from resonet.core.errors import InputError
from resonet.models.line import strip_matrix
from resonet.models.line.field import (
    COLLINEAR_SLOPE,
    averaged_field,
    drive_ratio,
    field_components,
    field_ratio,
    film_slope,
    image_strength,
    line_slope,
    segment_field,
    slab_resistance,
    torque_field,
)
from resonet.models.line.lines import LIGHT, MU0, LineGeometry, field_strip, skin_depth
from resonet.models.line.strip_geometry import Geometry, attenuation, line_field, line_section, strip_line, tuning_field
from resonet.models.line.strip_matrix import (
    EPSILON0,
    capacitance_matrix,
    crossing_capacitance,
    inductance_matrix,
    mutual_capacitance,
)
from resonet.models.resonator.macrospin import Macrospin, llgs, resistance, terms
from resonet.models.resonator.macrospin_linear import equilibrium, linearise

ROOT = Path(__file__).parents[2]
W, H = 300e-9, 250e-9


def test_field_is_biot_and_savart():
    for d in (0.0, 4e-7, -3e-6):
        across, normal = field_components(2e-3, W, H, d)
        scale = 2e-3 / W / (2 * np.pi)
        assert across == pytest.approx(
            scale * quad(lambda u, d=d: H / (H**2 + (d - u) ** 2), -W / 2, W / 2)[0], rel=1e-9
        )
        wanted = scale * quad(lambda u, d=d: (d - u) / (H**2 + (d - u) ** 2), -W / 2, W / 2)[0]
        assert normal == pytest.approx(wanted, rel=1e-9, abs=1e-6)


def test_field_at_its_limits():
    far = np.array([3e-5, 1e-4])
    across, normal = field_components(1.0, W, H, far)
    assert np.hypot(across, normal) == pytest.approx(1 / (2 * np.pi * np.hypot(far, H)), rel=2e-5)  # a wire
    assert field_components(1.0, 1e-3, H, 0.0)[0] == pytest.approx(1 / (2 * 1e-3), rel=1e-3)  # a sheet


def test_averaged_field_is_the_mean():
    for d in (0.0, 1e-6):
        wanted = quad(lambda s: field_components(1.0, W, H, s)[0], d - 5e-8, d + 5e-8)[0] / 1e-7
        assert averaged_field(1.0, W, H, d, 1e-7) == pytest.approx(wanted, rel=1e-9)
    assert averaged_field(1.0, W, H, 0.0) == averaged_field(1.0, W, H, 0.0, 0.0)
    assert field_ratio(W, H, [0.0, 1e-6, -1e-6], 1e-7) == pytest.approx([1, 0.06729, 0.06729], rel=1e-3)


def test_segments_add_up_to_the_infinite_strip_and_its_image():
    top = 1e-6
    points = np.array([[0, 0, top - H], [4e-7, 0, top - H]])
    field = segment_field([[0, -1e-3, top], [0, 2e-7, top]], [[0, 2e-7, top], [0, 1e-3, top]], points, W).sum(1)
    across, normal = field_components(1.0, W, H, points[:, 0])
    assert field[:, 0] == pytest.approx(-across, rel=1e-3)  # H = -(A x + N z) under a current along +y
    assert field[:, 2] == pytest.approx(-normal, rel=1e-3, abs=1)
    assert field[:, 1] == pytest.approx(0, abs=1e-9)
    both = segment_field([[0, -1e-3, top]], [[0, 1e-3, top]], points, W, image=1.0)[:, 0]
    assert both[0, 0] == pytest.approx(-across[0] - field_components(1.0, W, 2 * top - H, 0.0)[0], rel=1e-3)


def test_segment_of_finite_length():
    half = 3e-7
    point = np.array([[0, 0, 1e-6 - 4e-7]])
    field = segment_field([[0, -half, 1e-6]], [[0, half, 1e-6]], point, 1e-12)[0, 0, 0]
    assert -field == pytest.approx(half / np.hypot(half, 4e-7) / (2 * np.pi * 4e-7), rel=1e-9)
    assert segment_field(point, point, point + 1e-7, W).any() == np.False_  # no length, no field


def test_ground_plane_as_a_mirror():
    assert abs(image_strength(5e9, 1e-9, 1e6)) == pytest.approx(1, abs=1e-5)
    assert abs(image_strength(5e9, 1e3, 1e6)) < 1e-4
    assert abs(image_strength(5e9, 0.044, 1e6)) == pytest.approx(0.41, abs=0.01)  # 500 nm of copper, 1 um away


def test_slab_resistance_is_the_skin_effect():
    rho, t = 2e-8, 1e-6
    for f in (1e8, 5e9, 2e10):
        delta = skin_depth(f, rho)
        exact = ((1 + 1j) * rho / delta / np.tanh((1 + 1j) * t / delta)).real
        assert slab_resistance(f, rho, t) == pytest.approx(exact, rel=1e-4)
    assert slab_resistance(0.0, rho, t) == pytest.approx(rho / t)
    assert slab_resistance([1e14], rho, t)[0] == pytest.approx(rho / skin_depth(1e14, rho), rel=1e-6)


def _swing(device, line: float, junction: float, f: float, periods: int = 150) -> complex:
    """Phasor of the resistance under an RF current, from the equation of motion in time (Runge and Kutta)."""
    t, m = terms(device), equilibrium(device)[:, None]
    dt, w = 1 / f / 40, 2 * np.pi * f

    def slope(m, time):
        wave = np.cos(w * time)
        return llgs(m, t, np.array([junction * wave]), np.array([line * wave]))

    total = 0j
    for n in range(periods * 40):
        a = slope(m, n * dt)
        b = slope(m + dt / 2 * a, (n + 0.5) * dt)
        c = slope(m + dt / 2 * b, (n + 0.5) * dt)
        m = m + dt / 6 * (a + 2 * b + 2 * c + slope(m + dt * c, (n + 1) * dt))
        if n >= (periods - 5) * 40:
            total += 2 / 200 * resistance(m, t)[0] * np.exp(-1j * w * (n + 1) * dt)
    return total


@pytest.mark.slow
def test_drive_ratio_is_that_of_the_equation_of_motion():
    device = Macrospin(alpha=0.03, oex=1e6)
    f = linearise(device).f_res
    wanted = _swing(device, 1e-6, 0.0, f) / _swing(device, 0.0, 1e-6, f)
    assert drive_ratio(device, (1e6, 0, 0)) == pytest.approx(wanted, rel=2e-3)
    field_like = Macrospin(flr=1e3)  # its junction current acts as a field along x, of torque_field times flr
    assert drive_ratio(field_like, (1e6, 0, 0)) == pytest.approx(1e6 / (1e3 * torque_field(field_like)), rel=2e-3)
    assert torque_field(Macrospin()) == pytest.approx(Geometry().torque_field, rel=2e-3)


def test_frequency_shift_by_a_line():
    device = Macrospin()
    slope = COLLINEAR_SLOPE / math.sqrt(1 + device.alpha**2)
    assert line_slope(device, (0, 0, 1e6)) == pytest.approx(1e6 * slope, rel=1e-6)
    film = Macrospin(kp=0, nx=0, ny=0, nz=1, hx=2e4, hz=0.0, alpha=1e-4, px=0, pz=1, pol=0.1)
    up, down = (replace(film, hx=h) for h in (2.01e4, 1.99e4))
    start = (1.0, 0.01, 0.02)
    numeric = (linearise(up, start=start).f_res - linearise(down, start=start).f_res) / 200
    assert film_slope(2e4, film.msat) == pytest.approx(numeric, rel=1e-4)
    assert pytest.approx(28.02, abs=0.01) == COLLINEAR_SLOPE / (MU0 * 1e9)  # GHz/T
    with pytest.raises(InputError, match="film_slope"):
        film_slope(0.0, 1e6)


@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0, 10.0, 20.0])
def test_single_strip_is_hammerstad_and_jensen(ratio):
    line = LineGeometry(width=ratio * 1e-6, height=1e-6, thickness=1e-9, permittivity=1.0)
    wanted = field_strip(line, 1e9, 1.0)
    assert capacitance_matrix(0, 1e-6, ratio * 1e-6, 0)[0, 0] == pytest.approx(wanted.c, rel=3e-3)
    assert inductance_matrix(0, 1e-6, ratio * 1e-6, 0)[0, 0] == pytest.approx(wanted.l, rel=3e-3)


@pytest.mark.parametrize(("ratio", "thick"), [(0.5, 0.01), (1.0, 0.02), (3.0, 0.05), (8.0, 0.1)])
def test_strip_with_thickness_is_that_of_scikit_rf(ratio, thick):
    import skrf

    band = skrf.Frequency.from_f([1e9], unit="Hz")
    # Its dispersion model divides by ep_r - 1.
    medium = skrf.media.MLine(
        band, w=ratio * 1e-6, h=1e-6, t=thick * 1e-6, ep_r=1 + 1e-6, rho=1e-30, rough=0.0, diel="frequencyinvariant"
    )
    c = capacitance_matrix(0, 1e-6 + thick * 0.5e-6, ratio * 1e-6, thick * 1e-6)[0, 0]
    assert 1 / (LIGHT * c) == pytest.approx(medium.z0_characteristic[0].real, rel=1e-2)


def test_coplanar_strips_are_those_of_the_conformal_map():
    gap, width, far = 1e-6, 1e-6, 2e-4
    c = capacitance_matrix([-1e-6, 1e-6], far, width, 0)
    k = gap / (gap + 2 * width)
    odd = (c[0, 0] - c[0, 1]) / 2  # one against the other
    assert odd == pytest.approx(EPSILON0 * ellipk(1 - k**2) / ellipk(k**2), rel=1e-2)


def test_mutual_inductance_is_that_of_wires_over_a_plane():
    for apart in (2e-6, 5e-6):
        inductance = inductance_matrix([0, apart], 1e-6, W, 1e-7)
        assert inductance[0, 1] == pytest.approx(MU0 / (4 * np.pi) * np.log(1 + (2e-6 / apart) ** 2), rel=1e-2)


def test_equal_strips_face_to_face_are_a_strip_over_its_mirror():
    c = capacitance_matrix(0, [1e-4, 1e-4 + 2e-7], 5e-7, 0)
    odd = (c[0, 0] + c[1, 1] - 2 * c[0, 1]) / 4
    assert odd == pytest.approx(capacitance_matrix(0, 1e-7, 5e-7, 0)[0, 0] / 2, rel=1e-2)


def test_matrix_is_passive_and_reciprocal():
    x, z, w, t = [0, 0, 1e-6, 1e-6], [8e-7, 1.05e-6, 8e-7, 1.05e-6], [2e-7, W, 2e-7, W], [1e-7, 2e-7, 1e-7, 2e-7]
    c = capacitance_matrix(x, z, w, t, 3.9)
    assert np.array_equal(c, c.T)
    assert np.linalg.eigvalsh(c).min() > 0
    ground, mutual = mutual_capacitance(c)
    assert ground.min() > 0
    assert mutual[~np.eye(4, dtype=bool)].min() > 0
    assert np.diag(mutual) == pytest.approx(0)
    assert np.linalg.eigvalsh(inductance_matrix(x, z, w, t)).min() > 0
    assert c == pytest.approx(3.9 * capacitance_matrix(x, z, w, t))


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("parasitics_strip", ROOT / "benchmarks" / "_parasitics_strip.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_second_opinion_on_capacitance_by_finite_differences(bench):
    wanted, got = bench.by_differences(bench.STRIPS), capacitance_matrix(*np.array(bench.STRIPS).T)
    assert got[0, 1] == pytest.approx(wanted[0, 1], rel=1e-2)
    assert np.diag(got) == pytest.approx(np.diag(wanted), rel=1e-2)
    assert got[0, 2] == pytest.approx(wanted[0, 2], rel=2e-2)


@pytest.mark.slow
def test_crossing_strips():
    wide = [crossing_capacitance(1e-7, 3e-7, w, 2e-7) for w in (4e-6, 8e-6)]
    strip = field_strip(LineGeometry(width=1e-7, height=1e-7, thickness=1e-9, permittivity=1.0), 1e9, 1.0).c
    assert (wide[1] - wide[0]) / 4e-6 == pytest.approx(strip, rel=1e-2)  # each metre of a wide strip is a ground plane
    here = crossing_capacitance(W, 1.4e-6, W, 1.15e-6)
    assert crossing_capacitance(W, 1.15e-6, W, 1.4e-6) == pytest.approx(here, rel=1e-9)
    size = tuple(s / 1.4e-6 for s in (W, 1.4e-6, W, 1.15e-6))
    finest = strip_matrix._crossing(size, 12) * 4 * np.pi * EPSILON0 * 1.4e-6
    assert finest < here < 1.012 * finest  # meshes approach from below
    assert crossing_capacitance(W, 1.4e-6, W, 1.15e-6, 3.9) == pytest.approx(3.9 * here)
    assert here > EPSILON0 * W * W / 2.5e-7  # the plates, and fringe


def test_line_of_a_geometry():
    import skrf

    g = Geometry()
    line = strip_line(g, 5e9, 1e-3)
    assert line.l * line.c == pytest.approx(g.permittivity / LIGHT**2, rel=1e-9)
    assert line.r == pytest.approx(g.resistivity / (g.line_width * g.line_thickness), rel=1e-3)
    assert line.g == pytest.approx(2 * np.pi * 5e9 * line.c * 1e-3 + line.c / (EPSILON0 * 3.9 * 1e12), rel=1e-9)
    band = skrf.Frequency.from_f([5e9], unit="Hz")
    medium = skrf.media.DistributedCircuit(band, C=line.c, L=line.l, R=line.r, G=line.g)
    assert attenuation(line, 5e9) == pytest.approx(20 * np.log10(np.e) * medium.gamma[0].real * 1e-3, rel=1e-9)
    assert strip_line(g, 5e9, 1e-3, "bridge").c < line.c < strip_line(g, 5e9, 1e-3, "tuning").c
    assert line_field(g, 0.0) == 1
    assert tuning_field(g) == pytest.approx(math.atan(0.175 / 0.25) / (math.pi * 350e-9))
    section, bare = line_section(g), line_section(g, lines=False)
    assert section.line_chain > 5 * section.line_ground > 0
    assert section.chain_ground < bare.chain_ground  # the line takes it over
    assert bare.line_line == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"line_width": -1e-9}, "line_width = -1e-09: must be within"),
        ({"pitch_x": 2e-7}, "pitch_x = 2e-07 m: neighbouring chains overlap; possible: above 3e-07 m"),
        ({"pitch_y": 5e-7}, "pitch_y = 5e-07 m"),
        ({"line_height": 1.4e-7}, "line_height = 1.4e-07 m: line into the chain"),
        ({"bridge_height": 4e-7}, "bridge into the line"),
        ({"tuning_depth": 1e-7}, "tuning line into the chain"),
        ({"chain_height": 3e-7}, "tuning line into the ground plane"),
        ({"ground_thickness": 2e-6}, "ground rail"),
        ({"pitch_z": 6e-7}, "tuning line into the line of the level below"),
        ({"lead": 1e-7}, "half a stub"),
    ],
)
def test_impossible_geometry_is_named(change, told):
    with pytest.raises(InputError) as caught:
        Geometry(**change)
    assert told in str(caught.value)


def test_impossible_strips_are_named():
    for arguments, told in (
        (([0, 1e-7], 1e-6, 2e-7, 0), "strips 0 and 1 overlap"),
        ((0, [1e-6, 1.0005e-6], 2e-7, 0), "closer than their width / 200"),
        ((0, 0, 1e-7, 0), "the ground plane is at 0"),
        ((0, 1e-6, -1e-7, 0), "widths must be above 0"),
        ((np.arange(100), 1, 0.5, 0), "100 in one cross-section"),
    ):
        with pytest.raises(InputError, match=told):
            capacitance_matrix(*arguments)
    with pytest.raises(InputError, match="heights different"):
        crossing_capacitance(W, 1e-6, W, 1e-6)
    with pytest.raises(InputError, match="width = 0 m"):
        field_components(1.0, 0.0, H, 0.0)
    with pytest.raises(InputError, match="possible: tuning, chain, line, bridge"):
        strip_line(Geometry(), 1e9, 1.0, "via")
