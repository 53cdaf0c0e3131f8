"""How strong full tones are: the closed forms, and a second optimiser."""

import numpy as np
import pytest
from networks import SETTINGS, dense, tiny_model
from scipy.optimize import brute

from resonet.core.errors import InputError
from resonet.netlist.cascade.paths import parallel_design
from resonet.netlist.design.design import compile_cnn
from resonet.netlist.design.parameters import read_parameters
from resonet.netlist.planning.frequency_plan import plan, sub_bus
from resonet.netlist.planning.tile_coupling import tile_coupling
from resonet.netlist.planning.tone_parts import LEAST, ROOM, tone_parts

FILL = 0.8
HELD = np.clip(np.random.default_rng(2).normal(0, 0.25, (12, 30)), -FILL, FILL)
THERE, GAINS = np.ones(HELD.shape, bool), np.ones((12, 1))


def excited(weight: float, part: float, reach: float) -> float:
    """λ / (1 + u²) of a resonator that holds weight/λ, by its detuning; far where `ROOM` of the reach is enough."""
    x, r = abs(weight) / part, ROOM * reach
    near = (1 - np.sqrt(1 - x**2)) / x
    u = 1 / near if reach > 1 and x >= 2 * r / (1 + r**2) else near
    return part / (1 + u**2)


def test_near_tones_are_as_weak_as_the_largest_weight_allows() -> None:
    for levels in ("precession", "power"):
        found = tone_parts(levels, HELD, THERE, GAINS, FILL, 1.0)
        assert found == pytest.approx(np.abs(HELD).max(0) / FILL, rel=1e-12)
    assert tone_parts("equal", HELD, THERE, GAINS, FILL, 1.0) is None
    dark = HELD * (np.arange(30) > 0)
    assert tone_parts("power", dark, THERE, GAINS, FILL, 20.0)[0] == LEAST


@pytest.mark.parametrize("reach", [1.0, 5.0, 22.0])
def test_precession_is_the_least_there_is(reach: float) -> None:
    gains = np.linspace(1, 3, 12)[:, None]
    found = tone_parts("precession", HELD, THERE, gains, FILL, reach)

    def noise(part: float, tone: int) -> float:
        return sum(excited(w, part, reach) / g**2 for w, g in zip(HELD[:, tone], gains[:, 0], strict=True))

    for tone in range(6):
        least = np.abs(HELD[:, tone]).max() / FILL
        other = brute(lambda x, t=tone: noise(float(x[0]), t), [(least, 1.0)], Ns=2000, finish=None)
        assert noise(found[tone], tone) <= 1.02 * noise(float(other), tone)
        assert noise(found[tone], tone) <= noise(1.0, tone) * (1 + 1e-12)
        assert least * (1 - 1e-12) <= found[tone] <= 1


def test_tones_whose_weights_are_all_large_are_full_where_resonators_stand_far() -> None:
    """(λ - √(λ² - w²)) / 2 falls with λ."""
    held = np.full((4, 3), 0.5)
    assert tone_parts("precession", held, THERE[:4, :3], GAINS[:4], FILL, 22.0) == pytest.approx(1.0)
    assert tone_parts("power", held, THERE[:4, :3], GAINS[:4], FILL, 22.0) == pytest.approx(0.5 / FILL)


def planned(levels: str, **more: object):
    weight = np.random.default_rng(5).normal(0, 0.2, (6, 20)) * np.geomspace(1, 0.05, 20)
    made = read_parameters(None, [*SETTINGS, f"plan.levels={levels}", *(f"plan.{k}={v}" for k, v in more.items())])
    return plan(dense(weight), made.device, made.bus, made.plan)


def test_levels_of_sources_go_with_the_root_and_banks_share_a_tone() -> None:
    equal, levelled = planned("equal", fanout=4), planned("precession", fanout=4)
    by_tap: dict[int, float] = {}
    for one, other in zip(equal.layers[0].buses, levelled.layers[0].buses, strict=True):
        assert one.parts is None
        assert other.parts is not None
        assert other.levels == pytest.approx(one.levels * np.sqrt(other.parts), rel=1e-12)
        assert other.even_levels == pytest.approx(one.levels, rel=1e-12)
        for tap, part in zip(other.taps.tolist(), other.parts.tolist(), strict=True):
            assert by_tap.setdefault(tap, part) == part
    assert equal.layers[0].carries == (1.0, 1.0)
    assert levelled.layers[0].carries[0] < 0.2
    cut = sub_bus(other, levelled, 0, np.array([0, 3]))
    assert cut.parts == pytest.approx(other.parts[[0, 3]])


def test_a_weak_tone_hears_its_strong_neighbour_more() -> None:
    equal, levelled = planned("equal"), planned("power")
    first, second = (tile_coupling(one, one.layers[0]) for one in (equal, levelled))
    part = np.zeros(20)
    for bus in levelled.layers[0].buses:
        part[bus.taps] = bus.carries
    for side in (0, 1):
        heard = first.kappa[side, 0] > 0
        ratio = np.sqrt(part[first.neighbour[side, 0]] / part)
        assert second.kappa[side, 0][heard] == pytest.approx((first.kappa[side, 0] * ratio)[heard], rel=1e-9)


def test_in_parallel_hardware_a_tone_has_the_level_of_its_tap(tmp_path) -> None:
    """Colours put a tap on other channels in other copies."""
    design = compile_cnn(tiny_model(tmp_path), read_parameters(None, [*SETTINGS, "plan.levels=power"]))
    copies = parallel_design(design)
    (bus,) = design.plan.layer("conv1").buses
    own = dict(zip(bus.taps.tolist(), bus.carries.tolist(), strict=True))
    orders = set()
    for copy in copies.entry(0).buses:
        assert copy.carries == pytest.approx([own[tap] for tap in copy.taps.tolist()], rel=1e-12)
        orders.add(tuple(copy.taps.tolist()))
    assert len(orders) > 1


def test_under_strip_lines_levels_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"plan.levels = power: of tones on buses; .*possible: equal, or feed.kind"):
        read_parameters(None, ["plan.levels=power", "feed.kind=stripline"])
    with pytest.raises(InputError, match=r"plan\.levels = 'loud'.*possible: equal, precession, power"):
        read_parameters(None, ["plan.levels=loud"])
