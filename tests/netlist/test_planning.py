"""Channel planning: offsets, assigned inputs, wider ends, second-order products, the trade-off and its advice."""

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import RNG
from networks import dense

from resonet.cli.main import app
from resonet.core.errors import InputError
from resonet.cosim.calibration.planner import PlanPoint, advise, random_weights, trade_off
from resonet.cosim.referee.mixing import three_tones
from resonet.cosim.weights.engines import formula, layer_response, linear, ngspice
from resonet.models.circuit.bus import BusCircuit, bus_currents
from resonet.models.circuit.mixing import output_bandwidth, product_voltage, series_transfer
from resonet.models.resonator.linear import SpinDiode
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.onnx.read import read_cnn
from resonet.netlist.planning.channel_order import assign_taps, channel_offsets
from resonet.netlist.planning.frequency_plan import PlanOptions, channel_grid, plan
from resonet.netlist.planning.second_order import bus_products, clear_band
from resonet.netlist.programming.methods import bus_weights, largest_fill, program
from resonet.netlist.spice.sweep import channel_sweeps
from resonet.report.plan_figures import plan_figure


def bus_of(chains=32, channels=48, seed=0, **options):
    cnn = dense(RNG(seed).uniform(-1, 1, (chains, channels)))
    return plan(cnn, options=PlanOptions(tile=channels, **options))


