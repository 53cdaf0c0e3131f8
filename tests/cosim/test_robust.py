"""Drift, sensitivity and tolerances: closed forms, known indices, bisection."""

import math
from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.calibration.chip_tuning import TuningOptions
from resonet.cosim.montecarlo.yields import clopper_pearson
from resonet.cosim.robust.drift import DriftOptions, DriftRun, drift_factors, drifted, measure_drift, slope_error
from resonet.cosim.robust.sensitivity import SensitivityRun, Source, measure_sources, run_sensitivity, sobol_indices
from resonet.cosim.robust.sensitivity import rank_sources as ranked
from resonet.cosim.robust.subject import ground_of
from resonet.cosim.robust.tolerances import ToleranceRun, measure_tolerance, rows_of
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.netlist.chips.mixing import mixed
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design import compile_cnn, read_parameters, write_design
from resonet.netlist.design.chips import ChipSampler

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MODEL, DATA = DIGITS / "digits_relu.onnx", str(DIGITS / "digits_test.npz")


@pytest.fixture(scope="module")
def design():
    return compile_cnn(MODEL, read_parameters())


@pytest.fixture(scope="module")
def folder(tmp_path_factory, design):
    place = tmp_path_factory.mktemp("robust") / "build"
    write_design(design, MODEL, place)
    return str(place)


def test_drift_is_what_its_equation_says(design):
    drift = DriftOptions(temperature=2e-4, temperature_spread=1e-5, ageing=-1e-3, ageing_spread=3e-4, start=100.0)
    found = drift_factors(design.plan, drift, 7, 3, 900.0, -20.0)  # one decade
    every = np.concatenate([part.ravel() for parts in found.values() for part in parts])
    assert every.mean() == pytest.approx(1 - 20 * 2e-4 - 1e-3, abs=5e-5)
    assert every.std() == pytest.approx(math.hypot(20 * 1e-5, 3e-4), rel=0.15)
    later = drift_factors(design.plan, drift, 7, 3, 0.0, 0.0)
    assert all((part == 1).all() for parts in later.values() for part in parts)


def test_weights_drift_as_their_slopes_say(design):
    """At small drift: error of the weights = slope of each resonator's law times its drift."""
    program = design.program("coupled")
    for spread in (1e-6, 1e-5):
        factors = drift_factors(design.plan, DriftOptions(ageing_spread=spread, start=1.0), 1, 0, 9.0, 0.0)
        moved = drifted(program, factors)
        from dataclasses import replace

        before, after = (
            {
                entry.layer.name: effective_weights(
                    replace(design, programs={"coupled": own}), entry.layer.name, "coupled", engine=linear
                ).error
                for entry in design.plan.layers
            }
            for own in (program, moved)
        )
        for name, expected in slope_error(design, program, factors).items():
            found = math.sqrt(np.mean((after[name] - before[name]) ** 2))
            assert found == pytest.approx(expected, rel=0.08)  # tails of neighbours and parasitics are not in the law


def test_the_interval_ends_where_the_accuracy_falls(folder):
    run = DriftRun(source=folder, data=DATA, times=(0.0,), target=0.9, drift=DriftOptions(ageing_spread=1e-3))
    interval = measure_drift(run, 0)["interval"]
    assert 0 < interval < 1e15
    around = DriftRun(source=folder, data=DATA, times=(0.99 * interval, 1.05 * interval), drift=run.drift)
    before, after = (measure_drift(around, 0)["accuracy"][place] for place in "01")
    assert before >= 0.9 > after


def test_a_chip_that_does_not_drift_lasts(folder):
    still = DriftOptions(0.0, 0.0, 0.0, 0.0)
    assert (
        measure_drift(DriftRun(source=folder, data=DATA, times=(1.0,), target=0.9, drift=still), 0)["interval"] is None
    )


def test_indices_of_an_additive_model_are_its_variance_shares():
    rng, parts = np.random.default_rng(3), np.array([3.0, 2.0, 1.0, 0.0])
    a, b = rng.standard_normal((2, 4000, 4))
    columns = [a @ parts]
    for n in range(4):
        changed = a.copy()
        changed[:, n] = b[:, n]
        columns.append(changed @ parts)
    columns.append(b @ parts)
    found = sobol_indices(np.stack(columns, 1), list("wxyz"))
    for one, share in zip(found, parts**2 / (parts**2).sum(), strict=True):
        assert abs(one.first - share) <= 2 * one.first_within + 1e-12
        assert abs(one.total - share) <= 2 * one.total_within + 1e-12
    assert sobol_indices(np.ones((8, 6)), list("wxyz")) is None


