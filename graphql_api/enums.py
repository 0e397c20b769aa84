"""The domain's enumerations as GraphQL enums, registered once, before any type that uses them."""

from domain.accounts.model import SyncOutcome
from domain.behavior.model import InteractionAction, Sentiment
from domain.catalog.model import ItemKind
from domain.generation.model import Outcome as GenerationOutcome
from domain.generation.model import ParameterSource
from domain.health import Status
from domain.jobs.model import JobKind, JobState
from domain.models.model import ChangeAction, ModelStatus
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.profiles.model import FacetSource, Verdict
from domain.realtime.model import ResyncReason, UpdateKind
from domain.recommendations.model import ReasonCode, Source
from domain.rights.model import RequestKind as PrivacyRequestKind
from domain.rights.model import RequestState as PrivacyRequestState
from graphql_api.enumeration import register

__all__ = [
    "ChangeAction",
    "ConsentPurpose",
    "FacetSource",
    "GenerationOutcome",
    "InteractionAction",
    "ItemKind",
    "JobKind",
    "JobState",
    "ModelStatus",
    "ParameterSource",
    "PrivacyLevel",
    "PrivacyRequestKind",
    "PrivacyRequestState",
    "ReasonCode",
    "ResyncReason",
    "Sentiment",
    "Source",
    "Status",
    "SyncOutcome",
    "UpdateKind",
    "Verdict",
]


