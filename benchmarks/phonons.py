"""Dynamic stability of crystals with a known answer, by every potential in the package.

    python benchmarks/phonons.py                          # an hour on one core
    python benchmarks/phonons.py --potential sevennet-0   # one of them; may be repeated
    python benchmarks/phonons.py --no-follow              # verdicts alone

What was computed is kept under ``.cache/phonons``, one file per crystal and potential, and not computed again. The page
is written by :mod:`phonons_page`, after every crystal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kept import require_same_settings
from phonons_known import CASES, STEPPED, STEPS_ANGSTROM, Case
from phonons_page import page_of
from wyckforge.files import write_atomically
from wyckforge.potential.catalogue import load_potential
from wyckforge.potential.contract import Potential
from wyckforge.realise.config import PhononConfig
from wyckforge.realise.phonon.follow import follow
from wyckforge.realise.phonon.record import record_of
from wyckforge.realise.phonon.stability import study

CACHE, PAGE = Path(".cache/phonons"), Path("docs/benchmarks/phonons.md")
POTENTIALS = ("chgnet", "sevennet-0", "sevennet-l3i5")
CONFIG = PhononConfig()

Work = Callable[[Case, Potential], dict[str, Any]]


def test(case: Case, potential: Potential) -> dict[str, Any]:
    """Verdict and frequencies of a crystal; the dispersion is left out."""
    found = record_of(study(case.crystal(), CONFIG, potential), CONFIG)
    found.pop("dispersion", None)
    return found


def chain(case: Case, potential: Potential) -> dict[str, Any]:
    """Where the unstable modes of a crystal lead."""
    found = follow(study(case.crystal(), CONFIG, potential), CONFIG, potential)
    led = {
        "genes": [one.gene for one in found.studies],
        "verdicts": [one.verdict.stability for one in found.studies],
        "gain_ev_per_atom": found.gain_ev_per_atom,
        "calls": found.calls,
        "reason": found.reason,
    }
    return {"chain": led}


def by_step(case: Case, potential: Potential) -> dict[str, Any]:
    """The lowest optical frequency at Γ in cm⁻¹, by the size of the displacement."""
    settings = (CONFIG.model_copy(update={"mesh": False, "displacement_angstrom": step}) for step in STEPS_ANGSTROM)
    return {"by_step": [min(study(case.crystal(), one, potential).optical_per_cm) for one in settings]}


def settings() -> dict[str, Any]:
    """All that the results depend on, beside the crystal and the potential."""
    return {
        "config": CONFIG.model_dump(mode="json"),
        "steps_angstrom": STEPS_ANGSTROM,
        "versions": {name: version(name) for name in ("chgnet", "sevenn", "phonopy")},
    }


def kept(path: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, or else what the work gives, which it will hold from now on."""
    if not path.exists():
        write_atomically(path, json.dumps(work(), indent=1).encode())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def results(names: list[str], cache: Path, *, followed: bool) -> Iterator[dict[str, dict[str, Any]]]:
    """All that is known, by potential and crystal, again and again while more becomes known: verdicts first."""
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name in names:
        for case in CASES:
            found[name][case.name] = kept(cache / name / f"{case.name}.json", partial(_asking, test, case, name))
            if case.name == STEPPED:
                work = partial(_asking, by_step, case, name)
                found[name][case.name] |= kept(cache / name / f"{case.name}.steps.json", work)
            yield found
    for name in names if followed else ():
        for case in CASES:
            if case.becomes and found[name][case.name]["mesh"]["stability"] == "unstable":
                work = partial(_asking, chain, case, name)
                found[name][case.name] |= kept(cache / name / f"{case.name}.follow.json", work)
                yield found


def _asking(work: Work, case: Case, name: str) -> dict[str, Any]:
    """Load the potential only where there is something left to do."""
    return work(case, load_potential(name))


def main() -> None:
    """Compute what is not there yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--potential", action="append", choices=POTENTIALS, help="by default all")
    parser.add_argument("--no-follow", action="store_true", help="do not follow unstable modes")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    require_same_settings(options.cache / "settings.json", settings())
    for found in results(options.potential or list(POTENTIALS), options.cache, followed=not options.no_follow):
        write_atomically(options.page, page_of(found, CONFIG).encode())
        done = sum(map(len, found.values())), sum("chain" in one for of in found.values() for one in of.values())
        print("{} verdicts, {} chains".format(*done), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
