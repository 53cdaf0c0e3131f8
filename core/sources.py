"""Which version of the code made a result: a hash over the sources, so that nobody has to count versions by hand."""

import functools
import hashlib
from pathlib import Path

__all__ = ["PHYSICS", "file_hash", "source_hash"]

PHYSICS = ("core", "models", "spice_lib", "netlist", "cosim")  # packages that decide what a circuit's numbers are
KINDS = (".py", ".lib", ".va", ".toml")
BLOCK = 1 << 20


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content; OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@functools.cache
def source_hash(*packages: str) -> str:
    """Hash of all sources and device libraries of some packages, such as `source_hash(*PHYSICS)`; some milliseconds."""
    root, digest = Path(__file__).parent.parent, hashlib.sha256()
    for package in packages:
        found = sorted(path for path in (root / package).rglob("*") if path.suffix in KINDS)
        for path in found:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
