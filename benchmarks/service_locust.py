"""Conditional polls by locust, where wrk is not to be had; started by `benchmarks.service_load`."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from locust import FastHttpUser, events, task

_ROWS: list[tuple[str, str, str]] = []
_next = itertools.count()


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    parser.add_argument("--tokens", default="")


@events.init.add_listener
def _read(environment: Any, **_more: Any) -> None:
    _ROWS.extend(json.loads(Path(environment.parsed_options.tokens).read_text()))


class Controller(FastHttpUser):
    """A controller that has what it is to have."""

    @task
    def poll(self) -> None:
        junction, token, tag = _ROWS[next(_next) % len(_ROWS)]
        headers = {"Authorization": f"Bearer {token}", "If-None-Match": tag}
        path = f"/v1/controllers/{quote(junction, safe='')}/assignment"
        with self.client.get(path, headers=headers, name="poll", catch_response=True) as answer:
            if answer.status_code == 304:
                answer.success()
            else:
                answer.failure(str(answer.status_code))
