"""S-parameters of a chain: ngspice against a scikit-rf cascade, reciprocity, passivity, Touchstone and back."""

import numpy as np
import pytest
import skrf

from resonet.core.errors import InputError
from resonet.cosim.ngspice.run import run_deck
from resonet.models.resonator.linear import susceptibility
from resonet.netlist.bus.deck import sparam_deck
from resonet.netlist.spice.deck import Deck
from resonet.sparams.extract import extract
from resonet.sparams.window import default_engine, default_grid, design_block, find_bus, resonance_table

SWEEP = (0.5e9, 25e9, 120)


def chain_network(design, layer, chain=0, bias=0.0, per_decade=120):
    """One chain by ngspice."""
    block = design_block(design, layer, "coupled", "chain", chain=chain, bias=bias)
    assert default_engine(block) == "ngspice"
    return extract(block, default_grid(design, layer, per_decade=per_decade), "ngspice")


def cascade(design, layer, f_res, bias, f):
    """The chain between its bias tees, element by element, by scikit-rf's circuit media."""
    circuit, device = design.plan.circuit, design.plan.device
    line = skrf.media.DefinedGammaZ0(skrf.Frequency.from_f(f, unit="hz"), z0=50.0)
    s = 2j * np.pi * f

    def series(impedance):
        # S of a series impedance between 50-ohm ports
        network = line.thru()
        network.s[:, 0, 0] = network.s[:, 1, 1] = impedance / (impedance + 100)
        network.s[:, 0, 1] = network.s[:, 1, 0] = 100 / (impedance + 100)
        return network

    def shunt(admittance):
        network = line.thru()
        network.s[:, 0, 0] = network.s[:, 1, 1] = -admittance / (admittance + 2 / 50)
        network.s[:, 0, 1] = network.s[:, 1, 0] = (2 / 50) / (admittance + 2 / 50)
        return network

    choke = circuit.choke_resistance + s * circuit.choke_inductance
    feed = shunt(1 / (choke + 1 / (s * circuit.bypass_capacitance + 1 / circuit.readout_resistance)))
    far = shunt(1 / choke)  # the far tee's DC pin is grounded
    block = series(1 / (s * circuit.block_capacitance))
    half = shunt(s * circuit.node_capacitance / 2)
    chain = block**feed
    for k, resonance in enumerate(f_res):
        flow = -1 if k % 2 else 1  # every other resonator carries the bias the other way round
        z = device.resistance + flow * bias * device.transduction * (1 + susceptibility(f, resonance, device.damping))
        chain = chain**half ** series(z) ** half
    return chain**far**block


@pytest.mark.parametrize("bias", [0.0, 4e-6])
def test_ngspice_equals_a_scikit_rf_cascade(small_design, bias):
    network = chain_network(small_design, "conv1", 2, bias)
    f_res = resonance_table(small_design, "conv1", "coupled")[2]
    # With the bias I, x = I at DC and v = (R0 + k x) i, so dv/di = R0 + k I (1 + chi).
    wanted = cascade(small_design, "conv1", f_res, bias, network.f)
    assert np.abs(network.s - wanted.s).max() < 1e-6
    assert np.ptp(np.abs(network.s[:, 1, 0])) > 1e-6


@pytest.mark.parametrize("bias", [0.0, 4e-6])
def test_the_deck_that_compile_writes_is_the_block(small_design, bias):
    deck = sparam_deck(small_design.hardware("conv1", "coupled")[0], 2, bias, SWEEP)
    plots = run_deck(deck)
    block = design_block(small_design, "conv1", "coupled", "chain", chain=2, bias=bias)
    found = plots[0].columns([f"v(s_{i}_{j})" for i in (1, 2) for j in (1, 2)]).reshape(-1, 2, 2)
    assert (plots[0].axis[0], len(plots[0].axis)) == (0.5e9, 204)
    assert np.abs(found - extract(block, plots[0].axis, "linear").s).max() < (1e-9 if bias else 1e-12)


def test_a_program_that_is_not_there_is_one_line(small_design):
    for kind in ("chain", "bus", "tee"):
        with pytest.raises(InputError, match=r"no calibrated program yet; possible: .*resonet calibrate first"):
            design_block(small_design, "conv1", "calibrated", kind)


def test_reciprocal_and_passive_without_bias(small_design):
    network = chain_network(small_design, "dense1")
    assert network.is_reciprocal(tol=1e-9)
    assert np.linalg.svd(network.s, compute_uv=False).max() <= 1 + 1e-12


def test_bias_brings_out_the_resonances(small_design):
    flat, biased = (chain_network(small_design, "conv1", bias=bias, per_decade=2000) for bias in (0.0, 5e-6))
    change = np.abs(biased.s[:, 1, 0] / flat.s[:, 1, 0]) - 1
    for k, resonance in enumerate(resonance_table(small_design, "conv1", "coupled")[0]):
        # k < 0: Re chi is large and positive just below the resonance, so there the resistance falls under a bias from
        # p to n and more comes through; the other way round above it, and in every other resonator.
        below, above = (change[np.abs(biased.f / ((1 + s * 0.01) * resonance) - 1).argmin()] for s in (-1, 1))
        assert np.sign(below - above) == (-1 if k % 2 else 1)


def test_the_combiner_is_matched_isolated_and_reciprocal():
    # Ports 1, 2: inputs; port 3: bus. Third input terminated. S(bus, in) = gain, all else zero.
    gain = float(10 ** (-1.5 / 20) / np.sqrt(3))
    arms = "\n".join(
        f"xarm{k} in{k} {lo} {hi} bus emf combiner_arm gain={gain!r}"
        for k, (lo, hi) in enumerate([("0", "s1"), ("s1", "s2"), ("s2", "emf")])
    )
    text = f"""* combiner
.include "../lib/combiner.lib"
v1 in0 0 dc 0 ac 1 portnum 1 z0 50
v2 in1 0 dc 0 ac 1 portnum 2 z0 50
v3 bus 0 dc 0 ac 1 portnum 3 z0 50
rt in2 0 50
{arms}
xout bus emf combiner_out
.sp lin 3 1g 3g
.control
set filetype=binary
run
write combiner.raw {" ".join(f"s_{i}_{j}" for i in (1, 2, 3) for j in (1, 2, 3))}
quit
.endc
.end
"""
    plot = run_deck(Deck("combiner", text))[0]
    s = plot.columns([f"v(s_{i}_{j})" for i in (1, 2, 3) for j in (1, 2, 3)]).reshape(-1, 3, 3)
    wanted = np.zeros((3, 3))
    wanted[2, :2] = wanted[:2, 2] = gain
    assert np.abs(s - wanted).max() < 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chain": 9}, r"no chain 9; possible: 0 ... 3"),
        ({"bus": "t9"}, r"no bus 't9'; possible: t0"),
        ({"bias": 1.0}, r"bias 1 A; possible: -0.0001 ... 0.0001 A"),
    ],
)
def test_bad_requests(small_design, arguments, message):
    with pytest.raises(InputError, match=message):
        design_block(small_design, "conv1", "coupled", **arguments)
    assert find_bus(small_design, "conv1").name == "t0"


def test_bad_sweeps(small_design):
    with pytest.raises(InputError, match="possible: 0 < start < stop"):
        default_grid(small_design, "conv1", None, 10, 2e9, 1e9)
    with pytest.raises(InputError, match="100001 points in all"):
        default_grid(small_design, "conv1", None, 10**7, 1e9, 2e9)
