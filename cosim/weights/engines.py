"""Engines: what one watt of each tone does in every resonator of a layer, and what of that reaches the readout.

Each is one record, and all are interchangeable; one of somebody else is added by `ENGINES.add(Engine(...))`, or under
the entry-point group `resonet.engines` (docs/extend.md). What the rest wants to know of an engine it asks its record.

auto     what `linear` says, with `ngspice` as its witness on a sample of buses, or on all where that takes seconds
formula  ideal bus: each tone has its power in every resonator, nothing is lost at DC (published picture, exact chi)
linear   the bus circuit of the plan in closed form (models/circuit/bus.py), every parasitic of bus feed included
ngspice  the decks of the layer, `.ac` and `.op`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from resonet.core.registry import Registry, named
from resonet.core.types import Array, Complex
from resonet.core.watching import Done, nothing
from resonet.cosim.ngspice.program import engine_identity, ngspice_missing
from resonet.cosim.weights.bus_answers import Answers, bus_answers, bus_powers, loudest_of, part_powers
from resonet.cosim.weights.passes import RfPass, dc_gains, rectify, rf_pass
from resonet.cosim.weights.spot_check import BUDGET, Judged, spot_check
from resonet.cosim.weights.witness import Witness, witness
from resonet.models.circuit.bus import bus_currents
from resonet.models.resonator.linear import SpinDiode, susceptibility
from resonet.netlist.bus.hardware import layer_hardware
from resonet.netlist.planning.frequency_plan import Bus, FrequencyPlan, LayerPlan

__all__ = [
    "ENGINES",
    "NO_WITNESS",
    "Engine",
    "Passes",
    "Response",
    "auto",
    "find_engine",
    "formula",
    "layer_response",
    "linear",
    "ngspice",
    "readout_divider",
]

NO_WITNESS = "none"  # version of `auto` without ngspice


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """RF and DC pass of a layer, bus by bus."""

    rf: tuple[RfPass, ...]
    gains: tuple[Array, ...]  # [chains, resonators] V at the readout per volt rectified, p against n
    witness: Witness | None = None  # what they were compared with


# |i|² bus by bus, A²/W [tones, resonators], which no program changes and all chains share; the DC gain along a chain
Powers = tuple[Sequence[Array], float]


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
    powers: Callable[[FrequencyPlan, LayerPlan], Powers] | None = None  # where these are all that there is to know
    answers: Callable[..., Answers] | None = None  # in its own way: answers(plan, entry, f_res, unit)
    responses: Callable[..., "list[Response]"] | None = None  # likewise: responses(plan, entry, f_res)
    ideal: bool = False  # knows nothing of the circuit around the resonators
    decks: bool = False  # runs the layer's decks in processes of their own
    version: Callable[[], str] = field(default=_nothing_else)  # what its answers depend on beside our code
    jobs: int | None = None  # processes at once; None: one a core
    check: Callable[..., Witness] | None = None  # of what it answers: check(plan, entry, f_res, budget, jobs, done)
    budget: float = BUDGET  # s for such a check

    @property
    def runs_decks(self) -> bool:
        """Whether processes of its own run decks, for its answers or to check them."""
        return self.decks or self.check is not None

    def with_jobs(self, jobs: int | None) -> "Engine":
        """The same engine with at most so many processes at once."""
        return replace(self, jobs=jobs)

    def with_budget(self, budget: float) -> "Engine":
        """The same engine with so many seconds for the check of its answers."""
        return replace(self, budget=budget)

    @property
    def unchecked(self) -> "Engine":
        """The same engine without a check: for what is measured on the way to a result."""
        return replace(self, check=None)

    def witnessed(
        self, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], done: Done = nothing
    ) -> Witness | None:
        """Check of its answers on decks; None for an engine without one. Raises EngineError where they differ."""
        return None if self.check is None else self.check(plan, entry, f_res, self.budget, self.jobs, done)

    def __call__(self, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], done: Done = nothing) -> Passes:
        """RF and DC pass of a layer; `done` is called after each deck, if there are any. Raises EngineError."""
        return self.passes(plan, entry, f_res, *((self.jobs, done) if self.decks else ()))

    def layer_answers(
        self, plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], unit: Array, done: Done = nothing
    ) -> Answers:
        """Answers of all chains, in units of `unit` [groups, outputs] V/W; `done` as above. Raises EngineError."""
        if self.answers is not None:
            return self.answers(plan, entry, f_res, unit)
        if self.powers is not None:
            return bus_answers(plan, entry, f_res, *self.powers(plan, entry), unit)
        passes, sensitivity = self(plan, entry, f_res, done), plan.device.sensitivity
        values, most, chain = np.zeros_like(entry.layer.matrix), [], []
        for bus, rf, gain in zip(entry.buses, passes.rf, passes.gains, strict=True):
            volts = rectify(rf, plan.device.transduction)
            scale = unit[bus.group, bus.outputs, None]
            values[bus.group][np.ix_(bus.outputs, bus.taps)] = np.einsum("tjk,jk->jt", volts, gain) / scale
            size = np.abs(volts)
            most.append(size.max(1).T / sensitivity)
            chain.append(size.argmax(1).T)
        return Answers(values, tuple(most), loudest_of(most, chain), passes.witness)


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What the chains of a bus answer, and the profile that explains it to the solver (`Chains.profile`)."""

    values: Array  # [chains, tones] units of K_SD
    profile: Array  # [chains, tones, resonators]; one for all chains where they are alike
    own: Array | None = None  # `Chains.own` and `Chains.tones`, of a chip
    tones: Array | None = None


