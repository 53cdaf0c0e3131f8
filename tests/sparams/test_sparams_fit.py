"""Fits of measured parts: passivity proved, budgets kept, bands and impedances the same in every engine."""

from dataclasses import replace

import numpy as np
import pytest
import skrf

from resonet.core.errors import EngineError, InputError
from resonet.core.validity import collected
from resonet.models.line.lines import LosslessLine
from resonet.sparams.block import Block, LineBranch, Lumped, Port
from resonet.sparams.causality import not_causal
from resonet.sparams.circuit import circuit_s
from resonet.sparams.compare import compare_networks
from resonet.sparams.deck import block_deck
from resonet.sparams.extract import ENGINES, extract
from resonet.sparams.fit_search import fitted_model
from resonet.sparams.fixture import on_grid, time_gate
from resonet.sparams.interpolate import interpolated, sampling_error
from resonet.sparams.linear import linear_s
from resonet.sparams.measured import NOT_CAUSAL, fit_part, largest_gain, measured_block, part_from_file
from resonet.sparams.ngspice import ngspice_s
from resonet.sparams.passivity import Rational, _crossings, enforced, gain_bounds, lowered
from resonet.sparams.rounding import rounding
from resonet.sparams.touchstone import read_touchstone, write_touchstone
from resonet.sparams.vector_fit import loewner_orders, residues, vector_fit


@pytest.fixture(autouse=True)
def told():
    """Warnings of a test, in order."""
    with collected() as found:
        yield found


def network(s, f, z0=50.0):
    return skrf.Network(f=f, f_unit="Hz", s=s, z0=z0)


def ladder(chance, f, lossy=True):
    """S of a random passive ladder of two to five series or shunt branches, some of them lossy like a skin effect."""
    w = 2 * np.pi * f
    chain = np.tile(np.eye(2, dtype=complex), (len(f), 1, 1))
    for _ in range(chance.integers(2, 6)):
        r, ind, c = chance.uniform(0.3, 10), 10 ** chance.uniform(-10, -8), 10 ** chance.uniform(-13, -11.5)
        coil = r * (np.sqrt(f / 1e9) if lossy else 1) + 1j * w * ind
        z = 1 / (1 / coil + 1j * w * c) if chance.random() < 0.5 else coil + 1 / (1j * w * c)
        step = np.tile(np.eye(2, dtype=complex), (len(f), 1, 1))
        if chance.random() < 0.5:
            step[:, 0, 1] = z
        else:
            step[:, 1, 0] = 1 / z
        chain = chain @ step
    return skrf.network.a2s(chain, np.full((len(f), 2), 50.0 + 0j))


def test_a_rational_function_is_found_again():
    f = np.linspace(1e8, 1e10, 301)
    poles = 2 * np.pi * 1e9 * np.array([-0.4, -0.05 + 2j, -0.1 + 5j, -0.2 + 8j])
    rng = np.random.default_rng(0)
    r = rng.normal(size=(3, 3, 4, 2)).view(complex)[..., 0] * 1e9
    r[:, :, 0] = r[:, :, 0].real
    model = Rational(poles, r, rng.normal(size=(3, 3)))
    h = model.at(f).reshape(len(f), -1)
    assert 7 in list(loewner_orders(f, h))
    found = vector_fit(f, h, 7)
    assert np.abs(np.sort_complex(found) / np.sort_complex(poles) - 1).max() < 1e-7
    again, constant = residues(2j * np.pi * f, h, found)
    assert np.abs(Rational(found, again.reshape(3, 3, -1), constant.reshape(3, 3)).at(f) - model.at(f)).max() < 1e-9


