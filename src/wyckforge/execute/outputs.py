"""What people read of a design run: the ranked table and the CIF files."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wyckforge.data.structures import to_pymatgen
from wyckforge.execute.folder import CANDIDATES, CIFS, TABLE, write_candidates, write_text
from wyckforge.records import Candidate
from wyckforge.symmetry.crystal import Crystal
from wyckforge.symmetry.detection import SYMPREC
from wyckforge.symmetry.tables import space_group


def write_results(out: Path, ranked: Sequence[Candidate]) -> None:
    """Write the ranked candidates to the folder of a run: with all evidence, as a table, and their structures."""
    write_candidates(out / CANDIDATES, ranked)
    write_table(out / TABLE, ranked)
    write_cifs(out / CIFS, ranked)


def write_table(path: Path, candidates: Sequence[Candidate]) -> None:
    """Write one row per candidate, in the given order; a column per prediction, stage and value found."""
    properties = sorted({name for candidate in candidates for name in candidate.predictions})
    evidence = [found for candidate in candidates for found in candidate.evidence]
    stages = dict.fromkeys(found.stage for found in evidence)
    values = {f"{found.stage}_value" for found in evidence if found.value is not None}
    columns = ["rank", "id", "formula", "space_group", "symbol", "n_atoms", "gene", "seed_id", "seed_formula"]
    columns += [f"predicted_{name}" for name in properties]
    columns += [name for stage in stages for name in (stage, f"{stage}_value") if name == stage or name in values]
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, [*columns, "reason"], restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(_row(rank, candidate) for rank, candidate in enumerate(candidates, start=1))
    write_text(path, buffer.getvalue())


def write_cifs(folder: Path, candidates: Sequence[Candidate]) -> None:
    """Write ``ID_FORMULA.cif`` for every candidate that has a structure."""
    folder.mkdir(exist_ok=True)
    for candidate in candidates:
        if candidate.crystal is not None:
            write_text(folder / f"{candidate.id}_{candidate.gene.formula}.cif", cif(candidate.crystal))


def cif(crystal: Crystal) -> str:
    """CIF text with the symmetry found at symprec 0.01; in P1 where no symmetry can be determined."""
    from pymatgen.io.cif import CifWriter
    from pymatgen.symmetry.analyzer import SymmetryUndeterminedError

    structure = to_pymatgen(crystal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return str(CifWriter(structure, symprec=SYMPREC))
        except SymmetryUndeterminedError:
            return str(CifWriter(structure))


def _row(rank: int, candidate: Candidate) -> dict[str, Any]:
    row: dict[str, Any] = {
        "rank": rank,
        "id": candidate.id,
        "formula": candidate.gene.formula,
        "space_group": candidate.gene.space_group,
        "symbol": space_group(candidate.gene.space_group).symbol,
        "n_atoms": candidate.gene.n_atoms,
        "gene": str(candidate.gene),
        "seed_id": candidate.origin.seed_id,
        "seed_formula": candidate.origin.seed_formula,
    }
    row |= {f"predicted_{name}": value for name, value in candidate.predictions.items()}
    for found in candidate.evidence:
        row[found.stage] = found.verdict
        row[f"{found.stage}_value"] = "" if found.value is None else f"{found.value:.6g}"
    doubts = [f"{found.stage}: {found.reason}" for found in candidate.findings if found.verdict != "pass"]
    return row | {"reason": "; ".join(doubts)}
