"""What the service answers. Members that a newer service adds are passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from api.centre.security import Right, Role
from api.jobs.model import EvaluateRequest, JobState, OptimizeRequest
from signals.instants import instant_text
from signals.lifecycle.records import GroupState, OrderMode, SetState, Slot

__all__ = [
    "Acknowledged",
    "Alarm",
    "Alarms",
    "Answer",
    "Assignment",
    "Controller",
    "Controllers",
    "Group",
    "Health",
    "Hold",
    "Job",
    "JobList",
    "JobProgress",
    "Junction",
    "Junctions",
    "Kept",
    "Keys",
    "LedgerPage",
    "Me",
    "NewCredential",
    "NewToken",
    "Order",
    "Page",
    "PlanSet",
    "PlanSets",
    "Reported",
    "Result",
    "Site",
    "Sites",
    "SlotContent",
    "Token",
    "Tokens",
    "Verified",
    "Version",
]

Row = TypeVar("Row")
Instant = Annotated[datetime, PlainSerializer(instant_text, return_type=str, when_used="json")]
Result = Literal["accepted", "refused", "in_force"]
"""What a controller says of a version."""


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Answer, Generic[Row]):
    """A part of a list."""

    @property
    def rows(self) -> list[Row]:
        """What is listed."""
        raise NotImplementedError

    @property
    def following(self) -> dict[str, str | int] | None:
        """What to ask for the next page with; none after the last one."""
        after: str | int | None = getattr(self, "next", None)
        return None if after is None else {"cursor": after}


class Health(Answer):
    """Whether the service lives, or is ready."""

    status: str


class Group(Answer):
    """A coordinated group of a plan set."""

    name: str
    state: GroupState
    members: list[str]
    accepted: int
    running: int
    missing: list[str]
    activate_at: Instant | None


class PlanSet(Answer):
    """A plan set, and how far it is."""

    id: str
    name: str
    slot: Slot
    state: SetState
    author: str
    approver: str | None
    created_at: Instant
    published_at: Instant | None
    activate_from: Instant | None
    valid_until: Instant | None
    ends: dict[str, Instant] = Field(default_factory=dict)
    deadline: Instant | None
    rollback_of: str | None
    document: str
    findings: list[str]
    revision: int
    junctions: int
    groups: list[Group]

    @property
    def tag(self) -> str:
        """Its entity tag: with it, a change is made only where nobody has changed the set since."""
        return f'"{self.revision}"'


class PlanSets(Page[PlanSet]):
    """A page of plan sets."""

    plan_sets: list[PlanSet]
    next: str | None

    @property
    def rows(self) -> list[PlanSet]:
        """The plan sets."""
        return self.plan_sets


class Version(Answer):
    """A version of a junction's plan."""

    version: int
    plan_set: str
    activated: bool
    begins_at: Instant | None = None
    until: Instant | None


class SlotContent(Answer):
    """What a junction has in a slot."""

    current: Version | None
    pending: Version | None


class Hold(Answer):
    """Who has a junction for himself."""

    by: str
    until: Instant


class Order(Answer):
    """What an operator has ordered."""

    mode: OrderMode
    slot: Slot | None
    by: str
    expires_at: Instant


class Junction(Answer):
    """A junction, and what the service wants of it."""

    junction: str
    name: str
    digest: str
    sequence: int
    last_version: int
    slots: dict[Slot, SlotContent]
    hold: Hold | None
    order: Order | None


class Junctions(Page[Junction]):
    """A page of junctions."""

    junctions: list[Junction]
    next: str | None

    @property
    def rows(self) -> list[Junction]:
        """The junctions."""
        return self.junctions


class Assignment(Answer):
    """What a controller is to have: signed words, which it verifies itself.

    Attributes
    ----------
    tag
        The entity tag, to ask for something newer with.
    """

    junction: str
    sequence: int
    slots: dict[str, Any]
    order: str | None
    keys: str | None
    announcements: list[str] = Field(default_factory=list)
    tag: str = Field(default="", exclude=True)


class Acknowledged(Answer):
    """What was entered of what a controller has said."""

    junction: str
    version: int
    result: Result
    entries: int