# -- order and grid ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [25, 48])
def test_offset_at_the_ends_is_the_alternating_series(channels):
    """2/d (1 - 1/2 + 1/3 ...) = 2 ln 2 / d, d half-widths apart; in the middle the two sides cancel."""
    grid = np.geomspace(20e9, 1e9, channels)
    offset = channel_offsets(grid, 0.01)
    spacing = np.log(20) / (channels - 1) / 0.01
    assert np.mean(np.abs(offset[[0, -1]])) == pytest.approx(2 * np.log(2) / spacing, rel=0.1)
    assert np.abs(offset[channels // 2]) < 0.25 * np.abs(offset[-1])


def test_assigned_inputs_raise_the_largest_fill():
    """Per bus, with the same weights: the assignment never costs range here, and gains 5 % or more on average."""
    device, gains = SpinDiode(), []
    for seed in range(4):
        ordered, assigned = (bus_of(16, 32, seed, assign=n).layers[0] for n in (0, 1))
        gains.append(largest_fill(assigned, device, 0.98) / largest_fill(ordered, device, 0.98))
    assert min(gains) >= 1
    assert np.mean(gains) > 1.05


def test_assignment_is_the_best_of_all_orders_of_four():
    from itertools import permutations

    grid, weights = np.geomspace(2e9, 1.8e9, 4), RNG(3).uniform(-1, 1, (2, 4))
    offset = channel_offsets(grid, 0.01)

    def cost(order):
        return (np.abs(weights[:, order] - offset) ** 16).sum()

    best = min(permutations(range(4)), key=lambda order: cost(list(order)))
    assert tuple(assign_taps(weights, grid, 0.01)) == best


def test_assigned_inputs_are_a_permutation_and_hold_the_same_matrix():
    planned = bus_of(5, 70, 2, assign=1)
    planned = plan(dense(planned.layers[0].layer.matrix[0]), options=PlanOptions(tile=24, assign=1, fill=0.7))
    entry = planned.layers[0]
    assert any(np.any(np.diff(bus.taps) < 0) for bus in entry.buses)
    assert sorted(np.concatenate([bus.taps for bus in entry.buses])) == list(range(70))
    made = program(planned, "coupled").layers[0]
    unit = made.weight_scale / planned.device.sensitivity
    for bus, found in zip(entry.buses, layer_response(planned, entry, made.f_res, formula), strict=True):
        assert found.values / unit == pytest.approx(entry.layer.matrix[0][:, bus.taps], abs=1e-8)
        assert np.array_equal(bus_weights(entry, bus), entry.layer.matrix[0][:, bus.taps])


def test_wider_ends():
    options = PlanOptions(ends=3)
    grid = channel_grid(20, options)
    steps = -np.diff(np.log(grid))
    assert (grid[0], grid[-1]) == pytest.approx((20e9, 1e9))
    assert steps[1:-1] == pytest.approx(np.full(17, steps[5]))
    assert steps[[0, -1]] / steps[5] == pytest.approx([3, 3])
    assert len(channel_grid(3, options)) == 3
    assert largest_fill(bus_of(ends=2).layers[0], SpinDiode(), 0.98) > largest_fill(
        bus_of().layers[0], SpinDiode(), 0.98
    )


def test_sweeps_of_a_grid_with_wider_ends():
    grid = channel_grid(48, PlanOptions(ends=2))
    sweeps = channel_sweeps(grid)
    assert [(s.points, s.ends) for s in sweeps] == [(48, 2)]  # one sweep, as without
    low = sweeps[0].taken[:3] / sweeps[0].stride
    assert list(low) == [0, 2, 3]


def test_ngspice_agrees_on_a_plan_with_assigned_inputs_and_wider_ends():
    planned = plan(dense(RNG(4).uniform(-1, 1, (2, 12))), options=PlanOptions(assign=1, ends=2, fill=0.6))
    entry = planned.layers[0]
    f_res = program(planned, "coupled").layers[0].f_res
    ours, theirs = (layer_response(planned, entry, f_res, engine)[0].values for engine in (linear, ngspice))
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_the_plan_survives_a_design_folder(small_model, tmp_path):
    parameters = read_parameters(settings=["plan.assign=1", "plan.ends=2", "plan.tile=12"])
    made = compile_cnn(small_model, parameters)
    write_design(made, small_model, tmp_path / "build")
    again = load_design(tmp_path / "build")
    assert (again.plan.options.assign, again.plan.options.ends) == (1, 2)
    for old, new in zip(made.plan.layers, again.plan.layers, strict=True):
        for a, b in zip(old.buses, new.buses, strict=True):
            assert np.array_equal(a.taps, b.taps)
            assert np.array_equal(a.frequencies, b.frequencies)
    with np.load(tmp_path / "build" / "program.npz") as file:
        for entry in made.plan.layers:
            taps = np.concatenate([bus.taps for bus in entry.buses])
            assert np.array_equal(file[f"{entry.layer.name}/taps"], taps)


# -- second-order products ---------------------------------------------------------------------------------------------


def test_series_transfer_of_one_loop():
    """One resonator: source impedance, DC block, R0 in one loop, the choke beside it."""
    circuit = BusCircuit(choke_inductance=1.0, node_capacitance=0.0)
    found = series_transfer([3e9], 1e3, 1, 4, circuit)[0, 0, 0]
    assert found == pytest.approx(1 / (1e3 + 4 * 50 + 1 / (2j * np.pi * 3e9 * 0.2e-12)), rel=1e-5)


@pytest.mark.parametrize("below", [0, 9])
def test_series_transfer_against_the_ladder(below):
    """Reciprocity, and a voltage in series with the first resonator drives what a source at the head would."""
    circuit, f = BusCircuit(node_capacitance=2e-16), np.geomspace(20e9, 1e9, 7)
    matrix = series_transfer(f, 1e3, 7, 3, circuit, below)
    assert matrix == pytest.approx(matrix.swapaxes(1, 2), rel=1e-9)
    own = series_transfer(f, 1e3, 7, 3, circuit, below, diagonal=True)
    assert own == pytest.approx(np.array([matrix[n, n] for n in range(7)]), rel=1e-9)
    # Beyond the first node the ratios of currents are those of the ladder driven from the head.
    ladder = bus_currents(f, 1e3, 7, 3, circuit, below)
    assert matrix[:, 1:, 0] / matrix[:, 1:2, 0] == pytest.approx(ladder[:, 1:] / ladder[:, 1:2], rel=1e-9)


def test_product_voltage_is_the_spectrum_of_the_product():
    rng, t = RNG(1), np.arange(4096) / 4096
    i, x, j, y = rng.normal(size=4) + 1j * rng.normal(size=4)

    def wave(a, b):
        return (a * np.exp(2j * np.pi * 300 * t) + b * np.exp(2j * np.pi * 70 * t)).real

    spectrum = 2 * np.fft.fft(-3.0 * wave(i, j) * wave(x, y)) / len(t)
    assert product_voltage(-3.0, (i, x), (j, y), False) == pytest.approx(spectrum[370])
    assert product_voltage(-3.0, (i, x), (j, y), True) == pytest.approx(spectrum[230])
    assert 0.5 * product_voltage(-3.0, (i, x), (i, x), False) == pytest.approx(spectrum[600])


@pytest.mark.slow
def test_three_tones_in_ngspice():
    """f1 + f2 = f3: the shift of the DC output is the closed form's; 40 MHz off it is gone."""
    on, off = three_tones(0.0, phase=60), three_tones(40e6, phase=60)
    assert abs(on.closed_form) > 0.02
    assert on.transient == pytest.approx(on.closed_form, rel=5e-3)
    assert abs(off.transient) < 1e-4


def test_products_of_three_tones():
    cnn = dense(np.array([[1.0, -1, 1]]))
    planned = plan(cnn, options=PlanOptions(f_min=1e9, f_max=3e9))
    bus = replace(planned.layers[0].buses[0], frequencies=np.array([5.4e9, 3.3e9, 2.1e9]))
    found = bus_products(planned, bus, 1.0)
    assert (found.count, found.steady) == (3, 3)  # f1 + f2, f3 - f1, f3 - f2
    assert found.worst.offset == pytest.approx(0, abs=1)
    louder = replace(planned, options=replace(planned.options, p_max=10 * planned.options.p_max))
    assert bus_products(louder, bus).worst.level == pytest.approx(found.worst.level + 10)  # the root of the power
    aside = replace(bus, frequencies=bus.frequencies + np.array([30e6, 0, 0]))
    band = output_bandwidth(1e3, 3, planned.circuit)
    moved = bus_products(planned, aside)
    assert moved.worst.output == pytest.approx(
        2 * 10 ** (moved.worst.level / 20) / np.hypot(1, moved.worst.offset / band), rel=1e-9
    )
    assert bus_products(planned, replace(bus, frequencies=np.array([9e9, 3.3e9, 2.1e9]))).worst is None


def test_clear_band_moves_products_off():
    planned = bus_of(4, 25, f_min=5e9, f_max=10e9)  # an octave: 2 f_min and f_max - f_min fall on channels
    options, before, after = clear_band(planned, 25, 4)
    assert before.steady > 0
    assert after.total < 0.2 * before.total
    assert options.f_max == pytest.approx(10e9, rel=0.031)
    remade = bus_of(4, 25, f_min=5e9, f_max=options.f_max)
    assert bus_products(remade, remade.layers[0].buses[0]).total == pytest.approx(after.total, rel=1e-6)


# -- trade-off ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_points(small_model):
    cnn, given = read_cnn(small_model), read_parameters()
    return cnn, given, trade_off(cnn, given, ["conv1", "dense1"], [6, 12, 36], [0.01, 0.02])


def test_trade_off(small_points):
    _, _, points = small_points
    assert {(p.layer, p.channels) for p in points} == {
        ("conv1", 5),
        ("conv1", 9),
        *(("dense1", n) for n in (6, 12, 36)),
    }
    for p in points:
        assert p.rms_calibrated < 1e-6 < p.rms_coupled < p.rms_formula
        assert 0.5 < p.fill <= 0.98
    power = [p.source_dbm for p in points if p.layer == "dense1" and p.damping == 0.01]
    assert power == sorted(power)


def test_advice(small_points):
    cnn, given, points = small_points
    advice = advise(cnn, given, points)
    assert advice.held
    assert advice.tile == 36
    assert advice.products_after.total <= advice.products.total
    again = read_parameters(settings=advice.settings).plan
    made = plan(cnn, given.device, given.bus, again)
    assert all(largest_fill(entry, given.device, 0.79) >= 0.79 for entry in made.layers)
    poor = min(p.source_dbm for p in points if p.layer == "dense1") + 0.1
    assert advise(cnn, given, points, poor).tile == 6


def test_points_of_a_part_of_a_layer_and_advice_of_all():
    cnn, given = dense(RNG(3).normal(0, 0.3, (70, 60))), read_parameters()
    one, most = (["dense1"], [20], [0.01]), 1300
    whole, part = trade_off(cnn, given, *one), trade_off(cnn, given, *one, sample=most)
    assert (whole[0].sample, whole[0].resonators) == (4200, 4200)
    assert (part[0].buses, part[0].channels, part[0].source_dbm) == (9, 20, whole[0].source_dbm)
    assert part[0].sample <= most
    assert part[0].resonators == 4200
    for name in ("rms_formula", "rms_coupled"):
        assert getattr(part[0], name) == pytest.approx(getattr(whole[0], name), rel=0.2)
    assert part[0].rms_calibrated < 1e-6
    assert part[0].fill >= whole[0].fill
    assert advise(cnn, given, part, sample=most).fill == advise(cnn, given, whole).fill


@pytest.mark.slow
def test_advice_where_nothing_fits():
    cnn = dense(RNG(1).uniform(-1, 1, (4, 24)))
    given = read_parameters(settings=["plan.f_min=9GHz", "plan.f_max=10GHz", "plan.tile=24"])
    advice = advise(cnn, given, trade_off(cnn, given, ["dense1"], [24], [0.01]))
    assert not advice.held
    assert advice.remedies
    assert any(s.startswith("plan.fill=") for s in advice.settings)


def test_random_weights_keep_the_shape(small_model):
    cnn = read_cnn(small_model)
    drawn = random_weights(cnn)
    assert [a.weight.shape for a in drawn.synapses] == [a.weight.shape for a in cnn.synapses]
    assert not np.array_equal(drawn.synapses[0].weight, cnn.synapses[0].weight)
    with pytest.raises(InputError, match="possible: conv1, dense1"):
        trade_off(cnn, read_parameters(), ["nope"], [6], [0.01])


@pytest.mark.parametrize("layers", [1, 6])
def test_figure(layers):
    points = [
        PlanPoint(f"conv{n}", t, t, a, 10 * n + 3, 0.9, 0.1, 0.01, 1e-12, -10.0 + t, 90, 90)
        for n in range(layers)
        for t in (9, 25)
        for a in (0.01, 0.02)
    ]
    drawn = plan_figure(points, 0.8, "net", (25, 0.01))
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert [title for title in titles if title] == [f"conv{n}" for n in range(layers)]
    stars = [line for axes in drawn.axes for line in axes.lines if line.get_marker() == "*"]
    assert len(stars) == 3 * layers
    assert {float(star.get_xdata()[0]) for star in stars} == {25.0}


@pytest.mark.slow
def test_command(small_model, tmp_path):
    from typer.testing import CliRunner

    arguments = ["plan", str(small_model), "--tiles", "9,12", "--damping", "0.01", "-o", str(tmp_path)]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {p["layer"] for p in found["points"]} == {"conv1", "dense1"}
    assert found["advice"]["held"]
    assert (tmp_path / "plan.png").stat().st_size > 20_000
    text = CliRunner().invoke(app, [*arguments, "--random"])
    assert text.exit_code == 0
    assert "compile with" in text.stdout
    assert "rule: " in text.stdout
    tile = found["advice"]["tile"]
    told = [
        line.split() for line in CliRunner().invoke(app, arguments).stdout.splitlines() if line.rstrip().endswith("<-")
    ]
    inputs = {"conv1": 9, "dense1": 12}  # at most, of a tile
    assert [(words[0], int(words[1])) for words in told] == [(name, min(tile, most)) for name, most in inputs.items()]
    assert CliRunner().invoke(app, [*arguments, "--tiles", "0"]).exit_code == 2


def test_more_groups_than_a_chain_has_resonators_are_refused(small_model):
    """Chains of 9 in conv1, of 12 in dense1."""
    compile_cnn(small_model, read_parameters(settings=["plan.tile=12", "bus.groups=9"]))
    with pytest.raises(InputError, match=r"layer conv1, bus t0: bus\.groups = 10 of chains of 9 .*: 1 \.\.\. 9"):
        compile_cnn(small_model, read_parameters(settings=["plan.tile=12", "bus.groups=10"]))
    rng = np.random.default_rng(1)
    assert plan(dense(rng.normal(size=(3, 1))), circuit=BusCircuit(groups=4)).layers[0].buses[0].size[1] == 1
