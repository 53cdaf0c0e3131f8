"""Sweeps: axes, values of a point, the journal after kills, executors that agree, the command."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from conftest import complaint
from fakes import double

from resonet.core.errors import EngineError, InputError
from resonet.cosim.calibration.newton import calibrate
from resonet.cosim.sweep import cluster as cluster_module
from resonet.cosim.sweep import prepared
from resonet.cosim.sweep.axes import Axis, Spread, axis_point, axis_values, count_points, parse_axis
from resonet.cosim.sweep.journal import read_journal
from resonet.cosim.sweep.outcomes import Outcomes
from resonet.cosim.sweep.points import Outcome, open_workers, run_points
from resonet.cosim.sweep.sweep import Sweep, run_sweep, sweep_from_table
from resonet.cosim.sweep.table import sweep_dataset
from resonet.cosim.sweep.workers import Workers
from resonet.cosim.weights.effective import effective_weights
from resonet.cosim.weights.engines import linear
from resonet.cosim.weights.held import trained_weights
from resonet.cosim.weights.inference import forward
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.onnx.read import read_cnn

DAMPING = Axis("device.damping", (0.005, 0.01, 0.02))
TILES = Axis("plan.tile", (9, 12, 36))


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_model, small_design) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "design"
    write_design(small_design, small_model, folder)
    return folder


def computed(sweep, folder, **how):
    """What a sweep gives, without times and processes; and the journal's lines."""
    path, outcomes = run_sweep(sweep, folder, **how)
    return {n: (one.values, one.error) for n, one in outcomes.items()}, lines(path)


def lines(path: Path) -> list[dict]:
    """Of a journal, but for the one that is being written."""
    return [json.loads(line) for line in path.read_text().rpartition("\n")[0].splitlines()[1:]]


def ends(found: list[dict]) -> Counter:
    return Counter(line["end"] for line in found if "end" in line)


# Axes


def test_axes_from_text():
    assert parse_axis("device.damping=0.005:0.02:4").values == pytest.approx((0.005, 0.01, 0.015, 0.02), rel=1e-15)
    assert parse_axis("plan.p_max=1 nW:100nW:3:log").values == pytest.approx((1e-9, 1e-8, 1e-7), rel=1e-14)
    assert parse_axis("bus.node_capacitance=0.02 fF, 20aF").values == (2e-17, 2e-17)
    assert parse_axis("plan.tile=16:48:3") == Axis("plan.tile", (16, 32, 48))
    assert all(isinstance(value, int) for value in parse_axis("seed=1:5:5").values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("device.damping", "possible: NAME=LOW:HIGH:COUNT"),
        ("device.wrong=1,2", "device.damping"),
        ("geometry.pitch_x=1um,2um", "changes no weight of bus feed"),
        ("device.damping=0.01:0.02", "LOW:HIGH:COUNT"),
        ("device.damping=0.01:0.02:0", "LOW:HIGH:COUNT"),
        ("device.damping=0.01:0.02:3:cubic", "LOW:HIGH:COUNT"),
        ("spread=0:1:3:log", "ends above 0"),
        ("plan.tile=16:17:3", "plan.tile = 16.5: a whole number"),
        ("device.damping=0.01,zzz\n.control", "not a number"),
    ],
)
def test_axes_that_are_none(text, words):
    with pytest.raises(InputError) as caught:
        parse_axis(text)
    assert words in str(caught.value)


def test_points_of_axes():
    assert count_points([DAMPING, TILES]) == 9
    found = [axis_point([DAMPING, TILES], False, number) for number in range(9)]
    names = ("device.damping", "plan.tile")
    assert found == [
        dict(zip(names, values, strict=True)) for values in itertools.product(DAMPING.values, TILES.values)
    ]
    assert isinstance(found[1]["plan.tile"], int)
    assert axis_point([DAMPING, TILES], True, 2) == {"device.damping": 0.02, "plan.tile": 36}
    columns = axis_values([DAMPING, TILES], False, np.arange(9))
    assert [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] == found
    with pytest.raises(InputError, match="unequal length"):
        count_points([DAMPING, Axis("seed", (1, 2))], together=True)
    with pytest.raises(InputError, match="given twice"):
        count_points([DAMPING, DAMPING])
    assert count_points([Axis("seed", tuple(range(1000))), Axis("spread", (0.1,) * 1000)]) == 1_000_000
    with pytest.raises(InputError, match="1,001,000 points; possible: 1,000,000"):
        count_points([Axis("seed", tuple(range(1000))), Axis("spread", (0.1,) * 1001)])


