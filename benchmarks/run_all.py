"""Every speed figure beside its goal: `make benchmark` prints them and writes docs/benchmarks/speed.md."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

import wyckforge

HERE = Path(__file__).parent
SPEED = ("cli_start.py", "symmetry.py", "training.py", "design.py", "memory.py")


@click.command()
@click.option("--page", type=click.Path(path_type=Path), default=HERE.parent / "docs" / "benchmarks" / "speed.md")
def main(page: Path) -> None:
    """Run the benchmarks one after another, each in a process of its own, one thread unless it says otherwise."""
    failed, parts = [], []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    for name in SPEED:
        click.echo(f"── {name} ──")
        done = subprocess.run(
            [sys.executable, HERE / name], check=False, env=environment, stdout=subprocess.PIPE, text=True
        )
        click.echo(done.stdout)
        parts.append(f"## `python benchmarks/{name}`\n\n```text\n{done.stdout.strip()}\n```\n")
        if done.returncode:
            failed.append(name)
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}; {page} was left as it was")
    page.write_text(f"{heading()}\n" + "\n".join(parts), encoding="utf-8")


def heading() -> str:
    """What was measured, when, and on what."""
    return (
        "# Speed\n\nWritten by `make benchmark`. "
        f"wyckforge {wyckforge.__version__}, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the end. "
        "Absolute times drift on a shared machine; goals are here and in no test. What building and relaxing cost is "
        "told by [Starting structures](starts.md), [Relaxation](relaxation.md) and [Stable, unique, novel](sun.md).\n"
    )


if __name__ == "__main__":
    main()
