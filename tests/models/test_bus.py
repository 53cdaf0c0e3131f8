"""The nominal bus against a nodal solve written out by hand, and its limits."""

import itertools

import numpy as np
import pytest

from resonet.models.circuit.bus import BusCircuit, bus_currents, tone_levels
from resonet.models.resonator.complete import FullResonator, junction_current

R0 = 1e3


def nodal_currents(f, resonators, chains, bus, below):
    """Every chain and every node explicitly: admittance matrix, one solve; current of each resonator of each chain."""
    s = 2j * np.pi * f
    names: dict[str, int] = {}
    stamps: list[tuple[str, str, complex]] = []

    def connect(a, b, admittance):
        stamps.append((a, b, admittance))
        for node in (a, b):
            if node != "0":
                names.setdefault(node, len(names))

    connect("bus", "src", 1 / bus.impedance)
    for j in range(chains):
        connect("bus", f"h{j}_0", s * bus.block_capacitance)
        connect(f"h{j}_0", f"d{j}", 1 / (bus.choke_resistance + s * bus.choke_inductance))
        connect(f"d{j}", "0", s * bus.bypass_capacitance + 1 / bus.readout_resistance)
        tail = f"t{j}" if below else "0"
        for k in range(resonators):
            a, b = f"h{j}_{k}", tail if k == resonators - 1 else f"h{j}_{k + 1}"
            connect(a, b, 1 / R0)
            connect(a, "0", s * bus.node_capacitance / 2)
            if b != "0":
                connect(b, "0", s * bus.node_capacitance / 2)
        if below:
            connect(tail, "0", s * bus.bypass_capacitance)
            connect(tail, f"l{j}", 1 / (bus.choke_resistance + s * bus.choke_inductance))
            connect(f"l{j}", "0", s * bus.block_capacitance + 1 / (below * R0))
    y = np.zeros((len(names), len(names)), complex)
    for a, b, g in stamps:
        for node, other in ((a, b), (b, a)):
            if node != "0":
                y[names[node], names[node]] += g
                if other != "0":
                    y[names[node], names[other]] -= g
    keep = [n for n in range(len(names)) if n != names["src"]]
    volts = np.zeros(len(names), complex)
    volts[names["src"]] = 1.0
    volts[keep] = np.linalg.solve(y[np.ix_(keep, keep)], -y[keep, names["src"]])
    at = lambda node: 0.0 if node == "0" else volts[names[node]]  # noqa: E731
    last = f"t{0}" if below else "0"
    nodes = [f"h0_{k}" for k in range(resonators)] + [last]
    return np.array([(at(a) - at(b)) / R0 for a, b in itertools.pairwise(nodes)])


@pytest.mark.parametrize(("resonators", "chains", "below"), [(1, 1, 0), (5, 3, 0), (7, 2, 9), (25, 16, 25)])
def test_currents_equal_a_nodal_solve(resonators, chains, below):
    bus = BusCircuit(node_capacitance=0.5e-15, choke_inductance=50e-9)
    for f in (0.3e9, 1e9, 7e9, 21e9):
        found = bus_currents(f, R0, resonators, chains, bus, below)[0]
        wanted = nodal_currents(f, resonators, chains, bus, below)
        assert np.abs(found - wanted).max() <= 1e-12 * np.abs(wanted).max()


def test_without_parasitics_the_current_is_ohms_law():
    bus = BusCircuit(block_capacitance=1e-3, choke_inductance=1.0, node_capacitance=0.0)
    found = bus_currents(5e9, R0, 10, 4, bus)
    assert found == pytest.approx(np.full((1, 10), 1 / (4 * 50 + 10 * R0)), rel=1e-6)


def test_levels_put_one_watt_into_each_tones_own_resonator():
    f = np.geomspace(20e9, 1e9, 12)
    bus = BusCircuit(node_capacitance=0.1e-15)
    current = bus_currents(f, R0, 12, 8, bus, below=12) * tone_levels(f, R0, 8, bus, below=12)[:, None]
    assert 0.5 * np.abs(np.diagonal(current)) ** 2 * R0 == pytest.approx(np.ones(12))
    elsewhere = 0.5 * np.abs(current[0, 1:]) ** 2 * R0  # the highest tone fades along the chain
    assert np.all(np.diff(elsewhere) < 0)


def test_a_junctions_capacitance_takes_current_from_its_resistance():
    farad, f = 3e-15, np.array([2e9, 18e9])
    plain, shunted = BusCircuit(), BusCircuit(junction_capacitance=farad)
    w = 2j * np.pi * f[:, None]
    # A chain of R0 / (1 + s R0 C) is one of other resistances: those currents, times the share of R0.
    own = R0 / (1 + w * R0 * farad)
    for below in (0, 5):
        found = bus_currents(f, R0, 6, 3, shunted, below)
        for n, z in enumerate(own[:, 0]):
            assert found[n] == pytest.approx(bus_currents(f[n], z, 6, 3, plain, below)[0] * z / R0, rel=1e-12)
    full = FullResonator(r0=R0, cpar=farad)
    assert junction_current(f, full) == pytest.approx(own[:, 0] / R0, rel=1e-12)
