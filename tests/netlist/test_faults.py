"""Fault maps: drawn, read, refused; what they make of a chip."""

from pathlib import Path

import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.netlist.chips.faults import FAULTS, Fault
from resonet.netlist.chips.faulty import faulty_chip
from resonet.netlist.design import compile_cnn, read_parameters
from resonet.netlist.design.chips import ChipSampler
from resonet.netlist.design.fault_maps import draw_faults, fault_map, read_faults, write_faults

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_relu.onnx"
HEAD = "layer,bus,chain,resonator,kind,detuning\n"


@pytest.fixture(scope="module")
def design():
    return compile_cnn(DIGITS, read_parameters(settings=["plan.tile=16"]))


def test_rates_are_met_and_maps_of_rising_rates_hold_one_another(design):
    low, high = (draw_faults(design, dict.fromkeys(FAULTS, rate), 3, 5) for rate in (0.01, 0.1))
    assert set(low.named()) <= set(high.named()) or low.counts().get("line")  # a break nearer the feed replaces one
    total = sum(entry.resonators for entry in design.plan.layers)
    for kind in ("stuck", "short", "open"):
        expected = 0.1 * total
        assert abs(high.counts()[kind] - expected) < 5 * np.sqrt(expected)
        for name, layer in low.layers.items():
            for n in range(len(layer.codes)):
                assert not (layer.of(n, kind) & ~high.layers[name].of(n, kind)).any()


def test_a_map_is_that_of_seed_and_number_alone(design):
    rates = {"open": 0.02}
    first = list(draw_faults(design, rates, 1, 2).named())
    assert first == list(draw_faults(design, rates, 1, 2).named())
    assert first != list(draw_faults(design, rates, 1, 3).named())
    assert first != list(draw_faults(design, rates, 2, 2).named())


def test_a_file_gives_back_what_was_written(design, tmp_path):
    drawn = draw_faults(design, dict.fromkeys(FAULTS, 0.05), 1, 0)
    write_faults(drawn, tmp_path / "map.csv")
    read = read_faults(tmp_path / "map.csv", design)
    assert list(read.named()) == list(drawn.named())
    assert read.counts() == drawn.counts()


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("nowhere,t0,0,0,short,", "row 2: layer 'nowhere'; possible: "),
        ("conv1,t99,0,0,short,", "row 2: bus 't99' of layer conv1"),
        ("conv1,t0,99,0,short,", "chain '99'; possible: 0 ..."),
        ("conv1,t0,0,-1,open,", "resonator '-1'; possible: 0 ..."),
        ("conv1,t0,0,0,melted,", "kind 'melted'; possible: stuck, short"),
        ("conv1,t0,0,0,stuck,", "detuning is missing"),
        ("conv1,t0,0,0,short,1", "detuning has no meaning for kind short"),
        ("conv1,t0,0,0,stuck,nan", "detuning 'nan'; possible:"),
        ("conv1,t0,0,0,stuck", "row 2: 5 columns"),
        ("conv1,t0,0,0,short,\nconv1,t0,0,0,open,", "row 3: this device of layer conv1, bus t0 is named twice"),
    ],
)
def test_a_wrong_row_is_refused_with_its_number(design, tmp_path, row, told):
    (tmp_path / "map.csv").write_text(HEAD + row + "\n")
    with pytest.raises(InputError, match=r"map\.csv") as error:
        read_faults(tmp_path / "map.csv", design)
    assert told in str(error.value)


def test_other_columns_are_refused(design, tmp_path):
    (tmp_path / "map.csv").write_text("layer,bus\n")
    with pytest.raises(InputError, match="row 1: 'layer,bus'; possible: layer,bus,chain"):
        read_faults(tmp_path / "map.csv", design)


def test_rates_beyond_what_is_possible_are_refused(design):
    with pytest.raises(InputError, match=r"rate of short 0\.5; possible: 0 \.\.\. 0\.333"):
        draw_faults(design, {"short": 0.5})
    with pytest.raises(InputError, match="'melted'"):
        draw_faults(design, {"melted": 0.1})


def test_what_faults_make_of_a_chip(design):
    layer = design.plan.layers[0]
    bus, nominal = layer.buses[0], ChipSampler(design).chip(None)
    name, program = layer.layer.name, design.program("coupled")
    faults = [
        Fault(name, bus.name, 0, 1, "stuck", 0.5),
        Fault(name, bus.name, 1, 2, "short"),
        Fault(name, bus.name, 2, 3, "open"),
        Fault(name, bus.name, None, 4, "tone"),
    ]
    made = faulty_chip(nominal, fault_map(design, faults)).layer(name)
    device = design.plan.device
    real = faulty_chip(nominal, fault_map(design, faults)).resonances(name, program.layer(name).f_res)
    assert real[0][0, 1] == pytest.approx(bus.frequencies[1] / (1 + 0.5 * device.damping), rel=1e-15)
    assert np.array_equal(np.delete(real[0].ravel(), 1), np.delete(program.layer(name).f_res[0].ravel(), 1))
    assert made.of_bus("resistance", 0)[1, 2] * device.resistance == pytest.approx(10.0)
    assert made.of_bus("resistance", 0)[2, 3] * device.resistance == pytest.approx(1e12)
    assert np.argwhere(made.of_bus("magnetoresistance", 0) == 0).tolist() == [[1, 2], [2, 3]]
    assert np.argwhere(made.held(0)).tolist() == [[0, 1], [1, 2], [2, 3]]
    assert np.flatnonzero(made.of_tones("tone_level", bus) == 0).tolist() == [4]
