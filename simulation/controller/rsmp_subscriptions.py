"""What a supervisor has subscribed to at a site: what is due, and what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from signals.rsmp.messages import StatusName, StatusValue, Subscription

__all__ = ["Subscriptions"]

_Read = Callable[[str, Iterable[Subscription]], tuple[StatusValue, ...]]


@dataclass
class _Kept:
    subscription: Subscription
    next_s: float
    last: StatusValue | None


class Subscriptions:
    """Subscriptions by component, code and name.

    Time is handed in as seconds of a clock that never jumps. A change that is sent has the interval begin anew, as
    the core from 3.2.2 on wants it and the earlier ones do not forbid.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(
        self, component: str, subscriptions: Iterable[Subscription], read: _Read, now: float
    ) -> tuple[StatusValue, ...]:
        """Take subscriptions, and return the values of those that are new: these are sent at once.

        One that there is already is only changed, and nothing is sent for it. Values that are unknown or of a
        component that does not exist are not subscribed to.
        """
        new = []
        for subscription in subscriptions:
            key = (component, subscription.code, subscription.name)
            if key in self._kept:
                kept = self._kept[key]
                kept.subscription, kept.next_s = subscription, _next(subscription, now)
            else:
                new.append(subscription)
        values = read(component, new)
        for subscription, value in zip(new, values, strict=True):
            if value.quality == "recent":
                key = (component, subscription.code, subscription.name)
                self._kept[key] = _Kept(subscription, _next(subscription, now), value)
        return values

    def remove(self, component: str, names: Iterable[StatusName]) -> None:
        """Let go of subscriptions; what was not subscribed to is passed over."""
        for name in names:
            self._kept.pop((component, name.code, name.name), None)

    def keep_only(self, codes: Callable[[str], bool]) -> None:
        """Let go of subscriptions to other statuses: those that are not kept in a buffer end with a connection."""
        self._kept = {key: kept for key, kept in self._kept.items() if codes(key[1])}

    def due(self, read: _Read, now: float) -> dict[str, tuple[StatusValue, ...]]:
        """Return, by component, the values that are due or have changed, and count them as sent."""
        found: dict[str, tuple[StatusValue, ...]] = {}
        for component in {component for component, _, _ in self._kept}:
            rows = [kept for (place, _, _), kept in self._kept.items() if place == component]
            values = read(component, [kept.subscription for kept in rows])
            sent = [
                value
                for kept, value in zip(rows, values, strict=True)
                if kept.next_s <= now or (kept.subscription.on_change and value != kept.last)
            ]
            names = {(value.code, value.name) for value in sent}
            for kept, value in zip(rows, values, strict=True):
                if (value.code, value.name) in names:
                    kept.last, kept.next_s = value, _next(kept.subscription, now)
            if sent:
                found[component] = tuple(sent)
        return found

    def next_s(self) -> float:
        """Return when the next value is due by its interval."""
        return min((kept.next_s for kept in self._kept.values()), default=float("inf"))


def _next(subscription: Subscription, now: float) -> float:
    return now + subscription.interval_s if subscription.interval_s else float("inf")
