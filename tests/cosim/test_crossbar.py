"""The resistive crossbar: currents against badcrossbar, ngspice and closed forms; weights, images, command."""

import json
import logging
import warnings
from importlib.resources import as_file, files

import numpy as np
import pytest
from conftest import RNG
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from resonet.cli import main as module
from resonet.core.errors import InputError
from resonet.cosim.crossbar.crossbar import crossbar_weights, first_array, sneak
from resonet.cosim.crossbar.crossbar import noisy as with_noise
from resonet.cosim.crossbar.studies import crossbar_point, study
from resonet.cosim.ngspice.run import run_deck
from resonet.cosim.weights.effective import EffectiveWeights
from resonet.cosim.weights.inference import forward
from resonet.models.circuit.crossbar import (
    CrossbarArray,
    CrossbarCell,
    conductance,
    pair_conductances,
    pair_range,
    pair_states,
)
from resonet.models.circuit.crossbar_network import norton, read_pairs, sense, solve_network
from resonet.netlist.crossbar.deck import crossbar_deck
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design

IDEAL = CrossbarArray(word_resistance=0.0, bit_resistance=0.0)
KINDS = {
    "wires": CrossbarArray(),
    "word wires": CrossbarArray(word_resistance=3.0, bit_resistance=0.0),
    "bit wires": CrossbarArray(word_resistance=0.0, bit_resistance=3.0),
    "ideal": IDEAL,
    "ends": CrossbarArray(driver_resistance=50.0, sense_resistance=20.0),
    "ends only": CrossbarArray(
        word_resistance=0.0, bit_resistance=0.0, driver_resistance=50.0, sense_resistance=20.0, drive="both"
    ),
    "both": CrossbarArray(driver_resistance=10.0, drive="both"),
    "strong": CrossbarArray(word_resistance=300.0, bit_resistance=700.0, sense_resistance=5.0),
}


def cells(rows: int, columns: int, seed: int = 1) -> np.ndarray:
    return RNG(seed).uniform(0.5e-3, 1e-3, (rows, columns))


def nodal(g, volts, array, driven=None, sensed=None):
    """Outputs of the crossbar from its full nodal matrix, written down node by node; resistances above 0."""
    rows, columns = g.shape
    near, out = array.word_resistance + array.driver_resistance, array.bit_resistance + array.sense_resistance
    size, entries, right = g.size, [], np.zeros(2 * g.size)

    def resistor(a, b, conductance):
        entries.extend([(a, a, conductance), (b, b, conductance), (a, b, -conductance), (b, a, -conductance)])

    for i in range(rows):
        for k in range(columns):
            w, b = i * columns + k, size + i * columns + k
            resistor(w, b, g[i, k])
            if k + 1 < columns:
                resistor(w, w + 1, 1 / array.word_resistance)
            if i + 1 < rows:
                resistor(b, b + columns, 1 / array.bit_resistance)
        ends = [0] if array.drive == "one" else [0, columns - 1]
        for k in ends if driven is None or driven[i] else []:
            entries.append((i * columns + k, i * columns + k, 1 / near))
            right[i * columns + k] += volts[i] / near
    last = [size + (rows - 1) * columns + k for k in range(columns)]
    entries += [(n, n, 1 / out) for k, n in enumerate(last) if sensed is None or sensed[k]]
    a, b, values = zip(*entries, strict=True)
    v = spsolve(coo_array((values, (a, b)), shape=(2 * size, 2 * size)).tocsc(), right)
    read = np.ones(columns) if sensed is None else np.asarray(sensed, float)
    return v[last] / out * read, v[:size].reshape(g.shape), v[size:].reshape(g.shape)


@pytest.fixture(scope="module")
def badcrossbar():
    with warnings.catch_warnings(record=True):  # it warns, whatever the filters say, where it has no cairo to draw with
        found = pytest.importorskip("badcrossbar")
    logging.getLogger("badcrossbar").setLevel(logging.ERROR)
    return found


