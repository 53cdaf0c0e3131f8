"""Sweeps on a dask cluster of two workers against two processes here, and what a point costs beside its work."""

import pickle
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from _show import info, show
from distributed import Client, LocalCluster

from resonet.cosim.sweep.axes import Axis, Spread
from resonet.cosim.sweep.journal import open_journal, read_journal
from resonet.cosim.sweep.points import Outcome, open_workers, run_points
from resonet.cosim.sweep.sweep import Sweep, run_sweep
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.folder import write_design
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.images import read_images

__all__ = ["claims"]

MNIST = Path(__file__).parents[1] / "examples" / "mnist"
LAYERS, PROGRAMS = ("conv1", "conv2", "dense1"), ("formula", "coupled", "calibrated")


def nothing(point: int) -> dict[str, object]:
    """A point without work."""
    return {"value": float(point)}


def _built(scratch: Path) -> str:
    """The shipped network as a design folder."""
    design = compile_cnn(MNIST / "mnist.onnx", read_parameters(None))
    images = read_images(MNIST / "mnist_calibration.npz", design.cnn.input_shape, design.cnn.pixels)
    design = compile_cnn(MNIST / "mnist.onnx", read_parameters(None), images)
    write_design(design, MNIST / "mnist.onnx", scratch / "build")
    return str(scratch / "build")


def _timed(sweep: Sweep, **how: object) -> tuple[float, dict[int, object]]:
    with tempfile.TemporaryDirectory() as scratch:
        begin = time.perf_counter()
        _, outcomes = run_sweep(sweep, Path(scratch), **how)  # type: ignore[arg-type]
        return time.perf_counter() - begin, {number: outcome.values for number, outcome in outcomes.items()}


def _against_processes(cluster: LocalCluster, scratch: Path, points: int) -> None:
    """The same sweep by both, alternating, each time a new one for the workers."""
    source, ratios, same = _built(scratch), [], True
    for turn in range(3):
        seeds = tuple(range(1000 * turn, 1000 * turn + points))
        sweep = Sweep(source, (Axis("seed", seeds),), programs=("coupled",), spread=Spread(0.05))
        by_dask, found = _timed(sweep, scheduler=cluster.scheduler_address)
        by_jobs, wanted = _timed(sweep, jobs=2)
        ratios.append(by_dask / by_jobs)
        same &= found == wanted and None not in found.values()
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    show(f"{points} points: dask, 2 workers, against --jobs 2", told, "<= 1.2", float(np.median(ratios)) <= 1.2)
    show("  numbers", "same bits" if same else "OTHER", "same bits", same)


def _overhead(cluster: LocalCluster, points: int) -> None:
    """A point without work, by our workers and by dask's own `map`."""
    found: dict[int, Outcome] = {}
    with open_workers(nothing, scheduler=cluster.scheduler_address) as workers:
        run_points(range(100), workers, ended=found.__setitem__)
        begin = time.perf_counter()
        run_points(range(points), workers, ended=found.__setitem__)
        ours = (time.perf_counter() - begin) / points
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.gather(client.map(nothing, range(100), pure=False))
        begin = time.perf_counter()
        client.gather(client.map(nothing, range(100, 100 + points), pure=False))
        own = (time.perf_counter() - begin) / points
    told = f"{1e3 * ours:.2f}, {1e3 * own:.2f} ms"
    show(f"  a point without work, {points} of them: ours, dask's own map", told, "<= own + 1 ms", ours <= own + 1e-3)


def _task_size(points: int) -> None:
    """What a task carries, where the sweep is long."""
    sizes = []
    with open_workers(nothing, 1) as here:

        class Weighed:
            """Executor that weighs what it is given."""

            def submit(self, *task: object) -> object:
                """Result of the task."""
                sizes.append(len(pickle.dumps(task)))
                return here.executor.submit(*task)  # type: ignore[arg-type]

        workers = type(here)(Weighed(), here.work, 2, lump=True)  # type: ignore[arg-type]
        run_points(range(points), workers)
    show(f"  a task of a sweep of {points:,} points", f"{max(sizes)} bytes", "<= 2,000", max(sizes) <= 2000)


def _journal(points: int) -> None:
    """What a point of three layers and three programs costs in the journal."""
    rng = np.random.default_rng(1)
    values = {
        name: {program: {layer: float(rng.normal()) for layer in LAYERS} for program in PROGRAMS}
        for name in ("rms_error", "worst_aggressor", "residual", "fill")
    }
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "results" / "sweep_x.jsonl"
        begin = time.perf_counter()
        with open_journal(path, {"points": points}) as journal:
            for number in range(points):
                journal.begin(number)
                journal.end(number, Outcome(values, "", True, 0.1, "host:1"))
        written, before = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begin = time.perf_counter()
        _, outcomes = read_journal(path)
        told = f"{1e6 * written / points:.0f}, {1e6 * (time.perf_counter() - begin) / points:.0f} us"
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / points
        info(f"  journal of {points:,} points: a point written, read", told)
        info("  a point in the file, in memory", f"{path.stat().st_size / points:.0f}, {grown:.0f} bytes")
    whole = len(outcomes) == points and outcomes[points - 1].values == values
    show("  its points as they were written", "yes" if whole else "NO", "yes", whole)


def claims(quick: bool) -> None:
    """Print the claims of this part."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster,
    ):
        _against_processes(cluster, Path(scratch), 20 if quick else 200)
        _overhead(cluster, 300 if quick else 2000)
    _task_size(100_000)
    _journal(2_000 if quick else 100_000)
