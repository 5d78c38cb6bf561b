"""Server-sent events, read line by line."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Event", "EventReader"]


@dataclass(frozen=True)
class Event:
    """An event: its name, its data, and the id to go on from."""

    name: str
    data: str
    id: str | None


@dataclass
class EventReader:
    """Makes events of lines.

    Attributes
    ----------
    last_id
        Of the last event.
    retry_s
        How long to wait before asking anew, as the service says.
    """

    last_id: str | None = None
    retry_s: float = 2.0
    _id: str | None = None
    _name: str = "message"
    _data: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what a stream that broke had begun to tell."""
        self._id, self._name, self._data = self.last_id, "message", []

    def take(self, line: str) -> Event | None:
        """Take a line without its end, and return the event that it ends."""
        if not line:
            return self._ended()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "retry" and value.isdigit():
            self.retry_s = int(value) / 1000
        return None

    def _ended(self) -> Event | None:
        self.last_id = self._id
        event = Event(self._name, "\n".join(self._data), self.last_id) if self._data else None
        self._name, self._data = "message", []
        return event