@pytest.mark.parametrize(
    ("rows", "columns", "word", "bit"), [(16, 16, 1, 1), (64, 64, 1, 1), (40, 70, 10, 2), (9, 5, 0, 3), (9, 5, 3, 0)]
)
def test_currents_are_those_of_badcrossbar(badcrossbar, rows, columns, word, bit):
    g, volts = cells(rows, columns), RNG(2).uniform(0, 0.1, (rows, 3))
    array = CrossbarArray(word_resistance=float(word), bit_resistance=float(bit))
    found = solve_network(g, volts, array)
    wanted = badcrossbar.compute(volts, 1 / g, r_i_word_line=word, r_i_bit_line=bit).currents
    pairs = [(found.device, wanted.device), (found.word[:, :-1], wanted.word_line), (found.bit, wanted.bit_line)]
    for ours, theirs in [*pairs, (found.output, wanted.output.T)]:
        off, largest = np.abs(ours - theirs), np.abs(theirs).max()
        assert off.max() <= 1e-12 * largest
        counts = np.abs(theirs) > 1e-3 * largest
        assert np.max(off[counts] / np.abs(theirs[counts])) <= 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_currents_are_those_of_ngspice_and_norton(kind):
    array, rows, columns = KINDS[kind], 9, 6
    states, volts = RNG(3).uniform(0, 1, (rows, columns)), RNG(4).uniform(0, 0.1, rows)
    g = conductance(states, array.cell)
    found = solve_network(g, volts, array)
    equivalent = norton(g, array)
    assert sense(equivalent, array).T @ volts == pytest.approx(found.output[:, 0], rel=1e-11)
    plot = run_deck(crossbar_deck("array", states, volts, array))[0]
    outputs = plot.columns([f"i(vsense{k})" for k in range(columns)])[0].real
    inputs = -plot.columns([f"i(vin{i})" for i in range(rows)])[0].real
    assert found.output[:, 0] == pytest.approx(outputs, rel=1e-9)
    assert found.word[:, 0, 0] - found.word[:, -1, 0] == pytest.approx(inputs, rel=1e-9)
    for j in range(0, columns, 2):
        sensed = np.isin(np.arange(columns), (j, j + 1))
        pair = solve_network(g, volts, array, sensed=sensed).output[:, 0]
        plot = run_deck(crossbar_deck("array", states, volts, array, [j, j + 1]))[0]
        outputs = plot.columns([f"i(vsense{j})", f"i(vsense{j + 1})"])[0].real
        assert pair[sensed] == pytest.approx(outputs, rel=1e-9)
        assert (read_pairs(equivalent, array).T @ volts)[sensed] == pytest.approx(outputs, rel=1e-9)
        assert np.abs(pair[~sensed]).max() < 1e-12 * outputs.max()


def test_nodes_and_outputs_at_32_x_32_are_those_of_ngspice():
    states, volts = RNG(5).uniform(0, 1, (32, 32)), RNG(6).uniform(0, 0.1, 32)
    array = CrossbarArray()
    plot = run_deck(crossbar_deck("array", states, volts, array))[0]
    found = solve_network(conductance(states, array.cell), volts, array)
    for letter, ours in (("w", found.word_voltage), ("b", found.bit_voltage)):
        names = [f"v({letter}{i}_{k})" for i in range(32) for k in range(32)]
        theirs = plot.columns(names)[0].real.reshape(32, 32)
        assert np.abs(ours[..., 0] - theirs).max() <= 1e-9 * np.abs(theirs).max()


@pytest.mark.parametrize("kind", ["wires", "ends", "both", "strong"])
def test_open_lines_are_those_of_the_full_nodal_matrix(kind):
    g, volts, array = cells(12, 9), RNG(7).uniform(0, 0.1, 12), KINDS[kind]
    driven, sensed = RNG(8).uniform(size=12) < 0.5, RNG(9).uniform(size=9) < 0.5
    for lines in [(None, None), (driven, None), (None, sensed), (driven, sensed)]:
        outputs, word, bit = nodal(g, volts, array, *lines)
        found = solve_network(g, volts, array, *lines)
        assert np.abs(found.output[:, 0] - outputs).max() <= 1e-11 * np.abs(outputs).max()
        assert np.abs(found.word_voltage[..., 0] - word).max() <= 1e-11 * np.abs(word).max()
        assert np.abs(found.bit_voltage[..., 0] - bit).max() <= 1e-11 * np.abs(word).max()


