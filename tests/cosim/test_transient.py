"""The transient as referee: both pre-warps agree with the two passes, and without one the answer is wrong."""

import numpy as np
import pytest
from conftest import IN_TIME

from resonet.core.errors import InputError
from resonet.cosim.ngspice.run import EngineError
from resonet.cosim.referee.chain import PREWARPS, chain_bus, patch_powers, transient, two_pass_voltage
from resonet.netlist.spice.prewarp import TankStep


@pytest.fixture(scope="module", params=IN_TIME)
def found(request, small_design):
    powers = small_design.plan.options.p_max * np.array([0.8, 0.0, 0.5, 0.2])
    return {
        p: transient(small_design, "conv1", "coupled", powers, chain=2, prewarp=p, engine=request.param)[0]
        for p in PREWARPS
    }


@pytest.mark.slow
def test_prewarped_transient_agrees_with_the_two_passes(found):
    assert abs(found["tones"].two_pass) > 0.02 * found["tones"].full_scale  # there is something to agree on
    assert abs(found["tones"].difference_of_full_scale) < 0.001
    assert abs(found["tank"].difference_of_full_scale) < 0.005


@pytest.mark.slow
def test_without_prewarp_the_transient_is_wrong(found):
    assert abs(found["none"].difference_of_full_scale) > 0.02


def test_the_two_passes_are_linear_in_the_powers(small_design):
    alone = chain_bus(small_design, "conv1", "coupled", 1, 4)
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 50e-9, (2, 4))
    voltage = {key: two_pass_voltage(alone, powers) for key, powers in {"a": a, "b": b, "sum": a + 2 * b}.items()}
    assert voltage["sum"] == pytest.approx(voltage["a"] + 2 * voltage["b"], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("engine", IN_TIME)
def test_the_difference_is_of_fourth_order(small_design, engine):
    # The two passes are exact to second order in the amplitude: what is left grows in proportion to the power.
    powers = np.full(4, 50e-9)
    at = {
        s: transient(small_design, "conv1", "coupled", s * powers, chain=2, engine=engine)[0] for s in (1.0, 0.1, 0.01)
    }
    off = {s: r.transient / r.two_pass - 1 for s, r in at.items()}
    assert abs(off[0.01]) < 2e-4
    assert 1e-4 < abs(off[1.0]) < 0.02
    assert off[1.0] / off[0.1] == pytest.approx(10, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("points", [8, pytest.param(12, marks=pytest.mark.nightly), 30])
def test_tones_are_exact_at_any_step(small_design, points):
    found, _ = transient(small_design, "conv1", "coupled", np.full(4, 0.2e-9), chain=2, points=points)
    assert found.transient == pytest.approx(found.two_pass, rel=5e-4)


def test_tank_step_puts_the_integrated_resonance_where_it_belongs(small_design):
    device, f0, dt = small_design.plan.device, np.array([1e9, 20e9]), 1 / 600e9
    moved, quality, transduction = TankStep(dt).tank(f0, device)
    assert np.arctan(np.pi * moved * dt) / (np.pi * dt) == pytest.approx(f0)  # what trapezoids make of it

    def integrated(f):
        played = np.tan(np.pi * f * dt) / (np.pi * dt)
        return transduction / (1 - (played / moved) ** 2 + 1j * played / (moved * quality))

    half = device.damping * f0
    for u in (-1.0, 0.0, 1.0):
        f = f0 + u * half
        true = device.transduction / (1 - (f / f0) ** 2 + 2j * device.damping * f / f0)
        assert integrated(f) == pytest.approx(true, rel=2e-3)


def test_the_brightest_patch_sets_the_tones(small_design, small_images):
    powers = patch_powers(small_design, "conv1", small_images)
    scale, p_max = small_design.scales["conv1"], small_design.plan.options.p_max
    sums = [
        image[0, r : r + 3, c : c + 3].sum() for image in small_images for r in range(0, 6, 2) for c in range(0, 6, 2)
    ]
    assert powers.sum() == pytest.approx(max(sums) / scale.full_scale * p_max)
    assert patch_powers(small_design, "conv1", small_images, 3) == pytest.approx(powers[[0, 4, 8]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chain": 4}, r"no chain 4 .* possible: 0 ... 3"),
        ({"points": 4}, r"4 points per period of the highest tone; possible: 8"),
        ({"prewarp": "tone"}, "possible: tones, tank, none"),
        ({"powers": np.ones(10)}, r"10 resonators of a chain of 9; possible: 1 ... 9"),
    ],
)
def test_bad_requests(small_design, arguments, message):
    with pytest.raises(InputError, match=message):
        transient(small_design, "conv1", "coupled", **({"powers": np.ones(9) * 1e-9} | arguments))


@pytest.mark.slow
def test_a_step_that_did_not_stay_fixed_is_refused(small_design, monkeypatch):
    import resonet.cosim.ngspice.kept_step as module

    real = module.run_deck

    def half(deck, timeout, **options):
        plot = real(deck, timeout)[0]
        return [type(plot)(plot.name, plot.variables, plot.data[::2])]

    monkeypatch.setattr(module, "run_deck", half)
    with pytest.raises(EngineError, match=r"time points where \d+ of a fixed step .* more points per period"):
        transient(small_design, "conv1", "coupled", np.full(2, 1e-9))
