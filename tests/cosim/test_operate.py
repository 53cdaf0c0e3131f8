"""Operating points: tolerances, latency, power, the surrogate against noise that is drawn, the search and its file."""

from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from resonet.core.errors import InputError
from resonet.core.validity import collected
from resonet.cosim.noise.noisy import noisy_weights
from resonet.cosim.operate.axes import AXES, DEFAULT, FAST, chosen_axes, for_device, settings_of, with_values
from resonet.cosim.operate.front import unbeaten
from resonet.cosim.operate.latency import dc_side, latency
from resonet.cosim.operate.limits import ADVICE, LEVELS, least_time, obstacle, shares
from resonet.cosim.operate.measuring import _held
from resonet.cosim.operate.points import METHOD, Setting, at_setting, restructured, three_digits
from resonet.cosim.operate.records import FrontPoint, SearchOptions
from resonet.cosim.operate.search import SLOWER, _Search, operating_points, point_tables
from resonet.cosim.operate.starts import starts
from resonet.cosim.operate.surrogate import Surrogate, moved, surrogate
from resonet.cosim.operate.tolerances import Tolerance, tolerance
from resonet.cosim.weights.effective import network_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.inference import forward
from resonet.models.circuit.bus import tone_levels
from resonet.models.circuit.tile_coupling import tone_coupling
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet

BAND = (1e4, 1e7)


@pytest.fixture(scope="module")
def digits() -> tuple[Design, ImageSet]:
    with as_file(files("resonet.examples.digits")) as folder:
        design = compile_cnn(folder / "digits_relu.onnx", read_parameters(settings=["plan.tile=16"]))
        return design, design.images(folder / "digits_test.npz")


@pytest.fixture(scope="module")
def made(digits: tuple[Design, ImageSet]) -> Surrogate:
    design, data = digits
    allowed = tolerance(design.cnn, data.images[:200], data.labels[:200])
    design = restructured(design, {}, ())
    with collected():
        return surrogate(design, allowed, data.images[:20], [1e-9, 1e-8, 1e-7], BAND)


def test_the_accuracy_of_margins_is_that_of_gaussian_noise() -> None:
    allowed = Tolerance({}, np.array([1.0, 2.0, -1.0]))
    expected = np.mean(norm.cdf(np.array([1.0, 2.0, -1.0]) / np.sqrt(2 * 0.25)))
    assert allowed.accuracy(0.25) == pytest.approx(expected, rel=1e-12)
    assert allowed.accuracy(allowed.variance(0.6)) == pytest.approx(0.6, rel=1e-6)
    assert allowed.variance(0.9) == 0.0


def test_noise_in_the_last_layer_is_that_of_the_outputs(digits: tuple[Design, ImageSet]) -> None:
    design, data = digits
    allowed = tolerance(design.cnn, data.images[:100], data.labels[:100])
    assert allowed.gains[design.cnn.synapses[-1].name] == pytest.approx(1.0, rel=0.1)
    assert allowed.best == pytest.approx(np.mean(allowed.margins > 0))


@pytest.mark.slow
def test_the_surrogate_has_the_noise_that_is_drawn(digits: tuple[Design, ImageSet], made: Surrogate) -> None:
    _, data = digits
    setting = Setting(2e-8, 3e5)
    at = at_setting(made.design, setting)
    held = network_weights(at, METHOD, linear)
    quiet, drawn = (forward(at, weights, data.images[:300]) for weights in (held, noisy_weights(at, held)))
    noise = sum(v for (_, source), v in made.noise(setting).items() if source != "saturation")
    assert noise == pytest.approx(float(np.mean((drawn - quiet) ** 2)), rel=0.25)


def test_more_power_and_less_bandwidth_is_less_noise(made: Surrogate) -> None:
    noise = {
        setting: {
            source: sum(v for (_, s), v in made.noise(Setting(*setting)).items() if s == source)
            for source in ("johnson", "precession")
        }
        for setting in ((1e-8, 1e5), (2e-8, 1e5))
    }
    one, two = noise.values()
    assert one["johnson"] / two["johnson"] == pytest.approx(4)
    assert one["precession"] / two["precession"] == pytest.approx(2)
    widest = made.widest(1e-8, made.variance(Setting(1e-8, 1e5)))
    assert widest == pytest.approx(1e5, rel=1e-6)