@pytest.mark.parametrize("kind", KINDS)
def test_currents_are_conserved_and_superpose(kind):
    g, volts, array = cells(14, 11), RNG(10).uniform(-0.1, 0.1, (14, 2)), KINDS[kind]
    found = solve_network(g, volts, array)
    into = found.word[:, 0] - found.word[:, -1]
    assert into.sum(0) == pytest.approx(found.output.sum(0), rel=1e-10)
    assert np.diff(-found.word, axis=1) == pytest.approx(found.device, abs=1e-15)
    both = solve_network(g, volts.sum(1), array)
    assert both.device[..., 0] == pytest.approx(found.device.sum(2), abs=1e-12 * np.abs(found.device).max())
    power_in = np.sum(volts * into, 0)  # in: what is lost in cells, and more where there are wires
    lost = np.sum(found.device**2 / g[..., None], (0, 1))
    assert np.all(power_in >= lost * (1 - 1e-10))
    if kind == "ideal":
        assert power_in == pytest.approx(lost, rel=1e-12)


def test_ideal_wires_give_the_sums_whatever_else_is_there():
    g, volts = cells(20, 12), RNG(11).uniform(0, 0.1, 20)
    assert solve_network(g, volts, IDEAL).output[:, 0] == pytest.approx(g.T @ volts, rel=1e-13)
    assert sense(norton(g, IDEAL), IDEAL) == pytest.approx(g, rel=1e-13)
    assert read_pairs(norton(g, IDEAL), IDEAL) == pytest.approx(g, rel=1e-12)


def test_one_word_line_is_a_ladder():
    # Equal cells R along a wire r: driving-point conductance by the continued fraction, from the far end.
    r, g, columns = 2.0, 1e-3, 30
    seen = 0.0
    for _ in range(columns):
        seen = 1 / (r + 1 / (g + seen))
    array = CrossbarArray(word_resistance=r, bit_resistance=0.0)
    assert solve_network(np.full((1, columns), g), [1.0], array).word[0, 0, 0] == pytest.approx(seen, rel=1e-12)


@pytest.mark.parametrize(("rows", "columns"), [(2, 2), (8, 5), (30, 30)])
def test_sneak_paths_of_a_floating_array_are_their_closed_form(rows, columns):
    # All other lines float, equal cells: three groups of cells in series, (n - 1), (m - 1)(n - 1) and (m - 1) parallel.
    g = np.full((rows, columns), 1e-3)
    driven, sensed = np.arange(rows) == 0, np.arange(columns) == columns - 1
    found = solve_network(g, np.where(driven, 0.1, 0.0), IDEAL, driven, sensed)
    path = (1 / (columns - 1) + 1 / (rows - 1) + 1 / ((rows - 1) * (columns - 1))) / 1e-3
    assert found.device[0, -1, 0] == pytest.approx(0.1e-3, rel=1e-12)
    assert found.output[-1, 0] == pytest.approx(0.1 * (1e-3 + 1 / path), rel=1e-11)


def test_pairs_hold_signed_weights():
    weights = RNG(12).uniform(-1, 1, (3, 5))
    array = CrossbarArray(CrossbarCell(2e3, 3.0))
    g = pair_conductances(weights, array)
    assert g.shape == (5, 6)
    assert (g[:, ::2] - g[:, 1::2]).T / pair_range(array.cell) == pytest.approx(weights, rel=1e-12)
    assert pair_range(array.cell) == pytest.approx((1 / 2e3) - (1 / 6e3))
    assert set(np.unique(pair_states(weights, CrossbarArray(levels=3)))) <= {0.0, 0.5, 1.0}


