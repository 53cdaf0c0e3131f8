"""Decks of large designs: a few at once, the others when somebody asks, always with the same bytes; programs mapped."""

import csv
import json
import shutil
import zipfile
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from conftest import bare_run, complaint

from resonet.core import npz
from resonet.cosim.calibration.newton import calibrate
from resonet.netlist.bus.deck import dc_gain_decks, rf_deck, sparam_deck
from resonet.netlist.design import decks as module
from resonet.netlist.design.archive import sealed
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.earlier import EARLIER, read_earlier
from resonet.netlist.design.folder import load_design, write_calibrated, write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.design.written import edited_files

LAYERS = ["conv1", "dense1"]


@pytest.fixture(scope="module")
def design(small_model):
    return compile_cnn(small_model, read_parameters(settings=["plan.tile=10", "plan.fanout=2"]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_model, design):
    """Folder with all decks."""
    folder = tmp_path_factory.mktemp("whole") / "build"
    write_design(design, small_model, folder)
    return folder


@pytest.fixture
def few(tmp_path, small_model, design, monkeypatch):
    """Folder of a design that counts as large."""
    monkeypatch.setattr(module, "WHOLE", 10)
    write_design(design, small_model, tmp_path / "few")
    return tmp_path / "few"


def decks_of(folder, program="coupled"):
    return {path.name: path.read_bytes() for path in (folder / "decks" / program).glob("*.cir")}


def test_a_few_decks_of_each_layer_and_a_list_of_all(whole, few, design):
    for program in ("formula", "coupled"):
        every, some = decks_of(whole, program), decks_of(few, program)
        assert some.items() < every.items()
        assert sorted(some) == sorted(f"{n}_{k}.cir" for n in LAYERS for k in ("b0t0_n0_sp", "b0t0_rf", "dc0"))
    with (few / "decks" / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {f"{row['deck']}.cir" for row in rows} == set(decks_of(whole))
    assert (whole / "decks" / "index.csv").read_bytes() == (few / "decks" / "index.csv").read_bytes()
    assert sum(int(row["resonators"]) for row in rows if row["kind"] == "rf") == sum(
        entry.resonators for entry in design.plan.layers
    )
    assert edited_files(few) == {}
    assert (whole / "graph.graphml").is_file()
    assert not (few / "graph.graphml").exists()


def test_decks_are_those_of_the_public_functions(whole, design):
    """Each deck against the function that makes it alone."""
    for layer in LAYERS:
        buses = design.hardware(layer, "coupled")
        channels = buses[0].bus.frequencies
        sweep = (0.5 * float(channels.min()), 1.25 * float(channels.max()), 1000)
        for deck in (*map(rf_deck, buses), *dc_gain_decks(buses), sparam_deck(buses[0], 0, 0.0, sweep)):
            assert (whole / "decks" / "coupled" / f"{deck.name}.cir").read_text() == deck.text


def test_what_is_missing_is_written_with_the_same_bytes(whole, few, resonet):
    found = json.loads(resonet("decks", few, "--json").out)
    assert len(found["decks"]) == len(decks_of(whole))
    assert len(found["written"]) == len(decks_of(whole)) - 6
    assert decks_of(few) == decks_of(whole)
    assert (
        resonet("decks", few).out.splitlines()[-1]
        == f"0 decks written to {few}/decks/coupled, {len(decks_of(whole))} were there"
    )
    assert edited_files(few) == {}
    assert resonet("decks", few, "--graph").out.splitlines()[-1] == f"graph: {few}/graph.graphml"
    listed = resonet("decks", few, "--list", "--layer", "conv1").out.splitlines()
    assert {line.split()[-1] for line in listed if line.split() and line.split()[0].startswith("conv1_")} == {"yes"}
    ours, theirs = (nx.read_graphml(folder / "graph.graphml") for folder in (few, whole))
    assert dict(ours.nodes(data=True)) == dict(theirs.nodes(data=True))


def test_one_layer_one_bus_one_neuron(whole, few, resonet, tmp_path):
    every = decks_of(whole, "formula")
    resonet("decks", few, "--layer", "conv1", "--program", "formula")
    assert {name for name in decks_of(few, "formula") if name.startswith("conv1")} == {
        n for n in every if n.startswith("conv1")
    }
    found = json.loads(resonet("decks", few, "--layer", "dense1", "--bus", "b1t2", "--json").out)
    assert [path.rsplit("/", 1)[1] for path in found["decks"]] == ["dense1_b1t2_rf.cir"]
    found = json.loads(resonet("decks", few, "--layer", "conv1", "--neuron", 3, "--json").out)
    names = [path.rsplit("/", 1)[1] for path in found["decks"]]
    assert names == ["conv1_b1t0_rf.cir", "conv1_dc0.cir", "conv1_b1t0_n1_sp.cir"]
    bare_run(few / "decks" / "coupled" / "conv1_b1t0_n1_sp.cir", tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--layer", "conv9"), "no such weighted layer; possible: conv1, dense1"),
        (("--layer", "conv1", "--bus", "t7"), "--bus t7: layer conv1 has no such bus; possible: b0t0, b1t0"),
        (("--layer", "conv1", "--neuron", "4"), "--neuron 4: layer conv1 has neurons 0 ... 3"),
        (("--layer", "conv1", "--neuron", "-1"), "--neuron -1: layer conv1 has neurons 0 ... 3"),
        (("--program", "calibrated"), "no calibrated program yet"),
    ],
)
def test_what_is_not_there_is_told(few, resonet, words, told):
    assert told in complaint(resonet("decks", few, *words))


def test_options_that_would_change_nothing_are_refused(few, resonet):
    for words in (("--neuron", "1"), ("--dialect", "ngspice"), ("--graph", "-o", few / "x")):
        assert resonet("decks", few, *words).code == 2


def test_a_folder_of_ones_own_in_another_dialect(few, resonet, tmp_path, whole):
    resonet("decks", few, "--layer", "conv1", "-o", tmp_path / "out", "--dialect", "ngspice")
    out = tmp_path / "out" / "coupled"
    assert {path.name: path.read_bytes() for path in out.glob("*.cir")}.items() <= decks_of(whole).items()
    bare_run(out / "conv1_dc0.cir", tmp_path)
    assert not (few / "decks" / "coupled" / "conv1_b1t0_rf.cir").exists()


def test_lists_and_status_say_what_is_written(few, whole, resonet):
    found = json.loads(resonet("decks", few, "--list", "--json").out)["decks"]
    assert sum(row["written"] for row in found) == 6
    assert len(found) == len(decks_of(whole))
    lines = json.loads(resonet("status", few, "--json").out)["decks"]
    assert {line["what"]: line["state"] for line in lines} == dict.fromkeys(
        ("decks, formula", "decks, coupled"), "on demand"
    )
    assert lines[0]["why"].startswith(f"6 of {len(found)} written")
    resonet("decks", few)
    resonet("decks", few, "--program", "formula")
    assert json.loads(resonet("status", few, "--json").out)["decks"] == []


def test_edited_decks_stay_until_they_are_forced(few, whole, resonet):
    path = few / "decks" / "coupled" / "conv1_dc0.cir"
    path.write_text(path.read_text() + "* mine\n")
    assert "edited" in resonet("decks", few).err
    assert path.read_text().endswith("* mine\n")
    resonet("decks", few, "--force")
    assert decks_of(few) == decks_of(whole)
    assert edited_files(few) == {}


def test_decks_of_the_program_before_do_not_stay(few, small_model, resonet):
    first = calibrate(load_design(few)).design
    write_calibrated(first, few, LAYERS)
    resonet("decks", few, "--program", "calibrated")
    before = decks_of(few, "calibrated")
    (few / "decks" / "calibrated" / "mine.cir").write_text("mine")
    layer = replace(
        first.program("calibrated").layers[0],
        f_res=tuple(1.001 * f for f in first.program("calibrated").layers[0].f_res),
    )
    moved = replace(first.program("calibrated"), layers=(layer, *first.program("calibrated").layers[1:]))
    write_calibrated(replace(first, programs=first.programs | {"calibrated": moved}), few, LAYERS)
    after = decks_of(few, "calibrated")
    assert len(after) == 7  # the few, and what is none of ours
    assert edited_files(few) == {}
    resonet("decks", few, "--program", "calibrated")
    after = decks_of(few, "calibrated")
    assert after.keys() == {*before, "mine.cir"}
    same = {name for name, text in before.items() if after[name] == text}
    assert same == {name for name in before if name.startswith("dense1") or "_dc" in name}  # gains know no frequency


def test_a_calibration_that_is_cut_off_leaves_no_deck_of_another_program(few, monkeypatch):
    made = calibrate(load_design(few)).design
    write_calibrated(made, few, LAYERS)
    kept = (few / "calibrated.npz").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("resonet.netlist.design.folder.write_arrays", full)
        with pytest.raises(OSError, match="No space"):
            write_calibrated(made, few, LAYERS)
    assert (few / "calibrated.npz").read_bytes() == kept
    assert decks_of(few, "calibrated") == {}
    assert edited_files(few) == {}
    assert not list(few.rglob(".*"))


def test_a_deck_is_whole_or_not_there(few, whole, monkeypatch):
    buses = load_design(few).hardware("dense1", "coupled")
    deck = module.layer_decks(buses)[1]

    def cut(dialect):
        yield next(iter(deck.blocks(dialect)))
        raise KeyboardInterrupt

    place = few / "decks" / "coupled"
    with pytest.raises(KeyboardInterrupt):
        module.write_missing([replace(deck, blocks=cut)], place)
    assert not (place / f"{deck.name}.cir").exists()
    assert not list(few.rglob(".*"))
    assert module.write_missing([deck], place) == [place / f"{deck.name}.cir"]
    assert decks_of(few)[f"{deck.name}.cir"] == decks_of(whole)[f"{deck.name}.cir"]


# Programs


def mapped(array):
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_large_programs_are_mapped(whole, design, monkeypatch):
    monkeypatch.setattr(npz, "MAPPED", 100)
    loaded = load_design(whole)
    for method in ("formula", "coupled"):
        for ours, theirs in zip(loaded.program(method).layers, design.program(method).layers, strict=True):
            assert all(mapped(f) for f in ours.f_res)
            assert all(np.array_equal(a, b) for a, b in zip(ours.f_res, theirs.f_res, strict=True))
    assert calibrate(loaded).layers[0].worst_after == calibrate(design).layers[0].worst_after


def test_mapped_programs_are_checked_like_others(whole, tmp_path, monkeypatch):
    from resonet.core.errors import InputError

    monkeypatch.setattr(npz, "MAPPED", 100)
    folder = shutil.copytree(whole, tmp_path / "build")
    data = bytearray((folder / "program.npz").read_bytes())
    with zipfile.ZipFile(folder / "program.npz") as file:
        at = file.getinfo("dense1/f_res_coupled.npy").header_offset + 400
    data[at] ^= 1  # of one number, in its last bits
    (folder / "program.npz").write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"program\.npz: "):
        load_design(folder)


