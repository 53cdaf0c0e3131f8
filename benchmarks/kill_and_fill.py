"""Commands that are killed at random times, and disks that fill up: what comes out wrong, what is left.

    python benchmarks/kill_and_fill.py [--kills 60] [--fills 20] [--soak 2000] [--seed 1]

Each command runs on a copy of one small design, is ended by SIGKILL, SIGTERM or SIGINT after a random time, or meets a
disk that is full after so many bytes (a bound on the size of every file where no file system can be mounted). Then it
is run again undisturbed, and its numbers are held against those of a run that nobody disturbed. Counted: wrong numbers,
processes that outlive the command, drafts that outlive the next one, tracebacks, exit statuses that are not as they
should be. Exit status 1 where any of them is not zero.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from _show import header
from onnx import TensorProto, helper, numpy_helper

from resonet.core.leftovers import MARK

COMMAND = [sys.executable, "-m", "resonet.cli.start"]
COMMANDS = {
    "compile": ("compile", "{place}/small.onnx", "-o", "{build}", "--set=plan.tile=12", "--force", "--json"),
    "calibrate": ("calibrate", "{build}", "--json"),
    "crosstalk": ("crosstalk", "{build}", "--json"),
    "sweep": ("sweep", "{build}", "--over=device.damping=0.008:0.012:6", "--engine=ngspice", "--jobs=2", "--json"),
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
TOLERANCE = 1e-12


@dataclass
class Place:
    """Where a command runs."""

    path: Path
    environment: dict[str, str]
    counts: Counter[str] = field(default_factory=Counter)

    def words(self, name: str) -> list[str]:
        """Command line of a command here."""
        return [*COMMAND, *(word.format(place=self.path, build=self.path / "build") for word in COMMANDS[name])]


def small_model(path: Path) -> None:
    """A trained CNN of chains of 9 and 36: convolution 3x3x4, ReLU, dense 3."""
    rng = np.random.default_rng(5)
    weights = {
        "w1": rng.normal(0, 0.4, (4, 1, 3, 3)), "b1": rng.normal(0, 0.1, 4),
        "w2": rng.normal(0, 0.3, (3, 36)), "b2": rng.normal(0, 0.1, 3),
    }  # fmt: skip
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w1", "b1"], ["c"], strides=[2, 2]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Flatten", ["r"], ["f"]),
            helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def numbers(found: Any) -> Any:
    """What of a command's JSON is a number of the circuit: no paths, times, processes, figures not written."""
    if isinstance(found, dict):
        skip = ("seconds", "folder", "figures", "results", "journal", "decks")
        return {key: numbers(value) for key, value in found.items() if key not in skip}
    if isinstance(found, list):
        told = [value for value in found if not (isinstance(value, dict) and value.get("code") == "not-written")]
        return [numbers(value) for value in told]
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two results have the same numbers within 1e-12."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return bool(one == other)


