from __future__ import annotations

import importlib.util
import io
import os
import pickle
import sys
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from tests.data.examples import rock_salt

TOOL = Path(__file__).parents[2] / "tools" / "build_embedded_dataset.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_embedded_dataset", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Exploit:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "payload",
    [
        Exploit(os.system, "true"),
        Exploit(eval, "1"),
        Exploit(np.load, "x.npy"),
        voigt_6_to_full_3x3_stress,
        Path("/"),
    ],
    ids=["system", "eval", "load", "function", "path"],
)
def test_unpickler_refuses_what_it_does_not_know(tool, payload):
    with pytest.raises(pickle.UnpicklingError, match="not among the names"):
        tool.ArrayUnpickler(io.BytesIO(pickle.dumps(payload))).load()


def test_unpickler_disarms_getattr(tool):
    loaded = tool.ArrayUnpickler(io.BytesIO(pickle.dumps(Exploit(getattr, "", "join")))).load()
    assert type(loaded) is tool.InertObject


def test_unpickler_reads_arrays_and_makes_nothing_else(tool):
    crystal = rock_salt()
    atoms = ase.Atoms("NaCl", cell=crystal.lattice, scaled_positions=crystal.frac_coords, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
    loaded = tool.ArrayUnpickler(io.BytesIO(pickle.dumps(atoms))).load()
    assert type(loaded) is tool.InertObject
    np.testing.assert_array_equal(loaded.state["_cellobj"].state["array"], crystal.lattice)
    np.testing.assert_array_equal(loaded.state["arrays"]["numbers"], crystal.numbers)
    np.testing.assert_array_equal(loaded.state["arrays"]["positions"], atoms.positions)


def test_sources_are_merged_in_order_and_contradictions_left_out(tool):
    first = {"mp-1": rock_salt(), "mp-2": rock_salt()}
    second = {"mp-1": rock_salt(), "mp-2": rock_salt(19), "mp-3": rock_salt(37)}
    merged = tool.merge({"first": first, "second": second})
    assert {key: source for key, (source, _) in merged.items()} == {"mp-1": "first", "mp-3": "second"}


def test_rows_need_every_label_and_are_rounded(tool):
    crystal = rock_salt()
    merged = dict.fromkeys(("mp-10", "mp-9", "mp-8"), ("source", crystal))
    labels = {
        "formation_energy": {"mp-10": -1.23456, "mp-9": 0.5, "mp-8": 1.0},
        "band_gap": {"mp-10": 0.0, "mp-9": 2.0},
    }
    rows = list(tool.labelled_rows(merged, labels))
    assert [row.id for row in rows] == ["mp-9", "mp-10"]
    assert rows[1].labels == {"formation_energy": -1.2346, "band_gap": 0.0}
    assert set(rows[0].sources.values()) == {"megnet_mp_2018"}


def test_archive_with_another_hash_is_refused(tool, tmp_path):
    for file, _ in tool.ARCHIVES.values():
        (tmp_path / file).write_bytes(b"something else")
    with pytest.raises(SystemExit, match="another SHA-256"):
        tool.fetch(tmp_path)
