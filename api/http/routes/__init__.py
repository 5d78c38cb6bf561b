"""The routes of the service, one module for each subject."""

from __future__ import annotations

from api.http.routes import (
    access,
    alarms,
    assignments,
    controllers,
    jobs,
    junctions,
    keys,
    ledger,
    plan_sets,
    reports,
    sites,
)

__all__ = ["ROUTERS"]

ROUTERS = (
    plan_sets.ROUTER,
    junctions.ROUTER,
    assignments.ROUTER,
    controllers.ROUTER,
    alarms.ROUTER,
    sites.ROUTER,
    reports.ROUTER,
    jobs.ROUTER,
    jobs.COMMANDS,
    access.ROUTER,
    keys.ROUTER,
    ledger.ROUTER,
)
"""All of them, in the order of the documentation."""