def test_a_mixed_chip_has_one_thing_of_the_other(design):
    sampler = ChipSampler(design, SpreadOptions(f_res=0.001, damping=0.02))
    a, b = sampler.chip(0), sampler.chip(1)
    layer, other = (entry.layer.name for entry in design.plan.layers[:2])
    found = mixed(a, b, "damping", layer)
    assert found.layer(layer).resonators["damping"][0] is b.layer(layer).resonators["damping"][0]
    assert found.layer(layer).resonators["f_res"][0] is a.layer(layer).resonators["f_res"][0]
    assert found.layer(other).resonators["damping"][0] is a.layer(other).resonators["damping"][0]
    assert mixed(a, b, None, layer).layer(layer) is b.layer(layer)
    assert mixed(a, b, "damping").layer(other).resonators["damping"][0] is b.layer(other).resonators["damping"][0]


@pytest.mark.slow
def test_at_small_spread_sobol_and_linear_response_agree(folder):
    spread = SpreadOptions(f_res=2e-5, resistance=1e-3)
    run = SensitivityRun(source=folder, data=DATA, spread=spread, samples=96, images=60)
    _, outcomes = run_sensitivity(run, Path(folder), 1)
    rows = ranked(run, outcomes)
    assert [one.source for one in rows] != []
    assert sum(one.linear for one in rows) == pytest.approx(1)
    for one in rows:
        # Both are samples: of 96 squares of normals (15 %), and by the bootstrap of SALib.
        within = 2 * one.indices["output"].first_within + 0.3 * one.linear_output
        assert abs(one.indices["output"].first - one.linear_output) <= within
        assert abs(one.indices["output"].total - one.linear_output) <= 2 * one.indices["output"].total_within + 0.3 * (
            one.linear_output
        )


def test_layers_that_share_a_spread_are_no_sources_of_their_own(folder):
    with pytest.raises(InputError, match="possible: --by quantity"):
        SensitivityRun(source=folder, data=DATA, spread=SpreadOptions(f_res=1e-4, chip=0.5))
    run = SensitivityRun(
        source=folder, data=DATA, spread=SpreadOptions(f_res=1e-4, chip=0.5), by="quantity", samples=2, images=20
    )
    assert len(measure_sources(run, 0)["accuracy"]) == 3
    assert Source("f_res", "conv1").name == "f_res of conv1"


@pytest.mark.slow
def test_the_loosest_spread_keeps_the_yield_and_a_looser_one_does_not(folder):
    run = ToleranceRun(
        source=folder, data=DATA, samples=8, accuracy=0.9, target=0.75, level="programmed", quantities=("f_res",)
    )
    found = measure_tolerance(run, rows_of(run).index("f_res"))
    from resonet.cosim.robust.tolerances import _Trial

    trial = _Trial(run, ground_of(run))
    assert found["passed"] >= run.needed == 6
    assert trial.passed(SpreadOptions(f_res=found["value"]), TuningOptions(), True) == found["passed"]
    assert trial.passed(SpreadOptions(f_res=found["failing"]), TuningOptions(), True) < 6
    assert found["failing"] / found["value"] < 1.03
    exact = clopper_pearson(found["passed"], 8)
    assert (found["low"], found["high"]) == (exact.low, exact.high)


def test_a_search_begins_at_what_keeps_the_yield():
    from resonet.cosim.robust.tolerances import _loosest

    odd = _loosest(lambda value: 0.015 < value < 0.1, (1e-5, 0.5), 0.02)  # not at the tight end, but now
    assert odd == (pytest.approx(0.1, rel=0.05), pytest.approx(0.1, rel=0.05))
    assert _loosest(lambda value: False, (1e-5, 0.5), 0.02) == (None, 1e-5)
    assert _loosest(lambda value: value < 0.1, (1e-5, 0.5), 0.3)[0] == pytest.approx(0.1, rel=0.05)


def test_to_be_sure_takes_more_chips():
    one = {"source": "", "data": "", "quantities": ("f_res",), "target": 0.9, "sure": True}
    with pytest.raises(InputError, match="too few chips to be sure"):
        ToleranceRun(samples=20, **one)
    run = ToleranceRun(samples=100, **one)
    assert run.needed == 96  # the least x with P(X >= x | 0.9) <= 0.05
    with pytest.raises(InputError, match=r"--of 'nothing': possible: f_res"):
        ToleranceRun(source="", data="", quantities=("nothing",))