# Values


def test_a_point_is_the_compiled_network(built, small_model):
    sweep = Sweep(str(built), (DAMPING, TILES), programs=("formula", "coupled"))
    found, _ = computed(sweep, built, jobs=1)
    design = compile_cnn(small_model, read_parameters(settings=["device.damping=0.02", "plan.tile=12"]))
    for method in ("formula", "coupled"):
        for layer in ("conv1", "dense1"):
            ours = found[7][0]["rms_error"][method][layer]
            assert ours == pytest.approx(effective_weights(design, layer, method, engine=linear).rms_error, rel=1e-12)
            assert found[7][0]["fill"][method][layer] == pytest.approx(design.fill(layer), rel=1e-12)


@pytest.mark.slow
def test_ngspice_and_the_linear_engine_agree(built):
    axes = (Axis("device.damping", (0.008, 0.012)),)
    found = [
        computed(Sweep(str(built), axes, programs=("formula", "calibrated"), engine=engine), built, jobs=1)[0]
        for engine in ("linear", "ngspice")
    ]
    for ours, spice in zip(*(one.values() for one in found), strict=True):
        for layer, error in ours[0]["rms_error"]["formula"].items():
            assert spice[0]["rms_error"]["formula"][layer] == pytest.approx(error, rel=1e-6)
            assert spice[0]["rms_error"]["calibrated"][layer] < 1e-6


def test_spread_is_seeded_and_first_order(built):
    axes = (Axis("seed", (1, 2, 3)), Axis("spread", (0.0, 0.001, 0.002)))
    found, _ = computed(Sweep(str(built), axes, programs=("calibrated",)), built, jobs=1)
    rms = np.array([values["rms_error"]["calibrated"]["dense1"] for values, _ in found.values()]).reshape(3, 3)
    assert np.all(rms[:, 0] < 1e-6)
    assert rms[:, 2] == pytest.approx(2 * rms[:, 1], rel=0.02)
    assert len(set(rms[:, 1])) == 3


def test_samples_share_plan_and_programs(built, small_model, tmp_path, monkeypatch):
    """Seeds are not planned again, whatever the order of the axes, and give what each by itself gives in float64."""
    images = np.random.default_rng(3).uniform(0, 1, (300, 1, 8, 8))
    labels = np.random.default_rng(4).integers(0, 3, 300)
    np.savez(tmp_path / "images.npz", images=images, labels=labels)
    axes = (Axis("seed", (1, 2, 3)), Axis("spread", (0.0, 0.1)), Axis("device.damping", (0.01, 0.02)))
    planned, real = [], prepared.plan

    def plan(cnn, device, *more):
        planned.append(device.damping)
        return real(cnn, device, *more)

    monkeypatch.setattr(prepared, "plan", plan)
    methods = ("coupled", "calibrated")
    sweep = Sweep(str(built), axes, measure="accuracy", data=str(tmp_path / "images.npz"), programs=methods)
    found, _ = computed(sweep, tmp_path, jobs=1)
    assert planned == [0.01, 0.02]
    monkeypatch.undo()
    for number in range(count_points(axes)):
        point = axis_point(axes, False, number)
        given = read_parameters(settings=[f"device.damping={point['device.damping']}"])
        design = calibrate(compile_cnn(small_model, given), linear).design
        spread = Spread(point["spread"], point["seed"])
        made = {m: prepared.fabricated(design.plan, design.program(m), spread) for m in methods}
        own = replace(design, programs=made)
        for method in methods:
            held = {name: effective_weights(own, name, method, engine=linear) for name in ("conv1", "dense1")}
            values = found[number][0]
            for name, one in held.items():
                assert values["rms_error"][method][name] == pytest.approx(one.rms_error, rel=1e-9, abs=1e-15)
            assert values["accuracy"][method] == np.mean(forward(own, held, images).argmax(1) == labels)
            assert "float64" not in values


