"""Memory of the largest process of a design run through the hull; the goal is 2 GB beside the potential."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

GOAL_GB = 2.0
POTENTIAL = "from wyckforge.potential.chgnet import load_model; load_model()"
DESIGN = (
    "design",
    "--formation-energy",
    ":-0.5",
    "--space-group",
    "143:",
    "--atoms",
    ":12",
    "--count",
    "2",
    "--seed",
    "7",
)


def main() -> None:
    """Print the peak of a run, and what a process holds that has only loaded the potential."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("options", nargs="*", help="further options of wyckforge design, after --")
    further = parser.parse_args().options
    subprocess.run([sys.executable, "-c", POTENTIAL], check=True)
    potential = peak_gb()
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-c", "from wyckforge.cli import main; main()"]
        start = time.perf_counter()
        subprocess.run([*program, *DESIGN, *further, "--out", f"{folder}/run"], check=True, capture_output=True)
        seconds = time.perf_counter() - start
    print(f"largest process              {peak_gb():8.2f} GB           goal: below {GOAL_GB} GB and the potential")
    print(f"  of these the potential     {potential:8.2f} GB")
    print(f"  two candidates through the hull in {seconds:.0f} s")


def peak_gb() -> float:
    """Resident memory of the largest process that has ended so far, started from here or further down."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