def test_the_least_time_is_that_of_the_best_split(made: Surrogate) -> None:
    variance, p_max = made.variance(Setting(1e-8, 1e4)) * 3, 1e-8
    ratio = made.design.plan.options.p_max / p_max
    weights = np.array([made.tolerance.gains[one.layer] * one.densities["johnson"] * ratio**2 for one in made.layers])
    saturation = sum(v for (_, s), v in made.noise(Setting(p_max, 1e4)).items() if s in ("saturation", "tiles"))
    found = least_time(made, p_max, variance, ["johnson"])
    tried = []
    for split in np.random.default_rng(1).dirichlet(np.ones(len(weights)), 2000):
        tried.append((weights / (2 * split)).sum() / (variance - saturation))
    assert found <= min(tried) * (1 + 1e-12)
    assert found == pytest.approx(min(tried), rel=0.05)


def test_a_gate_and_slower_poles_take_longer(digits: tuple[Design, ImageSet]) -> None:
    design, _ = digits
    slow, fast = (latency(at_setting(design, Setting(2e-9, b))) for b in (1e4, 1e6))
    assert slow.parallel > 10 * fast.parallel
    gated = replace(
        design, parameters=replace(design.parameters, neuron=replace(design.parameters.neuron, integration=1e-5))
    )
    layers = len(design.cnn.synapses)
    assert latency(gated).parallel == pytest.approx(latency(design).parallel + layers * 1e-5)
    assert fast.sequential == pytest.approx(sum(s.positions * fast.layers[s.name] for s in design.cnn.synapses))
    name = design.cnn.synapses[0].name
    assert dc_side(design, name).time_constants[0] > 0


def test_axes_keep_to_their_range_and_are_settings() -> None:
    axes = chosen_axes("tile=4:8, block")
    assert [axis.name for axis in axes] == ["p_max", "bandwidth", "tile", "block"]
    assert {axes[2].at(part) for part in np.linspace(0, 1, 30)} == {4.0, 5.0, 6.0, 7.0, 8.0}
    assert AXES["p_max"].part(AXES["p_max"].at(0.4)) == pytest.approx(0.4, abs=1e-3)
    changed = with_values(read_parameters(), {"tile": 6.0, "block": 2e-14}, axes)
    assert (changed.plan.tile, changed.bus.block_capacitance) == (6, 2e-14)
    assert settings_of({"tile": 6.0, "block": 2e-14}, axes)["bus.block_capacitance"] == "20 fF"


@pytest.mark.parametrize("text", ["nothing", "tile=4", "tile=8:4", "tile,tile", "p_max=1:2:3"])
def test_axes_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="possible"):
        chosen_axes(text)


def test_ranges_suit_the_device_unless_one_is_given() -> None:
    shno, vortex, plain = (read_parameters(preset=name) for name in ("shno", "vortex_mtj", None))
    free, given = chosen_axes("f_min,block,bypass,choke"), chosen_axes("p_max=2nW:3nW,bypass=1pF:2pF,f_min=2GHz:3GHz")
    of = {own: {axis.name: axis for axis in for_device(free, own)} for own in (shno, vortex, plain)}
    power = of[shno]["p_max"]  # ½ (2.6 mA)² 300 ohm = 1.014 mW
    assert (power.low, power.high) == pytest.approx((0.02 * 1.014e-3, 40 * 1.014e-3))
    assert set(given) <= set(for_device(given, vortex))
    assert (of[vortex]["bypass"].low, of[vortex]["bypass"].high) == pytest.approx((0.1e-12, 20e-12))
    assert of[vortex]["choke"] == AXES["choke"]
    assert of[plain]["block"].low == AXES["block"].low
    assert (of[vortex]["f_min"].low, of[vortex]["f_min"].high) == pytest.approx((0.1e9, np.sqrt(0.1e18)))


