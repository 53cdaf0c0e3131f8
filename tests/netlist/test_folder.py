"""The design folder: round trip, replaced whole or not at all, results recomputed only if stale."""

import hashlib
import re
import shutil
import tomllib
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from resonet.core.errors import InputError
from resonet.core.files import new_file
from resonet.cosim.feed import feeds, store
from resonet.cosim.feed.store import count_steps, stored_effective_weights
from resonet.cosim.ngspice import run as ngspice
from resonet.cosim.weights import engines
from resonet.netlist.design import decks
from resonet.netlist.design import folder as module
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_design
from resonet.netlist.design.model_table import derived_hash
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import ImageSet
from resonet.netlist.programming.methods import COMPILED


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def entries(folder: Path) -> list[str]:
    """Names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def written(small_folder) -> Path:
    return small_folder


@pytest.fixture
def copy(tmp_path, written) -> Path:
    return shutil.copytree(written, tmp_path / "design")


def test_round_trip(small_design, written):
    loaded = load_design(written)
    assert (loaded.plan.device, loaded.plan.circuit) == (small_design.plan.device, small_design.plan.circuit)
    assert loaded.plan.options == small_design.plan.options
    assert loaded.scales == small_design.scales
    assert loaded.calibration == small_design.calibration == "any pixel within 0 ... 1"
    assert (loaded.cnn.file, loaded.cnn.sha256) == ("small.onnx", small_design.cnn.sha256)
    for method in COMPILED:
        for a, b in zip(loaded.programs[method].layers, small_design.programs[method].layers, strict=True):
            assert (a.layer, a.weight_scale, a.residual) == (b.layer, b.weight_scale, b.residual)
            assert all(np.array_equal(x, y) for x, y in zip(a.f_res, b.f_res, strict=True))
    for a, b in zip(loaded.plan.layers, small_design.plan.layers, strict=True):
        assert np.array_equal(a.layer.weight, b.layer.weight)
        for x, y in zip(a.buses, b.buses, strict=True):
            assert np.array_equal(x.levels, y.levels)
            assert np.array_equal(x.frequencies, y.frequencies)


def test_round_trip_of_other_parameters_and_a_calibration(tmp_path, small_model, small_images):
    settings = ["bus.node_capacitance=0.1 fF", "plan.tile=16", "plan.fanout=2", "device.torque_angle=0.3 rad"]
    settings += ["plan.f_min=1.1GHz", "plan.p_max=13.3nW", "bus.combiner_loss=0.7 dB", "device.damping=0.0123456789"]
    data = ImageSet("c.npz", small_images, np.empty(0, np.int64))
    design = compile_cnn(small_model, read_parameters(settings=settings), data)
    write_design(design, small_model, tmp_path / "d")
    loaded = load_design(tmp_path / "d")
    assert (loaded.plan.device, loaded.plan.circuit) == (design.plan.device, design.plan.circuit)
    assert loaded.plan.options == design.plan.options
    assert loaded.plan.circuit.node_capacitance == 0.1e-15
    assert loaded.scales == design.scales
    assert loaded.calibration == "12 images"
    assert [len(entry.buses) for entry in loaded.plan.layers] == [2, 6]


def test_what_is_in_a_folder(written, small_design):
    names = set(contents(written))
    decks = {f"decks/{m}/{d}.cir" for m in COMPILED for n in ("conv1", "dense1") for d in (f"{n}_t0_rf", f"{n}_dc0")}
    assert {"design.toml", "model.onnx", "program.npz", "graph.graphml", "decks/lib/resonator.lib", *decks} <= names
    assert not [name for name in names if Path(name).name.startswith(".")]
    graph = nx.read_graphml(written / "graph.graphml")
    assert graph.number_of_nodes() == small_design.graph("coupled").number_of_nodes()
    assert written.stat().st_mode & 0o777 == 0o755


def test_two_compilations_write_the_same_decks_and_programs(tmp_path, small_model, written):
    write_design(compile_cnn(small_model), small_model, tmp_path / "again")
    first, second = contents(written), contents(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and name != "program.npz"] == []
    with np.load(written / "program.npz") as a, np.load(tmp_path / "again" / "program.npz") as b:
        assert a.files == b.files
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_an_earlier_design_is_replaced_whole(copy, small_model):
    (copy / "results").mkdir(exist_ok=True)
    (copy / "results" / "old.nc").write_text("old")
    (copy / "decks" / "coupled" / "stray.cir").write_text("old")
    design = compile_cnn(small_model, read_parameters(settings=["plan.tile=12"]))
    with pytest.raises(InputError, match=r"another design is there \(other plan\.tile.*; possible: another folder, or"):
        write_design(design, small_model, copy)
    write_design(design, small_model, copy, force=True)
    names = set(contents(copy))
    assert "decks/coupled/stray.cir" not in names
    assert "results/old.nc" in names  # used only while the hash in it holds
    assert "decks/coupled/dense1_t2_rf.cir" in names
    assert load_design(copy).plan.options.tile == 12
    assert entries(copy.parent) == ["design"]


def test_an_empty_folder_is_filled(tmp_path, small_model, small_design):
    (tmp_path / "empty").mkdir()
    write_design(small_design, small_model, tmp_path / "empty")
    assert entries(tmp_path) == ["empty"]
    assert load_design(tmp_path / "empty").cnn.sha256 == small_design.cnn.sha256


def test_other_folders_and_files_are_left_alone(tmp_path, small_model, small_design):
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis: not empty and no design; possible: a new folder"):
        write_design(small_design, small_model, other)
    with pytest.raises(InputError, match=r"chapter\.tex: a file stands there"):
        write_design(small_design, small_model, other / "chapter.tex")
    with pytest.raises(InputError, match=r"below: cannot be made \((File exists|Not a directory)\)"):
        write_design(small_design, small_model, other / "chapter.tex" / "below")
    assert contents(tmp_path) == {"thesis/chapter.tex": b"years of work"}
    assert entries(tmp_path) == ["thesis"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), MemoryError])
@pytest.mark.parametrize("where", ["write_graphml", "write_decks", "ensure_library", "write_index", "write_arrays"])
def test_an_interruption_leaves_what_was_there(copy, small_model, small_design, monkeypatch, where, error):
    def interrupted(*arguments):
        raise error

    before = contents(copy)
    monkeypatch.setattr(module if hasattr(module, where) else decks, where, interrupted)
    wanted = error if isinstance(error, type) else type(error)
    for folder in (copy, copy.parent / "new"):
        with pytest.raises(wanted):
            write_design(small_design, small_model, folder)
    assert contents(copy) == before
    assert entries(copy.parent) == ["design"]


def test_a_failed_exchange_puts_the_earlier_design_back(copy, small_model, small_design, monkeypatch):
    before, real = contents(copy), Path.replace

    def replace(self, target):
        if target == copy and self.name != "design":
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OSError, match="Input/output error"):
        write_design(small_design, small_model, copy)
    assert contents(copy) == before
    assert entries(copy.parent) == ["design"]


def test_a_new_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    with new_file(path) as temporary:
        temporary.write_text("one")

    def interrupted() -> None:
        with new_file(path) as temporary:
            temporary.write_text("tw")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "one"
    assert entries(path.parent) == ["a.txt"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.fixture
def runs(monkeypatch) -> list[str]:
    """Names of the decks that ngspice runs."""
    names, real = [], ngspice.run_deck

    def counted(deck, *arguments, **options):
        names.append(deck.name)
        return real(deck, *arguments, **options)

    monkeypatch.setattr(ngspice, "run_deck", counted)
    return names


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, written) -> Path:
    folder = shutil.copytree(written, tmp_path_factory.mktemp("simulated") / "design")
    for method in COMPILED:
        stored_effective_weights(folder, load_design(folder), method)
    return folder


@pytest.fixture
def results(tmp_path, simulated) -> Path:
    return shutil.copytree(simulated, tmp_path / "simulated")


def effective(folder: Path, runs: list[str], method="coupled"):
    """Effective weights, the decks that took, and the progress steps."""
    runs.clear()
    steps = []
    found = stored_effective_weights(folder, load_design(folder), method, done=lambda: steps.append(1))
    return found, sorted(runs), len(steps)


ALL = ["conv1_dc0", "conv1_t0_rf", "dense1_dc0", "dense1_t0_rf"]


def test_results_are_kept_and_equal_what_was_computed(copy, runs, small_design):
    first, ran, steps = effective(copy, runs)
    assert (ran, steps) == (ALL, 2)
    assert count_steps(small_design, ["conv1", "dense1"]) == 2  # buses
    second, ran, steps = effective(copy, runs)
    assert (ran, steps) == ([], 2)
    for name, one in first.items():
        two = second[name]
        assert (one.layer, one.method, one.worst) == (two.layer, two.method, two.worst)
        assert np.array_equal(one.values, two.values)
        assert np.array_equal(one.trained, two.trained)
        assert one.crosstalk.keys() == two.crosstalk.keys()
        assert all(np.array_equal(one.crosstalk[bus], two.crosstalk[bus]) for bus in one.crosstalk)


def test_buses_of_unequal_size_come_back(tmp_path, small_model, runs):
    design = compile_cnn(small_model, read_parameters(settings=["plan.tile=10", "plan.fanout=3"]))
    write_design(design, small_model, tmp_path / "d")
    first, _, _ = effective(tmp_path / "d", runs)
    second, ran, _ = effective(tmp_path / "d", runs)
    assert ran == []
    assert [len(m) for m in second["dense1"].crosstalk.values()] == [9, 9, 9, 9]
    assert [len(m) for m in second["conv1"].crosstalk.values()] == [9, 9]
    for name in first:
        assert all(np.array_equal(first[name].crosstalk[b], second[name].crosstalk[b]) for b in first[name].crosstalk)


def test_a_changed_parameter_makes_every_result_stale(results, small_model, runs):
    assert effective(results, runs)[1] == []
    design = compile_cnn(small_model, read_parameters(settings=["bus.node_capacitance=0.04 fF"]))
    write_design(design, small_model, results, force=True)
    assert (results / "results").is_dir()  # still there, but not believed
    found, ran, _ = effective(results, runs)
    assert ran == ALL
    assert effective(results, runs)[1] == []
    assert found["dense1"].rms_error > 0.015  # 0.89 % with half of that capacitance


def test_another_engine_makes_results_stale(results, runs, monkeypatch):
    monkeypatch.setattr(engines, "engine_identity", lambda: "99")
    assert effective(results, runs)[1] == ALL


def test_another_device_or_library_makes_results_stale(results, small_model, runs, monkeypatch):
    real = store.library_text
    with monkeypatch.context() as patched:
        patched.setattr(store, "library_text", lambda: {**real(), "new.lib": "* a word"})
        assert effective(results, runs)[1] == ALL
    design = compile_cnn(small_model, read_parameters(settings=["device.damping=0.011"]))  # the tone levels stay
    write_design(design, small_model, results, force=True)
    assert effective(results, runs)[1] == ALL


def test_only_what_is_asked_for_is_computed(copy, runs):
    design = load_design(copy)
    stored_effective_weights(copy, design, "formula", ["conv1"])
    assert sorted(runs) == ["conv1_dc0", "conv1_t0_rf"]
    assert [path.name for path in (copy / "results").iterdir()] == ["effective_conv1_formula.nc"]
    with pytest.raises(InputError, match="layer 'conv9': no such weighted layer; possible: conv1, dense1"):
        stored_effective_weights(copy, design, "formula", ["conv9"])


@pytest.mark.filterwarnings("ignore:damaged-result")
def test_damaged_results_are_computed_anew(results, runs, monkeypatch):
    path = results / "results" / "effective_conv1_coupled.nc"
    whole, wanted = path.read_bytes(), effective(results, runs)[0]["conv1"]
    computed = []
    monkeypatch.setattr(feeds, "effective_weights", lambda *arguments: computed.append(1) or wanted)
    design = load_design(results)
    rng = np.random.default_rng(8)
    damages = [whole[:size] for size in range(0, len(whole), 97)] + [b"\0" * len(whole), b"CDF\x01" + whole[::-1]]
    for place in rng.integers(0, len(whole), 60):
        damages.append(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
    for n, damaged in enumerate(damages):
        path.write_bytes(damaged)
        found = stored_effective_weights(results, design, "coupled", ["conv1"])["conv1"]
        assert np.array_equal(found.values, wanted.values), n
        assert found.worst == wanted.worst, n
        assert all(np.array_equal(found.crosstalk[b], wanted.crosstalk[b]) for b in wanted.crosstalk), n
    assert len(computed) > len(whole) // 97
    path.write_bytes(whole)
    before = len(computed)
    stored_effective_weights(results, design, "coupled", ["conv1"])
    assert len(computed) == before


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "design.toml"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('node_capacitance = "20 aF"', 'node_capacitance = "21 aF"', "made from other parameters .* resonet compile"),
        (
            'node_capacitance = "20 aF"',
            'node_capacitance = "5 parsec"',
            r"bus\.node_capacitance = '5 parsec': the unit",
        ),
        (
            'node_capacitance = "20 aF"',
            "node_capacitance = [1]",
            r"bus\.node_capacitance = \[1\]: a number is expected",
        ),
        ("tile = 48", "tile = 40", "made from other parameters"),
        ("input_full_scale = 1.0", "input_full_scale = '1_0'", r"incomplete \('1_0' is no number\)"),
        ("tile = 48", "tile = 12", "made from other parameters"),
        ("tile = 48", "tile = 0", r"plan\.tile = 0: must be within 1 \.\.\. 4096"),
        ("tile = 48", "tiles = 48", r"plan\.'tiles': no such parameter; possible: f_min, f_max, tile"),
        ("tile = 48", "tile = ", "not a TOML file"),
        ("tile = 48", "tile = 48\ntile = 48", "not a TOML file"),
        ("tile = 48", f"tile = {'9' * 5000}", "not a TOML file"),
        ("tile = 48", f"tile = {'[' * 5000}", "not a TOML file"),
        ("[plan]", "[planet]", "no such table 'planet'; possible: device, bus, plan"),
        ("[model]", "[[model]]", "incomplete"),
        ('sha256 = "', 'sha265 = "', "incomplete .'sha256'.; possible: compile again"),
        ('sha256 = "', 'sha256 = "0', "model.onnx: not the file that design.toml was compiled from"),
        ("input_shape = [\n    1,", "input_shape = [\n    inf,", "incomplete"),
        ("input_shape = [\n    1,", "input_shape = [\n    'x',", "incomplete"),
        ("input_shape = [\n    1,", "input_shape = [\n    3,", "to which the input shape 3,8,8 does not fit"),
        ("[layers.dense1]", "[layers.dense7]", r"layers\.dense1: scales missing or impossible"),
    ],
)
def test_edited_designs_are_refused(copy, old, new, words):
    with pytest.raises(InputError, match=words) as caught:
        load_design(edited(copy, old, new))
    assert str(caught.value).startswith(str(copy))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["nan", "inf", "-1.0", "0.0", "'much'", "[]"])
@pytest.mark.parametrize("key", ["weight_scale", "input_full_scale"])
def test_impossible_scales_are_refused(copy, key, value):
    path = copy / "design.toml"
    lines = [f"{key} = {value}" if line.startswith(f"{key} ") else line for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"design\.toml: (layers\.conv1: scales missing or impossible|incomplete)"):
        load_design(copy)


def test_text_that_a_terminal_would_obey_is_not_believed(copy):
    path = edited(copy, 'file = "small.onnx"', 'file = "a\\u001b[2Jb\\n[/red].onnx"') / "design.toml"
    text, now = path.read_text(), derived_hash(tomllib.loads(path.read_text()))
    path.write_text(re.sub('hash = ".*"', f'hash = "{now}"', text))
    loaded = load_design(copy)
    assert loaded.cnn.file == "a?[2Jb?[/red].onnx"


def test_binary_design_file(copy):
    (copy / "design.toml").write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(InputError, match=r"design\.toml: not a TOML file"):
        load_design(copy)


def test_a_swapped_model_is_refused(copy, small_model):
    (copy / "model.onnx").write_bytes(small_model.read_bytes() + b"\x32\x00")  # an empty doc string more
    with pytest.raises(InputError, match=r"model\.onnx: (not the file|is damaged)"):
        load_design(copy)
    (copy / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"model\.onnx: does not exist"):
        load_design(copy)


def test_folders_that_are_no_design(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match=r"no design here; possible: a folder that `resonet compile"):
            load_design(folder)


def test_damaged_programs_are_refused(copy):
    path = copy / "program.npz"
    whole = path.read_bytes()
    damages = [whole[:size] for size in range(0, len(whole), 301)]
    damages += [b"\0" * len(whole), b"\x93NUMPY\x01\x00", whole[: len(whole) // 2] * 2]
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"program\.npz: (damaged|not the program of this design)"):
            load_design(copy)
    path.unlink()
    with pytest.raises(InputError, match=r"program\.npz: not the program of this design \(.*No such file"):
        load_design(copy)


def test_flipped_bytes_of_a_program_are_found_or_harmless(copy, small_design):
    path = copy / "program.npz"
    whole = path.read_bytes()
    refused = 0
    for place in np.random.default_rng(9).integers(0, len(whole), 80):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            loaded = load_design(copy)
        except InputError as error:
            refused += "program.npz: " in str(error)
            continue
        for method in COMPILED:
            for a, b in zip(loaded.programs[method].layers, small_design.programs[method].layers, strict=True):
                assert all(np.array_equal(x, y) for x, y in zip(a.f_res, b.f_res, strict=True))
    assert refused > 20


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda a: a * np.nan, "unusable resonance frequencies"),
        (lambda a: -a, "unusable resonance frequencies"),
        (lambda a: a[:2], "unusable resonance frequencies"),
        (lambda a: np.tile(a, 2), "has 72 values, more than 36"),
        (lambda a: a.astype(object), "is a pickle"),
        (lambda a: a.astype(str), "holds 4,608 bytes, more than 4,096"),
        (lambda a: a.astype("<U8"), "holds <U8, not numbers"),
        (lambda a: a.astype(complex), "holds (complex128|[0-9,]+ bytes), (not|more)"),
    ],
)
def test_unusable_programs_are_refused(copy, values, words):
    path = copy / "program.npz"
    with np.load(path) as file:
        arrays = dict(file)
    name = "conv1/f_res_coupled"
    original = arrays[name]
    arrays[name] = values(original)
    np.savez_compressed(path, **arrays)
    with pytest.raises(InputError, match=words):
        load_design(copy)


def test_a_design_can_be_compiled_again_from_its_own_files(copy, small_design):
    path = copy / "design.toml"
    path.write_text(path.read_text().replace("tile = 48", "tile = 20"))
    design = compile_cnn(copy / "model.onnx", read_parameters(path))
    write_design(design, copy / "model.onnx", copy, force=True)
    loaded = load_design(copy)
    assert loaded.plan.options.tile == 20
    assert loaded.cnn.sha256 == small_design.cnn.sha256
    assert hashlib.sha256((copy / "model.onnx").read_bytes()).hexdigest() == loaded.cnn.sha256


# What was derived


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("weight_scale = ", lambda value: f"{0.46 * float(value)!r}"),
        ("input_full_scale = ", lambda value: f"{0.5 * float(value)!r}"),
        ("chains = ", lambda value: str(int(value) + 1)),
        ("kind = ", lambda value: "'dense'"),
        ("activation = ", lambda value: "'tanh'"),
        ("pixels_guessed = ", lambda value: {"true": "false", "false": "true"}[value]),
    ],
)
def test_edits_of_derived_values_are_refused(copy, line, instead):
    path = copy / "design.toml"
    lines = path.read_text().splitlines()
    at = next(n for n, text in enumerate(lines) if text.startswith(line) and ("bus" not in text))
    lines[at] = line + instead(lines[at].partition(" = ")[2])
    path.write_text("\n".join(lines))
    with pytest.raises(
        InputError, match=r"design\.toml: \[model\] or \[layers\] was edited .*: compile again, with --design"
    ):
        load_design(copy)


@pytest.mark.parametrize("name", ["frequencies", "levels", "taps", "outputs", "f_res_coupled", "coupled/residual"])
def test_edits_of_a_programs_arrays_are_refused(copy, name):
    path = copy / "program.npz"
    with np.load(path) as file:
        arrays = dict(file)
    key = next(key for key in arrays if key.startswith("conv1/") and key.endswith(name))
    arrays[key] = arrays[key] * 1.01 if arrays[key].dtype.kind == "f" else arrays[key] + 1
    np.savez_compressed(path, **arrays)
    with pytest.raises(InputError, match=r"program\.npz: edited since it was written: .*; possible: compile again"):
        load_design(copy)


def test_designs_of_versions_without_hashes_are_read(copy, small_design):
    path = copy / "design.toml"
    path.write_text(path.read_text().partition("[derived]")[0])
    with np.load(copy / "program.npz") as file:
        arrays = {name: array for name, array in file.items() if name != "sha256"}
    np.savez_compressed(copy / "program.npz", **arrays)
    for a, b in zip(load_design(copy).programs["coupled"].layers, small_design.programs["coupled"].layers, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.f_res, b.f_res, strict=True))
