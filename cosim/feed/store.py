"""Effective weights on disk: `results/effective_<layer>_<method>.nc`, recomputed only when stale.

Those of another engine that runs decks stand beside them, `..._by_<engine>.nc`; one without is as quick as the folder.
A result is keyed by what it is computed from, part by part, so that `resonet status` can say what has changed. Two
processes may use one folder: what one of them computes the other waits for.
"""

import errno
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from resonet.core.parameters import table_from_record
from resonet.core.sources import PHYSICS, source_hash
from resonet.core.validity import warn
from resonet.core.watching import Done, nothing
from resonet.cosim.feed.feeds import feed_of
from resonet.cosim.feed.result_file import StoredResult, read_result, write_result
from resonet.cosim.strip.laid_out import solved_layer
from resonet.cosim.weights.engines import ENGINES, NO_WITNESS, Engine, auto, ngspice
from resonet.cosim.weights.held import RfWeights
from resonet.cosim.weights.spot_check import warn_unwitnessed
from resonet.netlist.design.design import Design
from resonet.netlist.programming.methods import Method
from resonet.netlist.strip.arrangement import ARRANGEMENTS
from resonet.spice_lib.library import library_text

__all__ = [
    "changed_parts",
    "count_steps",
    "effective_path",
    "known_weights",
    "result_parts",
    "stored_effective_weights",
    "stored_parts",
    "stored_programs",
    "stored_result",
]

LOCK = "results.lock"  # in the design folder
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def count_steps(design: Design, layers: list[str]) -> int:
    """Buses, or windows under strip lines, that the effective weights of some layers take, for a progress bar."""
    return sum(feed_of(design, layer).steps(design, layer) for layer in layers)


def effective_path(folder: Path, layer: str, method: Method, engine: Engine = auto) -> Path:
    """Where the effective weights of a layer by an engine are stored."""
    by = "" if engine.name == auto.name else "_by_" + re.sub(r"[^\w.+-]", "_", engine.name)
    return folder / "results" / f"effective_{layer}_{method}{by}.nc"


def _hash(*things: Any) -> str:
    """Hash of arrays and of what JSON can hold."""
    digest = hashlib.sha256()
    for thing in things:
        array = isinstance(thing, np.ndarray)
        head = f"{thing.dtype}{thing.shape}" if array else json.dumps(thing, sort_keys=True)
        digest.update(head.encode() + (np.ascontiguousarray(thing).tobytes() if array else b""))
    return digest.hexdigest()


def _strip_parts(design: Design, layer: str, method: Method) -> dict[str, str]:
    """What the weights of a layer on strip lines depend on."""
    synapses, options = design.plan.layer(layer).layer, design.plan.options
    shape = [synapses.in_shape, synapses.out_shape, synapses.stride, synapses.dilation, synapses.padding]
    added = [
        part for a in synapses.addends for part in (a.weight, [a.in_shape, a.stride, a.dilation, a.padding, a.diagonal])
    ]
    return {
        "code": _hash(source_hash(*PHYSICS)),
        "device": _hash(table_from_record(design.plan.device)),
        "feed": _hash(table_from_record(design.parameters.feed)),
        "plug-in": ARRANGEMENTS.code_of(design.parameters.feed.arrangement),
        "geometry": _hash(table_from_record(design.parameters.geometry)),
        "channels": _hash(options.f_min, options.f_max),
        "weights": _hash(synapses.weight, synapses.groups, shape, *added),
        "program": _hash(method, options.fill),
    }


def _engine_parts(engine: Engine) -> dict[str, str]:
    """What an engine is, and the version of the program that answers or checks."""
    parts = {"engine": _hash(engine.name, ENGINES.code_of(engine.name))}
    version = engine.version()
    return parts | ({"ngspice" if engine.name in (auto.name, ngspice.name) else "version": version} if version else {})


def result_parts(design: Design, layer: str, method: Method, engine: Engine = auto) -> dict[str, str]:
    """What the effective weights of a layer depend on: hash by name. Raises InputError, EngineError."""
    if feed_of(design, layer).name == "stripline":
        return _strip_parts(design, layer, method) | _engine_parts(engine)
    entry, programmed = design.plan.layer(layer), design.program(method).layer(layer)
    channels = [
        part
        for bus in entry.buses
        for part in ([bus.name, bus.group, bus.below], bus.outputs, bus.taps, bus.frequencies, bus.levels)
    ]
    return {
        "code": _hash(source_hash(*PHYSICS), library_text()),
        **_engine_parts(engine),
        "device": _hash(table_from_record(design.plan.device)),
        "bus": _hash(table_from_record(design.plan.circuit)),
        "channels": _hash(*channels, design.plan.options.p_max),
        "weights": _hash(entry.layer.matrix, *([] if entry.layer.raised is None else [entry.layer.raised])),
        "program": _hash(programmed.weight_scale, *programmed.f_res),
    }


