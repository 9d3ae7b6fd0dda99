from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.dft.qe.salts import FIELD, put

from wyckforge.dft.qe.running import FailedRunError, Runner, last_words
from wyckforge.dft.qe.solving import CONJUGATE, FOR_MIXING, SLOWER, SLOWEST, WIDER, Remedy, next_remedy, settings

NOT_CONVERGED = (Path(__file__).parent / "data" / "outputs" / "not_converged.out").read_text()

NOT_DIAGONALISED = "     Error in routine  cdiaghg (123):\n     S matrix not positive definite\n"

FULL_DISK = "     Error in routine  davcio (10):\n     error while writing from file\n"


def failure(text: str) -> FailedRunError:
    return FailedRunError(last_words(text), Path("scf.out"))


def test_slow_convergence_has_three_remedies_in_turn() -> None:
    tried: list[Remedy] = []
    while remedy := next_remedy(failure(NOT_CONVERGED), tried, FOR_MIXING):
        tried.append(remedy)

    assert tried == [SLOWER, SLOWEST, WIDER]


def test_a_failed_diagonalisation_has_one() -> None:
    assert next_remedy(failure(NOT_DIAGONALISED), [], FOR_MIXING) is CONJUGATE
    assert next_remedy(failure(NOT_DIAGONALISED), [CONJUGATE], FOR_MIXING) is None
    assert next_remedy(failure(FULL_DISK), [], FOR_MIXING) is None


def test_remedies_of_both_kinds_go_together() -> None:
    field = settings(FIELD, [SLOWER, CONJUGATE, SLOWEST])

    assert field == replace(
        FIELD, mixing_beta=0.1, mixing_mode="local-TF", iterations=4 * FIELD.iterations, diagonalization="cg"
    )


def test_fixed_occupations_are_not_smeared() -> None:
    assert WIDER.apply(replace(FIELD, smearing_ev=None)) is None
    wider = WIDER.apply(FIELD)
    assert wider is not None
    assert wider.smearing_ev == pytest.approx(0.1)


def test_an_accident_is_not_taken_for_a_failure_that_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner.within(tmp_path, 1, 1.0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    put(
        runner,
        "echo; echo '     Error in routine  davcio (10):'; echo '     error while writing'; exit 1",
    )
    with pytest.raises(FailedRunError, match="error while writing"):
        runner.run("pw.x", "scf", "an input")
    put(
        runner,
        "mkdir -p out/pwscf.save; echo found > out/pwscf.save/data-file-schema.xml; echo JOB DONE.",
    )

    found = runner.run("pw.x", "scf", "an input")

    assert found.read_text() == "found\n"
    assert runner.saved("scf")
    assert runner.finished("scf", "an input")
    assert not runner.finished("scf", "another input")


def test_a_failure_that_comes_again_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = Runner.within(tmp_path, 1, 1.0)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    put(
        runner,
        "echo x >> runs; echo '     convergence NOT achieved after 3 iterations: stopping'; exit 2",
    )

    for _ in range(2):
        with pytest.raises(FailedRunError, match="NOT achieved") as told:
            runner.run("pw.x", "scf", "an input")
        assert told.value.not_converged

    assert (tmp_path / "runs").read_text() == "x\n"