@pytest.mark.parametrize("sums", ["digital", "current"])
def test_without_wires_every_layer_holds_its_weights(small_design, sums):
    array = CrossbarArray(rows=7, columns=4, word_resistance=0.0, bit_resistance=0.0, sums=sums)
    for layer, arrays in (("conv1", 2 * 2), ("dense1", 6 * 2)):
        found = crossbar_weights(small_design, layer, array)
        assert np.abs(found.error).max() < 1e-12
        assert found.gain == pytest.approx(1, rel=1e-12)
        assert found.arrays == arrays


def test_effective_weights_are_the_currents_of_ngspice(small_design):
    array = CrossbarArray(word_resistance=5.0, bit_resistance=5.0)
    found = crossbar_weights(small_design, "conv1", array)
    states, _ = first_array(small_design, "conv1", array)
    volts = RNG(13).uniform(0, 0.1, len(states))
    plot = run_deck(crossbar_deck("conv1", states, volts, array))[0]
    lines = plot.columns([f"i(vsense{k})" for k in range(states.shape[1])])[0].real
    currents = (lines[::2] - lines[1::2]) / pair_range(array.cell) * np.abs(found.trained).max() / found.gain
    assert found.values[0] @ volts == pytest.approx(currents, rel=1e-9)


def test_wires_cost_and_reprogramming_makes_up_for_them(small_design):
    errors = []
    for wire in (0.1, 1.0, 10.0):
        array = CrossbarArray(word_resistance=wire, bit_resistance=wire)
        direct, better = (crossbar_weights(small_design, "dense1", array, p) for p in ("direct", "compensated"))
        errors.append(direct.rms_error)
        assert better.rms_error < 0.1 * direct.rms_error
        assert better.fill < 1
        assert better.gain == pytest.approx(1, abs=0.05)
    assert errors[0] < errors[1] < errors[2]
    assert errors[1] == pytest.approx(10 * errors[0], rel=0.3)  # first order in the wire


def test_only_the_ratio_of_wire_to_cell_counts(small_design):
    fine = CrossbarArray(CrossbarCell(1e6, 2.5), word_resistance=2e3, bit_resistance=1e3, driver_resistance=5e3)
    coarse = CrossbarArray(CrossbarCell(1e3, 2.5), word_resistance=2.0, bit_resistance=1.0, driver_resistance=5.0)
    a, b = (crossbar_weights(small_design, "dense1", array) for array in (fine, coarse))
    assert a.values == pytest.approx(b.values, rel=1e-9)
    assert a.rms_error > 1e-3


def test_arrays_in_one_current_sum_share_the_amplifier(small_design):
    # Without wires the arrays of a stack are one array: joined at the amplifier they answer as the whole does.
    ends = {"word_resistance": 0.0, "bit_resistance": 0.0, "sense_resistance": 40.0}
    whole = crossbar_weights(small_design, "dense1", CrossbarArray(**ends))
    joined = crossbar_weights(small_design, "dense1", CrossbarArray(rows=10, sums="current", **ends))
    apart = crossbar_weights(small_design, "dense1", CrossbarArray(rows=10, **ends))
    assert joined.values == pytest.approx(whole.values, rel=1e-10)
    assert apart.rms_error < joined.rms_error


def test_images_on_crossbars_are_those_of_the_circuit_with_the_same_weights(small_design, small_images):
    array = CrossbarArray(word_resistance=10.0, bit_resistance=10.0)
    held = {name: crossbar_weights(small_design, name, array) for name in ("conv1", "dense1")}
    same = {
        n: EffectiveWeights(layer=n, method="coupled", values=w.values, trained=w.trained, crosstalk={}, worst=None)
        for n, w in held.items()
    }
    wanted = forward(small_design, same, small_images)
    assert forward(small_design, with_noise(held, 0.0), small_images) == pytest.approx(wanted, rel=1e-12)


