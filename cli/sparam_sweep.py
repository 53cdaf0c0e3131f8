"""`resonet sparams --sweep`: a block over bias, tuning current or temperature."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from resonet.cli.sparam_page import BlockPage
from resonet.core.errors import InputError
from resonet.core.numbers import read_whole
from resonet.core.types import Array
from resonet.netlist.design.design import Design
from resonet.sparams.build import Stand
from resonet.sparams.extract import extract
from resonet.sparams.request import Options, Units, wanted_block
from resonet.sparams.window import check_bias

__all__ = ["check_request", "sweep_page", "swept_values"]

MOST_SWEPT = 401
SWEPT = {
    "bias": ("bias", 1e6, "bias, µA"),
    "tuning": ("tuning", 1e3, "tuning current, mA"),
    "temperature": ("temperature", 1.0, "temperature, K"),
}


def swept_values(text: str) -> tuple[str, Array]:
    """bias=0:10uA:21 -> the name and its values."""
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    example = "possible: bias=0:10uA:21, tuning=0:20mA:41, temperature=250:350:11 (first:last:number)"
    if name not in SWEPT or len(parts) != 3:
        raise InputError(f"sweep {text[:60]!r}; {example}")
    try:
        count = read_whole(parts[2])
    except ValueError as error:
        raise InputError(f"sweep {text[:60]!r}: {parts[2][:12]!r}: {error}; {example}") from None
    if not 2 <= count <= MOST_SWEPT:
        raise InputError(f"sweep {text[:60]!r}: {parts[2][:12]} values; possible: 2 ... {MOST_SWEPT}")
    first, last = (Units.si(name, part) for part in parts[:2])
    return name, np.linspace(first, last, count)


def _drifts(drift: tuple[str, ...]) -> dict[str, float]:
    """tcf=-1e-4 ... as numbers by name."""
    found = {key: (equals, value) for key, equals, value in (entry.partition("=") for entry in drift)}
    wrong = [key for key, (equals, _) in found.items() if key not in ("tcr", "tcf", "tcq", "tck") or not equals]
    if wrong:
        raise InputError(f"drift {wrong[0][:40]!r}: possible: tcr=, tcf=, tcq=, tck= with a number per kelvin")
    return {key: Units.si("drift", value) for key, (_, value) in found.items()}


def sweep_page(
    design: Design,
    folder: Path,
    page: BlockPage,
    options: Options,
    stand: Stand,
    text: str,
    width: str,
    drift: tuple[str, ...],
) -> list[Path]:
    """Waterfall and family of curves of a block over bias, tuning current or temperature.

    The waterfall is the change against the first value; where the bias is swept, against no bias.
    """
    from resonet.report.sparam_figures import sweep_figure, waterfall_figure
    from resonet.report.style import save
    from resonet.sparams.conditions import Drift, biased, sweep, tuned, tuning_slope, warmed

    name, values = swept_values(text)
    block, base = page.solved.block, 0.5 * design.plan.device.threshold_current
    if not options.bias:  # without a bias there is nothing to see
        block = wanted_block(design, replace(options, bias=base), stand)
    bias = options.bias or base
    slope, drifts = tuning_slope(Units.si("width", width)), Drift(**_drifts(drift))
    at = {
        "bias": lambda value: biased(block, value / bias),
        "tuning": lambda value: tuned(block, value, slope),
        "temperature": lambda value: warmed(block, value, drifts),
    }[name]
    networks = sweep(at, values, page.solved.network.f)
    reference = extract(biased(block, 0.0), page.solved.network.f) if name != "temperature" else networks[0]
    _, scale, label = SWEPT[name]
    pair = (1, 0) if page.solved.network.nports > 1 else (0, 0)
    for network in networks:
        network.name = page.solved.block.name
    stem = f"sparams_{page.solved.block.name}_{options.method}_{name}"
    files = save(
        waterfall_figure(networks, values * scale, label, pair, reference), folder / "report", f"{stem}_waterfall"
    )
    some = np.unique(np.linspace(0, len(values) - 1, min(len(values), 9)).astype(int))
    family = sweep_figure([networks[k] for k in some], values[some] * scale, label, pair)
    return files + save(family, folder / "report", f"{stem}_curves")


def check_request(
    design: Design, kinds: tuple[str, ...], sweep: str | None, drift: tuple[str, ...], width: str
) -> None:
    """Refuse what cannot be drawn or swept before anything is computed or written. Raises InputError."""
    from resonet.report.sparam_figures import PLOTS

    unknown = [kind for kind in kinds if kind not in PLOTS]
    if unknown:
        possible = ", ".join([*PLOTS, "waterfall (with --sweep)"])
        raise InputError(f"plot {unknown[0][:40]!r}: unknown; possible: {possible}")
    Units.si("width", width)
    _drifts(drift)
    if sweep:
        name, values = swept_values(sweep)
        if name == "bias":
            check_bias(design, values[0], values[-1])
