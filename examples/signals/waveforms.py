"""I/Q signals of eight modulations as an 8-bit receiver records them, drawn from a seed; numpy only.

A record is 128 samples of in-phase and quadrature, four samples a symbol. On its way it meets, in this order:

    pulses        root raised cosine, roll-off 0.35 (PSK, QAM); Gaussian, BT 0.35, index 0.5 (GFSK); a band-limited
                  random message (AM with carrier and both side bands, depth 0.8; FM, deviation 0.08 of the sampling
                  rate)
    timing        any start within a symbol, to a quarter of a sample
    fading        Rician: a direct path and eight scattered rays, Doppler up to 0.002 of the sampling rate, 6 to 20 dB
                  between them; one echo, 10 to 20 dB down, 1 to 4 samples late
    carrier       any phase, offset up to 0.01 of the sampling rate
    noise         white and Gaussian, signal to noise ratio 0 to 20 dB within the sampling rate
    gain, ADC     root mean square of 1/3 of full scale; 8-bit codes in offset binary, 0 ... 255, zero at 127.5

The families and their impairments are those of the field's public sets (T. O'Shea, J. Corgan, T. C. Clancy,
arXiv:1602.04105); every number here is this file's own.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

__all__ = ["MODULATIONS", "SAMPLES", "records"]

Array = np.ndarray

SAMPLES, PER_SYMBOL, FINE = 128, 4, 4  # samples of a record, samples of a symbol, fine steps of a sample
SPAN = 12  # symbols beyond the record on either side, so that no pulse is cut off
ROLL_OFF, GAUSSIAN_BT, FSK_INDEX = 0.35, 0.35, 0.5
DEPTH, DEVIATION, MESSAGE_BAND = 0.8, 0.08, 0.05  # AM; FM and its message, parts of the sampling rate
RAYS, DOPPLER, RICIAN, ECHO, LATEST = 8, 0.002, (6.0, 20.0), (10.0, 20.0), 4
OFFSET, SNR, HEADROOM = 0.01, (0.0, 20.0), 3.0
STEPS = PER_SYMBOL * FINE  # fine steps of a symbol
COUNT = SAMPLES // PER_SYMBOL + 2 * SPAN  # symbols that are drawn


def _psk(order: int, n: int, rng: Generator) -> Array:
    return np.exp(2j * np.pi * rng.integers(order, size=(n, COUNT)) / order)


def _qam(order: int, n: int, rng: Generator) -> Array:
    side = int(np.sqrt(order))
    levels = np.arange(side) * 2 - side + 1
    return levels[rng.integers(side, size=(n, COUNT))] + 1j * levels[rng.integers(side, size=(n, COUNT))]


def _filtered(x: Array, response: Callable[[Array], Array]) -> Array:
    """Fine steps [n, COUNT STEPS] through a filter; `response` of frequencies in cycles a symbol."""
    f = np.abs(np.fft.fftfreq(x.shape[1])) * STEPS
    return np.fft.ifft(np.fft.fft(x, axis=1) * response(f), axis=1)


def _root_raised_cosine(f: Array) -> Array:
    edge = np.clip((f - (1 - ROLL_OFF) / 2) / ROLL_OFF, 0, 1)
    return np.sqrt(0.5 * (1 + np.cos(np.pi * edge)))


def _shaped(symbols: Array) -> Array:
    impulses = np.zeros((len(symbols), COUNT * STEPS), complex)
    impulses[:, ::STEPS] = symbols
    return _filtered(impulses, _root_raised_cosine)


def _gfsk(n: int, rng: Generator) -> Array:
    held = np.repeat(rng.choice([-1.0, 1.0], (n, COUNT)), STEPS, axis=1)
    smooth = _filtered(held, lambda f: np.exp(-np.log(2) / 2 * (f / GAUSSIAN_BT) ** 2)).real
    return np.exp(1j * np.pi * FSK_INDEX * np.cumsum(smooth, axis=1) / STEPS)


def _message(n: int, rng: Generator) -> Array:
    """Gaussian noise below MESSAGE_BAND, largest value 1 in each record."""
    noise = rng.standard_normal((n, COUNT * STEPS))
    low = _filtered(noise, lambda f: (f < MESSAGE_BAND * PER_SYMBOL).astype(float)).real
    return low / np.abs(low).max(1, keepdims=True)


def _am(n: int, rng: Generator) -> Array:
    return (1 + DEPTH * _message(n, rng)).astype(complex)


def _fm(n: int, rng: Generator) -> Array:
    return np.exp(2j * np.pi * DEVIATION * np.cumsum(_message(n, rng), axis=1) / FINE)


MODULATIONS: dict[str, Callable[[int, Generator], Array]] = {
    "BPSK": lambda n, rng: _shaped(_psk(2, n, rng)),
    "QPSK": lambda n, rng: _shaped(_psk(4, n, rng)),
    "8PSK": lambda n, rng: _shaped(_psk(8, n, rng)),
    "16QAM": lambda n, rng: _shaped(_qam(16, n, rng)),
    "64QAM": lambda n, rng: _shaped(_qam(64, n, rng)),
    "GFSK": _gfsk,
    "AM": _am,
    "FM": _fm,
}


def _decibel(limits: tuple[float, float], n: int, rng: Generator) -> Array:
    """Amplitude ratios [n, 1], uniform in dB."""
    return 10 ** (rng.uniform(*limits, (n, 1)) / 20)


def _faded(x: Array, rng: Generator) -> Array:
    """Samples [n, SAMPLES + LATEST] over a direct path, scattered rays and one echo: [n, SAMPLES]."""
    n, t = len(x), np.arange(x.shape[1])
    angle = rng.uniform(0, 2 * np.pi, (2, RAYS, n, 1))
    doppler = rng.uniform(0, DOPPLER, (n, 1)) * np.cos(angle[0])
    scattered = np.exp(1j * (2 * np.pi * doppler * t + angle[1])).sum(0) / np.sqrt(RAYS)
    x = x * (1 + scattered / _decibel(RICIAN, n, rng))
    late = np.take_along_axis(x, LATEST - rng.integers(1, LATEST + 1, (n, 1)) + np.arange(SAMPLES), axis=1)
    phase = np.exp(2j * np.pi * rng.uniform(size=(n, 1)))
    return x[:, LATEST:] + phase * late / _decibel(ECHO, n, rng)


def _received(x: Array, rng: Generator) -> Array:
    """Fine steps of n records as 8-bit codes [n, 2, SAMPLES]."""
    n = len(x)
    start = SPAN * STEPS + rng.integers(STEPS, size=(n, 1)) - LATEST * FINE
    x = _faded(np.take_along_axis(x, start + FINE * np.arange(SAMPLES + LATEST), axis=1), rng)
    turns = rng.uniform(-OFFSET, OFFSET, (n, 1)) * np.arange(SAMPLES) + rng.uniform(size=(n, 1))
    x = x * np.exp(2j * np.pi * turns)
    x = x / np.sqrt(np.mean(np.abs(x) ** 2, axis=1, keepdims=True))
    noise = rng.standard_normal((2, n, SAMPLES)) / np.sqrt(2)
    x = x + (noise[0] + 1j * noise[1]) / _decibel(SNR, n, rng)
    x = x / np.sqrt(np.mean(np.abs(x) ** 2, axis=1, keepdims=True))
    both = np.stack([x.real, x.imag], axis=1) / HEADROOM
    return np.clip(np.round(127.5 + 127.5 * both), 0, 255).astype(np.uint8)


def records(count: int, seed: int) -> tuple[Array, Array]:
    """Records uint8 [count, 2, SAMPLES] and their modulations uint8 [count], as many of each as can be, shuffled."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(MODULATIONS)).astype(np.uint8)
    codes = np.empty((count, 2, SAMPLES), np.uint8)
    for label, modulated in enumerate(MODULATIONS.values()):
        for part in np.array_split(np.flatnonzero(labels == label), 1 + count // 8000):
            codes[part] = _received(modulated(len(part), rng), rng)
    return codes, labels
