"""Time until `wyckforge --help` has answered; the goal is half a second."""

from __future__ import annotations

import subprocess
import sys
import time

GOAL_S = 0.5
REPEATS = 7


def main() -> None:
    """Print the median of several runs, and the imports that take longest."""
    command = [sys.executable, "-c", "from wyckforge.cli import main; main()", "--help"]
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    median = sorted(times)[REPEATS // 2]
    print(f"wyckforge --help             {median:8.3f} s            goal: below {GOAL_S} s")
    profile = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import wyckforge.cli"], check=True, capture_output=True, text=True
    ).stderr
    rows = [line.removeprefix("import time:").split("|") for line in profile.splitlines()[1:]]
    slowest = sorted(((int(own), name.strip()) for own, _, name in rows), reverse=True)[:3]
    print("  slowest imports: " + ", ".join(f"{name} {own / 1000:.0f} ms" for own, name in slowest))


if __name__ == "__main__":
    main()
