"""Engines as records: one of somebody else goes wherever ours go; what is asked of an engine is asked of its record."""

import json
from dataclasses import replace

import numpy as np
import pytest

from resonet.cosim.calibration.newton import Status, calibrate
from resonet.cosim.calibration.quantised import QuantisationOptions, quantise_design
from resonet.cosim.ngspice.run import find_ngspice, ngspice_version
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import ENGINES, Engine, formula, layer_response, linear, ngspice


def half(plan, entry, f_res):
    """Every resonator gives half of what it should: an amplifier of half the gain at the readout."""
    passes = formula.passes(plan, entry, f_res)
    return replace(passes, gains=tuple(0.5 * gain for gain in passes.gains))


@pytest.fixture
def registered(monkeypatch):
    """An engine of somebody else, for the time of a test."""
    monkeypatch.setattr(ENGINES, "_added", dict(ENGINES._added))
    monkeypatch.setattr(ENGINES, "_table", None)
    return ENGINES.add(Engine("half", half, ideal=True))


def test_weights_by_an_engine_of_somebody_else(small_design, registered):
    for layer in ("conv1", "dense1"):
        ours = effective_weights(small_design, layer, "coupled", engine=formula)
        theirs = effective_weights(small_design, layer, "coupled", engine=ENGINES.find("half"))
        # Phasors at resonance lose 1 / damping of their digits: 1 - (f / f_res)^2 is next to nothing there.
        rounding = np.finfo(float).eps / small_design.plan.device.damping * np.abs(ours.values).max()
        assert theirs.values == pytest.approx(0.5 * ours.values, rel=1e-12, abs=rounding)


def test_calibration_for_an_engine_of_somebody_else(small_design, registered):
    plain, found = calibrate(small_design, formula), calibrate(small_design, registered)
    for one, layer in zip(plain.layers, found.layers, strict=True):
        assert layer.status is Status.CONVERGED
        assert layer.rms_before == pytest.approx(0.5 * np.sqrt(np.mean(wanted(small_design, layer) ** 2)), rel=1e-6)
        assert 0.4 < layer.fill < 0.51 < one.fill  # a resonator gives half of K_SD, and what the tails of others add
        held = effective_weights(found.design, layer.layer, "calibrated", engine=registered)
        assert held.rms_error < 1e-6


def wanted(design, layer):
    """Trained weights, parts of the largest."""
    matrix = design.plan.layer(layer.layer).layer.matrix
    return matrix / np.abs(matrix).max()


def test_quantising_for_an_engine_of_somebody_else(small_design, registered):
    found = quantise_design(small_design, registered, QuantisationOptions(bits=8))
    assert max(one.rms for one in found.values()) < 0.02


def test_the_command_takes_it_and_names_it(build, registered, resonet):
    told = resonet("calibrate", build, "--engine", "half", "--json")
    assert told.code == 0, told.err
    assert json.loads(told.out)["engine"] == "half"
    words = ("--program", "coupled", "--json")
    rows = [json.loads(resonet("crosstalk", build, "--engine", name, *words).out) for name in ("formula", "half")]
    errors = [[row["rms_error_coupled"] for row in one["layers"]] for one in rows]
    assert all(half > 0.04 > ideal for ideal, half in zip(*errors, strict=True))
    assert not list((build / "results").glob("*.nc"))  # stored is what the decks say
    idle = resonet("crosstalk", build, "--engine", "half", "--jobs", "2")
    assert idle.code == 2
    assert "changes nothing here; possible: with an --engine" in " ".join(idle.err.replace("│", " ").split())
    for command in ("calibrate", "crosstalk"):
        refused = resonet(command, build, "--engine", "third")
        assert refused.code == 1
        assert "no engine 'third'; possible: auto, formula, linear, ngspice, half" in refused.err


def test_an_engine_with_decks_gets_processes_and_steps(small_design):
    entry, seen = small_design.plan.layer("dense1"), []

    def passes(plan, entry, f_res, jobs, done):
        seen.append(jobs)
        for _ in entry.buses:
            done()
        return linear.passes(plan, entry, f_res)

    steps = []
    engine = Engine("simulator", passes, decks=True)
    effective_weights(small_design, "dense1", "coupled", 3, lambda: steps.append(1), engine)
    effective_weights(small_design, "dense1", "coupled", engine=engine.with_jobs(2))
    layer_response(small_design.plan, entry, small_design.program("coupled").layer("dense1").f_res, engine)
    assert seen == [3, 2, None]
    assert len(steps) == len(entry.buses)
    assert engine.with_jobs(2).name == "simulator"  # it stays who it is


def test_what_an_engine_depends_on_is_asked_of_it():
    assert linear.version() == ""
    assert f"ngspice-{ngspice_version(find_ngspice())}" in ngspice.version()
    assert (linear.decks, ngspice.decks, formula.ideal, linear.ideal) == (False, True, True, False)
