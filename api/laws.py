"""Laws of the resonators and noise: what may be asked together, and what is warned of."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from resonet.core.errors import InputError
from resonet.core.numbers import engineering, percent
from resonet.core.validity import warn
from resonet.core.watching import Progress, unwatched

if TYPE_CHECKING:
    from resonet.cosim.cascade.hardware import Hardware
    from resonet.cosim.noise.repeats import NoisyAccuracy
    from resonet.cosim.weights.held import RfWeights
    from resonet.netlist.chips.chip import Chip
    from resonet.netlist.design.design import Design
    from resonet.netlist.programming.methods import Method

__all__ = [
    "MUCH_CLIPPED",
    "MUCH_LOST",
    "chosen_chip",
    "operating_point",
    "refuse_linear_fitted",
    "saturated",
    "saturating_held",
    "tone_powers",
    "warn_clipped",
    "warn_of_noise",
    "worst_clipped",
]

Program = TypeVar("Program", bound=str)
MUCH_CLIPPED = 0.01  # share of a layer's inputs from which on a warning is due
MUCH_LOST = 0.01  # of the images, by noise


def chosen_chip(design: "Design", corner: str | None, sample: int | None, seed: int) -> "Chip | None":
    """The chip that was asked for; None: nothing was. Raises InputError."""
    from resonet.netlist.design.chips import ChipSampler

    if corner is None and sample is None:
        return None
    sampler = ChipSampler(design, None, seed, corner or "tt")
    if sample is not None and not sampler.spread.active:
        raise InputError(
            f"--sample {sample}: nothing spreads in this design; possible: standard deviations, in [spread] of "
            "design.toml"
        )
    return sampler.chip(sample)


def refuse_linear_fitted(program: str, resonators: str) -> None:
    """InputError for a fitted program of linear resonators: it holds no weights."""
    if program == "fitted" and resonators == "linear":
        raise InputError("program fitted is of saturating resonators; possible: --resonators saturating")


def saturated(hardware: "Hardware", program: str) -> "Hardware":
    """Parallel hardware whose resonators saturate; a warning for a program that was fitted for something else."""
    from resonet.cosim.saturation.accuracy import warn_fitted_elsewhere

    if program == "fitted":
        warn_fitted_elsewhere(hardware.holder)
    return hardware.saturated()


def saturating_held(
    design: "Design",
    program: str,
    engine: str,
    jobs: int | None = None,
    progress: Progress = unwatched,
) -> "tuple[Method, dict[str, RfWeights]]":
    """What the layers of one program hold for vanishing powers; of `all`, of the last. Raises InputError."""
    from resonet.api.weights import held_weights
    from resonet.cosim.feed.feeds import chosen_programs
    from resonet.cosim.weights.effective import network_weights
    from resonet.cosim.weights.engines import linear

    if program == "fitted":
        return "fitted", dict(network_weights(design, "fitted", linear))
    method = chosen_programs(design, program)[-1]
    layers = [entry.layer.name for entry in design.plan.layers]
    return method, held_weights(design, (method,), layers, engine, jobs, progress)[method]


def tone_powers(given: float | str | Sequence[float | str] | None) -> tuple[float, ...]:
    """Tone powers, W, of numbers or text such as "2 nW, 50 nW"; none: none. Raises InputError."""
    from dataclasses import fields

    from resonet.core.parameters import check_value, parse
    from resonet.netlist.planning.frequency_plan import PlanOptions

    spec = next(spec for spec in fields(PlanOptions) if spec.name == "p_max")
    parts: Sequence[float | str] = () if given is None else [given] if isinstance(given, int | float | str) else given
    words = [word for part in parts for word in (part.split(",") if isinstance(part, str) else [part])]
    found = tuple(float(parse(word.strip() if isinstance(word, str) else word, spec, "--p-max")) for word in words)
    for value in found:
        check_value(value, spec, "--p-max")
    return found


def worst_clipped(shares: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Of each layer, the largest share of its inputs that a program cuts off; `shares` by program and layer."""
    return {layer: max(own[layer] for own in shares.values()) for layer in next(iter(shares.values()))}


def warn_clipped(design: "Design", clipped: Mapping[str, float]) -> None:
    """Warn (inputs-clipped) of layers of whose inputs more than `MUCH_CLIPPED` are cut off."""
    for name, share in clipped.items():
        if share > MUCH_CLIPPED:
            scale = design.scales[name]
            warn(
                "inputs-clipped",
                f"layer {name}: {percent(share)} of its inputs lie beyond {0 - scale.offset:g} ... "
                f"{scale.full_scale - scale.offset:g}, which its tones carry, and are cut off; possible: compile with "
                "--calibration, or with --input-range of these images",
                share,
                MUCH_CLIPPED,
            )


def operating_point(design: "Design", power: bool = True) -> str:
    """What of a design the noise depends on most, for people; with or without the tone power."""
    neuron, noise = design.parameters.neuron, design.parameters.noise
    read = f"{engineering(neuron.bandwidth, 'Hz')} neurons"
    read += f" that average over {engineering(neuron.integration, 's')}" if neuron.integration else ""
    sources = "" if noise.sources == "all" else f", noise of {noise.sources}"
    tone = f"{engineering(design.plan.options.p_max, 'W')} a tone, " if power else ""
    return f"{tone}{read}, {noise.temperature:g} K{sources}"


def warn_of_noise(
    design: "Design", software: float, quiet: "Mapping[Program, float]", noisy: "Mapping[Program, NoisyAccuracy]"
) -> None:
    """Warn of the best program where noise takes more than a hundredth of the images; shares are of all images."""
    if not noisy:
        return
    best = max(noisy, key=lambda program: quiet[program])
    lost = (quiet[best] - software) - (noisy[best].mean - noisy[best].software)
    if lost > MUCH_LOST:
        warn(
            "noise",
            f"accuracy of {percent(quiet[best])} without noise is {percent(noisy[best].mean)} with it at "
            f"{operating_point(design)}; possible: less neuron.bandwidth, longer neuron.integration, other plan.p_max "
            "(resonet levels shows where the noise comes from)",
            lost,
            MUCH_LOST,
        )
