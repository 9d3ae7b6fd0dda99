"""A stand-in for VASP: puts real outputs where VASP would, as if they were of the crystal in POSCAR, and counts.

Run in the folder of a step. What a relaxation found is left as it is; the other steps end with what they begin with.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

DATA = Path(__file__).parent / "data"


def begun_with(poscar: str, output: str, *, moves: bool) -> str:
    """A vasprun.xml as if its run had begun with a POSCAR of ours; of as many atoms of the same elements."""
    lines = poscar.splitlines()
    n_atoms = sum(int(count) for count in lines[6].split())
    rows = {"basis": lines[2:5], "positions": lines[8 : 8 + n_atoms]}

    def replaced(structure: re.Match[str]) -> str:
        text = structure[0]
        for name, values in rows.items():
            inside = "".join(f"<v>{' '.join(one.split()[:3])}</v>" for one in values)
            text = re.sub(f'(<varray name="{name}" >).*?(</varray>)', rf"\g<1>{inside}\g<2>", text, flags=re.DOTALL)
        return text

    which = '<structure name="initialpos" >' if moves else "<structure"
    return re.sub(f"{which}.*?</structure>", replaced, output, flags=re.DOTALL)


def main() -> None:
    """Run the step in whose folder this is called."""
    here = Path.cwd()
    moves = here.name.endswith("relax")
    for file in (DATA / ("relax_magnetic" if moves else "static_magnetic")).iterdir():
        (here / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    poscar, output = (here / "POSCAR").read_text(), here / "vasprun.xml"
    output.write_text(begun_with(poscar, output.read_text("latin-1"), moves=moves), "latin-1")
    for name in ("CONTCAR", "OSZICAR"):
        (here / name).write_text(poscar)
    (here / "CHGCAR").write_text(f"charge of {here.name}\n")
    with (here.parent / "runs").open("a") as log:
        log.write(f"{here.name}\n")


if __name__ == "__main__":
    main()
