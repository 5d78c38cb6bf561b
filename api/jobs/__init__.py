"""Work that takes a processor for long: optimisations and evaluations, in processes of their own.

`model`
    Requests and jobs, as stored.
`store`
    What keeps jobs, as a protocol, and one in memory.
`manager`
    Takes jobs in, has them worked on, tells how far they are, cancels them, and finds those whose process died.
`process`
    One worker process, seen from the service.
`worker`, `work`
    The worker process itself, and what it does.
"""

from __future__ import annotations

from api.jobs.manager import Jobs
from api.jobs.model import EvaluateRequest, Job, JobRequest, JobState, OptimizeRequest, Progress
from api.jobs.store import JobStore, MemoryJobStore

__all__ = [
    "EvaluateRequest",
    "Job",
    "JobRequest",
    "JobState",
    "JobStore",
    "Jobs",
    "MemoryJobStore",
    "OptimizeRequest",
    "Progress",
]
