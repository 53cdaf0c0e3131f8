"""Tables of `resonet sparams`: measured parts, data sheet, comparison, a chain at its channels."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonet.cli.show import engineering, out, print_table

if TYPE_CHECKING:
    from resonet.sparams.measured import FittedPart
    from resonet.sparams.sheet import LayerSheet

__all__ = ["chain_table", "compare_table", "file_names", "parts_table", "sheet_table"]


def file_names(title: str, paths: list[Path]) -> None:
    """Names of files under a title; nothing where there are none."""
    if paths:
        out.print(f"{title}: " + ", ".join(str(path) for path in paths), soft_wrap=True, markup=False)


def parts_table(parts: "list[FittedPart]") -> None:
    """Measured parts and how well their rational models hold them."""
    columns = {
        "measured part": "left",
        "pole pairs": "right",
        "RMS error": "right",
        "largest": "right",
        "gain of file": "right",
        "passive": "left",
    }
    rows = (
        (
            part.name,
            str(int((part.poles.imag > 0).sum())),
            f"{part.rms_error:.1e}",
            f"{part.max_error:.1e}",
            f"{20 * math.log10(max(part.data_gain, 1e-300)):+.3f} dB",
            "as fitted" if part.passive_before else f"enforced (RMS {part.fit_error:.1e} before)",
        )
        for part in parts
    )
    print_table("measured parts: rational models", columns, rows)


def with_unit(value: float, unit: str) -> str:
    if math.isnan(value):
        return "not found"
    if math.isinf(value):
        return "none"
    return engineering(value, unit, 4) if unit == "s" else f"{value:.4g} {unit}".strip()


def sheet_table(sheet: "LayerSheet", solver: str) -> None:
    """Channels, resonances and verdicts of a layer's data sheet."""
    c, r = sheet.channels, sheet.resonances
    number = range(len(c.frequency))
    heads = dict.fromkeys(("channel", "insertion loss", "return loss", "group delay", "isolation"), "right")
    rows = (
        (
            f"{c.frequency[k] / 1e9:.4f} GHz",
            f"{c.insertion_loss[k]:.2f} dB",
            f"{c.return_loss[k]:.3f} dB",
            f"{c.group_delay[k] * 1e12:.2f} ps",
            f"{sheet.isolation[k]:.2f} dB",
        )
        for k in number
    )
    title = f"{sheet.layer}, bus {sheet.bus}, by {solver}: channels (isolation: of adjacent inputs)"
    print_table(title, heads, rows)
    heads = dict.fromkeys(("channel", "centre", "-3 dB width", "Q_L", "depth", "rejection"), "right")
    lines = (
        (
            f"{c.frequency[k] / 1e9:.4f} GHz",
            f"{r.centre[k] / 1e9:.4f} GHz",
            f"{r.bandwidth[k] / 1e6:.1f} MHz",
            f"{r.loaded_q[k]:.2f}",
            f"{r.depth[k] * 1e3:+.2f} mdB",
            f"{sheet.rejection[k]:.1f} dB",
        )
        for k in number
    )
    print_table("resonances under bias (rejection: at the nearest other channel)", heads, lines)
    verdicts = {"limit": "left", "found": "right", "allowed": "right", "": "left"}
    words = {True: "pass", False: "FAIL", None: "not judged"}
    judged = (
        (
            v.name,
            with_unit(v.found, v.unit),
            "-" if v.passed is None else f"at {v.side} {with_unit(v.limit, v.unit)}",
            words[v.passed],
        )
        for v in sheet.verdicts
    )
    print_table("limits ([limits] of design.toml; where none is set, nothing is judged)", verdicts, judged)


def compare_table(found: dict[str, Any]) -> None:
    """Entries that differ most from a measured file."""
    columns = {"entry": "left", "RMS |ΔS|": "right", "largest": "right", "at": "right", "largest, levels": "right"}
    rows = (
        (
            r["entry"],
            f"{r['rms']:.2e}",
            f"{r['largest']:.2e}",
            f"{r['at_hz'] / 1e9:.4f} GHz",
            f"{r['largest_db']:.3g} dB",
        )
        for r in found["entries"]
    )
    print_table(f"against {found['file']}: RMS {found['rms']:.2e} at {found['frequencies']} frequencies", columns, rows)


def chain_table(name: str, rows: list[tuple[float, float, float, float]]) -> None:
    """Rows (channel, resonance in Hz, |S21|, |S11| in dB) of a chain."""
    columns = {"channel": "right", "resonance": "right", "|S21|": "right", "|S11|": "right"}
    text = ((f"{f / 1e9:.4f} GHz", f"{r / 1e9:.4f} GHz", f"{s21:.2f} dB", f"{s11:.3f} dB") for f, r, s21, s11 in rows)
    print_table(f"{name}: at the sweep's points nearest to the channels", columns, text)
