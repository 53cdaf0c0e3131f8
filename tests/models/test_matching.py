"""Transformer and bus capacitance: against a nodal solve written out by hand, the band's closed form, Fano's limit."""

import numpy as np
import pytest

from resonet.models.circuit.bus import BusCircuit, bus_currents, bus_load, ground_resistance, seen_from_chains
from resonet.models.circuit.matching import fano_loss, matched_ratio, mismatch, transformer, transformer_band
from resonet.models.circuit.noise import chain_noise, output_impedance

R0 = 1e3
BUS = BusCircuit(transformer=4.0, transformer_coupling=0.9, capacitance=3e-15, node_capacitance=0.3e-15)


def test_currents_equal_kirchhoffs_laws_with_coupled_coils():
    f, chains, size = 5e9, 3, 4
    w, n = 2j * np.pi * f, BUS.transformer
    own, mutual = BUS.transformer_inductance, 0.9 * n * BUS.transformer_inductance
    # Unknowns: currents of both coils, in from the combiner and from the bus; voltages of the bus and of h0 ... h3.
    a, b = np.zeros((2 + 1 + size, 2 + 1 + size), complex), np.zeros(2 + 1 + size, complex)
    a[0, :2], b[0] = (50 + BUS.transformer_resistance + w * own, w * mutual), 1.0
    a[1, :3] = w * mutual, n**2 * (BUS.transformer_resistance + w * own), -1
    to_head = w * BUS.block_capacitance
    a[2, 1], a[2, 2], a[2, 3] = 1, w * BUS.capacitance + chains * to_head, -chains * to_head
    choke = 1 / (
        BUS.choke_resistance + w * BUS.choke_inductance + 1 / (w * BUS.bypass_capacitance + 1 / BUS.readout_resistance)
    )
    a[3, 2] = -to_head
    for k in range(size):
        a[3 + k, 3 + k] = 1 / R0 + (0 if k else to_head + choke) + (1 / R0 if k else 0)
        a[3 + k, 3 + k] += w * BUS.node_capacitance * (1 if k else 0.5)
        if k:
            a[3 + k, 2 + k] = a[2 + k, 3 + k] = -1 / R0
    volts = np.append(np.linalg.solve(a, b)[3:], 0)
    assert bus_currents(f, R0, size, chains, BUS)[0] == pytest.approx(-np.diff(volts) / R0, rel=1e-9)


def test_what_the_combiner_sees_takes_what_the_chains_and_the_coil_get():
    f = np.geomspace(1e9, 20e9, 5)
    ideal = BusCircuit(transformer=4.0, transformer_resistance=1e-6, transformer_coupling=0.9)
    load = 1 / bus_load(f, R0, 4, 3, ideal)
    current = bus_currents(f, R0, 4, 3, ideal)
    taken = 3 * R0 * (np.abs(current) ** 2).sum(1) * 4 * 50  # of what the source has available
    assert mismatch(50, load) == pytest.approx(taken, rel=1e-3)  # a choke of 1 ohm and a readout take the rest


def test_the_band_of_a_matched_transformer_is_that_of_its_coils():
    n, henry, k = 5.0, 10e-9, 0.98
    low, high = transformer_band(50.0, henry, k)
    assert high / low == pytest.approx(4 * k**2 / (1 - k**2))
    f = np.array([low, np.sqrt(low * high), high])
    own, mutual, far = transformer(2j * np.pi * f, n, henry, k)
    passed = mismatch(50.0, own - mutual**2 / (far + (n / k) ** 2 * 50.0))  # k² n^-2 of the load is what is seen
    assert passed == pytest.approx(1 / np.abs(1 + 2 * low / high + 1j * (f / high - low / f)) ** 2, rel=1e-9)
    assert passed == pytest.approx([0.5, 1.0, 0.5], abs=0.05)  # the other end of the band is a hundred times away


def test_without_leakage_and_shunt_it_is_the_square_of_the_turns():
    s = np.array([2j * np.pi * 5e9])
    bus = BusCircuit(
        transformer=3.0, transformer_inductance=1.0, transformer_coupling=0.999999, transformer_resistance=1e-6
    )
    emf, z = seen_from_chains(s, bus, np.array([50.0]))
    assert emf == pytest.approx(3.0, rel=1e-5)
    assert (z - 450).real == pytest.approx(0, abs=1e-2)
    assert matched_ratio(50.0, 1250.0) == 5.0


def test_fanos_limit_binds_a_single_stage_and_goes_away_with_the_capacitance():
    r, c, low, high = 1.5e3, 20e-15, 1e9, 20e9
    best = fano_loss(r, c, low, high)
    f = np.geomspace(low, high, 200)
    load = 1 / (1 / r + 2j * np.pi * f * c)
    for source in (100.0, 300.0, 1e3):  # an ideal transformer alone
        assert -10 * np.log10(mismatch(source, load).min()) > best
    assert best == pytest.approx(-10 * np.log10(1 - np.exp(-2 / (2 * r * c * 19e9))))
    assert fano_loss(r, 0.0, low, high) == 0.0


def test_noise_behind_a_transformer_obeys_nyquist():
    for bus in (BUS, BusCircuit(combining="multiplexer")):
        f = np.array([1e3, 1e6, 3e7])
        noise, z = chain_noise(f, np.full(5, R0), bus), output_impedance(f, np.full(5, R0), bus)
        assert noise.total == pytest.approx(4 * 1.380649e-23 * 300 * z.real, rel=1e-9)


def test_the_bus_is_grounded_for_the_dc_side_as_its_circuit_says():
    s = np.array([2j * np.pi * 1e4])
    for bus in (BusCircuit(), BUS):
        assert np.asarray(seen_from_chains(s, bus)[1]).real == pytest.approx(ground_resistance(bus), rel=1e-3)
    assert ground_resistance(BusCircuit(combining="multiplexer")) == 0.0
