"""`resonet doctor`: what is installed, what is missing, how to get it."""

import ctypes.util
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from resonet.core.errors import InputError, PluginError
from resonet.core.plugins import Plugin, installed
from resonet.core.registry import Registry
from resonet.cosim.ngspice.run import EngineError, find_ngspice, ngspice_version, run_deck
from resonet.netlist.spice.deck import Deck
from resonet.netlist.spice.dialect import NGSPICE

__all__ = ["Finding", "examine"]

WITHOUT = (
    "without it weights are the linear engine's alone (warning unwitnessed), and what runs in ngspice does not: "
    "--engine ngspice, transient, demo, S-parameters of its own"
)
REQUIRED = (
    "numpy",
    "scipy",
    "networkx",
    "onnx",
    "onnxruntime",
    "scikit-rf",
    "PySpice",
    "matplotlib",
    "xarray",
    "typer",
    "rich",
)
OPTIONAL = {"torch": "only the training scripts in examples/ need it"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    name: str
    found: str  # version or result; empty where it is missing
    needed: bool
    remedy: str = ""


def _package(name: str, needed: bool, remedy: str) -> Finding:
    try:
        return Finding(name, version(name), needed)
    except PackageNotFoundError:
        return Finding(name, "", needed, remedy)


def _probe() -> Deck:
    """A divider of 1 V."""
    d = NGSPICE
    lines = [*d.write_head("probe", "a divider", "../lib", ()), d.format_source("v1", "a", "0", dc="1", ac="1")]
    lines += [d.format_element("r1", ("a", "b"), "1k"), d.format_element("r2", ("b", "0"), "1k")]
    return Deck("probe", "\n".join(lines + d.write_runs("probe", [d.format_ac("lin", 1, "1k", "1k")])))


def _engine() -> list[Finding]:
    """ngspice, and whether it computes: half of 1 V."""
    try:
        program = find_ngspice()
        found = [Finding("ngspice", f"{ngspice_version(program)} ({program})", True)]
        value = complex(run_deck(_probe(), timeout=60)[0].columns(["v(b)"])[0, 0])
    except EngineError as error:
        told = f"{error}; {WITHOUT}" if str(error).startswith("no program") else str(error)
        return [Finding("ngspice", "", True, told)]
    if abs(value - 0.5) < 1e-9:
        return [*found, Finding("ngspice runs", "yes", True)]
    return [*found, Finding("ngspice runs", "", True, f"a divider of 1 V gave {value} V, not 0.5 V")]


def _plugins() -> list[Finding]:
    """Every plug-in, and whether it loads and fits."""
    from resonet.cli.registry import GROUP, find_command
    from resonet.cosim.weights.engines import ENGINES
    from resonet.models.device.registry import DEVICES
    from resonet.netlist.network.activations.registry import ACTIVATIONS
    from resonet.netlist.network.onnx.operators.registry import TABLE
    from resonet.netlist.spice.registry import DIALECTS
    from resonet.netlist.strip.arrangement import ARRANGEMENTS

    registries: list[Registry[Any, Any]] = [DEVICES, ACTIVATIONS, TABLE, ENGINES, DIALECTS, ARRANGEMENTS]
    known = {registry.group: registry for registry in registries}
    found = []
    for entry in installed():
        plugin, remedy = Plugin(entry), ""
        try:
            plugin.load()
            if entry.group in known:
                known[entry.group].plugged()
            elif entry.group == GROUP:
                find_command(entry.name)
            else:
                raise PluginError(f"{plugin}: no such kind of plug-in; possible: {', '.join((*known, GROUP))}")
        except InputError as error:
            # of another plug-in of the group: that is told in its own row
            remedy = str(error) if str(error).startswith(str(plugin)) else ""
        version = f" {entry.dist.version}" if entry.dist else ""
        found.append(Finding(f"plug-in {entry.name}", "" if remedy else f"{plugin.package}{version}", True, remedy))
    return found


def examine() -> list[Finding]:
    """Look at everything that resonet uses."""
    library = ctypes.util.find_library("ngspice") or ""
    return [
        Finding("Python", platform.python_version(), True),
        *_engine(),
        *(_package(name, True, f"pip install {name}") for name in REQUIRED),
        Finding("libngspice", library, False, "for PySpice in process: apt-get install libngspice0"),
        *(_package(name, False, f"pip install {name} ({why})") for name, why in OPTIONAL.items()),
        *_plugins(),
    ]
