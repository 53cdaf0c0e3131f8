"""Titles of S-parameter figures: what the name of a network says, for people."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skrf import Network

__all__ = ["network_title"]

# As `sparams` names what it writes: layer, bus, block, measured parts, bias, engine, program.
NAME = re.compile(
    r"(?P<layer>.+)_(?P<bus>[^_]+)_(?P<block>chain|bus|combiner|tee)(?P<chain>\d*)(?P<parts>(?:_[a-z]+[0-9a-f]{6})*)"
    r"(?:_(?P<bias>m?[0-9p]+)ua)?_(?P<engine>linear|ngspice|scikit_rf)_(?P<program>[a-z]+)"
)


def network_title(network: "Network") -> str:
    """What a network is of: "conv1, bus t0, chain 0, 5 µA, calibrated program, by linear"; other names as they are."""
    name = str(network.name or "network")
    found = NAME.fullmatch(name)
    if found is None:
        return name.replace("_", " ")
    told = [found["layer"], f"bus {found['bus']}"]
    told += [f"chain {found['chain']}"] if found["block"] == "chain" else [f"whole {found['block']}"]
    told += ["with measured parts"] if found["parts"] else []
    told += [f"{found['bias'].replace('p', '.').replace('m', '-')} µA"] if found["bias"] else []
    return ", ".join([*told, f"{found['program']} program, by {found['engine'].replace('_', '-')}"])
