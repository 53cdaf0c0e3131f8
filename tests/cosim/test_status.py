"""`resonet status`: what is there, what is stale and why, what is missing."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import complaint

from resonet.cli import entry
from resonet.core import seen
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.feed import store
from resonet.cosim.feed.store import stored_effective_weights
from resonet.cosim.sweep.axes import Axis
from resonet.cosim.sweep.sweep import Sweep, run_sweep
from resonet.netlist.design import archive
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import load_design, write_calibrated, write_design
from resonet.netlist.design.parameters import read_parameters


@pytest.fixture
def status(resonet, build):
    """States and reasons by what they are of."""

    def read(part="weights"):
        found = json.loads(resonet("status", build, "--json").out)
        return {line["what"]: (line["state"], line["why"]) for line in found[part]}

    return read


def recompiled(build: Path, small_model: Path, *settings: str) -> None:
    """The design with other parameters."""
    write_design(compile_cnn(small_model, read_parameters(settings=settings)), small_model, build, force=True)


def test_results_are_missing_fresh_stale_or_damaged(build, status, small_model):
    name = "effective weights, conv1, coupled"
    assert status()[name] == ("missing", "resonet crosstalk --layer conv1")
    assert status()["effective weights, conv1, calibrated"] == ("missing", "no such program: resonet calibrate")
    stored_effective_weights(build, load_design(build), "coupled")
    assert status()[name][0] == "fresh"
    assert status()[name][1].startswith("ngspice")
    recompiled(build, small_model, "device.damping=0.011")
    assert status()[name] == ("stale", "changed: device, program")
    (build / "results" / "effective_conv1_coupled.nc").write_bytes(b"CDF\x01")
    assert status()[name][0] == "damaged"


def test_sweeps_tell_how_far_they_are(build, status, small_model):
    sweep = Sweep(str(build), (Axis("device.damping", (0.005, 0.01, 0.02)),), programs=("formula",))
    path, _ = run_sweep(sweep, build, jobs=1)
    what = f"{path.stem} over device.damping (3)"
    assert status("sweeps")[what] == ("fresh", "")
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:4]))
    assert status("sweeps")[what] == ("1 of 3", "the same command goes on with it")
    path.write_text("".join(whole))
    recompiled(build, small_model, "plan.tile=12")
    assert status("sweeps")[what][0] == "stale"
    path.write_text("what is this")
    assert status("sweeps")[path.name] == ("damaged", "delete it")


@pytest.mark.slow
def test_studies_of_chips_tell_how_far_they_are(build, status, resonet, small_images, tmp_path):
    data = tmp_path / "images.npz"
    np.savez(data, images=small_images, labels=np.arange(len(small_images)) % 3)
    spread = ["--spread", "f_res=0.1 %"]
    asked = {
        "montecarlo over 2 chips": ["--samples", "2", *spread],
        "faults over 2 points": ["--samples", "1", "--kinds", "short", "--rates", "1 %,2 %"],
        "drift over 1 chips": ["--samples", "1", "--times", "0 s"],
        "sensitivity over 2 pairs of chips": ["--samples", "2", *spread],
        "tolerances over 3 rows": ["--samples", "1", "--accuracy", "0.1", *spread],
    }
    for what, words in asked.items():
        told = resonet(what.split()[0], build, "--data", data, "--jobs", "1", *words)
        assert told.code == 0, told.err
    found = status("sweeps")
    assert {what.partition("_")[0] + what[what.index(" over") :]: state for what, (state, _) in found.items()} == (
        dict.fromkeys(asked, "fresh")
    )
    (journal,) = (build / "results").glob("faults_*.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:3]))
    assert status("sweeps")[f"{journal.stem} over 2 points"] == ("1 of 2", "the same command goes on with it")
    assert "1 unfinished" in resonet("status", build).out
    data.write_bytes(data.read_bytes() + b" ")
    assert {state for state, _ in status("sweeps").values()} == {"stale"}


@pytest.mark.slow
def test_commands_are_fresh_or_stale(build, status, small_model, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["resonet", "crosstalk", str(build), "--layer", "conv1"])
    with pytest.raises(SystemExit):
        entry.main()
    what = f"resonet crosstalk {build} --layer conv1"
    assert status("runs")[what][0] == "fresh"
    (build / "report" / "weights.png").unlink()
    assert status("runs")[what] == ("stale", "1 of its files changed or gone, such as weights.png")
    recompiled(build, small_model, "plan.tile=12")
    assert status("runs")[what][1].startswith("changed: design.toml, program.npz; ")
    next((build / "runs").glob("*.json")).write_text("[]")
    assert [state for state, _ in status("runs").values()] == ["damaged"]


@pytest.mark.slow
def test_a_figure_that_a_later_run_wrote_makes_no_number_old(build, status, monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["resonet", *words])
        with pytest.raises(SystemExit):
            entry.main()
        return " ".join(["resonet", *words])

    first = run("crosstalk", str(build), "--layer", "conv1")
    second = run("crosstalk", str(build), "--layer", "conv1", "--program", "coupled")
    state, why = status("runs")[first]
    assert state == "fresh"
    assert why.endswith(f".png is now of: {second}")
    assert status("runs")[second][0] == "fresh"
    (build / "results" / "warnings_crosstalk.json").unlink(missing_ok=True)  # of the last run, and of no other
    assert {status("runs")[words][0] for words in (first, second)} == {"fresh"}
    (build / "report" / "weights.png").write_bytes(b"edited")
    assert {status("runs")[words][0] for words in (first, second)} == {"stale"}


def test_the_table_and_a_folder_that_is_none(build, resonet, tmp_path):
    told = resonet("status", build)
    assert "all in all: 6 missing" in told.out
    assert "no design here" in complaint(resonet("status", tmp_path))


def test_what_has_not_changed_is_not_hashed_again(build, resonet, monkeypatch):
    monkeypatch.setattr(seen, "WORTH", 0)
    stored_effective_weights(build, load_design(build), "coupled")
    first, moved = resonet("status", build, "--json").out, calibrate(load_design(build)).design
    read = []

    def counted(place, name):
        real = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given: read.append((name, *given)) or real(*given))

    for place, name in (
        (seen, "file_hash"),
        (archive, "_check_seal"),
        (store, "result_parts"),
        (store, "stored_parts"),
    ):
        counted(place, name)
    assert resonet("status", build, "--json").out == first
    assert read == []
    deck = build / "decks" / "coupled" / "conv1_t0_rf.cir"
    text, facts = deck.read_text(), deck.stat()
    deck.write_text(text.replace("r", "R", 1))
    os.utime(deck, ns=(facts.st_atime_ns, facts.st_mtime_ns))  # of the same size, as old as before
    assert deck.stat().st_size == facts.st_size
    found = json.loads(resonet("status", build, "--json").out)
    assert [(line["what"], line["state"]) for line in found["decks"]] == [("decks/coupled/conv1_t0_rf.cir", "edited")]
    assert {name for name, *_ in read} == {"file_hash"}
    read.clear()
    write_calibrated(moved, build, ["conv1", "dense1"])
    assert json.loads(resonet("status", build, "--json").out)["weights"] != found["weights"]
    assert "result_parts" in {name for name, *_ in read}  # they may depend on the new program