def test_accuracy_with_noise_over_its_own_axes(small_model, small_images, tmp_path):
    averaged = read_parameters(settings=["noise.sources=johnson,precession"])  # what a narrow band takes away
    design, built = compile_cnn(small_model, averaged), tmp_path / "design"
    write_design(design, small_model, built)
    labels = forward(design, trained_weights(read_cnn(small_model)), small_images)
    np.savez(tmp_path / "images.npz", images=small_images, labels=labels.argmax(1))
    axes = (parse_axis("neuron.bandwidth=1 Hz,20MHz", noise=True), parse_axis("seed=1,2", noise=True))
    sweep = Sweep(
        str(built), axes, measure="noise", data=str(tmp_path / "images.npz"), programs=("coupled",), repeats=3
    )
    _, outcomes = run_sweep(sweep, built, jobs=1)
    found = [outcomes[n].values for n in range(4)]
    assert [one["noisy"]["coupled"] for one in found[:2]] == [one["accuracy"]["coupled"] for one in found[:2]]
    assert all(one["noisy"]["coupled"] < one["accuracy"]["coupled"] for one in found[2:])  # 2 nW and 20 MHz guess
    assert found[2]["noisy_spread"]["coupled"] > 0
    data = sweep_dataset(sweep, outcomes)
    assert data["noisy"].values[:, 0].tolist() == [one["noisy"]["coupled"] for one in found]
    for text, why in (
        ("neuron.supply=1,2", "changes no accuracy: it is of energy"),
        ("limits.isolation=1,2", "changes no weight"),
    ):
        with pytest.raises(InputError, match=why):
            parse_axis(text, noise=True)
    with pytest.raises(InputError, match=r"with --measure noise it may be an axis"):
        parse_axis("noise.temperature=77,300")


def test_accuracy_of_points(built, small_images, tmp_path):
    np.savez(tmp_path / "images.npz", images=small_images, labels=np.arange(12) % 3)
    sweep = Sweep(
        str(built),
        (Axis("spread", (0.0, 0.3)),),
        measure="accuracy",
        data=str(tmp_path / "images.npz"),
        programs=("calibrated",),
    )
    found, _ = computed(sweep, built, jobs=1)
    assert found[0][0]["accuracy"]["calibrated"] == found[0][0]["software"]
    with pytest.raises(InputError, match="needs labelled images"):
        run_sweep(Sweep(str(built), (DAMPING,), measure="accuracy"), built)


# Kills

KILLED = """
import sys
from pathlib import Path
from resonet.cosim.sweep.sweep import Sweep, run_sweep
from resonet.cosim.sweep.axes import Axis, Spread
if __name__ == "__main__":
    source, folder, jobs = sys.argv[1:4]
    axes = (Axis("seed", tuple(range(20))), Axis("device.damping", tuple(0.005 + 0.001 * n for n in range(10))))
    run_sweep(Sweep(source, axes, programs=("coupled",), spread=Spread(0.05)), Path(folder), jobs=int(jobs))
"""
AXES = (Axis("seed", tuple(range(20))), Axis("device.damping", tuple(0.005 + 0.001 * n for n in range(10))))


def started(tmp_path: Path, built: Path, folder: Path, jobs: int) -> subprocess.Popen:
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    return subprocess.Popen([sys.executable, str(script), str(built), str(folder), str(jobs)])


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def count_ends(folder: Path) -> int:
    return sum(path.read_text().count('{"end"') for path in (folder / "results").glob("*.jsonl"))


