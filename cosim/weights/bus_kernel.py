"""The compiled part of `bus_answers`. Imported where it is called: numba takes longer to load than most commands."""

import numba
import numpy as np

from resonet.core.types import Array, Ints

__all__ = ["LANES", "answers_of"]

LANES = 8  # tones are padded to a multiple: what is left over of a vector would go one by one
BLOCK = 48  # tones at a time, a multiple of LANES: their rows stay in the first cache
SLOWEST = 1e-12  # Hz²: a resonator at 0 Hz answers as one at a millionth of a hertz, 1e-32 of a tone's own
FAST = {"contract", "nsz"}


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def _rows(
    block: int,
    chains: int,
    count: int,
    f_res: Array,
    inverse: Array,
    tones: Array,
    lossy: Array,
    volts: Array,
    answer: Array,
    most: Array,
    loudest: Array,
    size: float,
) -> None:
    """Tones of a bus, from number `block` on, into answer [chains + 3, BLOCK] and most [resonators, tones] / size.

    tones and lossy, 4 α² f², [BLOCK]; f_res and inverse, 1 / f_res², [chains, resonators]; volts [resonators, padded
    tones]; loudest [BLOCK] of each tone, in the resonators of other tones. All flat.
    """
    padded = count + -count % LANES
    width, real = min(BLOCK, padded - block), min(BLOCK, count - block)
    volt, loud, scale = np.zeros(BLOCK), np.zeros(BLOCK), 1 / size
    answer[:], loudest[:] = 0, 0
    for k in range(count):
        for t in range(width):
            volt[t], loud[t] = volts[k * padded + block + t], 0
        for j in range(0, chains, 4):  # what is missing of four is the last again, into the spare rows
            last = (chains - 1) * count + k
            one = j * count + k
            two, three, four = min(one + count, last), min(one + 2 * count, last), min(one + 3 * count, last)
            p, q, r, s = f_res[one], f_res[two], f_res[three], f_res[four]
            pp, qq, rr, ss = inverse[one], inverse[two], inverse[three], inverse[four]
            into = answer[j * BLOCK : (j + 4) * BLOCK]
            for t in range(width):
                f, loss = tones[t], lossy[t]
                a, b, c, d = (p - f) * (p + f), (q - f) * (q + f), (r - f) * (r + f), (s - f) * (s + f)
                u, v, w, x = a * (a * pp) + loss, b * (b * qq) + loss, c * (c * rr) + loss, d * (d * ss) + loss
                uv, wx = 1 / (u * v), 1 / (w * x)  # two quotients of one division, which takes longer than the rest
                a, b, c, d = a * v * uv, b * u * uv, c * x * wx, d * w * wx
                into[t] += volt[t] * a
                into[BLOCK + t] += volt[t] * b
                into[2 * BLOCK + t] += volt[t] * c
                into[3 * BLOCK + t] += volt[t] * d
                a, b, c, d = abs(a), abs(b), abs(c), abs(d)
                a, c = a if a > b else b, c if c > d else d
                a = a if a > c else c
                loud[t] = a if a > loud[t] else loud[t]
        for t in range(width):
            loud[t] *= abs(volt[t]) * scale
        for t in range(real):
            most[k * count + block + t] = loud[t]
        if 0 <= k - block < width:
            loud[k - block] = 0
        for t in range(real):
            loudest[t] = loud[t] if loud[t] > loudest[t] else loudest[t]


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def answers_of(
    buses: tuple[int, int],
    where: Ints,
    starts: Ints,
    f_res: Array,
    tones: Array,
    volts: Array,
    damping: float,
    size: float,
    unit: Array,
    outputs: Ints,
    taps: Ints,
    values: Array,
    most: Array,
    found: Array,
) -> None:
    """Answers of buses from ... to, into values [groups, outputs, taps] in `unit`, and most, in units of `size`.

    where, outputs, taps: see `_Layout`; f_res from the first of these buses on; most, of all buses. starts [buses, 2]:
    where in `tones` and in `volts`, with the gain of the resonator, those of a bus begin. Into found [buses, 4] go the
    largest of `most` off the diagonal, its victim and aggressor, and 1 where all is finite.
    """
    row, lossy, loudest, check = np.ones(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK), np.zeros(BLOCK)
    for bus in range(*buses):
        chains, count, group, to_outputs, to_taps, to_most, before = where[bus]
        start, top = before - where[buses[0], 6], -1.0
        own, inverse = f_res[start : start + chains * count], np.empty(chains * count)
        for n in range(chains * count):
            square = own[n] * own[n]
            inverse[n] = 1 / (SLOWEST if square < SLOWEST else square)
        maps, answer = most[to_most : to_most + count * count], np.empty((chains + 3) * BLOCK)
        check[:] = 0
        for block in range(0, count, BLOCK):
            real, at = min(BLOCK, count - block), starts[bus, 0] + block
            for t in range(real):  # arrays put into slices compile for two seconds more
                row[t], lossy[t] = tones[at + t], (2 * damping * tones[at + t]) ** 2
            _rows(block, chains, count, own, inverse, row, lossy, volts[starts[bus, 1] :], answer, maps, loudest, size)
            for j in range(chains):
                output, of = outputs[to_outputs + j], answer[j * BLOCK : (j + 1) * BLOCK]
                into, weight = values[group, output], 1 / unit[group, output]
                for t in range(real):
                    check[t] += of[t]
                    of[t] *= weight
                for t in range(real):
                    into[taps[to_taps + block + t]] = of[t]
            aggressor = int(loudest[:real].argmax())
            if loudest[aggressor] > top:
                top, found[bus, 2] = loudest[aggressor], block + aggressor
        aggressor, loud = int(found[bus, 2]), -1.0
        for k in range(count):
            if k != aggressor and maps[k * count + aggressor] > loud:
                found[bus, 1], loud = k, float(maps[k * count + aggressor])
        found[bus, 0], found[bus, 3] = loud, np.isfinite(check.sum())