def _precession(current: Complex, bus: Bus, f_res: Array, device: SpinDiode) -> RfPass:
    """RF pass from the currents [tones, 1 or chains, resonators], A/√W."""
    current = np.broadcast_to(current, (len(bus.frequencies), *f_res.shape))
    chi = susceptibility(bus.frequencies[:, None, None], f_res[None], device.damping)
    return RfPass(bus.frequencies, current, chi * current)


def _formula(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Ideal bus."""
    unit = np.array(np.sqrt(2 / plan.device.resistance), complex).reshape(1, 1, 1)
    rf = [
        _precession(unit if bus.parts is None else unit * np.sqrt(bus.parts)[:, None, None], bus, f, plan.device)
        for bus, f in zip(entry.buses, f_res, strict=True)
    ]
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs, bus.size) for bus in entry.buses))


def readout_divider(plan: FrequencyPlan, entry: LayerPlan) -> float:
    """Part of a chain's DC voltage that the readout sees."""
    circuit, sizes = plan.circuit, {bus.tile: bus.size[1] for bus in entry.buses}
    chokes = sum(min(circuit.groups, size) for size in sizes.values())
    series = entry.layer.series * plan.device.resistance + chokes * circuit.choke_resistance
    return circuit.readout_resistance / (circuit.readout_resistance + series)


def _linear(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array]) -> Passes:
    """Bus circuit in closed form: ladder of every bus, divider of the readout."""
    device, circuit = plan.device, plan.circuit
    divider = readout_divider(plan, entry)
    rf, by_shape = [], {}
    for bus, f in zip(entry.buses, f_res, strict=True):
        chains, size = bus.size
        key = (chains, size, bus.below)  # buses alike but for their weights carry the same currents per volt
        if key not in by_shape:
            by_shape[key] = bus_currents(bus.frequencies, device.resistance, size, chains, circuit, bus.below)
        rf.append(_precession((by_shape[key] * bus.levels[:, None])[:, None], bus, f, device))
    return Passes(tuple(rf), tuple(np.broadcast_to(bus.signs * divider, bus.size) for bus in entry.buses))


def _linear_bus(plan: FrequencyPlan, bus: Bus, f_res: Array) -> RfPass:
    """RF pass of one bus in closed form."""
    chains, size = bus.size
    current = bus_currents(bus.frequencies, plan.device.resistance, size, chains, plan.circuit, bus.below)
    return _precession((current * bus.levels[:, None])[:, None], bus, f_res, plan.device)