def members(tag: str) -> list[int]:
    """Processes that live with that mark in their environment, those that a command has started included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text().rpartition(") ")[2][0]
            if state not in "ZX" and tag.encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
    return found


def drafts(place: Place) -> list[Path]:
    """Drafts anywhere in a place."""
    return [path for path in place.path.rglob("*") if MARK.search(path.name)]


def undisturbed(place: Place, name: str) -> Any:
    """Numbers of a command that nobody disturbs."""
    done = subprocess.run(place.words(name), env=place.environment, capture_output=True, text=True, check=False)
    if "Traceback" in done.stderr:
        place.counts["tracebacks"] += 1
    if done.returncode:
        place.counts["commands that fail afterwards"] += 1
        print(f"{name}: status {done.returncode}: {done.stderr[-300:]}")
        return None
    return numbers(json.loads(done.stdout))


def judge(place: Place, name: str, wanted: Any, tag: str, err: str) -> None:
    """Count what a disturbed command left, and what the next one makes of it."""
    end = time.monotonic() + 2
    while members(tag) and time.monotonic() < end:
        time.sleep(0.05)
    for orphan in members(tag):
        place.counts["orphans"] += 1
        print(f"{name}: orphan {Path(f'/proc/{orphan}/cmdline').read_bytes()!r:.200}")
        os.kill(orphan, signal.SIGKILL)
    if "Traceback" in err:
        place.counts["tracebacks"] += 1
        print(f"{name}: {err[-1500:]}")
    found = undisturbed(place, name)
    if found is not None and not same(found, wanted):
        place.counts["wrong numbers"] += 1
        print(f"{name}: other numbers than undisturbed")
    for path in drafts(place):
        place.counts["leftovers after the next run"] += 1
        print(f"{name}: left {path}")


def fresh(place: Place, original: Path) -> None:
    """The design as it was compiled."""
    shutil.rmtree(place.path / "build", ignore_errors=True)
    shutil.copytree(original, place.path / "build")


def kill(place: Place, original: Path, name: str, wanted: Any, longest: float, rng: random.Random) -> None:
    """Start a command, end it after a random time, count."""
    fresh(place, original)
    number, after = rng.choice(SIGNALS), rng.uniform(0.1, longest)
    tag = f"KILL_AND_FILL={rng.getrandbits(60)}"
    environment = place.environment | dict([tag.split("=")])
    process = subprocess.Popen(
        place.words(name), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after)
    ended = process.poll()
    if ended is None:
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
    begin = time.monotonic()
    _, err = process.communicate(timeout=120)
    if time.monotonic() - begin > 5:
        place.counts["ends later than 5 s"] += 1
    allowed = {0} | ({-9} if number == signal.SIGKILL else {128 + number})
    if number == signal.SIGTERM and not err and not drafts(place):  # Python was not up yet, or was on its way down
        allowed |= {-number}
    if number != signal.SIGKILL:
        place.counts["leftovers"] += len(drafts(place))
    if process.returncode not in allowed:
        place.counts["exit statuses not as they should be"] += 1
        print(f"{name}: {number.name} after {after:.2f} s: status {process.returncode}: {err[-1500:]}")
    elif process.returncode > 128 and err.count("\n") != 1:
        place.counts["more than one line"] += 1
        print(f"{name}: {number.name} after {after:.2f} s: {err[-1500:]}")
    judge(place, name, wanted, tag, err)


@contextlib.contextmanager
def full_after(size: int, path: Path) -> Any:
    """A file system of that size on `path`, if one may be mounted; yields what bounds the files otherwise."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield None if mounted else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True)