@pytest.fixture(scope="module")
def undisturbed(built, tmp_path_factory):
    sweep = Sweep(str(built), AXES, programs=("coupled",), spread=Spread(0.05))
    return sweep, computed(sweep, tmp_path_factory.mktemp("undisturbed"), jobs=1)[0]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_sweep_goes_on_where_it_was(built, tmp_path, undisturbed, jobs):
    sweep, wanted = undisturbed
    process = started(tmp_path, built, tmp_path, jobs)
    wait_for(lambda: count_ends(tmp_path) >= 60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert count_ends(tmp_path) < 200
    found, journal = computed(sweep, tmp_path, jobs=1)
    assert set(ends(journal)) == set(range(200))
    assert set(ends(journal).values()) == {1}  # none twice, none lost
    assert found == wanted  # bit by bit
    starts = Counter(line["start"] for line in journal if "start" in line)
    assert sum(starts.values()) - 200 <= jobs  # what was in the works when it was killed is begun again


def test_a_journal_that_was_cut_off_anywhere_is_taken_up(built, tmp_path):
    sweep = Sweep(str(built), (DAMPING,), programs=("formula",))
    wanted, _ = computed(sweep, tmp_path, jobs=1)
    (path,) = (tmp_path / "results").glob("*.jsonl")
    whole = path.read_bytes()
    for size in [*range(0, len(whole), 211), len(whole) - 1]:
        path.write_bytes(whole[:size])
        found, journal = computed(sweep, tmp_path, jobs=1)
        assert found == wanted, size
        assert set(ends(journal).values()) == {1}, size
    path.write_bytes(b"\0" * 100)
    assert computed(sweep, tmp_path, jobs=1)[0] == wanted


@pytest.mark.slow
def test_a_worker_process_that_is_killed_is_replaced(built, tmp_path, undisturbed):
    sweep, wanted = undisturbed

    def kill_one():
        wait_for(lambda: count_ends(tmp_path) >= 20)
        (path,) = (tmp_path / "results").glob("*.jsonl")
        workers = {int(line["process"].split(":")[1]) for line in lines(path) if "end" in line}
        os.kill(max(workers), signal.SIGKILL)

    with ThreadPoolExecutor(1) as killer:
        future = killer.submit(kill_one)
        found, journal = computed(sweep, tmp_path, jobs=2)
        future.result()
    assert found == wanted
    assert set(ends(journal).values()) == {1}


@pytest.mark.slow
def test_two_processes_may_run_one_sweep(built, tmp_path, undisturbed):
    sweep, wanted = undisturbed
    other = started(tmp_path, built, tmp_path, 1)
    wait_for(lambda: count_ends(tmp_path) >= 5)
    found, journal = computed(sweep, tmp_path, jobs=1)
    assert other.wait() == 0
    assert found == wanted
    assert set(ends(journal).values()) == {1}


# A cluster


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as made:
        yield made


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_numbers_even_if_a_worker_is_killed(built, tmp_path, undisturbed, cluster):
    sweep, wanted = undisturbed

    def kill_one():
        wait_for(lambda: count_ends(tmp_path) >= 10)
        (path,) = (tmp_path / "results").glob("*.jsonl")
        last = [json.loads(line) for line in path.read_text().splitlines()[1:] if line.endswith("}")]
        victim = [line["process"] for line in last if "end" in line][-1]
        os.kill(int(victim.split(":")[1]), signal.SIGKILL)
        return victim

    with ThreadPoolExecutor(1) as killer:
        future = killer.submit(kill_one)
        found, journal = computed(sweep, tmp_path, scheduler=cluster.scheduler_address)
        victim = future.result()
    assert found == wanted
    assert set(ends(journal)) == set(range(200))
    assert set(ends(journal).values()) == {1}
    others = {line["process"] for line in journal if "end" in line} - {victim}
    assert others  # went on where it had been killed


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tcp://127.0.0.1:9", ""),
        ("localhost", "missing port number"),
        ("nothing://x:1", "unknown address scheme"),
        (":::", "invalid address"),
    ],
)
def test_no_scheduler_is_one_line(built, resonet, monkeypatch, address, words):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "ANSWER", 0.3)
    told = complaint(resonet("sweep", built, "--over", "device.damping=0.01,0.02", "--scheduler", address))
    assert f"no dask scheduler answers at {address}" in told
    assert words in told


def test_what_answers_must_be_a_scheduler(built, resonet, monkeypatch, cluster):
    monkeypatch.setattr(cluster_module, "ANSWER", 3.0)
    worker = next(iter(cluster.workers.values())).worker_address
    told = complaint(resonet("sweep", built, "--over", "device.damping=0.01,0.02", "--scheduler", worker))
    assert "answers a dask worker, no scheduler" in told
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setattr(cluster_module, "ANSWER", 0.3)
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        assert "no answer in 0.3 s" in complaint(
            resonet("sweep", built, "--over", "device.damping=0.01,0.02", "--scheduler", address)
        )


