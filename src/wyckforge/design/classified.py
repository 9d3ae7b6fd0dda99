"""The rules of the funnel that ask the two classifiers of genes."""

from __future__ import annotations

from collections.abc import Callable

from wyckforge.records import Candidate, Evidence
from wyckforge.train.classifier import GeneClassifier

Rule = Callable[[Candidate], Evidence]


def synthesizable(classifier: GeneClassifier, *, above: float) -> Rule:
    """A score of synthesizability above a threshold."""
    return _scored("synthesizability", classifier, lambda score: score > above, f"score not above {above:g}")


def not_metallic(classifier: GeneClassifier, *, below: float) -> Rule:
    """A metallic score below a threshold."""
    return _scored("metallic", classifier, lambda score: score < below, f"score not below {below:g}")


def _scored(name: str, classifier: GeneClassifier, passes: Callable[[float], bool], missed: str) -> Rule:
    """The value is the score; a gene that the classifier cannot be asked about stays unknown."""

    def rule(candidate: Candidate) -> Evidence:
        if problem := classifier.problem(candidate.gene):
            return Evidence(name, "unknown", reason=problem, tool=classifier.tool)
        score = float(classifier.scores([candidate.gene])[0])
        if passes(score):
            return Evidence(name, "pass", score, tool=classifier.tool)
        return Evidence(name, "fail", score, reason=missed, tool=classifier.tool)

    return rule