def by_bus(path, design, methods, names):
    """An archive as earlier versions wrote it: an array for each bus, compressed."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name != "sha256"}
    for entry in design.plan.layers:
        name, ends = entry.layer.name, np.cumsum([b.size[0] * b.size[1] for b in entry.buses])[:-1]
        for method in methods:
            values = arrays.pop(f"{name}/{method}")
            for bus, part in zip(entry.buses, np.split(values, ends), strict=True):
                arrays[f"{name}/{bus.name}/{method}"] = part.reshape(bus.size)
        for part in names:
            arrays.pop(f"{name}/{part}", None)
        for bus in entry.buses:
            arrays |= {f"{name}/{bus.name}/{part}": getattr(bus, part) for part in names if hasattr(bus, part)}
    np.savez_compressed(path, **sealed(arrays))


def test_folders_of_earlier_versions_are_read(whole, tmp_path, small_model, design, resonet):
    folder = shutil.copytree(whole, tmp_path / "build")
    made = calibrate(design).design
    write_calibrated(made, folder, LAYERS)
    names = ("buses", "sizes", "outputs", "taps", "frequencies", "levels")
    by_bus(folder / "program.npz", design, ("f_res_formula", "f_res_coupled"), names)
    by_bus(folder / "calibrated.npz", design, ("f_res_calibrated",), ())
    (folder / "decks" / "index.csv").unlink()
    loaded = load_design(folder)
    for method in ("formula", "coupled", "calibrated"):
        for ours, theirs in zip(loaded.program(method).layers, made.program(method).layers, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(ours.f_res, theirs.f_res, strict=True))
    assert json.loads(resonet("status", folder, "--json").out)["decks"] == []
    changed = compile_cnn(small_model, read_parameters(settings=["plan.tile=10", "plan.fanout=2", "bus.impedance=60"]))
    write_design(changed, small_model, folder, force=True)
    start = read_earlier(folder, changed)
    assert set(start) == set(LAYERS)
    by_bus(folder / EARLIER, changed, ("detuning",), ("sizes", "outputs", "taps"))
    for name, program in read_earlier(folder, changed).items():
        assert all(np.array_equal(a, b) for a, b in zip(program.f_res, start[name].f_res, strict=True))