register(
    Sentiment,
    "Sentiment",
    "How feedback was meant.",
    {"POSITIVE": "It pleased.", "NEUTRAL": "It neither pleased nor displeased.", "NEGATIVE": "It displeased."},
)
register(
    ItemKind,
    "ItemKind",
    "What sort of thing a catalogue item is.",
    {
        "TEMPLATE": "A template to begin a project with.",
        "STYLE": "A visual style.",
        "FEATURE": "A part of the product.",
        "CONTENT": "Something to watch, read or hear.",
    },
)
register(
    Status,
    "HealthStatus",
    "How well something is.",
    {"OK": "It works.", "DEGRADED": "It works with losses.", "UNAVAILABLE": "It does not work at the moment."},
)
register(
    JobKind,
    "JobKind",
    "What a job does.",
    {
        "RETRAIN": "Trains a new model and puts it in service.",
        "WORKFLOWS": "Finds the ways of working that many people share.",
        "PRIVACY": "Finishes what people asked for: erasures and exports.",
    },
)
register(
    JobState,
    "JobState",
    "Where a job is; the last two are final.",
    {
        "QUEUED": "It waits for a worker.",
        "RUNNING": "A worker has it.",
        "DONE": "It has its result.",
        "FAILED": "It was given up; its error says why.",
    },
)
register(
    ModelStatus,
    "ModelStatus",
    "Where a model version stands.",
    {
        "CHAMPION": "It is served.",
        "CHALLENGER": "It passed its comparison with a champion who serves no more; an operator may promote it.",
        "RETIRED": "It was served before, and is kept to fall back on.",
        "REJECTED": "It failed its comparison or was rolled back; only an operator brings it into service.",
    },
)
register(
    ChangeAction,
    "ModelChangeAction",
    "How a model version came into service.",
    {
        "PUBLISHED": "It was trained and passed its comparison.",
        "PROMOTED": "An operator chose it.",
        "ROLLED_BACK": "The version after it was rolled back.",
    },
)
register(
    ConsentPurpose,
    "ConsentPurpose",
    "What a person can agree to, one by one.",
    {
        "BEHAVIOUR_COLLECTION": "What they do is stored.",
        "PERSONALIZATION": "Answers use what was learned of them.",
        "TRAINING": "Models learn from what they did.",
        "EXPERIMENTS": "They may be shown other variations than most.",
        "STATED_PREFERENCES": "What they say about themselves is kept.",
    },
)
register(
    PrivacyLevel,
    "PrivacyLevel",
    "How much of a person's data may be used at most.",
    {
        "STRICT": "Nothing they do is stored; holds for whoever has said nothing.",
        "STANDARD": "What they agreed to, never from sensitive categories.",
        "PERMISSIVE": "What they agreed to, sensitive categories included; models learn unless they object.",
    },
)
register(
    FacetSource,
    "FacetSource",
    "Where a value of a profile comes from.",
    {
        "STATED": "The person said it.",
        "LEARNED": "It was learned from what they did.",
        "CORRECTED": "It was learned, and the person made it count for more or less.",
    },
)
register(
    Verdict,
    "PreferenceVerdict",
    "What a person says about something that was learned of them.",
    {
        "WRONG": "It is not so: it is left out of profile and ranking, whatever is learned later.",
        "MORE": "It counts twice.",
        "LESS": "It counts half.",
        "RESTORE": "An earlier verdict is taken back.",
    },
)
register(
    UpdateKind,
    "UpdateKind",
    "What a live update is about.",
    {
        "PROFILE_UPDATED": "Something was learned of the person, or they stated or corrected something.",
        "RECOMMENDATIONS_CHANGED": "Their list is another one now.",
        "INTERACTION_TRACKED": "Something they did was stored.",
        "CONSENT_CHANGED": "They decided anew about their data.",
        "MODEL_UPDATED": "A new model serves.",
        "EXPERIMENT_UPDATED": "An experiment has new figures.",
        "ERASED": "Everything about them was erased.",
        "IDENTITY_MERGED": "Another id turned out to be theirs.",
    },
)
register(
    SyncOutcome,
    "SyncOutcome",
    "What came of the change of one user.",
    {
        "APPLIED": "It holds now.",
        "DELETED": "What was kept of the person is gone.",
        "UNCHANGED": "This very change was applied before.",
        "STALE": "A later change was applied before; nothing was written.",
        "REFUSED": "It was not applied; `problem` says why.",
    },
)
register(
    ResyncReason,
    "ResyncReason",
    "Why a subscriber has to fetch anew.",
    {
        "MISSED": "What was missed is no longer held for replay.",
        "SLOW": "The subscriber read more slowly than updates came.",
        "MERGED": "Another id turned out to be the same person; what follows is about both.",
        "UNKNOWN_KIND": "A newer release published something that this one cannot read.",
    },
)
register(
    ReasonCode,
    "ReasonCode",
    "Why an item is shown.",
    {
        "SIMILAR_TO_YOUR_ACTIONS": "People who acted alike took to it.",
        "SEGMENT_FAVOURITE": "People of like taste took to it.",
        "SIMILAR_CONTENT": "It is new, and like what the person took to.",
        "MATCHES_PREFERENCE": "It matches what the person prefers.",
        "TRENDING": "More people than before take to it at the moment.",
        "POPULAR": "Many people take to it.",
        "DISCOVERY": "Little is known of it yet; it completes the page.",
        "FITS_YOUR_WORK": "It suits what the person makes or uses; `fit` says in which respects.",
        "FITS_SITUATION": "It is taken more than elsewhere on this device, at this place or for this purpose.",
        "PINNED": "A rule of the provider put it there; nothing about the person did.",
        "PROMOTED": "A rule of the provider moved it up.",
        "EXPLORATION": "Chance chose it among promising items, to find out whether it pleases.",
    },
)
register(
    Source,
    "RecommendationSource",
    "What put an item on a list.",
    {
        "FACTORS": "The trained model, live counts since then, and the person's own actions.",
        "CONTENT": "What is said of the item, for nobody has used it yet.",
        "PREFERENCES": "The person's preferences.",
        "POPULARITY": "How many people take to it.",
        "SEGMENT": "Segments of people with like taste.",
        "TREND": "How many people take to it lately.",
        "CATALOGUE": "The catalogue, where nothing else completed the page.",
        "FIT": "What is peculiar to templates, styles or features.",
        "SITUATION": "The device, the place in the product and the purpose that the list was asked for.",
        "RULES": "A business rule of the provider.",
        "EXPLORATION": "Chance, at a known probability.",
    },
)
register(
    InteractionAction,
    "InteractionAction",
    "What a person did with a recommended item.",
    {
        "VIEWED": "It was seen.",
        "CLICKED": "It was opened.",
        "USED": "It was put to use.",
        "LIKED": "It was praised.",
        "DISMISSED": "Never again: it is not shown any more.",
        "SNOOZED": "Not now: it is not shown until `snoozedUntil`.",
        "RESTORED": "What sent it away before is undone.",
    },
)
register(
    GenerationOutcome,
    "GenerationOutcome",
    "What came of a generated video.",
    {
        "ACCEPTED": "It was kept as it was.",
        "EDITED": "It was kept with other parameters.",
        "REGENERATED": "It was sent back for another one.",
        "DISCARDED": "It was thrown away.",
        "FAILED": "It could not be rendered; that says nothing of taste.",
    },
)
register(
    ParameterSource,
    "ParameterSource",
    "On whose generations a parameter's value rests most.",
    {
        "STATED": "The person said so.",
        "EXPERIMENT": "An experiment sets it for them.",
        "PERSON_CONTEXT": "The person's videos for just this purpose and device.",
        "PERSON": "The person's videos for other purposes or devices.",
        "SEGMENT": "Videos of at least five people like them.",
        "GLOBAL": "Videos of at least five people of the tenant.",
        "DEFAULT": "What suits the purpose and the device, where too little was observed.",
    },
)
register(
    PrivacyRequestKind,
    "PrivacyRequestKind",
    "What a person asks for.",
    {"ERASURE": "Everything that is kept of them is erased.", "EXPORT": "They get everything that is kept of them."},
)
register(
    PrivacyRequestState,
    "PrivacyRequestState",
    "Where a request is.",
    {
        "WAITING": "It waits for a worker.",
        "RUNNING": "A worker is at it.",
        "DONE": "It is finished.",
        "FAILED": "It will not be finished; another request took its place.",
    },
)
