"""Shared: a small network that compiles in milliseconds, its design, and the command in this process."""

import gc
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import onnx
import pytest
from fakes import FAKE
from onnx import TensorProto, helper, numpy_helper

from resonet.cli import main as module
from resonet.core import plugins
from resonet.cosim.ngspice.program import find_ngspice
from resonet.netlist.design.design import Design, compile_cnn
from resonet.netlist.design.folder import write_design

RNG = np.random.default_rng
# The same deck in time: test_fixed_step holds the compiled engine to ngspice, which takes ten times as long.
IN_TIME = ["fixed_step", pytest.param("ngspice", marks=pytest.mark.nightly)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as fast what is not marked as slow; files with many slow tests come first, so that workers end together."""
    slow = Counter[Path]()
    for item in items:
        nightly = item.get_closest_marker("nightly") is not None
        if item.get_closest_marker("slow") is None and not nightly:
            item.add_marker(pytest.mark.fast)
        else:
            slow[item.path] += not nightly
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish() -> None:
    """What is loaded by now stays: a tenth of the time would go into looking through it for garbage."""
    gc.collect()
    gc.freeze()


def save_model(path: Path, nodes, weights: dict[str, np.ndarray], shape, out: str, opset: int = 17) -> Path:
    """Write an ONNX model of some nodes; input "x" [batch, *shape], output `out`."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


SAME = {"pads": [1, 1, 1, 1]}  # of a kernel of 3 x 3


def node(text: str, **attributes) -> onnx.NodeProto:
    """A node written as "Op inputs -> outputs"."""
    left, right = text.split(" -> ")
    op, *inputs = left.split()
    return helper.make_node(op, inputs, right.split(), **attributes)


def add_output(path: Path, name: str) -> None:
    """Make another tensor of a model an output."""
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    onnx.save(model, path)


def small_nodes():
    """conv 3x3x4 stride 2, ReLU, flatten, dense 3."""
    return [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c"], strides=[2, 2], name="first"),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["y"], transB=1, name="second"),
    ]


def small_weights(seed: int = 5) -> dict[str, np.ndarray]:
    rng = RNG(seed)
    return {
        "w1": rng.normal(0, 0.4, (4, 1, 3, 3)),
        "b1": rng.normal(0, 0.1, 4),
        "w2": rng.normal(0, 0.3, (3, 36)),
        "b2": rng.normal(0, 0.1, 3),
    }


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained CNN as an ONNX file: input 1x8x8, chains of 9 and 36."""
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    return save_model(path, small_nodes(), small_weights(), (1, 8, 8), "y")


@pytest.fixture(scope="session")
def small_design(small_model: Path) -> Design:
    return compile_cnn(small_model)


@pytest.fixture(scope="session")
def small_folder(small_design: Design, small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that design, which nobody writes into."""
    folder = tmp_path_factory.mktemp("small") / "build"
    write_design(small_design, small_model, folder)
    return folder


@pytest.fixture
def build(small_folder: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return shutil.copytree(small_folder, tmp_path / "build")


@pytest.fixture(scope="session")
def small_images() -> np.ndarray:
    return RNG(6).uniform(0, 1, (12, 1, 8, 8))


def three_poles(t: np.ndarray, tau: float, ramp: float) -> np.ndarray:
    """What three equal poles make of a ramp from 0 to 1 that starts at time zero and ends after `ramp` s."""

    def ramped(t: np.ndarray) -> np.ndarray:
        u = np.maximum(t, 0) / tau
        return tau * (u - 3 + np.exp(-u) * (3 + 2 * u + u**2 / 2)) / ramp

    return ramped(t) - ramped(t - ramp)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def resonet(monkeypatch, capsys):
    """Run the command in this process."""

    def run(*arguments) -> Result:
        monkeypatch.setattr(sys, "argv", ["resonet", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            module.main()
        told = capsys.readouterr()
        return Result(caught.value.code or 0, told.out, told.err)

    return run


@pytest.fixture
def plug(monkeypatch):
    """Install entry points for a test: group, and module:object."""

    def install(*entries: tuple[str, str]) -> None:
        points = EntryPoints(EntryPoint(value.rpartition(":")[2], value, group) for group, value in entries)
        monkeypatch.setattr(plugins, "installed", lambda: points)
        monkeypatch.setattr("resonet.core.registry.installed", lambda: points)

    return install


@pytest.fixture
def lying(tmp_path, monkeypatch):
    """Put an engine that lies in ngspice's place."""
    true = find_ngspice()

    def put(lie: str, name: str = "lying") -> Path:
        program = tmp_path / name
        program.write_text(FAKE.format(python=sys.executable, true=true, lie=lie))
        program.chmod(0o755)
        monkeypatch.setenv("RESONET_NGSPICE", str(program))
        return program

    return put


def complaint(result: Result) -> str:
    """The one line that a user's mistake ends in."""
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"resonet: [^\n]+\n", result.err)
    assert "Traceback" not in result.err
    return result.err


def heed_interrupts() -> None:
    """For `preexec_fn`: a child's SIGINT as it is by default, ignored though it may be here (a shell's background)."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def entries(folder: Path) -> list[str]:
    """Names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def bare_run(deck: Path, cwd: Path) -> None:
    """`ngspice -b deck` as a user types it: fine, and the raw file is in the current folder."""
    before = set(entries(cwd))
    done = subprocess.run(
        ["ngspice", "-b", str(deck)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not [
        line for line in (done.stdout + done.stderr).splitlines() if line.lower().startswith(("error", "fatal"))
    ]
    raw = cwd / f"{deck.stem}.raw"
    assert raw.stat().st_size > 100
    raw.unlink()
    assert set(entries(cwd)) == before
