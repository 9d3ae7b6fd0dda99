"""Every speed figure beside its goal: `make benchmark`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SPEED = ("cli_start.py", "symmetry.py", "design.py")


def main() -> int:
    """Run the benchmarks one after another, each in a process of its own and on one thread."""
    failed = []
    for name in SPEED:
        print(f"── {name} ──", flush=True)
        done = subprocess.run([sys.executable, HERE / name], check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
