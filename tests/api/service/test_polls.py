"""Polls that bring nothing new: the quick answer is that of the whole service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from api.http.polls import QuietPolls
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document, keys

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

KEY = keys()[0]
CHANGING = {"x-request-id"}


def told(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    return (
        answer.status_code,
        sorted((n, v) for n, v in answer.headers.items() if n not in CHANGING),
        answer.content,
    )


async def poll(service: Service, key: str, who: str, **headers: str) -> httpx.Response:
    return await service.ask("GET", f"/controllers/{key}/assignment", who=who, **headers)


CASES: list[dict[str, Any]] = [
    {"If_None_Match": '"0.1"'},
    {"If_None_Match": '"1.1"'},
    {"If_None_Match": 'W/"0.1"'},
    {"If_None_Match": "*"},
    {"If_None_Match": '"0.1"', "Host": "elsewhere.example"},
    {"If_None_Match": '"0.1"', "Accept": "text/html"},
    {"If_None_Match": '"0.1"', "Accept": "application/json"},
    {},
]


def test_the_quick_answer_is_that_of_the_whole_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys()[:2])
        strangers = ("admin", "jsy_0000000000000000_" + "A" * 43)
        cases = [(who, headers) for who in (*keys()[:2], *strangers) for headers in CASES]
        quick = [told(await poll(service, KEY, who, **headers)) for who, headers in cases]
        monkeypatch.setattr(QuietPolls, "_nothing_new", lambda *_: None)
        for case, answer in zip(cases, quick, strict=True):
            assert told(await poll(service, KEY, case[0], **case[1])) == answer, case

    serving(tmp_path, test)


def test_what_is_new_is_not_kept_back(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        assert (await poll(service, KEY, KEY, If_None_Match='"0.1"')).status_code == 304
        await service.published(document())
        answer = await poll(service, KEY, KEY, If_None_Match='"0.1"')
        assert (answer.status_code, answer.headers["etag"]) == (200, '"1.1"')
        assert (await poll(service, KEY, KEY, If_None_Match='"1.1"')).status_code == 304

    serving(tmp_path, test)


def test_quick_answers_are_counted_against_the_rate(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        answers = [(await poll(service, KEY, KEY, If_None_Match='"0.1"')) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [304, 304, 304, 429]
        assert int(answers[-1].headers["retry-after"]) == 20

    serving(tmp_path, test, rate_limits={"controller": "3/minute"})


def test_quick_answers_are_counted_in_the_metrics(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(KEY)
        await poll(service, KEY, KEY, If_None_Match='"0.1"')
        line = 'jasyl_http_requests_total{method="GET",route="/v1/controllers/{junction}/assignment",status="304"} 1.0'
        assert line in service.context.metrics.text().decode()

    serving(tmp_path, test)
