"""docs/guide/networks.md lists the operators that are read, all of them and no other."""

import re
from pathlib import Path

from resonet.netlist.network.onnx.operators.registry import operators

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "networks.md"


def test_page_lists_all_operators():
    rows = re.findall(r"^\| ((?:`[\w.]+` ?)+)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    known = {f"{domain}.{name}".lstrip(".") for (domain, name), operator in operators().items() if not operator.made}
    assert len(listed) == len(set(listed))
    assert set(listed) == known