@pytest.mark.parametrize("symmetric", [True, False])
def test_gain_is_enclosed(symmetric):
    rng = np.random.default_rng(1)
    for _ in range(2):
        poles = 2 * np.pi * 1e9 * np.append(-rng.uniform(0.01, 0.3, 5) + 1j * rng.uniform(1, 10, 5), -1.5)
        r = rng.normal(size=(2, 2, 6, 2)).view(complex)[..., 0] * 5e8
        r[:, :, -1] = r[:, :, -1].real
        d = rng.normal(size=(2, 2)) * 0.2
        if symmetric:
            r, d = r + r.transpose(1, 0, 2), d + d.T
        model = Rational(poles, r, d)
        low, high = gain_bounds(model)
        seen = max(largest_gain(model.at(np.linspace(0, 12e9, 20001))), np.linalg.norm(d, 2))
        assert low <= high <= low * (1 + 1e-7)
        assert seen <= high
        assert seen > 0.999 * low
        level = 0.8 * low
        f = np.linspace(0, 12e9, 20001)
        gain = np.linalg.svd(model.at(f), compute_uv=False)
        crossed = f[1:][np.any((gain[1:] > level) != (gain[:-1] > level), 1)]
        for at in crossed:
            assert np.abs(_crossings(model, level) - at).min() < 1.2e6
        for made in (enforced(model, np.linspace(5e8, 11e9, 200)), lowered(model)):
            assert gain_bounds(made)[1] <= 1
            assert largest_gain(made.at(f)) <= 1


def test_gain_at_infinity_is_seen():
    """A narrow gain beside a constant of nearly 1: matrices with (D - 1)^-1 have no digits left there."""
    poles = 2 * np.pi * 1e9 * np.array([-200.0, -0.01 + 6j])
    weight = np.array([-2 * np.pi * 3e11, 2 * np.pi * 1.0e7 + 0j])
    model = Rational(poles, weight.reshape(1, 1, 2), np.array([[1 - 1e-8]]))
    f = np.linspace(5.9e9, 6.1e9, 20001)
    seen = np.abs(model.at(f)).max()
    low, high = gain_bounds(model)
    assert high >= seen
    assert low == pytest.approx(seen, rel=1e-4) or low >= seen
    active = Rational(poles[1:], 0 * weight[1:].reshape(1, 1, 1), np.array([[1.01]]))
    assert gain_bounds(active)[0] == pytest.approx(1.01)


def test_fitted_passive_networks_are_passive():
    f, chance = np.geomspace(5e7, 2e10, 121), np.random.default_rng(11)
    wide = np.unique(np.concatenate([np.geomspace(1e3, 1e14, 6001), np.linspace(1e7, 4e10, 4001)]))
    for n in range(12):
        data = network(ladder(chance, f, n % 2 == 0), f)
        try:
            part = fit_part(data, f"n{n}", seconds=0.3)
        except InputError as error:
            assert "no passive rational model fits" in str(error)  # noqa: PT017
            continue
        assert gain_bounds(part.rational)[1] <= 1
        assert largest_gain(part.model(wide)) <= 1
        assert np.linalg.norm(part.constant, 2) <= 1
        assert part.max_error == pytest.approx(np.abs(part.s(f) - data.s).max())