def fill(place: Place, original: Path, name: str, wanted: Any, rng: random.Random) -> None:
    """Run a command where the disk, of design or of run folders, is full after random many bytes; count."""
    fresh(place, original)
    used = sum(4096 * -(-path.stat().st_size // 4096) for path in original.rglob("*") if path.is_file())
    small = place.path / "small"
    small.mkdir(exist_ok=True)
    tag = f"KILL_AND_FILL={rng.getrandbits(60)}"
    with full_after(used + rng.randrange(4096, 600_000), small) as bound:
        where = Place(small, dict(place.environment, TMPDIR=str(small)) | dict([tag.split("=")]), place.counts)
        try:
            shutil.copytree(place.path / "build", small / "build")
        except shutil.Error:
            return  # not even the design has room
        shutil.copyfile(place.path / "small.onnx", small / "small.onnx")
        done = subprocess.run(
            where.words(name), env=where.environment, capture_output=True, text=True, check=False, preexec_fn=bound
        )
        if done.returncode not in (0, 1) or (done.returncode == 1 and done.stderr.count("\n") != 1):
            place.counts["exit statuses not as they should be"] += 1
            print(f"{name}, full: status {done.returncode}: {done.stderr[-1500:]}")
        if done.returncode == 0 and not same(numbers(json.loads(done.stdout)), wanted):
            place.counts["wrong numbers"] += 1
        err = done.stderr
        shutil.rmtree(place.path / "build")
        shutil.copytree(small / "build", place.path / "build")  # to where there is room
    shutil.rmtree(small, ignore_errors=True)
    judge(place, name, wanted, tag, err)


def refuse(place: Place, original: Path, name: str) -> None:
    """Run a command on a folder that may not be written, as somebody who may not, and one without a home."""
    fresh(place, original)
    homeless = {key: value for key, value in place.environment.items() if key != "HOME"}
    done = subprocess.run(place.words(name), env=homeless, capture_output=True, text=True, check=False)
    place.counts["fails without a home"] += done.returncode != 0
    fresh(place, original)
    locked = [place.path / "build", *(path for path in (place.path / "build").rglob("*") if path.is_dir())]
    for path in locked:
        path.chmod(0o555)
    user = {"user": "nobody"} if os.geteuid() == 0 else {}
    place.path.chmod(0o555)
    try:
        words = place.words(name)
        done = subprocess.run(words, env=homeless, capture_output=True, text=True, check=False, **user)  # type: ignore[call-overload]
    except OSError:  # that user may not even run Python
        return
    finally:
        for path in [place.path, *locked]:
            path.chmod(0o755)
    if "Traceback" in done.stderr:
        place.counts["tracebacks"] += 1
        print(f"{name}, read-only: {done.stderr[-800:]}")


def soak(times: int, model: Path) -> float:
    """Growth of this process, in MB, by many simulations of a chain: in process, and as batch runs."""
    import logging

    logging.disable(logging.WARNING)
    from resonet.cosim.ngspice.in_process import in_process_ngspice
    from resonet.cosim.ngspice.run import run_deck
    from resonet.netlist.bus.deck import rf_deck
    from resonet.netlist.design.design import compile_cnn
    from resonet.netlist.spice.pyspice import to_pyspice

    deck = rf_deck(compile_cnn(model).hardware("conv1", "coupled")[0])
    sweep = next(line for line in deck.text.splitlines() if line.startswith("ac "))
    engine, text = in_process_ngspice(), str(to_pyspice(deck, model.parent / "lib")) + f".{sweep}\n.end\n"

    def once(number: int) -> None:
        if number % 10:
            engine.load_circuit(text)
            engine.run()
            engine.plot(None, engine.last_plot)
            engine.destroy()
            engine.remove_circuit()
        else:
            run_deck(deck)

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    for number in range(100):
        once(number)
    before = resident()
    for number in range(times):
        once(number)
    return resident() - before


def main() -> None:
    """Kill, fill, refuse, soak; print what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 60), ("fills", 20), ("soak", 2000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    header("numpy", "PySpice")
    rng, counts = random.Random(options.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "place"
        (path / "scratch").mkdir(parents=True)
        small_model(path / "small.onnx")
        own = {"TMPDIR": str(path / "scratch"), "HOME": folder, "XDG_CACHE_HOME": folder, "OPENBLAS_NUM_THREADS": "1"}
        place = Place(path, dict(os.environ) | own, counts)
        build, original = path / "build", Path(folder) / "original"
        subprocess.run([*COMMAND, "compile", str(path / "small.onnx"), "-o", str(build)], check=True,
                       stdout=subprocess.DEVNULL, env=place.environment)  # fmt: skip
        shutil.rmtree(build / "runs", ignore_errors=True)
        build.rename(original)
        wanted, longest = {}, {}
        for name in COMMANDS:
            fresh(place, original)
            begin = time.monotonic()
            wanted[name] = undisturbed(place, name)
            longest[name] = 1.05 * (time.monotonic() - begin)
            print(f"{name}: {longest[name]:.1f} s undisturbed", flush=True)
        for number in range(options.kills):
            kill(place, original, name := list(COMMANDS)[number % len(COMMANDS)], wanted[name], longest[name], rng)
        print(f"{options.kills} kills: {dict(+counts) or 'nothing wrong'}", flush=True)
        for number in range(options.fills):
            fill(place, original, name := list(COMMANDS)[number % len(COMMANDS)], wanted[name], rng)
        print(f"{options.fills} full disks: {dict(+counts) or 'nothing wrong'}", flush=True)
        for name in COMMANDS:
            refuse(place, original, name)
        print(f"read-only, no home: {dict(+counts) or 'nothing wrong'}", flush=True)
        growth = soak(options.soak, path / "small.onnx") if options.soak else 0.0
        print(f"{options.soak} simulations in one process: {growth:+.2f} MB")
    if +counts or growth >= 5:
        sys.exit(1)


if __name__ == "__main__":
    main()
