"""schemathesis against a real server on loopback: every check, every phase, with the tokens of people and of a controller.

No check is switched off. What they are told that they would not know:

- `positive_data_acceptance`: a request that keeps the schema may be refused for what a schema cannot say (422: a plan that is
  unsafe, an expiry that has passed; 412: an ETag that is not the present one; 401: the token that a request has just revoked).
- `/stream` never ends: one event of each is read.
- `/v1/tokens/{token}/revoke` is not asked with the tokens that the run itself works with, which it would end.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import CoverageScenario
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from api.context import Context
from api.http.routes import ROUTERS
from api.opening import opener
from api.settings import RateLimits, Settings
from api.store.errors import StoreUnavailable
from tests.api.service.centres import CITY, Clock, Service
from tests.api.service.services import captured_logs, running
from tests.api.service.test_plan_sets import document, keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_RATES = RateLimits(**dict.fromkeys(RateLimits.model_fields, "1000000/second"))


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Service]]:
    """Run a service on loopback, with staff, a controller and a plan set; give its address and what is known of it."""
    numbers, told = itertools.count(1), []
    keys()  # compiles what a city takes, where nothing has done so before
    context = Context(
        # Jobs are taken in and wait: what they compute is tested elsewhere.
        settings=Settings(data_folder=folder, city=CITY, rate_limits=_RATES, job_workers=0, job_queue=10_000),
        clock=Clock(),
        new_id=lambda: f"{next(numbers):08x}-{folder.name}",
        routers=ROUTERS,
        openers=[opener(told.append)],
        unavailable=(StoreUnavailable,),
    )
    with captured_logs(context.settings), running(context) as (host, port):
        service = Remote(f"http://{host}:{port}", told[0])
        asyncio.run(_prepared(service))
        yield service.address, service


class Remote(Service):
    """A service that is asked over a connection."""

    def __init__(self, address: str, first_token: str) -> None:
        self.address, self.first_token, self.tokens = address, first_token, {}

    async def ask(self, method, path, body=None, *, who=None, **headers):
        import httpx

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            named["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        async with httpx.AsyncClient(base_url=self.address) as client:
            return await client.request(method, f"/v1{path}", json=body, headers=named)


async def _prepared(service: Service) -> None:
    await service.staff()
    await service.register(*keys()[:2])
    await service.published(document())


def examined(
    address: str, token: str, seed: int, *, phases: dict[str, Any], **parameters: Any
) -> tuple[Counter[str], list[str]]:
    """Return how many requests were made in each phase, and what was found."""
    statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "422", "429"]
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "request-timeout": 20,
            "max-stream-events": 1,
            "headers": {"Authorization": f"Bearer {token}"},
            "parameters": parameters,
            "continue-on-failure": True,
            "generation": {"no-shrink": True, "database": "none"},
            "phases": phases,
            "checks": {"positive_data_acceptance": {"expected-statuses": statuses}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json", config=config)
    cases, found = Counter(), []
    hook = _helpful(token)
    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(hook, "before_call")
    try:
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                cases[event.phase.value] += len(event.recorder.interactions)
                found += _failures(event)
            elif isinstance(event, events.NonFatalError):
                found.append(f"{event.label}: {event.value!r}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(hook)
    return cases, found


def _helpful(token: str) -> Callable[..., None]:
    """Return what makes of cases that would all be refused for the same reason such as go further."""
    numbers = itertools.count(1)

    def before_call(_context: Any, case: schemathesis.Case, _options: Any) -> None:
        number = next(numbers)
        if (
            getattr(case.meta and case.meta.phase.data, "scenario", None)
            == CoverageScenario.MISSING_PARAMETER
        ):
            return  # what is missing is what the case is about
        key = (case.headers or {}).get("Idempotency-Key")
        if isinstance(key, str) and 0 < len(key) < 200 and number % 8:  # each eighth is one that was used
            case.headers["Idempotency-Key"] = f"{key}{number}"
        positive = case.meta is not None and case.meta.generation.mode.is_positive
        label = case.operation.label
        if positive and label == "POST /v1/plan-sets" and number % 4:
            case.body = {"document": document(), "why": f"case {number}"}
        if label.startswith("POST /v1/tokens/") and token.split("_")[1] in str(case.path_parameters):
            case.path_parameters = {"token": "0" * 16}

    return before_call


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.status is Status.FAILURE:
                failure = check.failure_info.failure
                response = event.recorder.interactions[case].response
                status = None if response is None else response.status_code
                head = f"{event.phase.value} {check.name} {status} {failure.title}: {failure.message}"
                yield f"{head}\n{check.failure_info.code_sample}"


def _asked(folder: Path, who: str, seed: int, phases: dict[str, Any]) -> tuple[Counter[str], list[str]]:
    own = {} if who == "admin" else {"junction": keys()[0]}
    with served(folder) as (address, service):
        token = service.tokens["admin" if who == "admin" else keys()[0]]
        return examined(address, token, seed, phases=phases, **own)


def _phases(examples: int, steps: int, *, coverage: bool) -> dict[str, Any]:
    return {
        "examples": {"enabled": True},
        "coverage": {"enabled": coverage},
        "fuzzing": {"enabled": True, "generation": {"max-examples": examples}},
        "stateful": {"enabled": True, "max-steps": 8, "generation": {"max-examples": steps}},
    }


@pytest.mark.parametrize("who", ["admin", "controller"])
def test_the_service_keeps_its_document(tmp_path: Path, who: str) -> None:
    cases, found = _asked(tmp_path, who, 1, _phases(2, 6, coverage=False))
    assert not found, "\n\n".join(found[:20])
    assert sum(cases.values()) > 100
    assert cases["stateful"] > 20


@pytest.mark.slow
@pytest.mark.parametrize(("who", "seed"), [("admin", 1), ("controller", 2), ("admin", 3)])
def test_the_service_keeps_its_document_in_thousands_of_cases(tmp_path: Path, who: str, seed: int) -> None:
    cases, found = _asked(tmp_path, who, seed, _phases(40, 120, coverage=True))
    assert not found, "\n\n".join(found[:20])
    assert sum(cases.values()) > 2000
