"""A chain in groups: one pass against nodal analysis, limits, reciprocity, Nyquist."""

import numpy as np
import pytest

from resonet.models.circuit.bus import BusCircuit, bus_currents, bus_load, resonator_impedance, tail_admittance
from resonet.models.circuit.groups import group_sizes, group_starts, nodal_chain
from resonet.models.circuit.mixing import series_transfer
from resonet.models.circuit.noise import chain_noise, output_impedance

R0 = 1e3
F = np.geomspace(1e9, 20e9, 5)
S = np.asarray(2j * np.pi * F, complex)


def lossy(groups):
    return BusCircuit(groups=groups, node_capacitance=0.5e-15, junction_capacitance=3e-15, choke_inductance=50e-9)


@pytest.mark.parametrize(("resonators", "groups", "below", "chains"), [(7, 3, 0, 4), (7, 3, 5, 2), (5, 9, 0, 1)])
def test_one_pass_is_nodal_analysis(resonators, groups, below, chains):
    bus = lossy(groups)
    own = np.asarray(resonator_impedance(S, R0, bus))
    tail = tail_admittance(S, bus, below * own) if below else None
    matrix, path = nodal_chain(S, np.repeat(own[:, None], resonators, 1), bus, chains * 50.0, tail)
    drive = np.zeros((len(S), path.size, 1), complex)
    drive[:, path.bus] = 1 / (chains * 50.0)
    volts = np.concatenate([np.linalg.solve(matrix, drive)[:, :, 0], np.zeros((len(S), 1))], axis=1)
    wanted = (volts[:, path.first] - volts[:, path.second]) / R0
    found = bus_currents(F, R0, resonators, chains, bus, below)
    assert np.abs(found - wanted).max() < 1e-12 * np.abs(wanted).max()
    load = bus_load(F, R0, resonators, chains, bus, below)  # of all chains: divider with the source
    assert 1 / (1 + 50 * load) == pytest.approx(volts[:, path.bus], rel=1e-9)


def test_groups_are_as_even_as_can_be():
    assert group_sizes(11, 4) == [3, 3, 3, 2]
    assert group_starts(11, 4) == [0, 3, 6, 9]
    assert group_sizes(2, 4) == [1, 1]


def test_without_parasitics_each_group_is_ohms_law():
    bus = BusCircuit(
        groups=4, block_capacitance=1e-6, bypass_capacitance=1e-3, choke_inductance=1.0, node_capacitance=0
    )
    found = bus_currents(5e9, R0, 12, 2, bus)
    load = 3 * R0 / (4 * 2)
    assert np.abs(found) == pytest.approx(np.full((1, 12), load / (50 + load) / (3 * R0)), rel=1e-6)


def test_voltages_in_series_act_alike_both_ways_and_noise_is_nyquists():
    for below in (0, 4):
        transfer = series_transfer(F, R0, 7, 3, lossy(3), below)
        assert transfer == pytest.approx(transfer.swapaxes(1, 2), rel=1e-9)
        own = series_transfer(F[:1].repeat(7), R0, 7, 3, lossy(3), below, diagonal=True)
        assert own == pytest.approx(transfer[0], rel=1e-9)
    f, resistance = np.array([1e3, 1e6, 1e8]), np.full(7, R0)
    noise, z = chain_noise(f, resistance, lossy(3)), output_impedance(f, resistance, lossy(3))
    assert noise.total == pytest.approx(4 * 1.380649e-23 * 300 * z.real, rel=1e-9)
    assert z[0].real == pytest.approx(7 * R0 + 3, rel=1e-3)  # three chokes of 1 ohm, and a readout of 1 Gohm


def test_one_group_is_the_ladder():
    """The nodal form with a single group is the closed form of chains without groups."""
    plain = BusCircuit(node_capacitance=0.5e-15, junction_capacitance=3e-15, choke_inductance=50e-9)
    matrix, path = nodal_chain(
        S, np.repeat(np.asarray(resonator_impedance(S, R0, plain))[:, None], 6, 1), plain, 3 * 50.0, None
    )
    drive = np.zeros((len(S), path.size, 1), complex)
    drive[:, path.bus] = 1 / 150.0
    volts = np.concatenate([np.linalg.solve(matrix, drive)[:, :, 0], np.zeros((len(S), 1))], axis=1)
    wanted = (volts[:, path.first] - volts[:, path.second]) / R0
    assert bus_currents(F, R0, 6, 3, plain) == pytest.approx(wanted, rel=1e-9)
