"""Tones combined by filters: against a nodal solve written out by hand, laws of circuits, and limits."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.models.circuit.bus import BusCircuit, bus_load, tone_levels
from resonet.models.circuit.combiner import tone_gains
from resonet.models.circuit.multiplexer import (
    filter_times,
    multiplexer_leakage,
    multiplexer_scattering,
    multiplexer_transfers,
    multiplexer_warmth,
    node_admittance,
    ring_time,
    source_impedance,
)

R0, CHAINS = 1e3, 3
TONES = np.geomspace(9e9, 2e9, 6)
FILTERS = BusCircuit(combining="multiplexer", filter_q=30, filter_unloaded=200, filter_stray=3e-15)
LOAD = bus_load(TONES, R0, len(TONES), CHAINS, FILTERS)


def node_voltage(f, tone, circuit, load):
    """Common node per volt of one source's EMF: admittance matrix of every node between filters' elements."""
    n, w, z0 = len(TONES), 2j * np.pi * f, circuit.impedance
    y, bus = np.zeros((3 * n + 1, 3 * n + 1), complex), 3 * n

    def connect(a, b, admittance):
        y[a, a] += admittance
        if b is not None:
            y[b, b] += admittance
            y[a, b] -= admittance
            y[b, a] -= admittance

    for k, channel in enumerate(TONES):
        inductance = circuit.filter_q * z0 / (2 * np.pi * channel)
        capacitance = 1 / ((2 * np.pi * channel) ** 2 * inductance)
        port, first, second = range(3 * k, 3 * k + 3)
        connect(port, None, 1 / z0)
        connect(port, first, circuit.filter_unloaded / (circuit.filter_q * z0))
        connect(first, second, 1 / (w * inductance))
        connect(second, bus, w * capacitance)
        connect(bus, None, w * circuit.filter_stray)
    connect(bus, None, load + 1 / (w * circuit.filter_return))
    drive = np.zeros(3 * n + 1, complex)
    drive[3 * tone] = 1 / z0
    return np.linalg.solve(y, drive)[bus]


def test_gains_equal_a_nodal_solve():
    gains = tone_gains(TONES, R0, CHAINS, FILTERS)
    wanted = [node_voltage(f, k, FILTERS, y) * (1 + 50 * y) for k, (f, y) in enumerate(zip(TONES, LOAD, strict=True))]
    assert gains == pytest.approx(np.array(wanted), rel=1e-9)


def test_filters_in_no_ones_way_lose_nothing_and_a_combiner_the_number_of_tones():
    narrow = replace(FILTERS, filter_q=1e5, filter_unloaded=1e7, filter_return=1.0, filter_stray=0.0)
    losses = np.abs(tone_gains(TONES, R0, CHAINS, narrow))
    lossy = np.abs((1 + 50 * LOAD) / (1 + 50 * 1.01 * LOAD))  # r = 0.01 Z0 in series with the source
    assert losses == pytest.approx(lossy, rel=1e-4)
    plain = tone_gains(TONES, R0, CHAINS, BusCircuit(combiner_loss=2.0))
    assert 20 * np.log10(plain) == pytest.approx(np.full(6, -2 - 10 * np.log10(6)))


def test_no_power_is_lost_but_in_the_filters_and_the_load():
    f = TONES[2] * np.array([0.7, 1.0, 1.01])
    load = 1e-3 + 2e-3j
    s = multiplexer_scattering(f, TONES, load, FILTERS)
    assert np.abs(s - s.swapaxes(1, 2)).max() < 1e-12  # reciprocal
    current = np.eye(6)[2] - s[:, :, 2]  # into each port, of a unit wave into port 2
    in_filters = FILTERS.filter_q / FILTERS.filter_unloaded * (np.abs(current) ** 2).sum(1)
    node = np.array([node_voltage(x, 2, FILTERS, load) for x in f])  # per volt of EMF: a unit wave is 2 V
    in_load = 50 * load.real * np.abs(2 * node) ** 2
    assert (np.abs(s[:, :, 2]) ** 2).sum(1) + in_filters + in_load == pytest.approx(np.ones(3), rel=1e-9)


def test_leakage_falls_with_the_distance_and_with_the_filters_width():
    wide, narrow = (multiplexer_leakage(TONES, LOAD, replace(FILTERS, filter_q=q)) for q in (20, 80))
    assert np.all(np.diag(wide) == 0)
    assert wide[0, 1] > wide[0, 2] > wide[0, 3]
    off = ~np.eye(6, dtype=bool)
    assert 10 * np.log10(wide[off].max() / narrow[off].max()) > 9  # |y_m|² goes with 1/Q²: 12 dB
    # a single far neighbour: 4 Z0² |y_m|² |v_k / v_k alone|², with y_m ~ 1 / (jQ Z0 (f/f_m - f_m/f))
    two = TONES[[0, 5]]
    found = multiplexer_leakage(two, np.zeros(2), replace(FILTERS, filter_stray=0.0, filter_return=1.0))
    ratio = two[0] / two[1]
    assert found[1, 0] == pytest.approx(4 / (FILTERS.filter_q * (ratio - 1 / ratio)) ** 2, rel=0.01)


def test_the_sources_are_seen_behind_their_filters():
    one = source_impedance(TONES[:1], replace(FILTERS, filter_stray=0.0, filter_return=1.0))
    assert one == pytest.approx(np.array([50 * (1 + 30 / 200)]), rel=1e-3)
    others = 1 / source_impedance(TONES, FILTERS) - node_admittance(TONES, 6, FILTERS)
    assert np.all(others.real > 1 / 58)


def test_a_filter_rings_as_long_as_its_width_says():
    alone = replace(FILTERS, filter_unloaded=1e7)
    assert ring_time(2e9, alone) == pytest.approx(2 * 30 / (2 * np.pi * 2e9), rel=1e-4)
    free = filter_times(TONES[:1], np.array([1e6]), FILTERS)  # the node shorted
    assert free == pytest.approx(ring_time(TONES[:1], FILTERS), rel=1e-6)
    assert np.all(filter_times(TONES, LOAD, FILTERS) < ring_time(TONES, FILTERS))


def test_the_digit_networks_bus_wins_back_most_of_what_the_combiner_takes():
    f = np.geomspace(20e9, 1e9, 48)
    levels, filters = tone_levels(f, R0, 32, BusCircuit()), BusCircuit(combining="multiplexer")
    plain = np.abs(levels / tone_gains(f, R0, 32, BusCircuit())).max()
    found = np.abs(levels / tone_gains(f, R0, 32, filters)).max()
    assert 14 < 20 * np.log10(plain / found) < 10 * np.log10(48)


def test_what_a_multiplexer_has_no_use_for_is_refused():
    with pytest.raises(InputError, match=r"bus\.combiner_loss = 1 dB: a multiplexer"):
        BusCircuit(combining="multiplexer", combiner_loss=1.0)
    with pytest.raises(InputError, match=r"bus\.combining = 'hybrid': possible: resistive, multiplexer"):
        BusCircuit(combining="hybrid")


def test_noise_through_filters_is_nyquists():
    """All sources and filters at one temperature: k T per hertz at most, and Σ of what each part gives."""
    gains = np.abs(multiplexer_transfers(TONES, LOAD, FILTERS)) ** 2
    assert np.diagonal(gains) == pytest.approx(np.abs(tone_gains(TONES, R0, CHAINS, FILTERS)) ** 2)
    assert gains[2, 4] == pytest.approx(abs(node_voltage(TONES[4], 2, FILTERS, LOAD[4]) * (1 + 50 * LOAD[4])) ** 2)
    # Noise of every branch's Z0 + r, uncorrelated, against Nyquist's theorem for the impedance at the node.
    summed = (1 + FILTERS.filter_q / FILTERS.filter_unloaded) * gains.sum(0)
    assert multiplexer_warmth(TONES, LOAD, FILTERS) == pytest.approx(summed, rel=1e-9)
