"""Part of show_trust.py: the cases beside the checkout, kind by kind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from _show import info, show

from resonet.core.errors import InputError
from resonet.core.touchstone import read
from resonet.core.validity import collected
from resonet.models.fit.fit import fit_device
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.network.forward import propagate
from resonet.netlist.network.images import read_images
from resonet.netlist.network.onnx.read import read_cnn
from resonet.sparams.measured import fit_part, largest_gain
from resonet.sparams.touchstone import read_touchstone

CASES = Path(__file__).parents[2] / "shared" / "cases"
POWER = 1e-6  # W, of the curves
COMMAS = ("0,1 fF", "1e3,5 Hz", ",5 GHz", "5,GHz", "0,02", "3_2", "x=0.01")
IMPEDANCES = {
    "k01_tee_50_75_1000.ts": ("K1", (50, 75, 1000)),
    "k03_hfss_not_renormalised.s2p": ("K3", (100, 100)),
    "k03_z75_hfss.s2p": ("K3", (75, 75)),
    "k04_glued_r75.s2p": ("K4", (75, 75)),
    "k04_z75_glued.s2p": ("K4", (75, 75)),
    "k04_no_option.s2p": ("K4", (50, 50)),
    "k05_ref_short.ts": ("K5", None),
    "k07_order_ri_s.s2p": ("K7", None),
    "k07_partial_ri.s2p": ("K7", None),
    "k07_bom.s2p": ("K7", None),
    "k07_port_comment.s2p": ("K7", None),
    "k07_info.ts": ("K7", None),
    "k07_noise_at_end.s2p": ("K7", None),
}
REFUSED = {"k05_cut.ts": "K5", "k20_twoport_rows.s1p": "K20"}


def told(call: Callable[[], object]) -> tuple[object, str, list[str]]:
    """What a call gives, what it refuses with, and the codes of its warnings."""
    with collected() as warnings:
        try:
            value, refusal = call(), ""
        except InputError as error:
            value, refusal = None, str(error)
    return value, refusal, [warned.code for warned in warnings]


def _numbers() -> None:
    taken = [
        text
        for text in COMMAS
        if not told(lambda text=text: read_parameters(None, [f"bus.node_capacitance={text}"]))[1]
    ]
    show(f"K2 {len(COMMAS)} numbers with commas and marks: taken", str(len(taken)), "0", not taken)
    _, refusal, _ = told(lambda: read_parameters(CASES / "design" / "k02_comma.toml"))
    show("K2 k02_comma.toml", "refused" if refusal else "taken", "refused, with the hint", "point" in refusal)


def _parts() -> None:
    for name, (kind, wanted) in IMPEDANCES.items():
        data, refusal, codes = told(lambda name=name: read(CASES / "parts" / name))
        z0 = () if data is None else tuple(np.round(data.z0[0].real, 9))  # type: ignore[attr-defined]
        holds = bool(z0) and (wanted is None or z0 == wanted)
        figure = refusal[-18:] if refusal else " ".join(f"{z:g}" for z in z0[:4])
        show(f"{kind} {name}: port impedances {' '.join(codes)}"[:70], figure, f"{wanted or 'read'}", holds)
    for name, kind in REFUSED.items():
        _, refusal, _ = told(lambda name=name: read(CASES / "parts" / name))
        show(f"{kind} {name}", "refused" if refusal else "taken", "refused", bool(refusal))
        info(f"    {refusal.rpartition(name)[2][:110]}", "")
    mixed, refusal, codes = told(lambda: read(CASES / "parts" / "k05_mixed.ts"))
    figure = "refused" if refusal else f"read {' '.join(codes)}"
    show("K5 k05_mixed.ts: mixed modes", figure[:20], "converted or refused", bool(refusal) or mixed is not None)
    for name in (
        "k06_p11.s2p",
        "k06_p14.s2p",
        "k06_p18.s2p",
        "k06_p98.s2p",
        "k08_lossless_4digits.s2p",
        "k16_match.s1p",
    ):
        part, refusal, _ = told(lambda name=name: fit_part(read_touchstone(CASES / "parts" / name)))
        f = np.concatenate([np.geomspace(1e3, 1e12, 20_001), np.linspace(1e6, 4e10, 20_001)])
        gain = 0.0 if part is None else largest_gain(part.model(f))  # type: ignore[attr-defined]
        figure = "refused" if part is None else f"gain {gain:.9f}"
        refusable = name.startswith("k06")  # their fault was a model that is active, the others' a refusal
        bar = "gain <= 1, or refused" if refusable else "gain <= 1"
        show(f"{name[:3].upper()} {name}: fitted", figure, bar, gain <= 1 + 1e-9 and (part is not None or refusable))
        if refusal:
            info(f"    {refusal[:140]}", "")
    fitted, refusal, _ = told(lambda: fit_device(CASES / "parts" / "k10_y_r50.s1p"))
    r = np.nan if fitted is None else fitted.estimates["resistance"].value  # type: ignore[attr-defined]
    show("K10 k10_y_r50.s1p: R of a Y one-port", refusal[:20] or f"{r:.4g} ohm", "800 ohm", bool(abs(r - 800) < 8))


def _curves() -> None:
    fits = {}
    for path in sorted((CASES / "curves").glob("k13*")):
        fitted, refusal, _ = told(lambda path=path: fit_device(path, POWER))
        fits[path.name] = np.nan if fitted is None else fitted.estimates["f0"].value  # type: ignore[attr-defined]
        info(f"  {path.name}: f0", refusal[-20:] if refusal else f"{fits[path.name] / 1e9:.5f} GHz")
    values = np.array(list(fits.values()))
    apart = np.ptp(values) / values.mean()
    show(f"K13 {len(fits)} forms of one curve: f0 apart", f"{apart:.1e}", "<= 1e-3, all read", bool(apart <= 1e-3))
    _, refusal, codes = told(lambda: fit_device(CASES / "curves" / "k11_two_resonances.csv", POWER))
    show("K11 k11_two_resonances.csv", refusal[:20] or " ".join(codes), "told or refused", bool(refusal or codes))


def _networks() -> None:
    cnn = read_cnn(CASES / "onnx" / "k09_rescale_uint8.onnx")
    data = read_images(CASES / "onnx" / "k09_rescale_uint8_u8.npz", cnn.input_shape, cnn.pixels)
    right = float((propagate(cnn, data.images).argmax(1) == data.labels).mean())
    show("K9 k09_rescale_uint8: software accuracy", f"{100 * right:.1f} %", "100 %", right == 1.0)
    _, refusal, _ = told(lambda: read_cnn(CASES / "onnx" / "k21_relu_clip.onnx"))
    show("K21 k21_relu_clip.onnx", refusal[:20] or "read", "read", not refusal)


def claims(quick: bool) -> None:
    """Print the claims."""
    if not CASES.is_dir():
        show(f"no cases at {CASES.parent.name}/{CASES.name} beside the checkout", "not run", "all right", False)
        return
    for part in (_numbers, _parts, _curves, _networks):
        part()
