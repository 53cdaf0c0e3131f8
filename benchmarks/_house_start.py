"""Part of show_house.py: what it costs to start."""

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from _show import show

HEAVY = ("onnx", "scipy.sparse", "numba", "PySpice")
RUNS = 9


def processor_time(command: list[str]) -> float:
    """User and system time of one run, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def claims(quick: bool) -> None:
    """Print the claims."""
    command = [str(Path(sys.executable).with_name("resonet")), "--help"]
    processor_time(command)  # what is compiled once is compiled now
    seconds = statistics.median(processor_time(command) for _ in range(RUNS))
    show(f"resonet --help, processor time, median of {RUNS}", f"{seconds:.2f} s", "<= 0.35 s", seconds <= 0.35)
    code = f"import sys, resonet.netlist; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    pulled = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    show(
        "import of resonet.netlist pulls in " + (", ".join(pulled) or "nothing heavy"),
        str(len(pulled)),
        "0",
        not pulled,
    )
    code = (
        "import sys\nfrom resonet.netlist import build_graph, compile_cnn, plan, program, read_parameters\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    pulled = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    show("its verbs, imported, pull in " + (", ".join(pulled) or "nothing heavy"), str(len(pulled)), "0", not pulled)