def test_a_scheduler_that_hangs_is_given_up(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "ANSWER", 0.1)
    monkeypatch.setattr(cluster_module, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        watch = cluster_module._Watch(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(EngineError, match=r"no answer in 0\.1 s.*for 0\.3 s"):
            wait_for(watch.check, 20)


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as made:
        print(made.scheduler_address, flush=True)
        sys.stdin.readline()
        made.scale(0)
        sys.stdin.readline()
"""


@pytest.mark.parametrize("victim", ["scheduler", "workers"])
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_is_gone_ends_the_sweep_which_goes_on_later(
    built, tmp_path, undisturbed, resonet, monkeypatch, victim
):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster_module, "PATIENCE", 1.0)
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    process = subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert process.stdin is not None

    def kill():
        wait_for(lambda: count_ends(tmp_path) >= 10)
        if victim == "scheduler":
            process.kill()
        else:
            process.stdin.write("\n")
            process.stdin.flush()

    sweep, wanted = undisturbed
    with ThreadPoolExecutor(1) as killer:
        future = killer.submit(kill)
        with pytest.raises(EngineError, match="; what is done is kept, the same command goes on"):
            run_sweep(sweep, tmp_path, scheduler=address)
        future.result()
    process.kill()
    process.communicate()
    assert 10 <= count_ends(tmp_path) < 200
    found, journal = computed(sweep, tmp_path, jobs=1)
    assert found == wanted
    assert set(ends([line for line in journal if line.get("values")]).values()) == {1}


# Executors


def test_points_that_fail_are_outcomes():
    for jobs in (1, 2):
        found = {}
        with open_workers(double, jobs) as workers:
            run_points(range(6), workers, ended=found.__setitem__)
        assert sorted(found) == list(range(6))
        assert [found[n].values for n in (0, 1, 2, 5)] == [{"value": 2 * n} for n in (0, 1, 2, 5)]
        assert (found[3].error, found[4].error) == ("three is not possible", "ZeroDivisionError: of ours")


def test_short_points_go_out_several_in_a_task():
    tasks, found = [], {}
    with open_workers(double, 1) as here:

        class Noted:
            def submit(self, task, name, points):
                tasks.append(list(points))
                return here.executor.submit(task, name, points)

        run_points(range(10, 1010), Workers(Noted(), here.work, 2, lump=True), ended=found.__setitem__)
    assert sorted(found) == list(range(10, 1010))
    assert all(outcome.values == {"value": 2 * n} for n, outcome in found.items())
    assert [point for task in tasks for point in task] == list(range(10, 1010))
    assert max(map(len, tasks)) == 100  # more would be lost with a worker
    assert len(tasks[-1]) == 1  # and the last ones are shared out among all


def test_outcomes_come_back_as_they_were():
    values = {"a": {"b": 0.1, "c": None, "d": -0.0}, "n": 3, "t": True, "l": [1.5, {"x": float("inf")}], "s": "text"}
    given = {
        5: Outcome(values, "", True, 0.25, "host:1"),
        2: Outcome(None, "failed", False, 0.5, "host:2"),
        3: Outcome(values | {"n": True, "t": 1}, "", True, 0.125, "host:1"),
        4: Outcome(values | {"a": {"b": 2.5, "c": 1e-300, "d": 3}}, "", True, 0.0, ""),
    }
    packed = Outcomes()
    packed.update(given)
    assert dict(packed) == given
    assert repr(packed[3].values) == repr(given[3].values)  # of the same types
    assert packed.failed() == [2]
    numbers = np.array(packed.numbers("a", "d"))
    assert np.isnan(numbers[0])
    assert np.array_equal(numbers[1:], [-0.0, 3.0, -0.0])
    assert np.array_equal(packed.numbers("a", "c"), [np.nan, np.nan, 1e-300, np.nan], equal_nan=True)
    assert np.array_equal(packed.numbers("n"), [np.nan, np.nan, 3.0, 3.0], equal_nan=True)
    del packed[5]
    assert list(packed) == [2, 3, 4]


def test_a_journal_line_that_was_edited_is_not_used(built, tmp_path):
    computed(Sweep(str(built), (DAMPING,), programs=("formula",)), tmp_path, jobs=1)
    (path,) = (tmp_path / "results").glob("*.jsonl")
    text = path.read_text()
    whole = read_journal(path)[1]
    for old, new in (('"seconds": ', '"seconds":  '), ('"end": 1', '"end": 2'), ('"final": true', '"final": false')):
        path.write_text(text.replace(old, new))
        with pytest.warns(match="damaged or edited lines are not used"):
            assert len(read_journal(path)[1]) < len(whole)


# The command


@pytest.mark.slow
def test_command_writes_rows_and_a_figure(built, resonet, tmp_path):
    arguments = ("sweep", built, "--over", "device.damping=0.005:0.02:3", "--over", "plan.tile=9,36", "--jobs", 1)
    shown = json.loads(resonet(*arguments, "-o", tmp_path, "--json").out)
    assert len(shown["points"]) == 6
    assert shown["failed"] == 0
    assert all(Path(path).is_file() for path in shown["figures"])
    with xr.open_dataset(shown["results"], engine="scipy") as data:
        assert data["rms_error"].dims == ("point", "program", "layer")
        assert data["device_damping"].values.tolist() == [row["at"]["device.damping"] for row in shown["points"]]
        one = data["rms_error"].sel(program="coupled", layer="dense1").values[3]
        assert one == shown["points"][3]["rms_error"]["coupled"]["dense1"]
    assert "6 points" in resonet(*arguments, "-o", tmp_path).out


def test_failed_points_are_told_and_the_others_are_there(built, resonet, tmp_path):
    found = resonet("sweep", built, "--over", "plan.f_min=1GHz,2GHz,30GHz", "--jobs", 1, "-o", tmp_path)
    assert found.code == 1
    assert found.err.count("\n") == 1
    assert "1 of 3 points failed, the first (plan.f_min 3e+10): plan.f_min = 3e+10 Hz: must be below" in found.err
    (path,) = (tmp_path / "results").glob("*.jsonl")
    _, outcomes = read_journal(path)
    assert [outcome.values is None for outcome in outcomes.values()] == [False, False, True]
    data = sweep_dataset(sweep_from_table(read_journal(path)[0]), outcomes)
    assert np.isnan(data["rms_error"].values[2]).all()
    assert np.isfinite(data["rms_error"].values[:2]).all()


def test_a_parameter_file_and_a_model(small_model, resonet, tmp_path):
    (tmp_path / "mine.toml").write_text("[device]\ndamping = 0.02\n[plan]\ntile = 12\n")
    arguments = ("sweep", tmp_path / "mine.toml", "--over", "plan.fill=0.5,0.8", "--jobs", 1, "-o", tmp_path, "--json")
    assert "possible: --model" in complaint(resonet(*arguments))
    shown = json.loads(resonet(*arguments, "--model", small_model).out)
    design = compile_cnn(small_model, read_parameters(tmp_path / "mine.toml"))
    wanted = effective_weights(design, "dense1", "coupled", engine=linear).rms_error
    assert shown["points"][1]["rms_error"]["coupled"]["dense1"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--over", "seed=1,2"), "changes nothing without a spread"),
        (("--over", "device.damping=0.01,0.02", "--program", "best"), "--program 'best'"),
        (("--over", "device.damping=0.01", "--measure", "accuracy"), "needs labelled images"),
    ],
)
def test_requests_that_make_no_sense(built, resonet, arguments, words):
    assert words in complaint(resonet("sweep", built, *arguments, "--jobs", 1))


@pytest.mark.slow
@pytest.mark.parametrize("length", [pytest.param(10, marks=pytest.mark.nightly), 120])  # short, in all other tests
def test_workers_start_whatever_the_length_of_the_temporary_folder(tmp_path, monkeypatch, length):
    # A socket's path may have some hundred bytes; multiprocessing puts one into the temporary folder.
    place = tmp_path / ("t" * length)
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    found = {}
    with open_workers(double, 2) as workers:
        run_points([40], workers, ended=found.__setitem__)
    assert found[40].values == {"value": 80}
