"""The written rules by which an experiment is judged, one by one and in their order."""

from dataclasses import replace

import pytest

from domain.experiments.effects import Interval
from domain.experiments.plan import Inference
from domain.outcomes.judging import Arm, Evidence, decide
from domain.outcomes.model import Verdict

BETTER = Arm("green", 0.2, Interval(0.1, 0.3), Interval(0.1, 0.3))
WORSE = Arm("blue", -0.2, Interval(-0.3, -0.1), Interval(-0.3, -0.1))
UNCLEAR = Arm("red", 0.01, Interval(-0.2, 0.3), Interval(-0.2, 0.3))
NOTHING = Arm("grey", 0.001, Interval(-0.01, 0.01), Interval(-0.01, 0.01))
CALM = Evidence([BETTER], [], 10.0, 7.0, Inference.SEQUENTIAL, None, 0.05)


@pytest.mark.parametrize(
    ("evidence", "verdict", "variation"),
    [
        (CALM, Verdict.SHIP, "green"),
        (replace(CALM, alarms=["sizes"]), Verdict.HOLD, None),
        (replace(CALM, days=3.0), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, arms=[WORSE], days=1.0), Verdict.STOP, None),
        (replace(CALM, arms=[replace(BETTER, harmed=("speed",))]), Verdict.STOP, None),
        (replace(CALM, arms=[replace(BETTER, harmed=("speed",)), UNCLEAR]), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, arms=[WORSE, BETTER]), Verdict.SHIP, "green"),
        (replace(CALM, arms=[BETTER, replace(BETTER, variation="best", lift=0.4)]), Verdict.SHIP, "best"),
        (replace(CALM, arms=[UNCLEAR]), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, arms=[NOTHING]), Verdict.STOP, None),
        (replace(CALM, arms=[NOTHING, UNCLEAR]), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, arms=[Arm("unknown")]), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, inference=Inference.FIXED, still_needed=500.0), Verdict.NEEDS_MORE_DATA, None),
        (replace(CALM, inference=Inference.FIXED, still_needed=0.0), Verdict.SHIP, "green"),
    ],
)
def test_the_rules_say(evidence: Evidence, verdict: Verdict, variation: str | None) -> None:
    decision = decide(evidence)
    assert (decision.verdict, decision.variation) == (verdict, variation)
    assert decision.reasons
