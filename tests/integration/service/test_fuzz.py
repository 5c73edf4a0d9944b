"""Whatever the OpenAPI document allows, and what it does not: the API never answers 5xx but 503 and 504."""

from __future__ import annotations

import asyncio
import time
import warnings

import schemathesis

SECONDS = 20
"""On a slow machine less is asked."""


def _fuzz(url):
    from hypothesis import HealthCheck, Phase, given, settings

    until = time.monotonic() + SECONDS

    schema = schemathesis.openapi.from_url(url + "/openapi.json")
    problems = []
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=8,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case):
            if time.monotonic() > until:
                return
            if case.query and "follow" in case.query:
                case.query.pop("follow")
            if case.path.endswith("/call"):
                case.query = {**(case.query or {}), "deadline": 0}
            answer = case.call(timeout=10)
            if answer.status_code >= 500 and answer.status_code not in {503, 504}:
                problems.append((case.method, case.formatted_path, case.body, answer.status_code))

        given(case=operation.as_strategy())(probe)()
    return problems


async def test_nothing_that_is_asked_breaks_the_api(round_):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(_fuzz, round_.url) == []
