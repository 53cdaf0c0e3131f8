"""Part of show_trust.py: every reader on broken inputs."""

from _show import info, show
from fuzz_readers import READERS, fuzz

TAKEN, REFUSED = "accepted", "refused"


def claims(quick: bool) -> None:
    """Print the claims."""
    cases = 60 if quick else 10_000
    for name in READERS:
        counts, faults = fuzz(name, range(cases))
        what = f"{name}: {cases:,} broken inputs, {counts[REFUSED]:,} refused, {counts[TAKEN]:,} taken"
        whole = counts.total() == cases
        show(what[:70], f"{len(faults)} faults", "0, all read", whole and not faults)
        for number, kind, detail in faults[:5]:
            info(f"  case {number}: {kind}: {detail}"[:150], "")