@pytest.mark.parametrize(("causal", "shunt"), [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize(("r", "ind", "c"), [(25.0, 2e-9, 1.3e-13), (24.0, 3.3e-10, 4.7e-13), (1.2, 9e-9, 7e-13)])
def test_one_parallel_rlc(told, causal, shunt, r, ind, c):
    """A coil with skin effect and its capacitance: a resistance of √f alone is no causal response, √f (1 + j) is."""
    f = np.linspace(5e7, 2e10, 201)
    skin = np.sqrt(f / 1e9) * ((1 + 1j) if causal else 1)
    z = 1 / (1 / (r * skin + 2j * np.pi * f * ind) + 2j * np.pi * f * c)
    t = 2 * z / (2 * z + 50) if shunt else 100 / (100 + z)
    s = np.stack([np.stack([t - 1 if shunt else 1 - t, t], -1), np.stack([t, t - 1 if shunt else 1 - t], -1)], -2)
    data = network(s, f)
    try:
        part = fit_part(data, "rlc", seconds=1.0)
    except InputError as error:
        assert not causal
        assert "no passive rational model fits" in str(error)  # noqa: PT017
        assert NOT_CAUSAL in str(error)  # noqa: PT017
        return
    wide = np.unique(np.concatenate([[0.0], np.geomspace(1e3, 1e14, 4001), np.linspace(1e7, 4e10, 2001)]))
    assert gain_bounds(part.rational)[1] <= 1
    assert largest_gain(part.model(wide)) <= 1
    assert np.linalg.norm(part.constant, 2) <= 1
    if causal:
        assert part.rms_error < 1e-4
        assert told == []
    else:
        assert [entry.code for entry in told] == ["fit-residual"]
        assert told[0].text.endswith(NOT_CAUSAL)


def test_what_is_causal(told):
    f, rng = np.linspace(1e8, 2e10, 201), np.random.default_rng(6)
    causal = ladder(rng, f, lossy=False)
    noisy = 0.9 * causal + 0.01 * rng.normal(size=(201, 2, 2, 2)).view(complex)[..., 0]
    for s in (causal, noisy, line(f, 2e-9).s):
        for order in (6, 12):
            data = network(s, f)
            poles = vector_fit(f, s.reshape(201, 4), order)
            model = fitted_model(f, s, poles)
            off = float(np.sqrt((np.abs(model.at(f) - s) ** 2).mean()))
            assert off < 1e-9 or not not_causal(data, poles, off)
    lossy = ladder(rng, f, lossy=True)
    poles = vector_fit(f, lossy.reshape(201, 4), 12)
    off = np.sqrt((np.abs(fitted_model(f, lossy, poles).at(f) - lossy) ** 2).mean())
    assert not_causal(network(lossy, f), poles, float(off))


def lossless(f):
    """A line of 50 ps without loss."""
    s = np.zeros((len(f), 2, 2), complex)
    s[:, 0, 1] = s[:, 1, 0] = np.exp(-2j * np.pi * f * 5e-11)
    return s


def test_a_gain_that_rounding_explains_is_no_fault_and_any_other_is_told(told):
    f = np.linspace(1e9, 10e9, 101)
    s = np.round(lossless(f).real, 4) + 1j * np.round(lossless(f).imag, 4)
    part = fit_part(network(s, f), "line", seconds=0.5)
    assert 1 < part.data_gain < 1.0001
    assert part.rms_error < 1e-4
    assert part.change < 2e-4
    assert gain_bounds(part.rational)[1] <= 1
    assert not told
    some = s * (1 + 1e-4 * np.pi)  # no digits any more: nothing explains 0.003 dB
    part = fit_part(network(some, f), "line", seconds=0.0)
    gain = told.pop(0)
    assert (gain.code, gain.value, gain.limit) == ("part-gain", part.data_gain, 1.0)
    coarse = np.round(some.real, 5) + 1j * np.round(some.imag, 5)
    part = fit_part(network(coarse, f), "line", seconds=0.0)
    gain = next(entry for entry in told if entry.code == "part-gain")
    assert (gain.value, gain.limit) == (part.data_gain, pytest.approx(1 + np.sqrt(2) * 1e-5, abs=1e-12))
    assert "the file has 0.0033 dB of gain, more than its digits explain, the model has none" in gain.text
    louder = network(1.009 * s, f)
    assert fit_part(louder, "line", seconds=0.0).data_gain == pytest.approx(1.009, rel=1e-4)
    with pytest.raises(InputError, match=r"not passive, 1\.009.* or 0\.05 dB above: --passive-tolerance"):
        fit_part(louder, "line", tolerance=0.05)
    with pytest.raises(InputError, match="not passive"):
        fit_part(network(1.02 * s, f), "line")


def written(s, form, digits):
    """S as a file would give it back: ri, ma or db, fixed notation or with an exponent."""
    pairs = {
        "ri": (s.real, s.imag),
        "ma": (np.abs(s), np.degrees(np.angle(s))),
        "db": (20 * np.log10(np.abs(s)), np.degrees(np.angle(s))),
    }[form]
    a, b = (np.vectorize(lambda v: float(format(v, digits)))(part) for part in pairs)
    if form == "ri":
        return a + 1j * b
    return (a if form == "ma" else 10 ** (a / 20)) * np.exp(1j * np.radians(b))


@pytest.mark.parametrize("form", ["ri", "ma", "db"])
@pytest.mark.parametrize("digits", [".3f", ".5f", ".4e", ".6e"])
def test_digits_of_a_file_are_seen_in_its_numbers(form, digits):
    rng = np.random.default_rng(4)
    s = 0.9 * rng.uniform(0.001, 1, (60, 2, 2)) * np.exp(1j * rng.uniform(-np.pi, np.pi, (60, 2, 2)))
    found = rounding(written(s, form, digits))
    off = float(np.abs(written(s, form, digits) - s).max())
    assert off <= found * (1 + 1e-9)
    assert found < 40 * off  # of decibels and degrees the worst of both at once, at the largest entry
    assert rounding(s) == 0
    assert rounding(np.zeros((5, 1, 1))) == 0


def test_a_matched_part(tmp_path):
    f = np.linspace(1e9, 10e9, 101)
    part = fit_part(network(np.zeros((101, 2, 2)), f), "match")
    assert np.abs(part.s(f)).max() == 0
    for solve in (linear_s, ngspice_s, circuit_s):
        assert np.abs(solve(measured_block(part), f[::20])).max() < 1e-12


def test_a_search_keeps_to_its_budget_and_says_what_it_reached(told):
    f, chance = np.linspace(1e8, 2e10, 401), np.random.default_rng(4)
    data = network(ladder(chance, f), f)
    steps = []
    part = fit_part(data, "part", target=1e-9, seconds=0.0, done=lambda: steps.append(1))
    assert (part.ended, len(steps)) == ("time", 1)
    assert (told[-1].code, told[-1].value, told[-1].limit) == ("fit-residual", part.rms_error, 1e-9)
    assert "1e-09 wanted: " in told[-1].text
    assert fit_part(data, "part", seconds=1.0).rms_error <= part.rms_error


def tee(path, f, z0=(50.0, 75.0, 1000.0)):
    """A resistive and reactive tee measured in unequal impedances."""
    arms = (
        Lumped("r", np.array([1, 2, 3]), np.array([4, 5, 6]), np.array([5.0, 8.0, 20.0])),
        Lumped("l", np.array([4, 5, 6]), np.array([7, 7, 7]), np.array([1e-9, 0.5e-9, 2e-9])),
        Lumped("c", np.array([7]), np.array([0]), np.array([0.2e-12])),
    )
    ports = tuple(Port(name, k + 1, z) for k, (name, z) in enumerate(zip("abc", z0, strict=True)))
    block = Block("tee", ports, arms)
    return block, write_touchstone(extract(block, f), path, "2.0")


def test_unequal_impedances_are_the_same_in_every_engine(tmp_path):
    block, path = tee(tmp_path / "tee.ts", np.linspace(1e9, 2e10, 201))
    made, part = part_from_file("tee", path)
    assert part.impedance.tolist() == [50, 75, 1000]
    for f in (np.array([2e9, 3e9, 4e9]), np.linspace(1e9, 2e10, 7)):  # as many frequencies as ports, and not
        wanted = linear_s(block, f)
        for solve in (linear_s, ngspice_s, circuit_s):
            assert np.abs(solve(made, f) - wanted).max() < 1e-6, solve
        assert extract(made, f).z0.tolist() == [[50, 75, 1000]] * len(f)
        assert on_grid(extract(made, f), f[1:]).z0.tolist() == [[50, 75, 1000]] * (len(f) - 1)


def test_one_rule_outside_the_band(tmp_path):
    _, path = tee(tmp_path / "tee.ts", np.linspace(1e9, 2e10, 201))
    made, part = part_from_file("tee", path)
    narrow = Block("two", made.ports[:2], (replace(made.elements[0], part=replace(part, band=(3e9, 1e10))),))
    both = Block("both", made.ports, (*made.elements, *narrow.elements))
    said = set()
    for solve in (linear_s, ngspice_s, circuit_s, block_deck):
        with pytest.raises(InputError) as error:
            solve(both, np.linspace(5e8, 2e10, 5))
        said.add(str(error.value))
    assert len(said) == 1
    assert "tee tee.ts: 5e+08 ... 2e+10 Hz asked for; possible: 3e+09 ... 1e+10 Hz" in said.pop()


def test_an_engine_that_makes_power_is_an_error(tmp_path, monkeypatch):
    block, _ = tee(tmp_path / "tee.ts", np.linspace(1e9, 2e10, 21))
    monkeypatch.setitem(ENGINES, "linear", lambda block, f: 1.5 * linear_s(block, f))
    with pytest.raises(EngineError, match=r"linear on block tee: 1\.\d+ times the amplitude comes out at"):
        extract(block, np.linspace(1e9, 2e10, 5))


def test_complex_impedances_of_a_file_are_said(tmp_path, told):
    block, _ = tee(tmp_path / "tee.ts", np.linspace(1e9, 2e10, 101), (50.0, 50.0, 50.0))
    data = extract(block, np.linspace(1e9, 2e10, 101))
    wanted = data.s.copy()
    z0 = np.linspace(40 - 3j, 60 + 4j, 101)[:, None] * [1, 2, 0.7]
    data.renormalize(z0, s_def="traveling")
    rows = ["# Hz S RI\n!Data is not renormalized"]
    for f, s, z in zip(data.f, data.s, z0, strict=True):
        numbers = [" ".join(f"{x.real!r} {x.imag!r}" for x in map(complex, row)) for row in s]
        rows += [f"{float(f)!r} {numbers[0]}", *numbers[1:]]
        rows.append("! Port Impedance " + " ".join(f"{x.real!r} {x.imag!r}" for x in map(complex, z)))
    path = tmp_path / "x.s3p"
    path.write_text("\n".join(rows))
    read = read_touchstone(path)
    assert np.abs(read.z0 - z0).max() < 1e-12
    made, _ = part_from_file("tee", path)
    assert [entry.code for entry in told if entry.code.startswith("touchstone")] == ["touchstone-renormalised"]
    told.clear()
    assert np.abs(linear_s(made, data.f) - wanted).max() < 1e-5
    found = compare_networks(extract(block, data.f), read)
    assert found.largest.max() < 1e-12
    assert [entry.code for entry in told] == ["touchstone-renormalised"]


def line(f, delay, gain=0.9):
    s = np.zeros((len(f), 2, 2), complex)
    s[:, 0, 1] = s[:, 1, 0] = gain * np.exp(-2j * np.pi * f * delay)
    return network(s, f)


def test_a_long_line_in_coarse_steps(told):
    coarse, fine = np.arange(1e9, 1e10, 1e8), np.linspace(1e9, 9.9e9, 1001)
    found = on_grid(line(coarse, 2e-9), fine)
    assert np.abs(np.abs(found.s[:, 1, 0]) - 0.9).max() < 1e-9
    assert np.abs(found.s - line(fine, 2e-9).s).max() < 1e-9
    same = compare_networks(line(fine, 2e-9), line(coarse, 2e-9))
    assert same.largest.max() < 1e-9
    assert told == []
    # Echoes of 2 and 6 ns in steps of 100 MHz: a cubic is off, and it is known by how much.
    echoes = line(coarse, 2e-9, 0.4).s + line(coarse, 6e-9, 0.4).s
    wanted = line(fine, 2e-9, 0.4).s + line(fine, 6e-9, 0.4).s
    off = np.abs(interpolated(coarse, echoes.reshape(-1, 4), fine).reshape(-1, 2, 2) - wanted).max()
    assert sampling_error(coarse, echoes.reshape(-1, 4)) > off / 4
    with pytest.raises(InputError, match="too coarse to interpolate"):
        on_grid(network(echoes, coarse), fine)
    slower = line(coarse, 2e-9, 0.4).s + line(coarse, 4.4e-9, 0.4).s
    noted = compare_networks(line(fine, 2e-9), network(slower, coarse))
    assert [(entry.code, entry.value) for entry in told] == [("coarse-grid", noted.sampling)]


@pytest.mark.parametrize("points", [201, 1000, 1001])
def test_a_gate_is_right_at_the_ends_of_the_band(told, points):
    lines = (LineBranch(1, 2, LosslessLine(50.0, 1e-9)), LineBranch(2, 3, LosslessLine(75.0, 2e-9)))
    load = Lumped("r", np.array([3]), np.array([0]), np.array([150.0]))
    data = extract(Block("steps", (Port("a", 1),), (*lines, load)), np.linspace(10e6, 10e9, points))
    gated = time_gate(data, 1e-9, 3e-9).s[:, 0, 0]
    wanted = 0.2 * np.exp(-2j * np.pi * data.f * 2e-9)  # (75 - 50) / (75 + 50), there and back
    assert np.abs(gated - wanted).max() < 0.002 * 0.2
    assert told == []
    rough = data.copy()
    rough.s = rough.s + np.random.default_rng(1).normal(0, 0.1, rough.s.shape)
    time_gate(rough, 1e-9, 3e-9)
    assert [entry.code for entry in told] == ["gate-edge"]
