"""Why recommendations may not follow what people do."""

from datetime import datetime, timedelta
from typing import Final

from domain.diagnosis.model import Check, Finding, Learned, Switches, Tracking, Verdict

STALE: Final = timedelta(days=2)
"""Models are trained daily; one this old missed a training."""


def events(tracking: Tracking, switches: Switches) -> Finding:
    """Whether behaviour is tracked."""
    check = Check.EVENTS
    if tracking.events is not None:
        people = f"{tracking.observed} of {tracking.known} people agreed to being observed"
        return Finding(check, Verdict.FINE, f"{tracking.events} events within a day; {people}")
    if tracking.known is None:
        return Finding(
            check,
            Verdict.WRONG,
            "fewer than five people are known",
            "have clients report what people do: learnPreferences, trackInteraction or POST "
            "/api/personalization/learn-preferences, each with the person's consent",
        )
    if tracking.observed is None and not switches.collects_by_default:
        return Finding(
            check,
            Verdict.WRONG,
            f"{tracking.known} people are known, and fewer than five agreed to being observed",
            "record consent with recordConsent or updatePrivacy; of who has not agreed nothing is stored, and calls "
            "about them answer CONSENT_REQUIRED",
        )
    return Finding(
        check,
        Verdict.WRONG,
        "fewer than five people did anything within a day",
        "see in the log or in personalization_http_requests_total whether reports arrive and with which status",
    )


def models(learned: Learned, switches: Switches, now: datetime) -> Finding:
    """Whether models are trained and serve."""
    check = Check.MODELS
    if not switches.machine_learning:
        return Finding(
            check,
            Verdict.WRONG,
            "learned models are switched off; everybody gets what is popular",
            "set PERSONALIZATION_ML_ENABLED=true",
        )
    if learned.champion is None:
        return _nothing_serves(learned)
    if not learned.servable:
        return Finding(
            check,
            Verdict.WRONG,
            f"version {learned.champion.version} cannot be loaded",
            "see the log for what is wrong with it, then: personalization models rollback, or personalization train",
        )
    newest = learned.newest or learned.champion
    age = now - newest.trained_at
    if age > STALE:
        return Finding(
            check,
            Verdict.DOUBTFUL,
            f"the last training that ended with a version was {age.days} days ago" + _because(learned.failure),
            "see that a worker runs; train now with: personalization train",
        )
    if newest.reasons:
        kept = f"version {learned.champion.version} serves; the newer {newest.version} was kept out"
        return Finding(
            check, Verdict.DOUBTFUL, f"{kept}: {'; '.join(newest.reasons)}", "look at it: personalization models show"
        )
    return Finding(check, Verdict.FINE, f"version {learned.champion.version} serves")


def _nothing_serves(learned: Learned) -> Finding:
    why = "; ".join(learned.newest.reasons) if learned.newest is not None else learned.failure
    return Finding(
        Check.MODELS,
        Verdict.WRONG,
        "no model serves; everybody gets what is popular" + _because(why),
        "train one with: personalization train; it needs events of people who agreed to training",
    )


def _because(why: str | None) -> str:
    return f" ({why})" if why else ""


def cache(switches: Switches) -> Finding:
    """Whether answers are kept, and how long."""
    check = Check.CACHE
    if switches.cache_ttl == 0:
        return Finding(
            check,
            Verdict.DOUBTFUL,
            "nothing is cached; every list is made anew",
            "set PERSONALIZATION_CACHE_TTL, 3600 by default",
        )
    kept = f"profiles are kept for {switches.cache_ttl} s and lists for {switches.cache_ttl // 2} s"
    return Finding(
        check, Verdict.FINE, f"{kept}; what a person does, a new model and a changed catalogue overtake them at once"
    )
