"""What is waited for on one connection: acknowledgements, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.rsmp.errors import RsmpError
from signals.rsmp.messages import Identified

__all__ = ["Complete", "Pending"]

Complete = Callable[[Identified], bool]
"""Is shown messages, and says of one that nothing more is to come."""


@dataclass(eq=False)
class _Answer:
    """An answer that is waited for.

    What arrives before the question has been acknowledged answers an earlier one: messages do not say what they
    answer, but a site acknowledges a question before it answers it.
    """

    question: str
    complete: Complete
    future: asyncio.Future[None]
    acknowledged: bool = False


class Pending:
    """Futures of those who wait."""

    def __init__(self) -> None:
        self._acknowledgements: dict[str, tuple[str, asyncio.Future[None]]] = {}
        self._answers: list[_Answer] = []

    @contextmanager
    def acknowledgement(self, identifier: str, what: str) -> Iterator[asyncio.Future[None]]:
        """Give a future that is done once the message with this id is acknowledged; `what` names it in errors."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._acknowledgements[identifier] = (what, future)
        try:
            yield future
        finally:
            _forget(future)
            del self._acknowledgements[identifier]

    @contextmanager
    def answer(self, question: str, complete: Complete) -> Iterator[asyncio.Future[None]]:
        """Give a future that is done once the answer to the message with the id `question` is complete."""
        answer = _Answer(question, complete, asyncio.get_running_loop().create_future())
        self._answers.append(answer)
        try:
            yield answer.future
        finally:
            _forget(answer.future)
            self._answers.remove(answer)

    def acknowledged(self, identifier: str) -> None:
        """Take note that a message was acknowledged."""
        _, future = self._acknowledgements.get(identifier, ("", None))
        if future is not None and not future.done():
            future.set_result(None)
        for answer in self._answers:
            answer.acknowledged = answer.acknowledged or answer.question == identifier

    def refused(self, identifier: str, error: Callable[[str], RsmpError]) -> None:
        """Take note that a message was refused; `error` is made of what the message is called."""
        what, future = self._acknowledgements.get(identifier, ("", None))
        if future is not None and not future.done():
            future.set_exception(error(what))

    def arrived(self, message: Identified) -> None:
        """Show a message to those who wait for answers."""
        for answer in list(self._answers):
            if answer.acknowledged and not answer.future.done() and answer.complete(message):
                answer.future.set_result(None)

    def fail(self, error: Callable[[], RsmpError]) -> None:
        """End all waiting."""
        futures = [answer.future for answer in self._answers]
        futures += [future for _, future in self._acknowledgements.values()]
        for future in futures:
            if not future.done():
                future.set_exception(error())


def _forget(future: asyncio.Future[None]) -> None:
    """Let go of a future that nobody may have waited for to its end."""
    if not future.cancel() and not future.cancelled():
        future.exception()
