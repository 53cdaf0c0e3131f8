"""Engines: what one watt of each tone does in every resonator of a layer, and what of that reaches the readout.

Each is one record, and all are interchangeable; one of somebody else is added by `ENGINES.add(Engine(...))`, or under
the entry-point group `resonet.engines` (docs/extend.md). What the rest wants to know of an engine it asks its record.

formula  ideal bus: each tone has its power in every resonator, nothing is lost at DC (published picture, exact chi)
linear   the bus circuit of the plan in closed form (models/circuit/bus.py), every parasitic of bus feed included
ngspice  the decks of the layer, `.ac` and `.op`
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from resonet.core.registry import Registry, named
from resonet.core.types import Array, Complex, Done, nothing
from resonet.cosim.ngspice.program import engine_identity
from resonet.cosim.weights.bus_answers import Answers, bus_answers, bus_powers
from resonet.cosim.weights.passes import RfPass, dc_gains, rectify, rf_pass
from resonet.cosim.weights.witness import witness
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.bus.hardware import layer_hardware
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = [
    "ENGINES",
    "Engine",
    "Passes",
    "Response",
    "find_engine",
    "formula",
    "layer_response",
    "linear",
    "ngspice",
    "readout_divider",
]


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """RF and DC pass of a layer, bus by bus."""

    rf: tuple[RfPass, ...]
    gains: tuple[Array, ...]  # [chains, resonators] V at the readout per volt rectified, p against n


def _nothing_else() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Engine:
    """Who says what the circuit of a layer does.

    `passes(plan, entry, f_res)` takes the resonance frequencies bus by bus, Hz [chains, resonators]; where the engine
    runs `decks`, it is `passes(plan, entry, f_res, jobs, done)` with at most `jobs` processes, `done` after each deck.
    """

    name: str
    passes: Callable[..., Passes]
    answers: Callable[[FrequencyPlan, LayerPlan, Sequence[Array]], Iterator[Answers]] | None = None  # without phasors
    profiles: Callable[[FrequencyPlan, LayerPlan], Iterator[Array]] | None = None  # [tones, K] of each bus, any program
    ideal: bool = False  # knows nothing of the circuit around the resonators
    decks: bool = False  # runs the layer's decks in processes of their own
    version: Callable[[], str] = field(default=_nothing_else)  # what its answers depend on beside our code
    jobs: int | None = None  # processes at once; None: one a core

    def with_jobs(self, jobs: int | None) -> "Engine":
        """The same engine with at most so many processes at once."""
        return replace(self, jobs=jobs)

    def __call__(self, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], done: Done = nothing) -> Passes:
        """RF and DC pass of a layer; `done` is called after each deck, if there are any. Raises EngineError."""
        return self.passes(plan, entry, f_res, *((self.jobs, done) if self.decks else ()))

    def layer_answers(
        self, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], done: Done = nothing
    ) -> Iterator[Answers]:
        """Answers of the chains of every bus; `done` as above. Raises EngineError."""
        if self.answers is not None:
            yield from self.answers(plan, entry, f_res)
            return
        passes = self(plan, entry, f_res, done)
        for rf, gain in zip(passes.rf, passes.gains, strict=True):
            volts = rectify(rf, plan.device.transduction)
            values, size = np.einsum("tjk,jk->jt", volts, gain), np.abs(volts)
            yield Answers(values, size.max(1).T, size.argmax(1).T)


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What the chains of a bus answer, and the profile that explains it to the solver (`Chains.profile`)."""

    values: Array  # [chains, tones] units of K_SD
    profile: Array  # [chains, tones, resonators]; one for all chains where they are alike


def _precession(current: Complex, bus: Bus, f_res: Array, device: SpinDiode) -> RfPass:
    """RF pass from the currents [tones, 1 or chains, resonators], A/√W."""
    current = np.broadcast_to(current, (len(bus.frequencies), *f_res.shape))
    chi = susceptibility(bus.frequencies[:, None, None], f_res[None], device.damping)
    return RfPass(bus.frequencies, current, chi * current)


