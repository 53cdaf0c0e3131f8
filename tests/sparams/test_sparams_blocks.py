"""Blocks: three engines agree, ports and parts are wired as said, bias and lines are what the models say."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.line.lines import LosslessLine, RlcLine, RlgcLine, abcd, scattering
from resonet.models.resonator.linear import SpinDiode
from resonet.sparams.block import (
    Block,
    Coils,
    LineBranch,
    Lumped,
    Part,
    Port,
    Resonators,
    flat,
    pick_ports,
    with_impedance,
)
from resonet.sparams.build import (
    RowOfLines,
    Stand,
    bus_block,
    chain_block,
    combiner_block,
    line_block,
    row_block,
    tee_block,
)
from resonet.sparams.circuit import circuit_s
from resonet.sparams.conditions import Drift, biased, sweep, tuned, tuning_slope, warmed
from resonet.sparams.deck import block_deck, sweeps
from resonet.sparams.eliminate import make_plan, reduce_to_kept
from resonet.sparams.extract import engine_difference, extract, mixed_mode
from resonet.sparams.grid import missed, octave_grid, refine, seen_resonances
from resonet.sparams.linear import linear_s
from resonet.sparams.ngspice import ngspice_s

ROOT = Path(__file__).parents[2]
F = np.linspace(0.5e9, 25e9, 41)
STAND = Stand(BusCircuit(), SpinDiode())
TONES = np.geomspace(20e9, 1e9, 7)
ROW = {"r": 1e4, "l": 4e-7, "g": 1.0, "c": 1.2e-10, "length": 1e-3, "mutual": 5e-8, "coupling": 1e-11, "sections": 4}


def array(*values):
    return np.array(values)


def bus(chains=3, tones=5, **more):
    f_res = np.geomspace(20e9, 1e9, tones) * np.random.default_rng(2).normal(1, 0.003, (chains, tones))
    return bus_block(f_res, STAND, **more)


def coils():
    inductance = array([2.0, 0.6, 0.0], [0.6, 1.5, -0.2], [0.0, -0.2, 1.0]) * 1e-9
    ends = Lumped("c", array(2, 4, 5), array(0, 0, 0), array(1e-13, 2e-13, 1e-13))
    return Block(
        "coils", (Port("a", 1), Port("b", 2), Port("c", 3)), (Coils(array(1, 2, 3), array(4, 5, 4), inductance), ends)
    )


BLOCKS = {
    "tee": tee_block(STAND.circuit),
    "combiner": combiner_block(4, replace(STAND.circuit, combiner_loss=1.5)),
    "chain": chain_block(TONES, STAND),
    "chain, biased": chain_block(TONES, STAND, 5e-6),
    "T line": line_block(LosslessLine(60.0, 3e-12), TONES, STAND, 2e-14, 5e-6),
    "LTRA line": line_block(RlcLine(2e4, length=3e-4), TONES, STAND, 2e-14, -5e-6),
    "leaky line": line_block(RlgcLine(2e4, g=1.0, length=3e-4), TONES, STAND, 2e-14),
    "bus": bus(),
    "bus over a tile": bus(below=20),
    "bus, biased": bus(bias=4e-6),
    "row": row_block(RowOfLines(3, **ROW), STAND),
    "row with resonators": row_block(RowOfLines(3, **ROW), STAND, np.full((3, 2), 5e9) * [1, 1.3], 2e-14),
    "coils": coils(),
    "one port": pick_ports(chain_block(TONES, STAND), ["rf"]),
    "unequal impedances": with_impedance(tee_block(STAND.circuit), {"rf": 75.0, "dc": 5.0}),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_engines_agree(name):
    off = engine_difference(BLOCKS[name], F)
    assert set(off) == {"linear", "scikit-rf"}
    assert max(off.values()) < 1e-8
    s = linear_s(BLOCKS[name], F)
    assert s.shape == (41, *[len(BLOCKS[name].ports)] * 2)
    assert np.abs(s - s.transpose(0, 2, 1)).max() < 1e-12
    if "biased" not in name and "line" not in name:
        assert np.linalg.svd(s, compute_uv=False).max() <= 1 + 1e-12


def test_sp_and_ac_of_ngspice_agree():
    block = BLOCKS["combiner"]
    assert np.abs(ngspice_s(block, F, "sp") - ngspice_s(block, F, "ac")).max() < 1e-12
    uneven = array(1e9, 2e9, 3e9, 3.5e9, 7e9)
    ends = ((3, 1e9, 3e9), (1, 3.5e9, 3.5e9), (1, 7e9, 7e9))
    assert sweeps(uneven) == [("lin", *end) for end in ends]
    for method in ("sp", "ac"):
        assert np.abs(ngspice_s(BLOCKS["tee"], uneven, method) - linear_s(BLOCKS["tee"], uneven)).max() < 1e-9
    with pytest.raises(InputError, match=r"\.sp with 8 ports; possible: 2 \.\.\. 5"):
        block_deck(bus(), F, "sp")


def test_the_bus_is_that_of_the_closed_form():
    # S(tail port, in0) of a chain whose last resonator ends in a small resistance: its current times that resistance.
    circuit, device = STAND.circuit, STAND.device
    f_res = TONES[None]
    block = bus_block(f_res, STAND)
    current = bus_currents(F, device.resistance, 7, 1, circuit)  # per volt of EMF of the bus
    inner = flat(block)
    chain = next(e for e in inner.elements if isinstance(e, Resonators))
    head = int(chain.a[0])
    tap = replace(inner, ports=(inner.ports[0], Port("head", head, 1e6)))
    rest = [Lumped("r", array(p.node), array(0), array(p.impedance)) for p in inner.ports[1:7]]
    s = linear_s(replace(tap, elements=(*tap.elements, *rest)), F)
    s_mega = s[:, 1, 0] * np.sqrt(1e6 / 50)  # v(head) = S21 √(z2/z1) E/2, E the EMF at in0
    voltage_per_emf = s_mega / 2
    below = (device.resistance * current).sum(1)  # head voltage: the whole chain to ground
    gain = 1 / np.sqrt(7)
    assert np.abs(voltage_per_emf - gain * below).max() < 2e-3 * np.abs(gain * below).max()


def test_lossless_lines_of_half_a_wave_are_no_pole():
    line = LosslessLine(70.0, 1e-10)
    block = Block("half", (Port("a", 1), Port("b", 2)), (LineBranch(1, 2, line),))
    f = array(2.5e9, 5e9, 7.5e9, 10e9, 20e9)
    assert np.abs(linear_s(block, f) - scattering(abcd(f, line))).max() < 1e-12


def test_a_pivot_of_zero_is_solved_with_pivoting():
    # L and C in series resonate at 5.0329 GHz: their joint node has no admittance left there.
    f0 = 1 / (2 * np.pi * np.sqrt(1e-9 * 1e-12))
    elements = (Lumped("l", array(1), array(3), array(1e-9)), Lumped("c", array(3), array(2), array(1e-12)))
    s = linear_s(Block("trap", (Port("a", 1), Port("b", 2)), elements), array(f0, 2 * f0))
    assert s[0, 1, 0] == pytest.approx(1, abs=1e-9)
    assert s[0, 0, 0] == pytest.approx(0, abs=1e-9)


def test_elimination_is_the_schur_complement():
    rng = np.random.default_rng(4)
    n, kept = 30, [3, 7, 29]
    dense = rng.normal(size=(n, n, 2)) * (rng.uniform(size=(n, n)) < 0.15)[:, :, None]
    dense = dense + dense.transpose(1, 0, 2) + 20 * np.eye(n)[:, :, None]
    dense[10:20, 10:20] += 0.5  # dense in there: goes as a block
    rows, columns = np.nonzero(np.abs(dense).sum(2))
    plan = make_plan(n, rows, columns, kept)
    values = np.zeros((plan.entries, 2), complex)
    values[plan.slots] = dense[rows, columns]
    found, weakest = reduce_to_kept(plan, values)
    for k in range(2):
        wanted = np.linalg.inv(np.linalg.inv(dense[:, :, k])[np.ix_(kept, kept)])
        assert np.abs(found[k] - wanted).max() < 1e-12
    assert any(one[0].ndim == 2 for one in plan.rounds)
    assert weakest.shape == (2,)


def test_parts_are_wired_by_their_ports():
    pi = Block(
        "pi",
        (Port("a", 1), Port("b", 2)),
        (
            Lumped("c", array(1, 2), array(0, 0), array(1e-13, 2e-13)),
            Lumped("r", array(1, 3), array(3, 2), array(30.0, 20.0)),
        ),
    )
    two = Block("two", (Port("a", 1), Port("b", 5)), (Part(pi, array(1, 9)), Part(pi, array(9, 5))))
    first = extract(pi, F)
    assert np.abs(extract(two, F).s - (first**first).s).max() < 1e-12
    turned = Block("turned", (Port("a", 1), Port("b", 2)), (Part(pi, array(2, 1)),))
    assert np.abs(linear_s(turned, F) - first.s[:, ::-1, ::-1]).max() < 1e-15


def test_a_network_names_its_ports():
    network = extract(with_impedance(bus(), {"in1": 75.0}), F)
    assert network.port_names == ["in0", "in1", "in2", "in3", "in4", "dc0", "dc1", "dc2"]
    assert network.z0[0].real.tolist() == [50, 75, 50, 50, 50, 50, 50, 50]
    few = pick_ports(bus(), ["dc1", "in0"])
    assert few.port_names == ["dc1", "in0"]
    # the ports that are left out end in their impedances, so the rest of S stays
    assert np.abs(linear_s(few, F) - linear_s(bus(), F)[:, [6, 0]][:, :, [6, 0]]).max() < 1e-12


def test_exact_lines_bound_the_ladder():
    block = BLOCKS["leaky line"]
    off = np.abs(linear_s(block, F) - linear_s(block, F, "exact")).max()
    assert 1e-9 < off < 1e-4
    row = BLOCKS["row"]
    fine = replace(row, elements=tuple(replace(e, sections=1024) for e in row.elements))
    exact = linear_s(row, F, "exact")
    coarse, better = (np.abs(linear_s(b, F) - exact).max() for b in (row, fine))
    assert coarse / better == pytest.approx(256.0**2, rel=0.1)
    assert np.abs(circuit_s(fine, F) - exact).max() < 1e-5


def test_mixed_mode_of_two_equal_lines():
    network = extract(row_block(RowOfLines(2, **ROW), STAND), F)
    mixed = mixed_mode(network, 1)
    assert mixed.port_names == ["d0", "c0", "far0", "far1"]
    s = network.s
    assert np.abs(mixed.s[:, 0, 0] - (s[:, 0, 0] - s[:, 0, 1])).max() < 1e-12
    assert np.abs(mixed.s[:, 1, 1] - (s[:, 0, 0] + s[:, 0, 1])).max() < 1e-12
    assert np.abs(mixed.s[:, 0, 1]).max() < 1e-12
    with pytest.raises(InputError, match=r"3 pairs of 4 ports; possible: 1 \.\.\. 2"):
        mixed_mode(network, 3)


@pytest.mark.parametrize(
    "changed",
    [
        biased(BLOCKS["chain, biased"], -0.5),
        tuned(BLOCKS["chain, biased"], 20e-3, tuning_slope(1e-6)),
        warmed(BLOCKS["chain, biased"], 350.0, Drift(tcr=1e-3, tcf=-2e-4, tcq=-1e-3, tck=1e-3)),
    ],
    ids=["bias", "tuning", "temperature"],
)
def test_other_conditions(changed):
    s = linear_s(changed, F)
    assert np.abs(s - ngspice_s(changed, F)).max() < 1e-8
    assert np.abs(s - linear_s(BLOCKS["chain, biased"], F)).max() > 1e-7


def test_tuning_moves_every_resonance_alike():
    assert tuning_slope(1e-6) == pytest.approx(28.02495e9 * 4e-7 * np.pi / 2e-6, rel=1e-6)  # γ/2π μ0 / 2w
    moved = seen_resonances(tuned(BLOCKS["chain, biased"], 10e-3, 20e9))[0]
    assert moved - TONES == pytest.approx(np.full(7, 0.2e9))
    family = sweep(lambda i: tuned(BLOCKS["chain, biased"], i, 20e9), array(0.0, 1e-3), F)
    assert np.abs(family[0].s - linear_s(BLOCKS["chain, biased"], F)).max() == 0
    with pytest.raises(InputError, match="below 0 Hz"):
        tuned(BLOCKS["chain"], -1.0, 20e9)
    with pytest.raises(InputError, match=r"temperature 2000 K"):
        warmed(BLOCKS["chain"], 2000.0, Drift())
    with pytest.raises(InputError, match=r"r0 would be -0.5"):
        warmed(BLOCKS["chain"], 285.0, Drift(tcr=0.1))


def test_a_grid_that_steps_over_resonances_is_refined():
    block = BLOCKS["chain, biased"]
    centre, width = seen_resonances(block)
    assert width == pytest.approx(TONES * 0.02)
    assert len(seen_resonances(BLOCKS["chain"])[0]) == 0
    coarse = np.geomspace(0.5e9, 25e9, 60)
    assert missed(coarse, centre, width).all()
    fine = refine(coarse, centre, width)
    assert not missed(fine, centre, width).any()
    assert np.isin(coarse, fine).all()
    assert np.array_equal(refine(fine, centre, width), fine)
    for k, (c, w) in enumerate(zip(centre, width, strict=True)):
        near = fine[np.abs(fine - c) <= 2 * w]
        assert np.diff(near).max() <= w / 4 * (1 + 1e-9), k
    dense = np.geomspace(0.5e9, 25e9, 600)  # 153 points a decade: 0.38 of a linewidth
    assert missed(dense, centre, width).all()
    assert not missed(np.geomspace(0.5e9, 25e9, 900), centre, width).any()


def test_a_grid_of_octaves_is_few_sweeps():
    grid = octave_grid(0.5e9, 25e9, 1000)
    assert (grid[0], grid[-1]) == (0.5e9, 25e9)
    assert np.diff(grid).max() / 1e9 < np.log(10) / 1000 * 16
    assert (np.diff(grid) / grid[:-1]).max() <= np.log(10) / 1000
    assert len(sweeps(grid)) == 6
    tee = BLOCKS["tee"]
    assert np.abs(ngspice_s(tee, grid) - linear_s(tee, grid)).max() < 1e-8
    with pytest.raises(InputError, match="possible: 0 < start < stop"):
        octave_grid(2e9, 1e9, 10)
    with pytest.raises(InputError, match="possible: 100001 points in all"):
        octave_grid(1e9, 2e9, 10**7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pick_ports(bus(), ["in0", "in9"]), r"no port 'in9'; possible: in0, in1, .* dc2"),
        (lambda: with_impedance(bus(), {"x": 50.0}), "no port 'x'"),
        (lambda: with_impedance(bus(), -5.0), "port in0: -5 ohm; possible: 1 mohm"),
        (lambda: Block("b", (Port("a", 1), Port("b", 1)), ()), "a node and a name of its own"),
        (lambda: Block("b", (), ()), "0 ports; possible: 1 ... 128"),
        (lambda: extract(bus(), array(2e9, 1e9)), "rising"),
        (lambda: extract(bus(), array(0.0, 1e9)), "positive"),
        (lambda: extract(bus(), np.linspace(1e9, 2e9, 200_000)), "possible: 1 ... 100001"),
        (lambda: extract(bus(), F, "spectre"), "possible: linear, ngspice, scikit-rf"),
        (lambda: row_block(RowOfLines(3, **ROW | {"mutual": 3e-7}), STAND), "less than half of it"),
        (lambda: replace(STAND, tee=combiner_block(4, STAND.circuit)), "combiner as tee: 5 ports; possible: 3"),
        (lambda: bus_block(TONES[None], replace(STAND, combiner=combiner_block(3, STAND.circuit))), "possible: 8"),
    ],
)
def test_bad_requests(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_a_port_that_would_draw_the_bias_is_refused():
    block = BLOCKS["chain, biased"]
    naked = replace(flat(block), ports=(block.ports[0], Port("head", 3)))
    with pytest.raises(InputError, match="port head would draw the DC bias"):
        ngspice_s(naked, F)


def test_show_blocks_have_the_ports_that_they_claim():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location("sparams_blocks", ROOT / "benchmarks" / "_sparams_blocks.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    for name, block in module.compared().items():
        assert len(block.ports) == int(name.split()[0])
