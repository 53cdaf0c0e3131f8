"""S-parameters of a chip's chain, and of the chains of many chips."""

from dataclasses import replace

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.cosim.montecarlo.levels import chip_levels
from resonet.cosim.montecarlo.run import MonteCarlo
from resonet.netlist.chips.spread import SpreadOptions
from resonet.netlist.design.chips import ChipSampler, sampled_chip
from resonet.sparams.extract import extract
from resonet.sparams.fan import chip_chain, chip_fan, chip_sparams, fan_of
from resonet.sparams.window import design_block

SPREAD = SpreadOptions(f_res=0.003, damping=0.05, resistance=0.05, magnetoresistance=0.05)


def test_the_chain_of_a_nominal_chip_is_that_of_the_design(small_design):
    of, chip = fan_of(small_design, "conv1"), sampled_chip(small_design, SpreadOptions(f_res=1e-15), 1, 0)
    f, f_res = np.linspace(1e9, 6e9, 50), small_design.program("coupled").layer("conv1").f_res[0][0]
    bias = 0.5 * small_design.plan.device.threshold_current
    ours = extract(chip_chain(small_design, chip, of, f_res, bias), f).s
    assert ours == pytest.approx(extract(design_block(small_design, "conv1", "coupled", bias=bias), f).s, abs=1e-12)


def test_the_chain_of_a_chip_by_ngspice(small_design):
    of, chip = fan_of(small_design, "conv1"), sampled_chip(small_design, replace(SPREAD, node_capacitance=0.2), 1, 0)
    f_res = chip.fabricated(small_design.program("coupled")).layer("conv1").f_res[0][0]
    block = chip_chain(small_design, chip, of, f_res, 0.5 * small_design.plan.device.threshold_current)
    f = np.linspace(1e9, 6e9, 20)
    assert extract(block, f).s == pytest.approx(extract(block, f, "ngspice").s, abs=1e-9)


def test_fans(small_design):
    fans = chip_fan(
        small_design, "coupled", ChipSampler(small_design, SPREAD, 1), range(3), fan_of(small_design, "conv1")
    )
    assert set(fans) == {"programmed", "calibrated"}
    assert fans["programmed"].s21.shape == (3, len(fans["programmed"].f))
    assert np.all(np.diff(fans["calibrated"].percentiles(), axis=0) >= 0)
    with pytest.raises(InputError, match="chain 0"):
        fan_of(small_design, "conv1:t0:99")


def test_what_the_channels_of_a_chip_lose_is_what_ngspice_says(small_design):
    chip = sampled_chip(small_design, replace(SPREAD, node_capacitance=0.2), 1, 0)
    run = MonteCarlo("build", SPREAD, sparams="conv1:t0:1")
    levels = chip_levels(small_design, "coupled", chip, ("programmed",))
    found = {name: of["programmed"] for name, of in chip_sparams(small_design, run, chip, levels).items()}
    real = chip.fabricated(small_design.program("coupled")).layer("conv1").f_res[0][1]
    block = chip_chain(
        small_design, chip, fan_of(small_design, "conv1:t0:1"), real, 0.5 * small_design.plan.device.threshold_current
    )
    s = extract(block, np.sort(small_design.plan.layer("conv1").buses[0].frequencies), "ngspice").s
    assert found["insertion_loss"] == pytest.approx(-20 * np.log10(np.abs(s[:, 1, 0]).min()), rel=1e-6)
    assert found["return_loss"] == pytest.approx(-20 * np.log10(np.abs(s[:, 0, 0]).max()), rel=1e-6)
    assert found["resonance_error"] == pytest.approx(
        np.abs(chip.layer("conv1").of_bus("f_res", 0)[1] - 1).max(), rel=1e-9
    )