def changed_parts(stored: dict[str, str] | None, now: dict[str, str]) -> list[str]:
    """What a stored result was computed from that is different now; "unreadable" where nobody can tell.

    What ngspice has witnessed holds where there is none, too.
    """
    if stored is None:
        return ["unreadable"]
    return [name for name in now if stored.get(name) != now[name] != NO_WITNESS]


def stored_result(path: Path) -> StoredResult | None:
    """A stored result, where there is one and it is whole."""
    return read_result(path)


def known_weights(
    folder: Path, design: Design, layer: str, method: Method, engine: Engine = auto
) -> tuple[RfWeights | None, list[str]]:
    """Stored weights that still hold; else None, and what has changed since: "unreadable" where they are damaged.

    Nothing has where there are none. Nothing is computed. Raises InputError, EngineError.
    """
    path = effective_path(folder, layer, method, engine)
    if not path.is_file():
        return None, []
    stored = read_result(path)
    changed = changed_parts(stored.depends_on if stored else None, result_parts(design, layer, method, engine))
    return (None, changed) if stored is None or changed else (stored.weights(design), [])


def stored_parts(path: Path) -> dict[str, str] | None:
    """What a stored result was computed from, part by part; None where none can be read."""
    result = read_result(path)
    return result.depends_on if result else None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """The only process that computes results of a folder; one of many where the folder cannot be written."""
    from filelock import FileLock

    lock = FileLock(folder / LOCK)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
    try:
        yield
    finally:
        lock.release()


def _keep(weights: RfWeights, parts: dict[str, str], path: Path) -> None:
    """Store a result; a warning where the folder is read-only: it holds all the same."""
    try:
        write_result(weights, parts, path)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        warn("not-written", f"{path}: not kept ({error.strerror}), so it is computed anew each time", 1, 0, "files")


def _computed(folder: Path | None, design: Design, layer: str, method: Method, engine: Engine, done: Done) -> RfWeights:
    """The result of a layer, from the folder if it is fresh, else computed by one process at a time."""
    if folder is None or not engine.runs_decks:
        return feed_of(design, layer).weights(design, layer, method, engine, engine.jobs, done)
    path, parts = effective_path(folder, layer, method, engine), result_parts(design, layer, method, engine)

    def fresh(stored: StoredResult | None) -> bool:
        return stored is not None and not changed_parts(stored.depends_on, parts)

    stored = read_result(path)
    if stored is None or not fresh(stored):
        with _alone(folder):
            stored = read_result(path)  # another process may have been at it
            if stored is None and path.is_file():
                warn("damaged-result", f"{path}: damaged, edited or of another version; computed anew", 1, 0, "files")
            if stored is None or not fresh(stored):
                weights = feed_of(design, layer).weights(design, layer, method, engine, engine.jobs, done)
                _keep(weights, parts, path)
                return weights
    for _ in range(count_steps(design, [layer])):
        done()
    weights = stored.weights(design)
    if weights.witness and weights.witness.missing:
        warn_unwitnessed(weights.witness.missing)
    return weights


def stored_programs(
    folder: Path | None,
    design: Design,
    methods: Sequence[Method],
    layers: Sequence[str] | None = None,
    jobs: int | None = None,
    done: Done = nothing,
    engine: Engine = auto,
) -> dict[Method, dict[str, RfWeights]]:
    """Effective weights of some layers of a design (default all) by several programs, each layer by its feed.

    From `results/` of its folder, where it has one, or else computed; `done` is called `count_steps` times a program,
    also for what was stored. The time for a check of the engine is shared out by the size of the layers. Raises
    InputError, EngineError.
    """
    chosen = layers or [entry.layer.name for entry in design.plan.layers]
    weights: dict[Method, dict[str, RfWeights]] = {method: {} for method in methods}
    feeds = {layer: feed_of(design, layer) for layer in chosen}
    costs = {layer: feed.cost(design, layer) for layer, feed in feeds.items()}
    engine, each = engine.with_jobs(jobs), engine.budget / (len(methods) * sum(costs.values()) or 1.0)
    for layer, feed in feeds.items():
        own = engine.with_budget(each * costs[layer])
        for method in methods:
            weights[method][layer] = _computed(folder, design, layer, feed.stands_for(method), own, done)
        solved_layer.cache_clear()
    return weights


def stored_effective_weights(
    folder: Path | None,
    design: Design,
    method: Method,
    layers: list[str] | None = None,
    jobs: int | None = None,
    done: Done = nothing,
    engine: Engine = auto,
) -> dict[str, RfWeights]:
    """Effective weights of some layers of a design folder by one program, as of `stored_programs`."""
    return stored_programs(folder, design, (method,), layers, jobs, done, engine)[method]
