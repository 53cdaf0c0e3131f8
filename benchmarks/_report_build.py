"""The shipped network with everything that a report shows, in a folder that is removed at the end."""

import atexit
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["built", "report", "resonet"]

EXAMPLES = Path(__file__).parents[1] / "examples" / "mnist"
FEW = 500  # images of what is slow


def resonet(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command; its exit status may be 1, where it judges."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "resonet.cli.start", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    return done


@cache
def built(quick: bool) -> Path:
    """The design folder: quickly without images in chips, crossbars and cascade."""
    place = Path(tempfile.mkdtemp(prefix="resonet-report-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    build, few = place / "build", place / "few.npz"
    with np.load(EXAMPLES / "mnist_test.npz") as file:
        np.savez(few, images=file["images"][:FEW], labels=file["labels"][:FEW])
    data = few if quick else EXAMPLES / "mnist_test.npz"
    limits = ("specification.accuracy=0.98", "specification.crosstalk=-8 dB", "acceptance.software=0.99")
    settings = [word for limit in limits for word in ("--set", limit)]
    model = ("compile", EXAMPLES / "mnist.onnx", "-o", build, "--calibration", EXAMPLES / "mnist_calibration.npz")
    resonet(*model, *settings)
    resonet("calibrate", build)
    resonet("crosstalk", build)
    resonet("accuracy", build, "--data", data)
    resonet("sparams", build, "--layer", "conv1", "--metrics", "--engine", "linear")
    resonet("sneak", build, "--layer", "conv1")
    chips = ("montecarlo", build, "--spread", "f_res=0.003")
    if quick:
        resonet(*chips, "--samples", 4)
        return build
    resonet(*chips, "--samples", 20, "--data", few)
    resonet("accuracy", build, "--data", few, "--resonators", "saturating", "--program", "calibrated")
    resonet("levels", build)
    resonet("run", build)
    resonet("layout", build, "--layer", "conv1")
    resonet("crossbar", build, "--data", few, "--no-sweep")
    for layer in ("conv2", "dense1"):
        resonet("sparams", build, "--layer", layer, "--engine", "linear")
        resonet("sneak", build, "--layer", layer)
    return build


@cache
def report(quick: bool) -> tuple[Path, float, float]:
    """The page, and how long it took: processor time and wall time in s."""
    build = built(quick)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = resonet("report", build)
    if done.returncode:
        raise RuntimeError(done.stderr)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return build / "report" / "report.html", sum(after[:2]) - sum(before[:2]), wall
