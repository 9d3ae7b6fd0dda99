"""Every speed figure beside its goal: `make benchmark`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SPEED = (
    ("cli_start.py",),
    ("symmetry.py",),
    ("training.py",),
    ("design.py",),
    ("realise.py", "--build", "40", "--relax", "6"),
    ("memory.py",),
)


def main() -> int:
    """Run the benchmarks one after another, each in a process of its own, one thread unless it says otherwise."""
    failed = []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    for name, *options in SPEED:
        print(f"── {name} ──", flush=True)
        done = subprocess.run([sys.executable, HERE / name, *options], check=False, env=environment)
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
