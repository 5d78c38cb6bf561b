"""What can go wrong with an RSMP site.

::

    RsmpError
    ├── NotConnectedError     the site is not there, or has gone before it answered
    ├── NotAcknowledgedError  it does not understand the message, or refuses it
    ├── NoAnswerError         it has acknowledged and then said nothing in time
    ├── ReadBackError         what was read back is not what was sent
    ├── PlanRunsError         a plan that runs is not written into
    └── NotTakenError         what it says cannot be taken as it is
"""

from __future__ import annotations

from traffic.errors import JasylError

__all__ = [
    "NoAnswerError",
    "NotAcknowledgedError",
    "NotConnectedError",
    "NotTakenError",
    "PlanRunsError",
    "ReadBackError",
    "RsmpError",
]


class RsmpError(JasylError):
    """Base class of what can go wrong with a site."""

    def __init__(self, site: str, sentence: str) -> None:
        self.site = site
        super().__init__(f"site {site}: {sentence}")


class NotConnectedError(RsmpError):
    """The site is not there, or has gone before it answered."""

    def __init__(self, site: str, reason: str = "it is not connected") -> None:
        self.reason = reason
        super().__init__(site, reason)


class NotAcknowledgedError(RsmpError):
    """The site does not understand a message, or refuses it."""

    def __init__(self, site: str, what: str, reason: str) -> None:
        self.what = what
        self.reason = reason
        super().__init__(site, f"{what} was not acknowledged: {reason}")


class NoAnswerError(RsmpError):
    """The site has acknowledged a message and then said nothing in time."""

    def __init__(self, site: str, what: str, seconds: float) -> None:
        self.what = what
        super().__init__(site, f"no answer to {what} within {seconds:g} s")


class ReadBackError(RsmpError):
    """What was read back is not what was sent.

    Attributes
    ----------
    field
        Status or argument, and plan.
    sent, read
        Both values; `read` is `None` where the site does not know it.
    """

    def __init__(self, site: str, field: str, sent: object, read: object) -> None:
        self.field = field
        self.sent = sent
        self.read = read
        super().__init__(site, f"{field} must be {sent!r}, but {read!r} was read back")


class PlanRunsError(RsmpError):
    """A plan that runs is not written into."""

    def __init__(self, site: str, plan: int) -> None:
        self.plan = plan
        super().__init__(site, f"plan {plan} runs, so it is not written into")


class NotTakenError(RsmpError):
    """What a site says cannot be taken as it is, and never will: it is told so."""

    def __init__(self, site: str, reason: str) -> None:
        self.reason = reason
        super().__init__(site, reason)
