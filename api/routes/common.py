"""What several subjects use: parts of the service, reasons, entity tags."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.centre import Centre
from api.context import context_of
from api.problems import Problem

__all__ = [
    "Frozen",
    "Here",
    "IfMatch",
    "Instant",
    "JunctionKey",
    "Now",
    "PlanSetKey",
    "Reason",
    "Why",
    "require_match",
]


class Frozen(BaseModel):
    """A body or an answer: known keys only, no conversions between kinds of values."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Instant = Annotated[AwareDatetime, Field(examples=["2026-11-27T07:30:00Z"])]
Why = Annotated[
    str,
    Field(
        min_length=1, max_length=1000, description="The reason, for the ledger.", examples=["morning peak"]
    ),
]


class Reason(Frozen):
    """Why something is done."""

    why: Why


def _centre(request: Request) -> Centre:
    return context_of(request).part(Centre)


def _now(request: Request) -> datetime:
    return context_of(request).clock()


Here = Annotated[Centre, Depends(_centre)]
Now = Annotated[datetime, Depends(_now)]
JunctionKey = Annotated[str, Path(min_length=1, max_length=200, description="Key of a junction.")]
PlanSetKey = Annotated[str, Path(min_length=1, max_length=100, description="Identifier of a plan set.")]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="The ETag of what you have seen; where it has changed since, nothing is done (412).",
    ),
]


def require_match(if_match: str | None, tag: str) -> None:
    """Raise (412) unless a condition holds for what has an entity tag."""
    if if_match is None or if_match.strip() == "*":
        return
    if tag not in {part.strip() for part in if_match.split(",")}:
        hint = "Get it again, and decide anew"
        raise Problem(412, f"must be the present ETag, {tag}", field="If-Match", value=if_match, hint=hint)
