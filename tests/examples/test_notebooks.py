"""The notebooks run from top to bottom, each in a kernel of its own, and their numbers are right."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "examples" / "notebooks"
NAMES = ["calibration", "first_steps", "monte_carlo", "sparameters", "strip_lines_and_sneak_paths"]
LARGEST = 12_000  # bytes of a file


def check_calibration(found: dict) -> None:
    assert found["converged"]
    assert found["rms"]["calibrated"] < 1e-6 < found["rms"]["coupled"] < found["rms"]["formula"]
    coupled = found["coupled over capacitance"]
    assert coupled == sorted(coupled)
    assert coupled[-1] > 3 * coupled[0]
    assert max(found["calibrated over capacitance"]) < 1e-6
    w = found["fill"]  # of a resonator alone: 2u / (1 + u²) = w
    assert found["largest formula detuning"] == pytest.approx((1 - (1 - w**2) ** 0.5) / w, rel=0.02)


def check_first_steps(found: dict) -> None:
    assert found["software"] == pytest.approx(436 / 450)  # as docs/guide/examples.md has it, 96.9 %
    assert found["calibrated"] == pytest.approx(found["software"], abs=1e-9)
    assert found["with noise"] > 0.95
    assert found["rms calibrated"] < 1e-6 < found["rms coupled"] < found["rms formula"]
    assert found["neurons"] == [4, 10]
    assert -40 < found["worst crosstalk dB"] < -10


def check_monte_carlo(found: dict) -> None:
    assert found["half the spread"] == pytest.approx(0.5, rel=0.05)  # first order
    assert found["error programmed"] == pytest.approx(found["by hand"], rel=0.1)
    assert found["error calibrated"] < 1e-5 < 0.05 < found["error programmed"] < 0.5
    assert found["accuracy"]["calibrated"] == pytest.approx(found["software"], abs=0.005)
    assert found["accuracy"]["programmed"] < 0.9
    passed, chips, low, high = found["yield"]["calibrated"]
    assert (passed, high) == (chips, 1)
    assert low == pytest.approx(0.025 ** (1 / chips))  # Clopper and Pearson, all of n pass


def check_sparameters(found: dict) -> None:
    assert found["engines apart"] < 1e-9
    assert found["largest singular value"] <= 1 + 1e-12
    assert found["S21 at the lowest frequency"] == pytest.approx(found["by hand"], rel=0.05)
    assert found["change at 5 uA over 2.5 uA"] == pytest.approx(2, rel=0.02)  # proportional to the current
    assert found["ports of the bus"] == 9 + 4


def check_strip_lines(found: dict) -> None:
    assert found["field below"] == pytest.approx(found["by hand"], rel=1e-12)
    assert found["parts and interaction less total"] < 1e-12
    assert found["foreign weights"] < 0.5 * found["foreign if one frequency"]


CHECKS = {
    "calibration": check_calibration,
    "first_steps": check_first_steps,
    "monte_carlo": check_monte_carlo,
    "sparameters": check_sparameters,
    "strip_lines_and_sneak_paths": check_strip_lines,
}


def numbers(book: nbformat.NotebookNode) -> dict:
    """What the last cell shows."""
    return ast.literal_eval(book.cells[-1].outputs[-1]["data"]["text/plain"])


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_small_and_has_no_outputs(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    book = nbformat.reads(text, 4)
    nbformat.validate(book)
    assert not [cell for cell in book.cells if cell.get("outputs") or cell.get("execution_count")]
    assert all(line.strip() for line in (book.cells[0].source, book.cells[-1].source))
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


def run(name: str, place: Path) -> nbformat.NotebookNode:
    """Execute a notebook in a kernel of its own, where it may write."""
    book = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    NotebookClient(book, timeout=1800, resources={"metadata": {"path": str(place)}}).execute()
    return book


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the kernel's machinery; the cells run in a process of their own
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONET_QUICK", "1")
    book = run(name, tmp_path)
    assert [out for cell in book.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    CHECKS[name](numbers(book))


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_on_the_larger_network(name, tmp_path, monkeypatch):
    monkeypatch.setenv("RESONET_QUICK", "0")
    assert numbers(run(name, tmp_path))