class Reported(Answer):
    """Up to which number reports are stored."""

    accepted_until: int
    new: int
    missing: int


class Controller(Answer):
    """A controller that is registered."""

    junction: str
    credentials: list[str]
    last_heard: Instant | None


class NewCredential(Answer):
    """A credential of a controller, shown once."""

    junction: str
    token: str = Field(repr=False)
    keys: dict[str, list[dict[str, str]]]


class Controllers(Page[Controller]):
    """A page of controllers."""

    controllers: list[Controller]
    next: str | None

    @property
    def rows(self) -> list[Controller]:
        """The controllers."""
        return self.controllers


class Alarm(Answer):
    """An alarm."""

    id: str
    kind: str
    text: str
    junctions: list[str]
    raised_at: Instant
    acknowledged_by: str | None


class Alarms(Page[Alarm]):
    """A page of alarms."""

    alarms: list[Alarm]
    next: str | None

    @property
    def rows(self) -> list[Alarm]:
        """The alarms."""
        return self.alarms


class Report(Answer):
    """A report of a controller, as it was stored."""

    junction: str
    number: int
    kind: str
    at: datetime
    received: datetime
    data: dict[str, Any]


class Reports(Answer):
    """A page of reports, the oldest first."""

    reports: list[Report]
    next: str
    complete: bool


class Statuses(Answer):
    """The last status of each junction that has sent one."""

    statuses: list[Report]


class Site(Answer):
    """An RSMP site, by its capability file."""

    file: str
    site: str | None
    junction: str | None
    problem: str | None
    connected: bool
    connected_at: datetime | None
    core: str | None
    sxl: str | None
    clock_ahead_s: float | None
    version: int | None
    findings: list[str]
    last_heard: datetime | None
    status: dict[str, Any] | None


class Sites(Page[Site]):
    """A page of RSMP sites."""

    sites: list[Site]
    next: str | None

    @property
    def rows(self) -> list[Site]:
        """The sites."""
        return self.sites


class JobProgress(Answer):
    """How far the work on a job is."""

    stage: str
    share: float | None = None
    objective: float | None = None
    bound: float | None = None
    note: str = ""


class Job(Answer):
    """A job: what was asked, how far it is, and what came out."""

    key: str
    state: JobState
    request: OptimizeRequest | EvaluateRequest = Field(discriminator="kind")
    who: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    attempts: int
    cancel: bool
    stopped: str | None
    progress: JobProgress | None
    figures: dict[str, Any] | None
    plans: str | None
    problem: dict[str, Any] | None


class JobList(Page[Job]):
    """The youngest jobs."""

    jobs: list[Job]

    @property
    def rows(self) -> list[Job]:
        """The jobs."""
        return self.jobs


class Kept(Answer):
    """What plans that are kept for jobs are named by."""

    digest: str


class Token(Answer):
    """A token, without its secret."""

    id: str
    name: str
    roles: list[Role]
    rights: list[Right]
    expires_at: Instant | None


class NewToken(Token):
    """A token with its secret, shown once."""

    token: str = Field(repr=False)


class Tokens(Page[Token]):
    """A page of tokens."""

    tokens: list[Token]
    next: str | None

    @property
    def rows(self) -> list[Token]:
        """The tokens."""
        return self.tokens


class Keys(Answer):
    """Public keys as a JWK set, and the name of the one that signs."""

    keys: list[dict[str, str]]
    signing: str
    in_use: list[str] = Field(default_factory=list)


class LedgerPage(Page[dict[str, Any]]):
    """A page of the ledger."""

    entries: list[dict[str, Any]]
    next: int | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The entries."""
        return self.entries

    @property
    def following(self) -> dict[str, str | int] | None:
        """What to ask for the next page with."""
        return None if self.next is None else {"after": self.next}


class Verified(Answer):
    """A ledger that was found whole; `snapshot` is the entry after which the snapshot was made that follows from it."""

    entries: int
    hash: str
    snapshot: int | None = None


class Me(Answer):
    """Who asks."""

    name: str
    roles: list[str]
    rights: list[str]
