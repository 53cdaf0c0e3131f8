"""Twelve engines that lie, in the place of ngspice: none of their numbers is believed, and none is kept."""

import numpy as np
import pytest
from conftest import complaint
from fakes import EVERY

from resonet.core.errors import EngineError
from resonet.cosim.feed.store import effective_path, stored_effective_weights
from resonet.cosim.ngspice.program import engine_identity, find_ngspice
from resonet.cosim.referee.chain import transient
from resonet.cosim.weights.engines import linear, ngspice
from resonet.cosim.weights.witness import power_balance, witness
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.netlist.design.folder import load_design
from resonet.netlist.spice.deck import Deck
from resonet.sparams.build import combiner_block
from resonet.sparams.extract import extract

LIES = {  # what is done to the result, and what is said of it
    "zeros": (EVERY.format(value="0.0"), "every vector of the AC Analysis is zero"),
    "doubled": (EVERY.format(value="2 * x"), "of the largest apart, allowed 1e-06; neither is believed"),
    "noise of 1e-4": (EVERY.format(value="x * (1 + 1e-4 * (-1) ** (n // 2))"), "the largest apart, allowed 1e-06"),
    "not a number": (EVERY.format(value="float('nan')"), "values that are not finite in"),
    "half of the points": (
        "for plot in plots:\n    points = len(plot[1]) // 2\n    plot[1] = plot[1][:points]\n"
        "    plot[0] = re.sub(rb'No. Points: *[0-9]+', b'No. Points: %d' % points, plot[0])",
        r"fewer points than asked for|swept from|an empty result",
    ),
    "cut short": ("plots[-1][1][-1].pop()", "cut short"),
    "two columns exchanged": (
        "for head, rows, p in plots:\n    for row in rows:\n"
        "        row[p : 2 * p], row[2 * p : 3 * p] = row[2 * p : 3 * p], row[p : 2 * p]",
        "the largest apart",
    ),
    "vectors under other names": (
        "for plot in plots:\n    plot[0] = plot[0].replace(b'i(v0_0)', b'i(v0_x)').replace(b'vdc', b'vdd')",
        r"no i\(v0_0\)",
    ),
    "frequencies of another deck": (
        "for head, rows, p in plots:\n    for row in rows:\n        row[0] *= 1.001 if p == 2 else 1",
        "which are not the .* channels of the plan",
    ),
    "the axis last": (
        "for plot in plots:\n    plot[0] = plot[0].replace(b'frequency', b'freq')",
        "the first vector of the AC Analysis is freq, not frequency",
    ),
    "huge counts": (
        "for plot in plots:\n    plot[0] = re.sub(rb'No. Points: *[0-9]+', b'No. Points: ' + b'9' * 30, plot[0])",
        "cut short",
    ),
    "status 0 and no result": ("os.unlink(path)\nsys.exit(0)", "no usable result"),
    "an error and status 0": ("print('Error: out of luck', file=sys.stderr)", "Error: out of luck"),
    "no end to its output": ("while True:\n    os.write(1, b'x' * (1 << 20))", r"more than [\d,]+ bytes of output"),
    "no end": ("time.sleep(1000)", "no end after"),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_is_believed_or_kept(lie, lying, small_design, build, monkeypatch):
    body, words = LIES[lie]
    lying(body)
    if lie == "no end":
        from resonet.cosim.ngspice import run

        real = run.run_child
        monkeypatch.setattr(run, "run_child", lambda c, f, e, timeout, stop: real(c, f, e, 1.0, stop))
    with pytest.raises(EngineError, match=words):
        stored_effective_weights(build, load_design(build), "coupled", ["conv1"])
    assert not effective_path(build, "conv1", "coupled").exists()


def test_what_a_previous_run_left_is_no_result(lying, small_design, tmp_path):
    """An engine that hands out the first result that it ever gave for a deck of that name."""
    lying(
        f"kept = os.path.join({str(tmp_path)!r}, path)\n"
        "if os.path.exists(kept):\n    os.unlink(path)\n    os.link(kept, path)\nelse:\n    os.link(path, kept)\n"
        "sys.exit(0)"
    )
    plan, entry = small_design.plan, small_design.plan.layer("conv1")
    first, second = (small_design.program(m).layer("conv1").f_res for m in ("coupled", "formula"))
    ngspice(plan, entry, first)
    ngspice(plan, entry, first)
    with pytest.raises(EngineError, match=r"current times precession, .* of the largest apart"):
        ngspice(plan, entry, second)


def test_honest_engines_agree_and_the_witness_says_how_well(small_design):
    for entry in small_design.plan.layers:
        f_res = small_design.program("coupled").layer(entry.layer.name).f_res
        expected = linear(small_design.plan, entry, f_res)
        found = witness(small_design.plan, entry, expected, ngspice(small_design.plan, entry, f_res))
        assert found.difference < 1e-10
        assert found.buses == len(entry.buses)


def test_a_command_says_it_in_one_line(lying, build, resonet):
    lying(LIES["doubled"][0])
    told = complaint(resonet("crosstalk", build, "--layer", "conv1"))
    assert "layer conv1, bus t0: current squared, A^2/W: ngspice says " in told
    assert ", the linear engine " in told


@pytest.mark.parametrize("lie", ["doubled", "noise of 1e-4", "zeros"])
def test_s_parameters_are_held_against_the_linear_engine(lying, lie):
    f, block = np.linspace(1e9, 5e9, 7), combiner_block(4, BusCircuit())
    found = extract(block, f, "ngspice")
    assert np.abs(found.s - extract(block, f).s).max() < 1e-9
    lying(LIES[lie][0])
    with pytest.raises(EngineError, match=r"Hz: ngspice says .*, the linear engine .* apart|vector of .* is zero"):
        extract(block, f, "ngspice")


def test_what_one_engine_gave_is_never_served_for_another(lying, build, monkeypatch):
    """Two engines of one version: what the first wrote is not believed under the second."""
    design, true = load_design(build), engine_identity()
    lying("sys.exit(0)")  # honest, but another program
    other = engine_identity()
    stored_effective_weights(build, design, "coupled", ["conv1"])
    assert true != other
    assert true.split()[0] == other.split()[0]
    monkeypatch.delenv("RESONET_NGSPICE")
    assert engine_identity() == true
    ran = []
    from resonet.cosim.ngspice import run

    real = run.run_deck
    monkeypatch.setattr(run, "run_deck", lambda *a, **o: ran.append(1) or real(*a, **o))
    stored_effective_weights(build, design, "coupled", ["conv1"])
    assert ran
    ran.clear()
    stored_effective_weights(build, design, "coupled", ["conv1"])
    assert not ran


def test_a_wrapper_is_what_it_calls(tmp_path, monkeypatch):
    engine, wrapper = tmp_path / "ngspice-of-mine", tmp_path / "wrapper"
    engine.write_text(f'#!/bin/sh\nexec {find_ngspice()} "$@"\n')
    wrapper.write_text(f'#!/bin/sh\nnice "{engine}" "$@"\n')
    for path in (engine, wrapper):
        path.chmod(0o755)
    monkeypatch.setenv("RESONET_NGSPICE", str(wrapper))
    first = engine_identity()
    engine.write_text(engine.read_text() + "\n")
    assert engine_identity() != first


@pytest.mark.parametrize("below", [0, 5])
@pytest.mark.parametrize("node", [0.0, 2e-17, 5e-15])
def test_power_balance_holds_and_sees_what_breaks_it(below, node):
    circuit, f = BusCircuit(node_capacitance=node), np.geomspace(1e9, 20e9, 12)
    currents = bus_currents(f, 1e3, 12, 4, circuit, below)
    assert power_balance(f, 1e3, currents, 4, circuit, below) < 1e-12
    for wrong in (2 * currents, currents * (1 + 1e-6), np.roll(currents, 1, 0)):
        assert power_balance(f, 1e3, wrong, 4, circuit, below) > 1e-8


def test_an_engine_sees_neither_home_nor_settings_of_the_user(tmp_path, monkeypatch):
    from resonet.cosim.ngspice.run import run_deck

    home = tmp_path / "home"
    home.mkdir()
    (home / ".spiceinit").write_text("set filetype=ascii\nset temp=400\n")
    deck = Deck("t", "* t\nv1 a 0 1\nr1 a b 1k tc1=0.01\nr2 b 0 1k\n.op\n.control\nset filetype=binary\nrun\n"
                     "write t.raw\nquit\n.endc\n.end\n")  # fmt: skip
    plain = run_deck(deck)[0].data
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SPICE_ASCIIRAWFILE", "1")
    assert np.array_equal(run_deck(deck)[0].data, plain)
    monkeypatch.delenv("HOME")
    assert np.array_equal(run_deck(deck)[0].data, plain)
    for name in ("a b", "it's", 'say "x"', "a;b", "$HOME", "schön"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
        assert np.array_equal(run_deck(deck)[0].data, plain)
        assert list((tmp_path / name).iterdir()) == []


def test_no_tone_gives_no_voltage_and_that_is_no_lie(small_design):
    dark, _ = transient(small_design, "conv1", "coupled", np.zeros(3))
    assert dark.transient == dark.two_pass == 0
