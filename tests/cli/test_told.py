"""What commands say of a design beside their numbers: which images, which program, which limits."""

import re

import numpy as np
import pytest

from resonet.api.laws import worst_clipped
from resonet.cli.commands.accuracy import show_clipped

CUT = {"formula": {"conv1": 0.0, "dense1": 0.0}, "calibrated": {"conv1": 0.0, "dense1": 0.02}}


def test_a_layer_that_one_program_cuts_off_is_shown(capsys):
    assert worst_clipped(CUT) == {"conv1": 0.0, "dense1": 0.02}
    show_clipped(CUT, 1200)
    told = capsys.readouterr().out
    assert "inputs of 1,200 images beyond what the tones carry" in told
    assert re.search(r"dense1 +0\.00 % +2\.00 %", told)
    assert "conv1" not in told


def test_compile_says_what_tones_carry(resonet, small_model, tmp_path):
    np.savez(tmp_path / "dim.npz", images=np.full((3, 1, 8, 8), 0.25))
    told = resonet("compile", small_model, "-o", tmp_path / "build", "--calibration", tmp_path / "dim.npz")
    assert "tones into conv1 carry inputs of 0 ... 0.25 (3 images); what is beyond is cut off" in told.out


@pytest.mark.slow
def test_levels_say_over_how_many_images(resonet, build, tmp_path):
    data, count = tmp_path / "few.npz", 5
    np.savez(data, images=np.random.default_rng(3).uniform(0, 1, (count, 1, 8, 8)))
    told = " ".join(resonet("levels", build, "--data", data, "--program", "coupled").out.split())
    assert f"headroom over {count} images" in told
    assert f"full scale: the largest voltage over {count} images" in told
    assert "swing" in told


@pytest.mark.slow
def test_the_program_is_the_best_that_there_is(resonet, build):
    words = ("sparams", build, "--layer", "conv1", "--points", "20", "--engine", "linear")
    assert "coupled program, computed by linear" in resonet(*words).out
    assert resonet("calibrate", build).code == 0
    assert "calibrated program, computed by linear" in resonet(*words).out
    assert "coupled program" in resonet(*words, "--program", "coupled").out


def test_a_limit_in_the_design_needs_its_unit(resonet, small_model, tmp_path):
    words = ("compile", small_model, "-o", tmp_path / "build", "--set")
    told = resonet(*words, "specification.latency=10")
    assert told.code == 1
    assert "specification.latency" in told.err
    assert "the unit is missing" in told.err
    assert resonet(*words, "specification.latency=10 us").code == 0
