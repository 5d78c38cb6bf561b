"""The jobs of a running service."""

from __future__ import annotations

from datetime import timedelta

from api.context import Context
from api.http.metrics import Counter
from api.jobs.manager import Jobs, Limits
from api.jobs.redis_store import RedisJobStore
from api.store.connection import Store

__all__ = ["served_jobs"]


def served_jobs(context: Context, store: Store) -> Jobs:
    """Return the jobs of a service, kept in its Redis, with the bounds of its settings."""
    settings = context.settings
    limits = Limits(
        workers=settings.job_workers, unfinished=settings.job_queue, job_seconds=settings.job_seconds
    )
    count = Counter(
        "jasyl_jobs_ended",
        "Attempts at jobs that this process has ended, by kind and the state that they led to.",
        ("kind", "state"),
        registry=context.metrics.registry,
    )
    return Jobs(
        RedisJobStore(store, kept_for=timedelta(days=settings.job_days)),
        city=settings.city,
        folder=settings.data_folder / "jobs",
        clock=context.clock,
        new_id=context.new_id,
        limits=limits,
        unavailable=context.unavailable,
        ended=lambda job: count.labels(job.request.kind, job.state.value).inc(),
    )
