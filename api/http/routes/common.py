"""What several subjects use: parts of the service, reasons, entity tags."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Path, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from api.centre.asking import Condition
from api.centre.centre import Centre
from api.context import context_of
from api.http.problems import Problem
from signals.instants import instant
from signals.lifecycle.records import Lifecycle, PlanSetRecord
from signals.texts import is_line
from traffic.errors import InputError

__all__ = [
    "Frozen",
    "Here",
    "IfMatch",
    "Instant",
    "JunctionKey",
    "Line",
    "Now",
    "PlanSetKey",
    "Reason",
    "Why",
    "matching",
    "plan_set_tag",
]


class Frozen(BaseModel):
    """A body or an answer: known keys only, no conversions between kinds of values."""

    model_config = ConfigDict(extra="forbid", frozen=True)


_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_YEARS = range(1970, 2200)
_TOKEN = re.compile(r"jsy_[0-9a-f]{16}_")


def _instant(value: object) -> datetime:
    """Return the instant of an RFC 3339 text; no other kind of value, and no time at which arithmetic ends."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        message = (
            "must be an instant such as 2026-11-27T07:30:00Z, or with another zone 2026-11-27T12:30:00+05:00"
        )
        raise ValueError(message)
    try:
        at = instant(value.upper(), "instant")
    except InputError as error:
        raise ValueError(error.rule) from error
    if at.year not in _YEARS:
        message = f"must be in the years {_YEARS.start} to {_YEARS.stop - 1}"
        raise ValueError(message)
    return at


def _line(value: str) -> str:
    """Return text that is shown as one line, and holds no token by mistake: what is in the ledger stays there."""
    if not is_line(value):
        message = "must be one line, without control characters"
        raise ValueError(message)
    if _TOKEN.search(value):
        message = "must hold no token: everybody who reads the ledger would have it"
        raise ValueError(message)
    return value


Instant = Annotated[
    datetime,
    PlainValidator(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-27T07:30:00Z"]}),
]
Line = Annotated[str, AfterValidator(_line)]
Why = Annotated[
    Line,
    Field(
        min_length=1, max_length=1000, description="The reason, for the ledger.", examples=["morning peak"]
    ),
]


class Reason(Frozen):
    """Why something is done."""

    why: Why


async def _centre(request: Request) -> Centre:
    return context_of(request).part(Centre)


async def _now(request: Request) -> datetime:
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


def plan_set_tag(record: PlanSetRecord) -> str:
    """Return the entity tag of a plan set."""
    return f'"{record.revision}"'


def matching(if_match: str | None, plan_set: str) -> Condition:
    """Return what raises (412) unless a condition holds for a plan set, in the very state that is decided on."""

    def condition(plans: Lifecycle) -> None:
        tag = plan_set_tag(plans.plan_set(plan_set))
        if if_match is None or if_match.strip() == "*":
            return
        if tag not in {part.strip() for part in if_match.split(",")}:
            rule, hint = f"must be the present ETag, {tag}", "Get it again, and decide anew"
            raise Problem(412, rule, field="If-Match", value=if_match, hint=hint)

    return condition
