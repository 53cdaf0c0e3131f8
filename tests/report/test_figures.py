"""The figures draw from small data, show something, and are the same file every time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import skrf
from matplotlib import image

from resonet.cosim.crossbar.studies import CURVES, CrossbarPoint
from resonet.cosim.weights.effective import Aggressor, EffectiveWeights
from resonet.report.crossbar_figures import crossbar_figure
from resonet.report.error_axis import told
from resonet.report.figures import accuracy_figure, crosstalk_figure, overview_figure, sparam_figure, weight_figure
from resonet.report.network_titles import network_title
from resonet.report.style import save

RNG = np.random.default_rng
METHODS = ("formula", "coupled")


def layer(name: str, method: str, shape=(1, 4, 9), buses: int = 1) -> EffectiveWeights:
    """Weights with an error of 5 % (formula) or 1 % (coupled), and a crosstalk matrix a bus."""
    rng = RNG(len(name) + sum(shape))
    trained = rng.normal(size=shape)
    size = -(-shape[2] // buses)
    matrices = {f"t{n}": rng.uniform(0.01, 0.2, (size, size)) + np.eye(size) for n in range(buses)}
    worst = Aggressor(-14.0, f"t{buses - 1}", 0, 1, 0) if size > 1 else None
    error = {"formula": 0.05, "coupled": 0.01}[method]
    return EffectiveWeights(
        layer=name,
        method=method,
        values=trained + error * rng.normal(size=shape),
        trained=trained,
        crosstalk=matrices,
        worst=worst,
    )


def network(names, **options):
    return {method: {name: layer(name, method, **options) for name in names} for method in METHODS}


NETWORKS = {
    "one layer": network(["conv1"]),
    "ten layers": network([f"conv{n}" for n in range(1, 11)]),
    "one tone": network(["scale1"], shape=(3, 1, 1)),
    "average pool": network(["conv1", "pool1"], shape=(6, 1, 4)),
    "tiles": network(["dense1"], shape=(1, 3, 40), buses=4),
    "one program": {"coupled": network(["conv1"])["coupled"]},
}


def chain(bias: float = 0.0, points: int = 60) -> skrf.Network:
    f = np.geomspace(0.5e9, 25e9, points)
    s = np.zeros((points, 2, 2), complex)
    s[:, 0, 1] = s[:, 1, 0] = 0.01 + bias * 1e3 / (1 + 1j * (f / 5e9 - 1) * 20)
    s[:, 0, 0] = s[:, 1, 1] = 0.98
    return skrf.Network(frequency=skrf.Frequency.from_f(f, unit="hz"), s=s, z0=50, name="conv1_t0_n0_sp")


CHANNELS = np.geomspace(20e9, 1e9, 9)
SHARES = {"software": 0.991, "circuit, formula": 0.78, "circuit, coupled": 0.989}


def overview(effective):
    return overview_figure(effective, SHARES, 10000, (chain(), chain(1e-6)), CHANNELS, CHANNELS * 1.002, 1e-6)


FIGURES = {
    **{f"weights, {name}": lambda e=e: weight_figure(e) for name, e in NETWORKS.items()},
    **{f"crosstalk, {name}": lambda e=e: crosstalk_figure(e["coupled"]) for name, e in NETWORKS.items()},
    **{f"overview, {name}": lambda e=e: overview(e) for name, e in NETWORKS.items()},
    "chain": lambda: sparam_figure(chain(), CHANNELS, CHANNELS * 1.002),
    "chain, one tone": lambda: sparam_figure(chain(), CHANNELS[4:5], CHANNELS[4:5]),
    "chain, two points": lambda: sparam_figure(chain(points=2), CHANNELS, CHANNELS),
    "chain with bias": lambda: sparam_figure(chain(1e-6), CHANNELS, CHANNELS * 1.002, chain(), 1e-6),
    "accuracy": lambda: accuracy_figure(SHARES, 10000),
    "accuracy of one": lambda: accuracy_figure({"software": 0.0}, 1),
}


# An overview has the panels of the figures of weights and crosstalk, which are drawn of every network; the crosstalk of
# one program is that of one layer.
LONG = {"overview, one tone", "overview, average pool", "overview, tiles", "crosstalk, one program"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.nightly) if n in LONG else n for n in FIGURES])
def test_a_figure_shows_something(tmp_path, name):
    drawn = FIGURES[name]()
    png, svg = save(drawn, tmp_path, "a")
    assert (png.name, svg.name) == ("a.png", "a.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]
    pixels = image.imread(png)
    width, height = drawn.get_size_inches()
    assert pixels.shape[:2] == (round(150 * height), round(150 * width))
    assert 5_000 < png.stat().st_size < 1_000_000
    assert pixels[..., :3].std() > 0.02
    assert np.mean(pixels[..., :3].min(2) < 0.9) > 0.003  # ink
    text = svg.read_text()
    assert text.lstrip().startswith("<?xml")
    assert text.rstrip().endswith("</svg>")
    assert 3_000 < len(text) < 3_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "weights, average pool",
        "chain with bias",
        "accuracy",
        pytest.param("overview, one layer", marks=pytest.mark.nightly),
    ],
)
def test_the_same_figure_is_the_same_file(tmp_path, name):
    first, second = (save(FIGURES[name](), tmp_path / run, "a") for run in ("one", "two"))
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()


def panels(drawn) -> list[str]:
    """Titles of the panels, without those of the colour bars."""
    return [title for axes in drawn.axes if (title := axes.get_title(loc="left"))]


@pytest.mark.slow
def test_a_deep_network_shows_its_first_layers():
    deep = NETWORKS["ten layers"]
    assert panels(weight_figure(deep)) == [f"conv{n}: error of the weights" for n in range(1, 7)]
    assert len(panels(crosstalk_figure(deep["coupled"]))) == 6
    assert len(panels(overview(deep))) == 9


def test_what_is_drawn_is_what_was_found():
    effective = NETWORKS["tiles"]
    result = effective["coupled"]["dense1"]
    assert panels(crosstalk_figure({"dense1": result})) == ["dense1, bus t3: crosstalk\nworst -14.0 dB"]
    [axes] = weight_figure(effective).axes
    assert axes.get_xlabel() == "trained weight / largest"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    found = effective["formula"]["dense1"].rms_error, result.rms_error
    assert labels == [f"{m}, RMS {100 * e:.2g} %" for m, e in zip(METHODS, found, strict=True)]
    full = np.abs(result.trained).max()
    dots = np.asarray(axes.collections[1].get_offsets())
    assert dots[:, 0] == pytest.approx(result.trained.ravel() / full)
    assert dots[:, 1] == pytest.approx(100 * np.abs(result.values - result.trained).ravel() / full)


def test_rounding_is_drawn_and_written_as_that():
    """Errors of 1e-10 stand at the floor, which says so; the axis has numbers over all its decades."""
    effective = network(["conv1"])
    exact = replace(effective["coupled"]["conv1"], values=effective["coupled"]["conv1"].trained * (1 + 1e-12))
    [axes] = weight_figure({"formula": effective["formula"], "coupled": {"conv1": exact}}).axes
    assert np.asarray(axes.collections[1].get_offsets())[:, 1] == pytest.approx(1e-6)
    assert axes.get_legend().get_texts()[1].get_text() == "coupled, RMS < 1e-6 %"
    assert axes.get_yticklabels()[0].get_text() == "≤ 1e-6"
    assert len(axes.get_yticks()) >= 4
    assert (told(7e-9), told(-7e-9), told(1.234)) == ("< 1e-6", "< 1e-6", "1.2")


def test_a_map_of_crosstalk_has_the_frequencies_of_its_tones():
    result = NETWORKS["tiles"]["coupled"]["dense1"]
    axes = crosstalk_figure({"dense1": result}, {"dense1": {"t3": np.linspace(20e9, 2e9, 10)}}).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()][:2] == ["0\n20", "2\n16"]
    assert axes.get_xlabel().endswith("GHz")


def test_a_single_tone_has_no_aggressor():
    assert NETWORKS["one tone"]["coupled"]["scale1"].worst is None
    assert panels(crosstalk_figure(NETWORKS["one tone"]["coupled"])) == ["scale1, bus t0: crosstalk"]


def test_bars_are_the_accuracy_that_is_lost():
    [axes] = accuracy_figure(SHARES, 10000).axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([21.1, 0.2])
    assert [text.get_text() for text in axes.texts] == ["21.10  (78.00 %)", "0.20  (98.90 %)"]
    assert panels(axes.figure) == ["Accuracy lost, 10,000 images"]
    assert axes.get_xlabel() == "below the software's 99.10 %, percentage points (accuracy)"


def test_the_bias_panel_is_the_change_of_s21():
    unbiased, biased = chain(), chain(1e-6)
    axes = sparam_figure(biased, CHANNELS, CHANNELS, unbiased, 1e-6).axes[1]
    change = 20e3 * np.log10(np.abs(biased.s[:, 1, 0] / unbiased.s[:, 1, 0]))
    assert axes.lines[0].get_ydata() == pytest.approx(change)
    assert 500 < np.abs(change).max() < 20e3 * np.log10(1.1)  # a tenth of it at the resonance, between two points


def test_weights_that_are_all_zero():
    zero = EffectiveWeights(
        layer="conv1",
        method="coupled",
        values=np.zeros((1, 2, 3)),
        trained=np.zeros((1, 2, 3)),
        crosstalk={"t0": np.zeros((3, 3))},
        worst=None,
    )
    assert zero.rms_error == 0
    assert panels(weight_figure({"coupled": {"conv1": zero}})) == ["conv1: error of the weights"]
    assert panels(crosstalk_figure({"conv1": zero})) == ["conv1, bus t0: crosstalk"]


def test_crossbars_and_rf_chains_have_the_same_noise_on_one_panel():
    points = [
        CrossbarPoint("size", size, curve, {"conv1": SimpleNamespace(error=np.full(4, 0.01))}, 0.9)
        for size in (16, 32)
        for curve in CURVES
    ]
    compared = {"crossbar, direct": (0.8, 0.7), "RF chains, coupled": (0.98, 0.1)}
    shown = (points, {"size": 32}, {"coupled": 0.01}, {"software": 0.99, "coupled": 0.98}, 100)
    assert len(crossbar_figure(*shown).axes) == 2
    panel = crossbar_figure(*shown, compared, "2 nW a tone").axes[2]
    assert [round(bar.get_width()) for bar in panel.patches] == [80, 70, 98, 10]
    assert [bool(bar.get_hatch()) for bar in panel.patches] == [False, True] * 2
    assert panel.get_xlabel() == "accuracy, %; noise: 2 nW a tone"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("conv1_t0_chain0_5ua_linear_calibrated", "conv1, bus t0, chain 0, 5 µA, calibrated program, by linear"),
        ("res_2_t11_chain3_m2p5ua_ngspice_coupled", "res_2, bus t11, chain 3, -2.5 µA, coupled program, by ngspice"),
        ("conv1_t0_bus_scikit_rf_formula", "conv1, bus t0, whole bus, formula program, by scikit-rf"),
        (
            "conv1_t0_chain0_tee1a2b3c_linear_coupled",
            "conv1, bus t0, chain 0, with measured parts, coupled program, by linear",
        ),
        ("my_part", "my part"),
    ],
)
def test_titles_of_networks_are_for_people(name, title):
    assert network_title(SimpleNamespace(name=name)) == title
