"""Measured parts: fitted, passive, in decks; fixtures, gates and comparison."""

from dataclasses import replace

import numpy as np
import pytest
import skrf

from resonet.core.errors import InputError
from resonet.core.validity import ValidityWarning
from resonet.models.circuit.bus import BusCircuit
from resonet.models.line.lines import LosslessLine, RlcLine
from resonet.models.resonator.linear import SpinDiode
from resonet.sparams.block import Block, LineBranch, Lumped, Port
from resonet.sparams.build import Stand, chain_block, combiner_block, tee_block
from resonet.sparams.circuit import circuit_s
from resonet.sparams.compare import compare_networks
from resonet.sparams.deck import block_deck
from resonet.sparams.extract import extract
from resonet.sparams.fixture import deembed, embed, on_grid, time_gate, time_response
from resonet.sparams.linear import linear_s
from resonet.sparams.measured import fit_part, largest_gain, measured_block, part_from_file, pole_pairs
from resonet.sparams.ngspice import ngspice_s
from resonet.sparams.touchstone import write_touchstone

F = np.linspace(0.5e9, 25e9, 201)
STAND = Stand(BusCircuit(), SpinDiode())
TONES = np.geomspace(20e9, 1e9, 5)


def notches(count=6, resistance=50.0, quality=30.0):
    tones, nodes = np.geomspace(15e9, 2e9, count), np.arange(1, count + 1)
    first, second = nodes + count + 1, nodes + 2 * count + 1
    inductance = quality * resistance / (2 * np.pi * tones)
    elements = [
        Lumped("l", nodes, first, inductance),
        Lumped("c", first, second, 1 / ((2 * np.pi * tones) ** 2 * inductance)),
        Lumped("r", second, 0 * nodes, np.full(count, resistance)),
        *(LineBranch(int(k), int(k) + 1, LosslessLine(50.0, 1e-12)) for k in nodes),
    ]
    return Block("notches", (Port("a", 1), Port("b", count + 1)), tuple(elements))


@pytest.fixture(scope="module")
def fitted():
    data = extract(notches(), F)
    return data, fit_part(data, "notches")


def test_a_fit_is_close_and_passive_everywhere(fitted):
    data, part = fitted
    assert part.rms_error < 1e-4
    assert part.max_error == pytest.approx(np.abs(part.s(F) - data.s).max())
    assert largest_gain(part.model(np.geomspace(1e5, 1e13, 20001))) <= 1
    assert len(part.poles) <= 12  # not overfitted: six resonances


def test_its_subcircuit_is_the_model_in_every_engine(fitted):
    data, part = fitted
    block = measured_block(part)
    assert np.abs(ngspice_s(block, F) - part.s(F)).max() < 1e-9
    assert np.abs(ngspice_s(block, F) - data.s).max() < 2e-3
    assert np.abs(linear_s(block, F) - part.s(F)).max() < 1e-12
    assert np.abs(circuit_s(block, F) - part.s(F)).max() < 1e-12


def test_a_part_without_admittance():
    # 1 + S of a through is singular: its currents stay unknowns of their own.
    s = np.tile(np.array([[0, 0.999], [0.999, 0]], complex), (len(F), 1, 1))
    part = fit_part(skrf.Network(frequency=skrf.Frequency.from_f(F, unit="hz"), s=s, z0=50.0), "through")
    assert not part.has_admittance(1e-2)
    assert part.has_admittance(1e-6)
    stretched = replace(part, constant=part.constant * 1.001, residues=part.residues * 1.001)
    assert not stretched.has_admittance(1e-3)
    block = measured_block(stretched)
    assert np.abs(linear_s(block, F) - stretched.s(F)).max() < 1e-9