def test_read_noise_is_that_of_noisy_cells(small_design, small_images):
    # First-order spread against arrays whose every cell is drawn anew: one layer, ideal wires, linear.
    name, sigma = "dense1", 0.01
    held = crossbar_weights(small_design, name, IDEAL)
    inputs = RNG(14).uniform(0, 1, held.trained.shape[2])
    expected = sigma * np.sqrt(held.spread[0] ** 2 @ inputs**2)
    g = pair_conductances(held.trained[0] / np.abs(held.trained).max(), IDEAL)
    noisy = g * (1 + sigma * RNG(15).standard_normal((4000, *g.shape)))
    currents = np.einsum("i,nik->nk", inputs, noisy)
    sums = (currents[:, ::2] - currents[:, 1::2]) / pair_range(IDEAL.cell) * np.abs(held.trained).max()
    assert sums.std(0) == pytest.approx(expected, rel=0.05)
    all_layers = {n: crossbar_weights(small_design, n, IDEAL) for n in ("conv1", name)}
    quiet, loud, again = (forward(small_design, with_noise(all_layers, s), small_images) for s in (0.0, sigma, sigma))
    assert np.array_equal(loud, again)
    assert 0 < np.abs(loud - quiet).max() < 0.5 * np.ptp(quiet)


def test_sneak_grows_with_the_open_array_and_leaks_from_the_grounded_one(small_design):
    floating = [sneak(small_design, "dense1", CrossbarArray(rows=n, unselected="floating")) for n in (6, 36)]
    grounded = [sneak(small_design, "dense1", CrossbarArray(rows=n)) for n in (6, 36)]
    assert 0.3 < floating[0] < floating[1] < 1
    assert 0 > grounded[0] > grounded[1] > -1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: CrossbarArray(word_resistance=-1.0), r"crossbar.word_resistance = -1: must be within 0"),
        (lambda: CrossbarCell(ratio=0.5), r"crossbar_cell.ratio = 0.5: must be within 1"),
        (lambda: CrossbarArray(levels=1), "levels = 1"),
        (lambda: CrossbarArray(unselected="loose"), "possible: grounded, floating"),
        (lambda: pair_range(CrossbarCell(ratio=1.0)), "holds no weight"),
        (lambda: solve_network(np.zeros((2, 2)), [1, 1], IDEAL), "above 0"),
        (lambda: solve_network(cells(2, 2), [1, 1, 1], IDEAL), "3 voltages for 2 word lines"),
        (lambda: norton(np.broadcast_to(1e-3, (10_000, 10_000)), IDEAL), "too large to reduce"),
        (lambda: crossbar_deck("x", np.broadcast_to(0.5, (1000, 1000)), np.zeros(1000), IDEAL), "at most 10,000 cells"),
        (lambda: crossbar_deck("x", np.full((2, 2), 0.5), [1.0], IDEAL), "voltages"),
        (lambda: crossbar_deck("x", np.full((2, 2), 0.5), [1.0, 1.0], IDEAL, [2]), "sensed bit lines"),
    ],
)
def test_bad_input_is_told(wrong, told):
    with pytest.raises(InputError, match=told):
        wrong()


def test_too_large_is_told_before_memory_is_taken():
    huge = np.broadcast_to(1e-3, (40_000, 40_000))  # no memory of its own
    with pytest.raises(InputError, match=r"40000 x 40000 cells with 1 input vectors: 269 GB; possible: up to 4 GB"):
        solve_network(huge, np.broadcast_to(0.1, 40_000), IDEAL)


def test_unknown_layer(small_design):
    with pytest.raises(InputError, match=r"nosuch.*conv1, dense1"):
        crossbar_weights(small_design, "nosuch", IDEAL)


def test_study_covers_its_axes(small_design):
    points = study(small_design, ["conv1"], CrossbarArray(), None)
    assert {p.axis for p in points} == {"size", "ratio", "wire"}
    wires = [p.weights["conv1"].rms_error for p in points if p.axis == "wire" and p.curve == ("direct", "grounded")]
    assert wires == sorted(wires)
    alone = crossbar_point(
        small_design, ["conv1"], CrossbarArray(word_resistance=10.0, bit_resistance=10.0), "direct", None
    )
    assert alone.weights["conv1"].rms_error == wires[-1]