def test_a_search_begins_at_the_design_and_at_tees_that_keep_tiles_apart() -> None:
    for preset in (None, "vortex_mtj"):
        own = read_parameters(preset=preset)
        axes = tuple(axis for axis in for_device(chosen_axes(",".join(DEFAULT)), own) if axis.name not in FAST)
        first, *far = starts(own, axes)
        named = [{axis.name: axis.at(part) for axis, part in zip(axes, parts, strict=True)} for parts in (first, *far)]
        assert named[0] == {axis.name: pytest.approx(axis.value(own), rel=5e-3) for axis in axes}
        for values in named[1:]:
            circuit = replace(own.bus, choke_inductance=values["choke"], bypass_capacitance=values["bypass"])
            circuit = replace(circuit, block_capacitance=values["block"])
            f = np.geomspace(own.plan.f_max, values["f_min"], int(values["tile"]))
            r0, size = own.device.resistance, len(f)
            levels = tone_levels(f, r0, 16, circuit, size)
            kappa = tone_coupling(f, r0, [size, size, size], [16] * 3, circuit, 1, levels, size)
            assert 0.005 < max(one.max() for one in kappa.values()) < 0.08


def test_a_choice_is_an_axis_of_words() -> None:
    (filters,) = (axis for axis in chosen_axes("filters") if axis.name == "filters")
    assert [filters.setting(filters.at(part)) for part in (0.0, 0.4, 0.6, 1.0)] == ["resistive"] * 2 + [
        "multiplexer"
    ] * 2
    changed = with_values(read_parameters(), {"filters": 1.0}, (filters,))
    assert (changed.bus.combining, filters.value(changed)) == ("multiplexer", 1.0)
    assert settings_of({"filters": 1.0}, (filters,)) == {"bus.combining": "multiplexer"}
    with pytest.raises(InputError, match="possible: filters, which is one of resistive, multiplexer"):
        chosen_axes("filters=0:1")


@pytest.mark.slow
def test_filters_draw_less_and_ring_in_the_surrogate(digits: tuple[Design, ImageSet], made: Surrogate) -> None:
    design, data = digits
    axes, images = chosen_axes("filters"), data.images[:20]
    with collected():
        plain, filtered = (restructured(design, {"filters": value}, axes) for value in (0.0, 1.0))
        found = surrogate(filtered, made.tolerance, images, [1e-9, 1e-8], BAND)
    assert (plain.plan.circuit.combining, filtered.plan.circuit.combining) == ("resistive", "multiplexer")
    assert found.drawn.slope < made.drawn.slope / 10 ** (5 / 10)  # 16 tones: a combiner loses 12 dB
    assert found.latency(BAND[1]) > made.latency(BAND[1])
    setting = Setting(1e-8, 1e5)  # chains do not see what feeds the bus: the same signal, Johnson and precession noise
    for source in ("johnson", "precession"):
        own = [sum(v for (_, s), v in one.noise(setting).items() if s == source) for one in (made, found)]
        assert own[1] == pytest.approx(own[0], rel=0.02)


def test_filters_beside_a_combiners_loss_are_refused_by_name(digits: tuple[Design, ImageSet]) -> None:
    design, data = digits
    lossy = replace(
        design, parameters=replace(design.parameters, bus=replace(design.parameters.bus, combiner_loss=1.0))
    )
    with pytest.raises(InputError, match=r"bus\.combiner_loss = 1 dB: a multiplexer"):
        operating_points(lossy, data, chosen_axes("filters"))


@pytest.mark.parametrize(
    ("setting", "source", "fixed"),
    [(Setting(1e-9, 1e7), "johnson", False), (Setting(1e-7, 1e4), "saturation", True)],
)
def test_what_stands_in_the_way_is_named(made: Surrogate, setting: Setting, source: str, fixed: bool) -> None:
    layers = tuple(
        replace(own, saturation=own.saturation * (1e6 if fixed else 1e-6), densities=own.densities | {"tiles": 0.0})
        for own in made.layers
    )
    told = obstacle(replace(made, layers=layers), setting, 1e-6)
    assert f"of it {source} (most in layer" in told
    assert ("which no time lowers" in told) == fixed
    assert f"against that: {ADVICE[source]}, {LEVELS}" in told
    ranked = shares(made, setting)
    assert sum(share for _, _, share in ranked) == pytest.approx(1)


def test_settings_have_three_digits() -> None:
    for value, written in ((1.23e6, 1.23e6), (1.2399e6, 1.23e6), (2.9907e-7, 2.99e-7), (1e-9, 1e-9), (99.99, 99.9)):
        assert three_digits(value) == written
    assert three_digits(three_digits(3.01e6)) == 3.01e6


