"""One image read with noise: the line width of the tones shifts every read alike, and is no noise."""

from types import SimpleNamespace

import numpy as np
import pytest
from conftest import RNG
from networks import SETTINGS, tiny_model

from resonet.cli.noise_tables import show_budget, show_reads
from resonet.core.validity import collected
from resonet.cosim.cascade.image_run import prepare
from resonet.cosim.cascade.level_diagrams import level_diagram
from resonet.cosim.cascade.noisy_reads import noisy_reads
from resonet.cosim.cascade.two_pass import cascade, tones_into
from resonet.models.resonator.linear import broadened_susceptibility
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet

IMAGES = RNG(2).uniform(0, 1, (6, 1, 3, 4))
IDEAL = ["feed.kind=stripline", "feed.layers=all", "feed.causes=none", "neuron.p1db=1 kW", "plan.p_max=1 nW"]
FEEDS = {"lines": IDEAL, "buses": ["neuron.p1db=1 kW", "plan.p_max=1 nW"]}


def prepared(path, feed, sources):
    parameters = read_parameters(None, [*SETTINGS, *FEEDS[feed], f"noise.sources={sources}"])
    with collected():
        design = compile_cnn(path, parameters, ImageSet(path, IMAGES, np.zeros(0)))
        return prepare(design, "coupled", engines=("two-pass",), images=IMAGES)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("noisy_reads"))


def test_the_shift_is_that_of_the_broadened_resonance(path) -> None:
    """Under ideal lines a resonator has its own tone alone: Σ ± P K_SD 4 α [Re chi(sharp) - Re chi(of the width)]."""
    hardware = prepared(path, "lines", "linewidth")
    reads = noisy_reads(hardware, IMAGES[0], 7, 1)
    assert reads.noise == (0.0, 0.0)
    assert reads.shift[0] == 0  # tones of pixels
    quiet = cascade(hardware.levels, hardware.held, IMAGES[:1])
    levels, plan, line = hardware.levels, hardware.levels.plan, hardware.lines["dense1"]
    tones = levels.parallel.padded(1, tones_into(levels, 1, IMAGES[:1], [quiet.stages[0].outputs]))
    carried = tones[0, line.tone]
    noise = hardware.noisy()["dense1"].noise
    width = noise.tones.oscillators.width(carried[None, None, None])[0, 0, 0]  # Hz, full
    usage, device = line.usage, plan.device
    f, power = line.channel[usage.line], carried[usage.line] * plan.options.p_max
    x = 0.5 * width[usage.line] / (device.damping * line.f_res)
    chi = [broadened_susceptibility(f / line.f_res, device.damping, own) for own in (0.0, x)]
    sign = 1 - 2.0 * (usage.tap % 2)
    lost = -4 * device.damping * device.sensitivity * sign * power * (chi[0] - chi[1])
    volts = np.bincount(usage.chain, lost, usage.chains)[line.chains]
    wanted = np.sqrt(np.mean((volts / levels.stages[1].unit) ** 2))
    assert wanted > 0
    assert reads.shift[1] == pytest.approx(wanted, rel=1e-3)  # three points stand for all widths


@pytest.mark.parametrize("feed", FEEDS)
def test_noise_of_the_other_sources_is_the_same_with_and_without_line_width(path, feed) -> None:
    plain, wide = (prepared(path, feed, s) for s in ("johnson,readout", "johnson,readout,linewidth"))
    a, b = (noisy_reads(hardware, IMAGES[0], 200, 3) for hardware in (plain, wide))
    assert a.shift == (0.0, 0.0) != b.shift
    assert a.noise[0] == b.noise[0]
    assert b.noise[1] == pytest.approx(a.noise[1], rel=0.1)  # through tones that are a little weaker
    assert noisy_reads(wide.saturated(), IMAGES[0], 3, 3).shift[1] == pytest.approx(b.shift[1], rel=0.2)


def test_levels_with_line_width_alone_say_what_it_takes(path, capsys) -> None:
    """No source has noise, yet the second layer has lost a part of its voltages."""
    hardware = prepared(path, "buses", "linewidth")
    diagram = level_diagram(hardware, IMAGES)
    assert [budget.sources for budget in diagram.budgets] == [{}, {}]
    assert diagram.budgets[0].dulled == 0 < diagram.budgets[1].dulled
    show_budget(diagram.budgets)
    told = capsys.readouterr().out
    assert "line width" in told
    assert f"{100 * diagram.budgets[1].dulled:.1f}" in told
    assert "noise at the neurons" not in told
    show_budget(level_diagram(prepared(path, "buses", "none"), IMAGES).budgets)
    assert capsys.readouterr().out == ""
    reads = noisy_reads(hardware, IMAGES[0], 3, 1)
    show_reads(SimpleNamespace(noisy=reads, hardware=hardware, full_scales=np.ones(2)), hardware.holder, 1)
    assert "shift by line" in capsys.readouterr().out
