"""The blocking client."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Generic, ParamSpec, Self, TypeVar, cast

import httpx

from api.client import calls, sending
from api.client.call import Call
from api.client.events import Event, EventReader
from api.client.models import Assignment, Job, Page, PlanSet
from api.client.sending import Again, ServiceError, UnreachableError

__all__ = ["JasylClient"]

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row")

_FIRST_PAGE: dict[str, str | int] = {}


class _Method(Generic[P, T]):
    """A method that sends the call that a function makes."""

    def __init__(self, make: Callable[P, Call[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __get__(self, client: JasylClient, _owner: type) -> Callable[P, T]:
        @wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> T:
            return client.send(self._make(*args, **kwargs))

        return method


class _Every(Generic[P, Row]):
    """A method that goes through all pages of a list."""

    def __init__(self, make: Callable[P, Call[Page[Row]]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __get__(self, client: JasylClient, _owner: type) -> Callable[P, Iterator[Row]]:
        @wraps(self._make)
        def method(*args: P.args, **kwargs: P.kwargs) -> Iterator[Row]:
            make, more = cast("Callable[..., Call[Page[Row]]]", self._make), _FIRST_PAGE
            while True:
                page = client.send(make(*args, **{**kwargs, **more}))
                yield from page.rows
                if page.following is None:
                    return
                more = page.following

        return method


class JasylClient:
    """A client that waits for each answer.

    Calls are sent again when the service is away or asks to wait, for `patience_s` at most; commands carry an idempotency
    key, so that they are carried out once.

    Parameters
    ----------
    url
        Root of the service; default: ``JASYL_URL``, else this machine.
    token
        Default: ``JASYL_TOKEN``.
    ca
        Authority of the certificate of the service (PEM).
    certificate
        Certificate and key of the client (PEM), for mutual TLS.
    patience_s
        How long pauses between tries may take together.
    notice
        Is told of the first failure of a call that is sent again, and for how long that goes on at most.
    transport
        In place of the network.
    sleep, chance, new_key
        How pauses are made and spread, and idempotency keys.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        ca: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
        patience_s: float = 30.0,
        notice: Callable[[ServiceError | UnreachableError, float], None] | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
        new_key: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._client = httpx.Client(
            base_url=sending.service_url(url),
            headers=sending.authorization(token),
            verify=sending.tls(ca, certificate),
            transport=transport,
            trust_env=False,
        )
        self._notice = notice
        self._patience_s, self._sleep, self._chance, self._new_key = patience_s, sleep, chance, new_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, call: Call[T]) -> T:
        """Send a call and return its answer.

        Raises
        ------
        ServiceError
            When the service refuses it, or stays away beyond patience.
        UnreachableError
            When nobody answers.
        """
        request, again = sending.request_of(self._client, call, self._new_key), self._again()
        while True:
            try:
                response = self._client.send(request)
            except httpx.TransportError as error:
                self._pause(again, sending.unreachable(request, error))
                continue
            refused = sending.failure(response)
            if refused is None:
                return call.read(response)
            self._pause(again, refused)

    live = _Method(calls.live)
    ready = _Method(calls.ready)
    metrics = _Method(calls.metrics)
    create_plan_set = _Method(calls.create_plan_set)
    list_plan_sets = _Method(calls.list_plan_sets)
    get_plan_set = _Method(calls.get_plan_set)
    get_plan_set_document = _Method(calls.get_plan_set_document)
    check_plan_set = _Method(calls.check_plan_set)
    approve_plan_set = _Method(calls.approve_plan_set)
    publish_plan_set = _Method(calls.publish_plan_set)
    withdraw_plan_set = _Method(calls.withdraw_plan_set)
    roll_back_plan_set = _Method(calls.roll_back_plan_set)
    end_plan_set = _Method(calls.end_plan_set)
    list_junctions = _Method(calls.list_junctions)
    get_junction = _Method(calls.get_junction)
    hold_junction = _Method(calls.hold_junction)
    release_junction = _Method(calls.release_junction)
    eject_junction = _Method(calls.eject_junction)
    order_junction = _Method(calls.order_junction)
    get_assignment = _Method(calls.get_assignment)
    acknowledge_version = _Method(calls.acknowledge_version)
    send_reports = _Method(calls.send_reports)
    list_controllers = _Method(calls.list_controllers)
    register_controller = _Method(calls.register_controller)
    rotate_controller = _Method(calls.rotate_controller)
    revoke_controller = _Method(calls.revoke_controller)
    list_sites = _Method(calls.list_sites)
    list_reports = _Method(calls.list_reports)
    latest_reports = _Method(calls.latest_reports)
    list_alarms = _Method(calls.list_alarms)
    acknowledge_alarm = _Method(calls.acknowledge_alarm)
    list_jobs = _Method(calls.list_jobs)
    submit_job = _Method(calls.submit_job)
    get_job = _Method(calls.get_job)
    cancel_job = _Method(calls.cancel_job)
    keep_plans = _Method(calls.keep_plans)
    get_plans = _Method(calls.get_plans)
    list_tokens = _Method(calls.list_tokens)
    create_token = _Method(calls.create_token)
    revoke_token = _Method(calls.revoke_token)
    get_keys = _Method(calls.get_keys)
    rotate_signing_key = _Method(calls.rotate_signing_key)
    list_ledger = _Method(calls.list_ledger)
    verify_ledger = _Method(calls.verify_ledger)
    get_me = _Method(calls.get_me)
    iter_plan_sets = _Every(calls.list_plan_sets)
    iter_junctions = _Every(calls.list_junctions)
    iter_controllers = _Every(calls.list_controllers)
    iter_sites = _Every(calls.list_sites)
    iter_alarms = _Every(calls.list_alarms)
    iter_tokens = _Every(calls.list_tokens)
    iter_ledger = _Every(calls.list_ledger)

    def assignments(self, junction: str, *, last_event_id: str | None = None) -> Iterator[Assignment]:
        """Yield what a controller is to have, now and whenever it changes; a stream that breaks is taken up again."""
        reader = EventReader(last_event_id)
        while True:
            call = calls.stream_assignment(junction, last_event_id=reader.last_id)
            for event in self._events(call, reader):
                found = Assignment.model_validate_json(event.data)
                yield found.model_copy(update={"tag": f'"{event.id}"'})
            self._sleep(reader.retry_s)

    def watch_job(self, job: str) -> Iterator[Job]:
        """Yield a job whenever it is further, until it has ended."""
        while True:
            reader = EventReader()
            for event in self._events(calls.stream_job(job), reader):
                found = Job.model_validate_json(event.data)
                yield found
                if found.state.final:
                    return
            self._sleep(reader.retry_s)

    def watch_plan_set(
        self, plan_set: str, *, until: Callable[[PlanSet], bool] = lambda _found: False, every_s: float = 0.5
    ) -> Iterator[PlanSet]:
        """Yield a plan set whenever it has changed, until its publication has come to an end: in force, or not.

        Parameters
        ----------
        until
            Says of what was found whether to leave off before.
        """
        seen = None
        while True:
            found = self.get_plan_set(plan_set)
            if found != seen:
                yield found
            if sending.settled(found) or until(found):
                return
            seen = found
            self._sleep(every_s)

    def _events(self, call: Call[str], reader: EventReader) -> Iterator[Event]:
        """Yield the events of one stream, to its end or its break."""
        request, again = sending.stream_request(self._client, call), self._again()
        reader.begin()
        while True:
            try:
                response = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                self._pause(again, sending.unreachable(request, error))
                continue
            try:
                if not response.is_success:
                    response.read()
                if (refused := sending.failure(response)) is None:
                    for line in response.iter_lines():
                        if event := reader.take(line):
                            yield event
                    return
            except httpx.TransportError:
                return  # what was missed is told by the next stream
            finally:
                response.close()
            self._pause(again, refused)

    def _again(self) -> Again:
        return Again(self._patience_s, self._chance)

    def _pause(self, again: Again, error: ServiceError | UnreachableError) -> None:
        """Wait before the next try, or raise."""
        left_s = again.patience_s
        pause_s = sending.pause_after(again, error)
        if self._notice is not None and left_s == self._patience_s:
            self._notice(error, left_s)
        self._sleep(pause_s)
