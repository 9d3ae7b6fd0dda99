from __future__ import annotations

from pathlib import Path

import pytest
from tests.dft.qe.salts import FIELD, model, put, silicon

from wyckforge.dft.engine import EngineError
from wyckforge.dft.qe import inputs
from wyckforge.dft.qe.inputs import Relaxation
from wyckforge.dft.qe.relaxing import relax
from wyckforge.dft.qe.running import Runner

OUTPUT = Path(__file__).parent / "data" / "outputs" / "silicon_relax.out"

ONE_GEOMETRY = 267
"""Lines of it, to the end of the first geometry."""


def test_rounds_that_fail_after_a_geometry_end_with_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner.within(tmp_path, 1, 0.005)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    put(
        runner,
        f"head -n {ONE_GEOMETRY} {OUTPUT}; echo '     Error in routine  davcio (10):'; echo '     full disk'; exit 1",
    )

    with pytest.raises(EngineError, match=r"not relaxed after 3 steps.*: .*full disk; the output is .*relax-3\.out"):
        relax(
            runner,
            silicon(),
            lambda crystal, field, until: inputs.vc_relax(crystal, model("Si"), field, (2, 2, 2), until),
            FIELD,
            Relaxation(1e-3, 0.05, 3),
        )
    assert len(list(tmp_path.glob("relax-*.in"))) == 3
