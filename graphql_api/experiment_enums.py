"""The enumerations of experiments as GraphQL enums."""

from enum import StrEnum

from domain.experiments.metrics import Measure, MetricKind
from domain.experiments.model import Status as ExperimentStatus
from domain.experiments.plan import AllocationPolicy, Inference
from domain.exposures.model import Reason as AssignmentReason
from domain.outcomes.model import Verdict as ExperimentVerdict
from graphql_api.enumeration import register

__all__ = [
    "AllocationPolicy",
    "AssignmentReason",
    "Better",
    "ExperimentStatus",
    "ExperimentVerdict",
    "Inference",
    "Measure",
    "MetricKind",
]


class Better(StrEnum):
    """In which direction a metric is better."""

    MORE = "more"
    LESS = "less"


register(Better, "MetricDirection", "Which way is better.", {"MORE": "More of it.", "LESS": "Less of it."})
register(
    ExperimentStatus,
    "ExperimentStatus",
    "Where an experiment is.",
    {
        "DRAFT": "Written down; nobody takes part yet.",
        "RUNNING": "People are assigned and counted.",
        "PAUSED": "Everybody has the control for a while.",
        "STOPPED": "Over for good; everybody has the control.",
    },
)
register(
    MetricKind,
    "MetricKind",
    "How a metric compares variations.",
    {
        "PROPORTION": "The share of people who did it.",
        "MEAN": "What a person did, on average.",
        "RATIO": "What people did, divided by something else that they did.",
        "QUANTILE": "A quantile of what people did.",
    },
)
register(
    Measure,
    "MetricMeasure",
    "What is taken of a person's events.",
    {"COUNT": "How many there are.", "SUM": "The sum of their values."},
)
register(
    Inference,
    "Inference",
    "Which interval a decision rests on.",
    {
        "SEQUENTIAL": "One that may be looked at any number of times.",
        "FIXED": "One that may be looked at once, when the planned number of people is there.",
        "BAYESIAN": "A posterior's; not safe to peek at.",
    },
)
register(
    AllocationPolicy,
    "AllocationPolicy",
    "Who decides how traffic is split.",
    {
        "FIXED": "The weights as they were written.",
        "THOMPSON": "A bandit: each variation by its chance to be the best, every hour anew.",
        "UCB1": "A bandit: the variation with the highest index, every hour anew.",
        "LINUCB": "A bandit that looks at the person's segment: the highest upper bound, every hour anew.",
        "INVERSE_GAP": "A bandit that looks at the person's segment: the less one falls short, the more it gets.",
    },
)
register(
    AssignmentReason,
    "AssignmentReason",
    "Why somebody has a variation.",
    {
        "HASHED": "The hash of their id says so.",
        "KEPT": "They were shown it before.",
        "FORCED": "Somebody wanted them to see it; they do not count.",
        "SWITCHED_OFF": "Experiments are switched off for the whole service.",
        "NOT_RUNNING": "The experiment is not running.",
        "NO_CONSENT": "They have not agreed to experiments.",
        "NOT_TARGETED": "The experiment's condition does not mean them.",
        "NOT_COVERED": "They are outside of the share that takes part.",
        "OTHER_EXPERIMENT": "They belong to another range of the exclusion group.",
    },
)
register(
    ExperimentVerdict,
    "ExperimentVerdict",
    "What the written rules say of an experiment.",
    {
        "SHIP": "A variation is better and breaks no guardrail.",
        "STOP": "Nothing better is to be found, or something got worse.",
        "HOLD": "No figure can be trusted: find out why first.",
        "NEEDS_MORE_DATA": "Nothing is clear yet.",
    },
)
