"""Requests for jobs, and jobs as they are stored."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

__all__ = ["EvaluateRequest", "Job", "JobRequest", "JobState", "OptimizeRequest", "Progress", "request_of"]

_Scale = Annotated[float, Field(ge=0.001, le=10, allow_inf_nan=False)]
_Seed = Annotated[int, Field(ge=0, lt=2**63)]
# A name, never a path: no file of this machine can be asked for.
_City = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Demand(_Frozen):
    city: _City | None = Field(None, description="A built-in scenario; default: the city that is served.")
    scale: _Scale = Field(1.0, description="Factor on the demand.")
    demand_seed: _Seed | None = Field(None, description="Seed of generated demand; default: the scenario's.")
    planned_scale: _Scale | None = Field(None, description="The scale that the plans were made with.")


class OptimizeRequest(_Demand):
    """Compute safe, coordinated plans for every junction.

    With `steps`, the same request gives the same plans.
    """

    kind: Literal["optimize"] = "optimize"
    seed: _Seed = 0
    seconds: float = Field(20.0, gt=0, le=86_400, allow_inf_nan=False)
    steps: int | None = Field(None, ge=0, le=1_000_000)
    plans: _Digest | None = Field(None, description="Plans to go on from, by the digest of their document.")
    robust: Literal["mean", "worst"] | None = None
    at: tuple[_Scale, ...] = Field((), max_length=16, description="With `robust`: factors to judge under.")

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.robust is None) != (not self.at):
            message = "robust and at must be given together"
            raise ValueError(message)
        if self.planned_scale is not None and self.plans is None:
            message = "planned_scale is that of plans to go on from: plans must be given with it"
            raise ValueError(message)
        return self


class EvaluateRequest(_Demand):
    """Run plans through the flow model."""

    kind: Literal["evaluate"] = "evaluate"
    plans: _Digest = Field(description="Digest of the plans' document.")


JobRequest = Annotated[OptimizeRequest | EvaluateRequest, Field(discriminator="kind")]
_REQUEST: TypeAdapter[OptimizeRequest | EvaluateRequest] = TypeAdapter(JobRequest)


def request_of(values: object) -> OptimizeRequest | EvaluateRequest:
    """Return the request that plain values describe."""
    return _REQUEST.validate_python(values)


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


class _Stored(BaseModel):
    """What another version of the service may have stored, with members that this one does not know."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Progress(_Stored):
    """How far the work on a job is.

    Attributes
    ----------
    stage
        ``"compile"``, ``"build"``, ``"optimize"`` or ``"evaluate"``.
    share
        How much of this stage is done, 0 to 1, where that is known.
    objective
        Seconds per vehicle of the best plans so far.
    bound
        How much of the improvement by offsets that the certified bound allows has been reached; only at the end.
    note
        What was done last.
    """

    stage: str
    share: float | None = None
    objective: float | None = None
    bound: float | None = None
    note: str = ""


class Job(_Stored):
    """A job, as stored.

    Attributes
    ----------
    revision
        Rises with every change; a change is only stored over the revision that it was made from.
    owner, lease_until
        The process that works on it, and until when nobody else may.
    attempts
        How often work on it was begun.
    cancel
        Whether it is to end with what it has.
    figures
        What came out: the members that the command of the same name prints.
    plans
        Digest of the plans' document that came out.
    stopped
        Why it ended before its time: ``"cancelled"`` or ``"time limit"``.
    problem
        Why it failed, as a problem object.
    """

    key: str
    request: JobRequest
    who: str
    created_at: datetime
    revision: int = 1
    state: JobState = JobState.QUEUED
    owner: str | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    cancel: bool = False
    progress: Progress | None = None
    figures: dict[str, Any] | None = None
    plans: str | None = None
    stopped: Literal["cancelled", "time limit"] | None = None
    problem: dict[str, Any] | None = None

    def changed(self, **members: object) -> Self:
        """Return the next revision, with other members."""
        return self.model_copy(update={**members, "revision": self.revision + 1})

    def ended(self, state: JobState, now: datetime, **members: object) -> Self:
        """Return the last revision."""
        return self.changed(state=state, finished_at=now, owner=None, lease_until=None, **members)