@pytest.fixture(scope="module")
def build(small_design, small_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossbar") / "build"
    write_design(small_design, small_model, folder)
    np.savez(folder.parent / "test.npz", images=RNG(16).uniform(0, 1, (20, 1, 8, 8)), labels=RNG(17).integers(0, 3, 20))
    return folder


def run(monkeypatch, capsys, *arguments):
    """(exit code, stdout, stderr) of the command in this process."""
    monkeypatch.setattr("sys.argv", ["resonet", "crossbar", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        module.main()
    told = capsys.readouterr()
    return caught.value.code or 0, told.out, told.err


@pytest.mark.slow
def test_command(monkeypatch, capsys, build):
    data = build.parent / "test.npz"
    code, out, _ = run(monkeypatch, capsys, build, "--data", data, "--wire", "5 Ohm", "--size", "16", "--json")
    assert code == 0
    found = json.loads(out)
    assert [row["layer"] for row in found["layers"]] == ["conv1", "dense1"]
    assert found["array"]["word_resistance"] == 5
    assert found["array"]["rows"] == found["array"]["columns"] == 16
    shares = {row["network"]: row["accuracy"] for row in found["networks"]}
    assert shares["crossbar, ideal wires"] == found["software"]
    assert set(shares) == {
        *("crossbar, ideal wires", "crossbar, direct", "crossbar, compensated"),
        *("RF chains, formula", "RF chains, coupled", "RF chains, calibrated"),
    }
    assert {p["axis"] for p in found["sweeps"]} == {"size", "ratio", "wire", "noise"}
    assert all((build / "report" / f"crossbar.{kind}").stat().st_size > 1000 for kind in ("png", "svg"))
    assert [path.rsplit("/", 1)[1] for path in found["decks"]] == ["conv1_crossbar.cir", "dense1_crossbar.cir"]


def test_command_prints_tables_for_some_layers(monkeypatch, capsys, build):
    code, out, _ = run(monkeypatch, capsys, build, "--layer", "conv1", "--no-sweep", "--unselected", "floating")
    assert code == 0
    assert "conv1" in out
    assert "calibrated" in out
    assert "dense1" not in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--wire", "-1"], "crossbar.word_resistance = -1: must be within 0"),
        (["--ratio", "0.9"], "crossbar_cell.ratio = 0.9: must be within 1"),
        (["--ratio", "1"], "holds no weight"),
        (["--size", "1x1"], "crossbar.columns = 1: must be within 2"),
        (["--layer", "nosuch"], "nosuch"),
        (["--wire", "2 F"], "the unit is Ohm"),
        (["--layer", "conv1", "--data", "DATA"], "takes all layers, not 1 of 2"),
    ],
)
def test_command_tells_bad_input(monkeypatch, capsys, build, arguments, told):
    arguments = [build.parent / "test.npz" if argument == "DATA" else argument for argument in arguments]
    code, out, err = run(monkeypatch, capsys, build, "--no-sweep", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("resonet: ")
    assert err.count("\n") == 1
    assert told in err


def test_johnson_noise_of_the_cells_is_nyquists():
    cell, volts, bandwidth = CrossbarCell(1e3, 3.0), 0.1, 1e6
    array = CrossbarArray(
        cell, word_resistance=0.0, bit_resistance=0.0, driver_resistance=0.0, sense_resistance=0.0, read_voltage=volts
    )
    with as_file(files("resonet.examples.digits")) as folder:
        design = compile_cnn(folder / "digits_relu.onnx")
    layer = design.cnn.synapses[-1]
    held = crossbar_weights(design, layer.name, array)
    noisy_one = with_noise({layer.name: held}, 0.0, 1, bandwidth, 300.0, volts)[layer.name]
    dark = np.zeros((1, 4000, 1, layer.taps))
    drawn = noisy_one.answers(dark)[0, :, :, 0]
    pairs = pair_conductances(held.trained[0] / np.abs(held.trained).max(), array)  # [taps, 2 outputs]
    siemens = pairs[:, ::2].sum(0) + pairs[:, 1::2].sum(0)
    amperes = np.sqrt(4 * 1.380649e-23 * 300 * bandwidth * siemens)
    full = volts * pair_range(cell) / np.abs(held.trained).max()  # A of a product of 1
    assert drawn.std(0) == pytest.approx(amperes / full, rel=0.06)