def test_a_measured_tee_stands_in_for_the_model(tmp_path):
    path = write_touchstone(extract(tee_block(STAND.circuit), F), tmp_path / "tee.s3p")
    tee, part = part_from_file("tee", path)
    assert (tee.port_names, part.name) == (["rf", "dc", "head"], "tee tee.s3p")
    block, model = chain_block(TONES, replace(STAND, tee=tee), 5e-6), chain_block(TONES, STAND, 5e-6)
    wanted = linear_s(model, F)
    for solve in (linear_s, ngspice_s, circuit_s):
        assert np.abs(solve(block, F) - wanted).max() < 1e-6
    with pytest.raises(InputError, match=r"tee tee.s3p: 1e\+08 \.\.\. 2.5e\+10 Hz asked for; possible: 5e\+08"):
        linear_s(block, np.linspace(0.1e9, 25e9, 11))


def test_a_part_that_spoils_the_operating_point_is_refused():
    data = extract(tee_block(STAND.circuit), F)
    data.s = 0.999 * data.s  # a tee with loss everywhere: its model conducts to ground at 0 Hz
    tee = measured_block(fit_part(data, "lossy"), ["rf", "dc", "head"])
    block = chain_block(TONES, replace(STAND, tee=tee), 5e-6)
    with pytest.raises(InputError, match="the model of a measured part draws from the DC bias"):
        ngspice_s(block, F)
    assert np.abs(linear_s(block, F) - circuit_s(block, F)).max() < 1e-9
    unbiased = chain_block(TONES, replace(STAND, tee=tee))
    assert np.abs(linear_s(unbiased, F) - ngspice_s(unbiased, F)).max() < 1e-9


def test_a_measured_combiner_and_package(tmp_path):
    combiner, _ = part_from_file(
        "combiner", write_touchstone(extract(combiner_block(2, STAND.circuit), F), tmp_path / "c.s3p"), 2
    )
    assert combiner.port_names == ["in0", "in1", "bus"]
    assert np.abs(linear_s(combiner, F) - linear_s(combiner_block(2, STAND.circuit), F)).max() < 1e-6
    line = Block("p", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, LosslessLine(45.0, 2e-12)),))
    package, _ = part_from_file("package", write_touchstone(extract(line, F), tmp_path / "p.s2p"))
    inside = extract(chain_block(TONES, STAND), F)
    around = extract(line, F)
    with_package = linear_s(chain_block(TONES, replace(STAND, package=package)), F)
    assert np.abs(with_package - (around**inside ** around.flipped()).s).max() < 1e-3


def test_names_of_a_file_reach_no_deck(tmp_path):
    network = extract(notches(1), F)
    network.port_names = ["evil\n.control\nshell", "b"]
    part = fit_part(network, "x\n.control")
    text = block_deck(measured_block(part), F).text
    assert "evil" not in text
    assert text.count(".control") == 1


@pytest.mark.slow
def test_parts_that_are_refused(tmp_path):
    network = extract(notches(1), F)
    network.s = 1.2 * network.s
    with pytest.raises(InputError, match=r"part amp: not passive, 1\.\d+ times the amplitude comes out at"):
        fit_part(network, "amp")
    with pytest.raises(InputError, match="5 frequencies; possible: 8 and more"):
        fit_part(extract(notches(1), F[:5]), "short")
    with pytest.raises(InputError, match=r"99 pole pairs at 201 frequencies; possible: 1 \.\.\. 33"):
        fit_part(extract(notches(1), F), pairs=99)
    noise = extract(notches(1), F)
    noise.s = np.random.default_rng(3).normal(0, 0.15, noise.s.shape) + 0j
    with pytest.raises(InputError, match="no passive rational model fits"):
        fit_part(noise, "noise")
    with pytest.raises(InputError, match="part 'antenna': unknown; possible: tee, line, package, combiner"):
        part_from_file("antenna", tmp_path / "x.s2p")
    path = write_touchstone(extract(notches(1), F), tmp_path / "n.s2p")
    with pytest.raises(InputError, match="2 ports; possible: 3"):
        part_from_file("tee", path)


