"""Johnson noise at the DC output: sum over resistances, Nyquist's theorem, equipartition, ngspice."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from resonet.models.circuit.bus import BusCircuit
from resonet.models.circuit.noise import BOLTZMANN, chain_noise, chain_resistance, johnson, output_impedance
from resonet.models.resonator.complete import FullResonator

ROOT = Path(__file__).parents[2]
F = np.geomspace(1e3, 20e9, 301)
BUS = BusCircuit(node_capacitance=2e-15)


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("models_devices", ROOT / "benchmarks" / "_models_devices.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_density_of_a_resistance():
    assert np.sqrt(johnson(1e3, 300.0)) == pytest.approx(4.07e-9, rel=1e-3)
    assert johnson([1e3, 2e3], [[300.0], [600.0]]).shape == (2, 2)


def test_one_temperature_is_nyquists_theorem():
    resistance = np.array([1e3, 700.0, 1300.0, 2e3])
    noise = chain_noise(F, resistance, BUS, 350.0, 350.0)
    assert noise.total == pytest.approx(johnson(output_impedance(F, resistance, BUS).real, 350.0), rel=1e-9)
    assert np.all(noise.source > 0)


def test_at_low_frequency_it_is_the_chain():
    noise = chain_noise(1.0, np.full(9, 1e3), BUS, 300.0)
    assert noise.total[0] == pytest.approx(johnson(9001.0, 300.0), rel=1e-4)
    assert output_impedance(1.0, np.full(9, 1e3), BUS)[0] == pytest.approx(9001.0, rel=1e-4)


def test_total_noise_is_that_of_the_capacitance():
    # Without a choke and far below the RF all is one resistance and one capacitance: k T / C, whatever R.
    bus = BusCircuit(
        choke_inductance=1e-15, choke_resistance=0.0, block_capacitance=1e-18, node_capacitance=0.0, impedance=1e-3
    )

    def density(log):
        return float(chain_noise(np.exp(log), np.full(3, 1e3), bus).total[0]) * np.exp(log)

    total = quad(density, np.log(1.0), np.log(1e15), limit=400, epsrel=1e-8)[0]
    assert total == pytest.approx(BOLTZMANN * 300 / (bus.bypass_capacitance + bus.block_capacitance), rel=1e-3)


def test_hot_resonators_make_more_noise_and_nothing_else_changes():
    cold, hot = (
        chain_noise(F, np.full(5, 1e3), BUS, t) for t in (300.0, np.array([300.0, 400.0, 400.0, 300.0, 300.0]))
    )
    assert np.all(hot.resonators > cold.resonators)
    assert hot.resonators[0] / cold.resonators[0] == pytest.approx(1700 / 1500)
    assert hot.choke == pytest.approx(cold.choke)
    assert hot.readout == pytest.approx(cold.readout)


def test_resistance_follows_the_temperature():
    device = FullResonator(rc=20.0, tcr=1e-3, tdev=350.0)
    assert chain_resistance([device, replace(device, tdev=300.0)]) == pytest.approx([1070.0, 1020.0])


@pytest.mark.parametrize(("resonators", "chain"), [(1, 300.0), (5, 300.15), (9, 400.0)])
def test_noise_in_ngspice(bench, resonators, chain):
    assert bench.noise_error(resonators, chain) <= 0.01
