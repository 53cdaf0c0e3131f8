"""Chains that are not alike on one bus: nodal analysis of the whole bus, and the compiled ladder against both."""

import numpy as np
import pytest

from resonet.models.circuit.bus import BusCircuit, bus_currents, bus_load, tail_admittance
from resonet.models.circuit.groups import group_starts
from resonet.models.circuit.uneven_bus import UnevenChains, uneven_currents, uneven_load, uneven_tail
from resonet.models.circuit.uneven_kernel import ladder_powers

F = np.geomspace(1e9, 20e9, 4)
S = np.asarray(2j * np.pi * F, complex)


def chains(count, resonators, under, seed=3):
    rng = np.random.default_rng(seed)
    ohm = 1e3 * rng.lognormal(0, 0.3, (count, resonators))
    node = 2e-15 * rng.lognormal(0, 0.3, (count, resonators))
    return UnevenChains(ohm, node, 1e3 * under * rng.lognormal(0, 0.3, count), under)


def nodal(of, circuit):
    """Currents through R0 per volt of EMF, [f, chains, resonators], from one admittance matrix of everything."""
    count, size = of.resistance.shape
    starts, half = group_starts(size, circuit.groups), of.node / 2
    choke = 1 / (circuit.choke_resistance + S * circuit.choke_inductance)
    names = {"bus": 0}
    y = np.zeros((len(S), 500, 500), complex)

    def connect(a, b, value):
        at = [names.setdefault(n, len(names)) for n in (a, b) if n]
        for m in at:
            y[:, m, m] += value
        if len(at) == 2:
            y[:, at[0], at[1]] -= value
            y[:, at[1], at[0]] -= value

    ends = {}
    for j in range(count):
        for k in range(size):
            foot = f"g{j}_{k + 1}" if k + 1 in starts else f"h{j}_{k + 1}"
            if k == size - 1:
                foot = f"t{j}" if of.under else ""
            ends[j, k] = f"h{j}_{k}", foot
            connect(f"h{j}_{k}", foot, 1 / of.resistance[j, k] + S * circuit.junction_capacitance)
            for end in ends[j, k]:
                connect(end, "", S * half[j, k])
        for k in starts:
            pin = f"g{j}_{k}" if k else f"dc{j}"
            connect("bus", f"h{j}_{k}", S * circuit.block_capacitance)
            connect(f"h{j}_{k}", pin, choke)
            connect(pin, "", S * circuit.bypass_capacitance)
        connect(f"dc{j}", "", 1 / circuit.readout_resistance)
        if of.under:
            below = of.below[j] / (1 + S * of.below[j] * circuit.junction_capacitance / of.under)
            connect(f"t{j}", "", tail_admittance(S, circuit, below))
    connect("bus", "", S * circuit.capacitance + 1 / circuit.impedance)
    drive = np.zeros((len(S), len(names), 1), complex)
    drive[:, 0] = 1 / circuit.impedance
    volts = np.linalg.solve(y[:, : len(names), : len(names)], drive)[..., 0]
    at = lambda name: volts[:, names[name]] if name else 0.0  # noqa: E731
    found = np.empty((len(S), count, size), complex)
    for (j, k), (head, foot) in ends.items():
        found[:, j, k] = (at(head) - at(foot)) / of.resistance[j, k]
    return found, volts[:, 0]


@pytest.mark.parametrize(("groups", "under"), [(1, 0), (1, 9), (3, 0), (3, 5)])
def test_the_whole_bus_by_nodal_analysis(groups, under):
    circuit = BusCircuit(groups=groups, junction_capacitance=2e-15, capacitance=5e-15, choke_inductance=50e-9)
    of = chains(3, 7, under)
    wanted, bus = nodal(of, circuit)
    assert np.abs(uneven_currents(F, of, circuit) - wanted).max() < 1e-12 * np.abs(wanted).max()
    assert bus == pytest.approx(1 / (1 + circuit.impedance * uneven_load(F, of, circuit)), rel=1e-9)


@pytest.mark.parametrize("circuit", [BusCircuit(), BusCircuit(junction_capacitance=2e-15, transformer=3.0)])
def test_the_compiled_ladder_has_the_same_squares(circuit):
    of, levels = chains(4, 6, 3), np.linspace(1, 2, len(F))
    wanted = np.abs(uneven_currents(F, of, circuit) * levels[:, None, None]) ** 2
    assert compiled(of, circuit, levels) == pytest.approx(wanted.transpose(1, 2, 0), rel=1e-12)


def compiled(of, circuit, levels, copies=1):
    from resonet.models.circuit.bus import seen_from_chains

    shunt = 1 / (
        circuit.choke_resistance
        + S * circuit.choke_inductance
        + 1 / (S * circuit.bypass_capacitance + 1 / circuit.readout_resistance)
    )
    source = tuple(
        np.ascontiguousarray(np.broadcast_to(np.asarray(x, complex), S.shape)) for x in seen_from_chains(S, circuit)
    )
    powers = np.empty((*of.resistance.shape, len(F)))
    tail = np.ascontiguousarray(uneven_tail(S, of, circuit).T)
    ends = (1 / (S * circuit.block_capacitance), shunt)
    heard = np.ones(len(of.resistance), bool)
    farad, omega = circuit.junction_capacitance, S.imag.copy()
    ladder_powers(of.resistance, of.node, farad, copies, omega, tail, ends, source, levels, heard, powers)
    return powers


def test_alike_they_are_the_uniform_bus():
    circuit = BusCircuit(transformer=2.0, capacitance=4e-15)
    for under in (0, 4):
        of = UnevenChains(
            np.full((5, 6), 800.0), np.full((5, 6), circuit.node_capacitance), np.full(5, under * 800.0), under
        )
        wanted = bus_currents(F, 800.0, 6, 5, circuit, under)
        assert uneven_currents(F, of, circuit) == pytest.approx(np.repeat(wanted[:, None], 5, 1), rel=1e-12)
        assert uneven_load(F, of, circuit) == pytest.approx(bus_load(F, 800.0, 6, 5, circuit, under), rel=1e-12)
        one = UnevenChains(of.resistance[:1], of.node[:1], of.below[:1], under)
        assert pytest.approx(np.abs(wanted) ** 2, rel=1e-12) == compiled(one, circuit, np.ones(len(F)), 5)[0].T