def test_noise_does_not_breed_poles():
    data = extract(notches(4), F)
    data.s = 0.98 * data.s + 3e-4 * np.random.default_rng(5).normal(size=(*data.s.shape, 2)).view(complex)[..., 0]
    with pytest.warns(ValidityWarning, match="fit-residual: part noisy: RMS error"):
        part = fit_part(data, "noisy")
    assert part.rms_error < 1e-3
    assert len(part.poles) < 30
    assert largest_gain(part.model(np.geomspace(1e6, 1e12, 4001))) <= 1


def test_order_of_a_rational_function():
    assert set(pole_pairs(extract(notches(6, quality=50.0), F))) & {6, 7, 8}


def fixture_side(length=2e-3):
    return extract(Block("side", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, RlcLine(2e4, length=length)),)), F)


def test_a_fixture_comes_off():
    device, left, right = extract(chain_block(TONES, STAND, 5e-6), F), fixture_side(), fixture_side(1e-3)
    measured = embed(device, left, right)
    assert np.abs(measured.s - device.s).max() > 0.1
    assert np.abs(deembed(measured, left, right).s - device.s).max() < 1e-9
    with pytest.raises(InputError, match="3 ports; possible: two-ports"):
        deembed(extract(tee_block(STAND.circuit), F), left, right)
    closed = left.copy()
    closed.s = closed.s * [[1, 0], [0, 1]]
    with pytest.raises(InputError, match="lets nothing through"):
        deembed(measured, closed, right)
    with pytest.raises(InputError, match=r"possible: 5e\+08 \.\.\. 2.5e\+10 Hz"):
        on_grid(left, np.array([1e8, 1e9]))


def test_time_shows_and_gates_a_mismatch():
    lines = (LineBranch(1, 2, LosslessLine(50.0, 1e-9)), LineBranch(2, 3, LosslessLine(75.0, 2e-9)))
    load = Lumped("r", np.array([3]), np.array([0]), np.array([150.0]))
    network = extract(Block("steps", (Port("a", 1),), (*lines, load)), np.linspace(10e6, 10e9, 1000))
    time, values = time_response(network)
    tall = np.sort(time[np.argsort(values)[-2:]])
    strong = values > 0.1
    assert {round(t * 1e9) for t in time[strong]} == {2, 6}  # twice 1 ns, twice 3 ns
    assert tall.min() > 0
    gated = time_gate(network, 1e-9, 3e-9)
    assert np.abs(gated.s[200:800, 0, 0]) == pytest.approx(0.2, rel=0.02)  # (75 - 50) / (75 + 50)
    with pytest.raises(InputError, match="rising, within"):
        time_gate(network, 3e-9, 1e-9)
    with pytest.raises(InputError, match="evenly spaced"):
        time_response(extract(tee_block(STAND.circuit), np.geomspace(1e9, 2e9, 20)))


def test_comparison():
    ours = extract(notches(2), F)
    theirs = extract(notches(2), np.linspace(1e9, 20e9, 2000))
    theirs.s[:, 1, 0] += 0.01
    found = compare_networks(ours, theirs)
    assert found.simulated.f[0] >= 1e9
    assert found.largest[1, 0] == pytest.approx(0.01, abs=1e-3)
    assert found.largest[0, 1] < 2e-3
    assert found.total_rms == pytest.approx(0.005, rel=0.05)
    assert found.where.shape == (2, 2)
    moved = extract(notches(2), F)
    moved.renormalize(75.0)
    assert compare_networks(ours, moved).total_rms < 1e-12
    with pytest.raises(InputError, match="3 ports to compare; possible: 2"):
        compare_networks(ours, extract(tee_block(STAND.circuit), F))
    with pytest.raises(InputError, match="a band that overlaps"):
        compare_networks(ours, extract(notches(2), np.linspace(30e9, 40e9, 5)))