def _ngspice(
    plan: FrequencyPlan,
    entry: LayerPlan,
    f_res: Sequence[Array],
    jobs: int | None,
    done: Done,
) -> Passes:
    """The layer's decks; `done` is called once a bus. Raises EngineError, also where `linear` says otherwise."""
    buses = layer_hardware(plan, entry, f_res)
    rf, dc_gain = rf_pass(buses, jobs, done), dc_gains(buses, jobs)
    gains = (np.array([dc_gain[bus.name, j] for j in range(len(bus.outputs))]) for bus in entry.buses)
    passes = Passes(tuple(rf), tuple(gains))
    return replace(passes, witness=witness(plan, entry, linear(plan, entry, f_res), passes, "ngspice"))


def _formula_powers(plan: FrequencyPlan, entry: LayerPlan) -> Powers:
    alike = {size: np.full((size, size), 2 / plan.device.resistance) for size in {len(b.taps) for b in entry.buses}}
    return [part_powers(bus, alike[len(bus.taps)]) for bus in entry.buses], 1.0


def _linear_powers(plan: FrequencyPlan, entry: LayerPlan) -> Powers:
    return bus_powers(plan, entry), readout_divider(plan, entry)


def _check(
    plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], budget: float, jobs: int | None, done: Done
) -> Witness:
    """What `linear` says of a layer, held against decks."""
    powers, divider = _linear_powers(plan, entry)
    answers = partial(bus_answers, plan, entry, f_res, powers, divider, np.ones(entry.layer.matrix.shape[:2]))
    return spot_check(plan, entry, f_res, Judged(partial(_linear_bus, plan), answers, divider), budget, jobs, done)


def _witness_identity() -> str:
    """The ngspice that checks, or that there is none."""
    return NO_WITNESS if ngspice_missing() else engine_identity()


formula = Engine("formula", _formula, _formula_powers, ideal=True)
linear = Engine("linear", _linear, _linear_powers)
ngspice = Engine("ngspice", _ngspice, decks=True, version=engine_identity)
auto = Engine("auto", _linear, _linear_powers, version=_witness_identity, check=_check)
OURS = (auto, formula, linear, ngspice)
ENGINES: Registry[str, Engine] = Registry("engine", "resonet.engines", lambda: OURS, named("engine", Engine))


def find_engine(name: str) -> Engine:
    """Engine of that name; InputError lists what there is."""
    return ENGINES.find(name)


def layer_response(plan: FrequencyPlan, entry: LayerPlan, f_res: Sequence[Array], engine: Engine) -> list[Response]:
    """What every chain of a layer answers to each of its tones, by one run of an engine."""
    if engine.responses is not None:
        return engine.responses(plan, entry, f_res)
    device, responses = plan.device, list[Response]()
    if engine.powers is not None:
        powers, divider = engine.powers(plan, entry)
        unit = np.full(entry.layer.matrix.shape[:2], device.sensitivity)
        values = bus_answers(plan, entry, f_res, powers, divider, unit).values
        profiles: dict[int, Array] = {}
        for bus, power in zip(entry.buses, powers, strict=True):
            profile = profiles.setdefault(id(power), 0.5 * device.resistance * divider * power)
            of_all = np.broadcast_to(profile, (len(bus.outputs), *profile.shape))
            responses.append(Response(values[bus.group][np.ix_(bus.outputs, bus.taps)], of_all))
        return responses
    passes = engine(plan, entry, f_res)
    for bus, rf, gain in zip(entry.buses, passes.rf, passes.gains, strict=True):
        answers = np.einsum("tjk,jk->jt", rectify(rf, device.transduction), gain) / device.sensitivity
        power = 0.5 * device.resistance * np.abs(rf.current) ** 2
        responses.append(Response(answers, (power * (gain * bus.signs)).swapaxes(0, 1)))
    return responses