def test_what_moves_outputs_alike_moves_no_class() -> None:
    random = np.random.default_rng(1)
    outputs, noise, alike = (random.standard_normal(size) for size in ((4000, 10), (4000, 10), (4000, 1)))
    assert moved(outputs, 0.8 * outputs + alike) == pytest.approx(0, abs=1e-20)
    assert moved(outputs, outputs + 0.1 * noise + alike) == pytest.approx(0.01, rel=0.05)
    assert moved(outputs[:, :1], 2 * (outputs + 0.1 * noise)[:, :1], False) == pytest.approx(0.01, rel=0.05)


def test_out_of_reach_the_least_variance_is_next(digits: tuple[Design, ImageSet], made: Surrogate) -> None:
    design, data = digits
    options = SearchOptions(made.tolerance.best, margin=0.0)
    search = _Search(design, chosen_axes("p_max=1nW:100nW"), options, made.tolerance, data, lambda: None, 0.95)
    worth, setting = search.best(made, 1e-6)
    least = min(made.variance(Setting(float(p), BAND[0])) for p in search.powers)
    assert worth >= SLOWER
    assert made.variance(setting) == pytest.approx(least)


def test_the_front_has_what_nothing_beats() -> None:
    def point(time: float, joule: float, accuracy: float) -> FrontPoint:
        return FrontPoint({}, Setting(1e-9, 1e6), time, joule, accuracy)

    good = [point(1, 5, 0.9), point(2, 3, 0.9), point(3, 9, 0.99)]
    assert unbeaten([*good, point(2, 6, 0.9), point(4, 9, 0.99)]) == tuple(good)


@pytest.mark.slow
def test_the_search_finds_a_point_and_goes_on_where_it_was(digits: tuple[Design, ImageSet], tmp_path: Path) -> None:
    design, data = digits
    axes = chosen_axes("p_max=1e-9:1e-7,bandwidth=1e4:1e7,tile=8:16")
    options = SearchOptions(0.9, structures=2, measured=1, images=150)
    kept, looked = tmp_path / "operate.jsonl", list[int]()
    with collected():
        first = operating_points(design, data, axes, options, lambda: looked.append(1), kept)
        lines = kept.read_text().splitlines()
        again = operating_points(design, data, axes, options, kept=kept)
        plain = operating_points(design, data, axes, replace(options, measured=0), kept=kept)
    assert kept.read_text().splitlines() == lines
    assert plain.surrogate.accuracy(plain.setting) >= options.aim - 1e-6
    assert plain.confirmed.images == first.confirmed.images
    assert (again.setting, again.confirmed) == (first.setting, first.confirmed)
    assert first.searched.accuracy >= 0.9
    assert first.confirmed.images == len(data.images) - 150
    tables = point_tables(first)
    assert set(tables) == {"plan", "neuron"}
    assert set(tables["plan"]) == {"tile", "p_max"}
    with pytest.raises(InputError, match="without noise"):
        operating_points(design, data, axes, replace(options, target=1.0))
    with collected(), pytest.raises(InputError, match="latency 1e-11 s: the target is kept in"):
        operating_points(design, data, axes, replace(options, latency_max=1e-11), kept=kept)


@pytest.mark.slow
def test_detunings_are_fitted_where_a_structure_is_measured(digits: tuple[Design, ImageSet]) -> None:
    design, data = digits
    batch, seen = data.images[:60], replace(data, images=data.images[60:200], labels=data.labels[60:200])
    axes = chosen_axes("p_max=2e-7:4e-7,bandwidth=1e3:2e3,tile=15:16")
    with collected():
        found = operating_points(design, seen, axes, SearchOptions(0.5, structures=1, images=60), batch=batch)
        assert found.design.fitted is not None
        assert found.design.fitted.p_max == found.setting.p_max  # fitted at the power at which it is used
        trained = forward(design, network_weights(restructured(design, {}, ()), METHOD, linear), seen.images)
        off = [
            moved(trained, forward(one, _held(one, saturating=True, noise=False, seed=1), seen.images))
            for one in (replace(found.design, fitted=None), found.design)
        ]
    assert off[1] < 0.5 * off[0]
    assert found.surrogate.noise(found.setting)[design.plan.layers[0].layer.name, "saturation"] > 0
