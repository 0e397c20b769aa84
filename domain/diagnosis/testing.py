"""Why experiments may not work."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from domain.diagnosis.model import Check, Finding, Switches, Trial, Verdict
from domain.experiments.assignment import assign
from domain.experiments.definition import Experiment
from domain.experiments.sample_ratio import sample_ratio

INVENTED_PEOPLE: Final = 1000
LATE: Final = timedelta(hours=2)
"""Experiments are evaluated hourly; a result this old missed an evaluation."""
PATIENCE: Final = timedelta(days=1)
"""An experiment that nobody came into for so long is not asked for by any client."""


def configuration(trials: Sequence[Trial], switches: Switches) -> Finding:
    """Whether experiments are switched on, and let people in."""
    check = Check.CONFIGURATION
    if not switches.experiments:
        return Finding(
            check,
            Verdict.WRONG if trials else Verdict.DOUBTFUL,
            f"experiments are switched off; {len(trials)} of them run and everybody gets the control",
            "set PERSONALIZATION_AB_TESTING_ENABLED=true",
        )
    if not trials:
        return Finding(check, Verdict.DOUBTFUL, "no experiment runs", "start one with startExperiment")
    closed = [trial.test.key for trial in trials if trial.test.policy is None or not trial.test.policy.coverage]
    if closed:
        return Finding(
            check, Verdict.WRONG, f"nobody is covered by {', '.join(closed)}", "let people in with rampExperiment"
        )
    running = ", ".join(trial.test.key for trial in trials)
    return Finding(check, Verdict.FINE, f"{len(trials)} running: {running}")


def assignment(trials: Sequence[Trial]) -> Finding:
    """Whether invented people would be assigned, in the shares that the policy says."""
    check = Check.ASSIGNMENT
    nobody, wrong, said = [], [], []
    for trial in trials:
        definition = trial.test.definition()
        if definition is None:
            continue
        counts = _assigned(definition)
        said.append(f"{trial.test.key} {' / '.join(map(str, counts))}")
        if not sum(counts):
            nobody.append(trial.test.key)
        elif sample_ratio(counts, definition.weights or ()).alarm:
            wrong.append(trial.test.key)
    found = f"of {INVENTED_PEOPLE} invented people: {', '.join(said)}" if said else "no experiment runs"
    if wrong:
        remedy = "compare with personalization assign, and report it: assignment is not what its policy says"
        return Finding(check, Verdict.WRONG, found, remedy)
    if nobody:
        remedy = f"people need attributes that these conditions ask for: {', '.join(nobody)}"
        return Finding(check, Verdict.DOUBTFUL, found, remedy)
    return Finding(check, Verdict.FINE, found)


def results(trials: Sequence[Trial], now: datetime) -> Finding:
    """Whether people come into experiments, and what comes of it is evaluated and can be trusted."""
    check = Check.RESULTS
    late = [trial.test.key for trial in trials if now - _last_looked_at(trial) > LATE]
    if late:
        return Finding(
            check,
            Verdict.WRONG,
            f"not evaluated for more than {LATE.seconds // 3600} hours: {', '.join(late)}",
            "see that a worker runs: personalization worker",
        )
    held = [f"{trial.test.key}: {'; '.join(alarms)}" for trial in trials if (alarms := _alarms(trial))]
    if held:
        return Finding(
            check, Verdict.WRONG, " ".join(held), "trust no figure of these; look where exposures are lost or doubled"
        )
    empty = [trial.test.key for trial in trials if not _units(trial) and now - _started(trial) > PATIENCE]
    if empty:
        return Finding(
            check,
            Verdict.WRONG,
            f"nobody has come into {', '.join(empty)}",
            "have clients ask for the assignment, or for the list that it changes, at the moment of showing it",
        )
    counted = ", ".join(f"{trial.test.key} {_units(trial)}" for trial in trials if _units(trial))
    return Finding(check, Verdict.FINE, f"people counted: {counted}" if counted else "nothing to count yet")


def _assigned(definition: Experiment) -> list[int]:
    counts = [0] * len(definition.variations)
    for number in range(INVENTED_PEOPLE):
        variation = assign(definition, {definition.hash_attribute: f"invented-{number}"}).variation
        if variation >= 0:
            counts[variation] += 1
    return counts


def _started(trial: Trial) -> datetime:
    return trial.test.started_at or trial.test.created_at


def _last_looked_at(trial: Trial) -> datetime:
    return trial.latest.evaluated_at if trial.latest is not None else _started(trial)


def _alarms(trial: Trial) -> list[str]:
    if trial.latest is None:
        return []
    return [alarm for phase in trial.latest.outputs.get("phases", ()) for alarm in phase["alarms"]]


def _units(trial: Trial) -> int:
    if trial.latest is None:
        return 0
    return sum(sum(phase["units"]) for phase in trial.latest.outputs.get("phases", ()))