def _formula(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Ideal bus."""
    unit = np.array(np.sqrt(2 / plan.device.resistance), complex).reshape(1, 1, 1)
    rf = [_precession(unit, bus, f, plan.device) for bus, f in zip(entry.buses, f_res, strict=True)]
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs, bus.size) for bus in entry.buses))


def readout_divider(plan: FrequencyPlan, entry: LayerPlan) -> float:
    """Part of a chain's DC voltage that the readout sees."""
    circuit, tiles = plan.circuit, len({bus.tile for bus in entry.buses})
    series = entry.layer.series * plan.device.resistance + tiles * circuit.choke_resistance
    return circuit.readout_resistance / (circuit.readout_resistance + series)


def _linear(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Bus circuit in closed form: ladder of every bus, divider of the readout."""
    device, circuit = plan.device, plan.circuit
    divider = readout_divider(plan, entry)
    rf, by_shape = [], {}
    for bus, f in zip(entry.buses, f_res, strict=True):
        chains, size = bus.size
        key = (chains, size, bus.below)  # buses alike but for their weights carry the same currents
        if key not in by_shape:
            current = bus_currents(bus.frequencies, device.resistance, size, chains, circuit, bus.below)
            by_shape[key] = (current * bus.levels[:, None])[:, None]
        rf.append(_precession(by_shape[key], bus, f, device))
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs * divider, bus.size) for bus in entry.buses))


def _ngspice(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    jobs: int | None,
    done: Done,
) -> Passes:
    """The layer's decks; `done` is called after each. Raises EngineError, also where `linear` says otherwise."""
    buses = layer_hardware(plan, entry, f_res)
    rf, dc_gain = rf_pass(buses, jobs, done), dc_gains(buses, jobs, done)
    gains = (np.array([dc_gain[bus.name, j] for j in range(len(bus.outputs))]) for bus in entry.buses)
    passes = Passes(tuple(rf), tuple(gains))
    witness(plan, entry, linear(plan, entry, f_res), passes)
    return passes


def _linear_answers(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Iterator[Answers]:
    """Answers of every bus in closed form, without phasors in memory."""
    divider = readout_divider(plan, entry)
    for bus, power, f in zip(entry.buses, bus_powers(plan, entry), f_res, strict=True):
        yield bus_answers(bus, power, f, bus.signs * divider, plan.device)


def _linear_profiles(plan: FrequencyPlan, entry: LayerPlan) -> Iterator[Array]:
    """Power of each tone in every resonator, as part of the plan's, times what of it reaches the readout."""
    factor = 0.5 * plan.device.resistance * readout_divider(plan, entry)
    by_shape: dict[int, Array] = {}
    for power in bus_powers(plan, entry):
        yield by_shape.setdefault(id(power), factor * power)


formula = Engine("formula", _formula, ideal=True)
linear = Engine("linear", _linear, _linear_answers, _linear_profiles)
ngspice = Engine("ngspice", _ngspice, decks=True, version=engine_identity)
OURS = (formula, linear, ngspice)
ENGINES: Registry[str, Engine] = Registry("engine", "resonet.engines", lambda: OURS, named("engine", Engine))


def find_engine(name: str) -> Engine:
    """Engine of that name; InputError lists what there is."""
    return ENGINES.find(name)


def layer_response(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], engine: Engine) -> list[Response]:
    """What every chain of a layer answers to each of its tones, by one run of an engine."""
    device = plan.device
    if engine.answers is not None and engine.profiles is not None:
        answers = zip(engine.answers(plan, entry, f_res), engine.profiles(plan, entry), strict=True)
        return [
            Response(one.values / device.sensitivity, np.broadcast_to(profile, (len(one.values), *profile.shape)))
            for one, profile in answers
        ]
    passes, responses = engine(plan, entry, f_res), []
    for bus, rf, gain in zip(entry.buses, passes.rf, passes.gains, strict=True):
        values = np.einsum("tjk,jk->jt", rectify(rf, device.transduction), gain) / device.sensitivity
        power = 0.5 * device.resistance * np.abs(rf.current) ** 2
        responses.append(Response(values, (power * (gain * bus.signs)).swapaxes(0, 1)))
    return responses
