"""What can be asked of the service: each function gives one request and how its answer is read. Nothing is sent here.

Commands (all that takes `why`) are known to the service by an idempotency key, so that they may be sent again; a client
makes one where `key` is not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from api.centre.security import Right, Role
from api.client import models
from api.client.call import Call, do, do_silently, get, given, plain, reader
from api.client.models import PlanSet
from api.jobs.model import EvaluateRequest, OptimizeRequest
from signals.lifecycle.records import OrderMode, SetState, Slot


def live() -> Call[models.Health]:
    """Ask whether the process answers."""
    return get("/health/live", models.Health)


def ready() -> Call[models.Health]:
    """Ask whether the service is ready."""
    return get("/health/ready", models.Health)


def metrics() -> Call[str]:
    """Return the figures for Prometheus."""
    return Call("GET", "/metrics", str, lambda response: response.text)


def create_plan_set(
    document: Mapping[str, Any],
    *,
    why: str,
    name: str | None = None,
    slot: Slot | None = None,
    activate_from: datetime | None = None,
    valid_until: datetime | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    key: str | None = None,
) -> Call[PlanSet]:
    """Hand in a plan set, in the format ``jasyl-plans`` or ``jasyl-schedule``, as a draft.

    Parameters
    ----------
    groups
        Junctions that switch together, by the name of their group; without it, neighbours whose cycles fit.
    """
    body = given(
        document=document,
        why=why,
        name=name,
        slot=slot,
        activate_from=activate_from,
        valid_until=valid_until,
        groups=groups,
    )
    return do("/v1/plan-sets", PlanSet, body, key)


def list_plan_sets(
    *,
    state: SetState | None = None,
    slot: Slot | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[models.PlanSets]:
    """Return a page of plan sets, the oldest first."""
    return get("/v1/plan-sets", models.PlanSets, state=state, slot=slot, limit=limit, cursor=cursor)


def get_plan_set(plan_set: str) -> Call[PlanSet]:
    """Return a plan set, and how far it is."""
    return get("/v1/plan-sets/{plan_set}", PlanSet, {"plan_set": plan_set})


def get_plan_set_document(plan_set: str) -> Call[dict[str, Any]]:
    """Return the document that was handed in."""
    return get("/v1/plan-sets/{plan_set}/document", dict[str, Any], {"plan_set": plan_set})


def check_plan_set(
    plan_set: str, *, why: str, seen: PlanSet | None = None, key: str | None = None
) -> Call[PlanSet]:
    """Check a draft against the junctions as they are now. With `seen`, only if nobody has changed it since."""
    route = "/v1/plan-sets/{plan_set}/check"
    return do(route, PlanSet, given(why=why), key, seen=seen, plan_set=plan_set)


def approve_plan_set(
    plan_set: str, *, why: str, seen: PlanSet | None = None, key: str | None = None
) -> Call[PlanSet]:
    """Approve a plan set that has been checked."""
    route = "/v1/plan-sets/{plan_set}/approve"
    return do(route, PlanSet, given(why=why), key, seen=seen, plan_set=plan_set)


def publish_plan_set(
    plan_set: str,
    *,
    why: str,
    over_holds: bool | None = None,
    seen: PlanSet | None = None,
    key: str | None = None,
) -> Call[PlanSet]:
    """Sign the plans and give them out, in one act; with `over_holds`, also to junctions that others hold."""
    route, body = "/v1/plan-sets/{plan_set}/publish", given(why=why, over_holds=over_holds)
    return do(route, PlanSet, body, key, seen=seen, plan_set=plan_set)


def withdraw_plan_set(
    plan_set: str, *, why: str, seen: PlanSet | None = None, key: str | None = None
) -> Call[PlanSet]:
    """Take a plan set back; of one that is published, the groups that have not been activated."""
    route = "/v1/plan-sets/{plan_set}/withdraw"
    return do(route, PlanSet, given(why=why), key, seen=seen, plan_set=plan_set)


def roll_back_plan_set(
    plan_set: str,
    *,
    why: str,
    over_holds: bool | None = None,
    seen: PlanSet | None = None,
    key: str | None = None,
) -> Call[PlanSet]:
    """Publish what was in force before a plan set, as a new one, which is returned; `over_holds` as in publishing."""
    route, body = "/v1/plan-sets/{plan_set}/roll-back", given(why=why, over_holds=over_holds)
    return do(route, PlanSet, body, key, seen=seen, plan_set=plan_set)


def end_plan_set(
    plan_set: str,
    *,
    why: str,
    until: datetime | None = None,
    seen: PlanSet | None = None,
    key: str | None = None,
) -> Call[PlanSet]:
    """End a plan set before its time; by default at once. Where no other is valid, local schedules go on."""
    route = "/v1/plan-sets/{plan_set}/end"
    return do(route, PlanSet, given(why=why, until=until), key, seen=seen, plan_set=plan_set)


def list_junctions(*, limit: int | None = None, cursor: str | None = None) -> Call[models.Junctions]:
    """Return a page of junctions, by their keys."""
    return get("/v1/junctions", models.Junctions, limit=limit, cursor=cursor)


def get_junction(junction: str) -> Call[models.Junction]:
    """Return a junction, and what the service wants of it."""
    return get("/v1/junctions/{junction}", models.Junction, {"junction": junction})


def hold_junction(
    junction: str, *, until: datetime, why: str, key: str | None = None
) -> Call[models.Junction]:
    """Hold a junction, so that nobody else publishes or gives orders there."""
    route, body = "/v1/junctions/{junction}/hold", given(until=until, why=why)
    return do(route, models.Junction, body, key, method="PUT", junction=junction)


def release_junction(junction: str, *, why: str, key: str | None = None) -> Call[models.Junction]:
    """Release a junction that one holds oneself."""
    route = "/v1/junctions/{junction}/release"
    return do(route, models.Junction, given(why=why), key, junction=junction)


def eject_junction(junction: str, *, why: str, key: str | None = None) -> Call[models.Junction]:
    """Release a junction, whoever holds it."""
    route = "/v1/junctions/{junction}/eject"
    return do(route, models.Junction, given(why=why), key, junction=junction)


def order_junction(
    junction: str,
    *,
    mode: OrderMode,
    expires_at: datetime,
    why: str,
    slot: Slot | None = None,
    key: str | None = None,
) -> Call[models.Junction]:
    """Order flash, all red or another slot, until an expiry; the mode ``none`` ends an order."""
    body = given(mode=mode, slot=slot, expires_at=expires_at, why=why)
    return do("/v1/junctions/{junction}/order", models.Junction, body, key, method="PUT", junction=junction)


def get_assignment(
    junction: str, *, known: models.Assignment | None = None, wait: float | None = None
) -> Call[models.Assignment | None]:
    """Return what a controller is to have; none where it is still what is `known`.

    Parameters
    ----------
    wait
        Seconds for which the service waits for something new.
    """
    route = "/v1/controllers/{junction}/assignment"
    headers = {} if known is None else {"If-None-Match": known.tag}
    query, places = given(wait=wait), {"junction": junction}
    read, answer = _assignment, models.Assignment
    return Call("GET", route, answer, read, places, query, headers, wait_s=wait or 0.0)


def _assignment(response: httpx.Response) -> models.Assignment | None:
    if response.status_code == httpx.codes.NOT_MODIFIED:
        return None
    found = models.Assignment.model_validate_json(response.content)
    return found.model_copy(update={"tag": response.headers["ETag"]})


def stream_assignment(junction: str, *, last_event_id: str | None = None) -> Call[str]:
    """Give what is told of the assignment of a controller, as server-sent events."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    route, places = "/v1/controllers/{junction}/stream", {"junction": junction}
    return Call("GET", route, str, lambda response: response.text, places, {}, headers)


def acknowledge_version(
    junction: str, *, version: int, result: models.Result, at: datetime, reason: str | None = None
) -> Call[models.Acknowledged]:
    """Say, as a controller, that a version is ``accepted``, ``refused`` or ``in_force``; saying it again changes nothing."""
    body = given(version=version, result=result, reason=reason, at=at)
    route, places = "/v1/controllers/{junction}/acknowledgements", {"junction": junction}
    return Call("POST", route, models.Acknowledged, reader(models.Acknowledged), places, body=body)


def send_reports(
    junction: str, reports: Sequence[Mapping[str, Any]], *, at: datetime | None = None
) -> Call[models.Reported]:
    """Report, as a controller; each number is stored once. `at` is when they are sent, by its clock."""
    route, places = "/v1/controllers/{junction}/reports", {"junction": junction}
    body = given(reports=list(reports), at=at)
    return Call("POST", route, models.Reported, reader(models.Reported), places, body=body)


def list_controllers(*, limit: int | None = None, cursor: str | None = None) -> Call[models.Controllers]:
    """Return a page of the controllers that are registered."""
    return get("/v1/controllers", models.Controllers, limit=limit, cursor=cursor)


def register_controller(junction: str, *, why: str, key: str | None = None) -> Call[models.NewCredential]:
    """Register the controller of a junction; its credential is shown once."""
    return do("/v1/controllers", models.NewCredential, given(junction=junction, why=why), key)


def rotate_controller(junction: str, *, why: str, key: str | None = None) -> Call[models.NewCredential]:
    """Give a controller a new credential, shown once."""
    route = "/v1/controllers/{junction}/rotate"
    return do(route, models.NewCredential, given(why=why), key, junction=junction)


def revoke_controller(junction: str, *, why: str, key: str | None = None) -> Call[None]:
    """Take all credentials of a controller back."""
    return do_silently("/v1/controllers/{junction}/revoke", given(why=why), key, junction=junction)


def list_sites(*, limit: int | None = None, cursor: str | None = None) -> Call[models.Sites]:
    """Return a page of the RSMP sites, with what they have said last."""
    return get("/v1/sites", models.Sites, limit=limit, cursor=cursor)


def list_reports(
    *, junction: str | None = None, after: str | None = None, limit: int | None = None
) -> Call[models.Reports]:
    """Return a page of the reports of controllers that are not archived yet; the next begins at its `next`."""
    return get("/v1/reports", models.Reports, junction=junction, after=after, limit=limit)


def latest_reports() -> Call[models.Statuses]:
    """Return the last status of each junction that has sent one."""
    return get("/v1/reports/latest", models.Statuses)


def list_alarms(*, limit: int | None = None, cursor: str | None = None) -> Call[models.Alarms]:
    """Return a page of the alarms that stand."""
    return get("/v1/alarms", models.Alarms, limit=limit, cursor=cursor)


def acknowledge_alarm(alarm: str, *, why: str, key: str | None = None) -> Call[None]:
    """Say that an alarm has been seen."""
    return do_silently("/v1/alarms/{alarm}/acknowledge", given(why=why), key, alarm=alarm)


def list_jobs(*, limit: int | None = None) -> Call[models.JobList]:
    """Return the youngest jobs."""
    return get("/v1/jobs", models.JobList, limit=limit)


def submit_job(request: OptimizeRequest | EvaluateRequest, *, key: str | None = None) -> Call[models.Job]:
    """Hand in an optimisation or an evaluation."""
    return do("/v1/jobs", models.Job, {**plain(request), "kind": request.kind}, key)


def get_job(job: str) -> Call[models.Job]:
    """Return a job."""
    return get("/v1/jobs/{job}", models.Job, {"job": job})


def stream_job(job: str) -> Call[str]:
    """Give what is told of a job, as server-sent events."""
    route, places = "/v1/jobs/{job}/events", {"job": job}
    return Call("GET", route, str, lambda response: response.text, places)


def cancel_job(job: str, *, key: str | None = None) -> Call[models.Job]:
    """Have a job end with what it has."""
    return do("/v1/jobs/{job}/cancel", models.Job, None, key, job=job)


def keep_plans(document: Mapping[str, Any], *, key: str | None = None) -> Call[models.Kept]:
    """Keep plans that a job is to evaluate or to go on from."""
    return do("/v1/jobs/plans", models.Kept, dict(document), key)


def get_plans(digest: str) -> Call[dict[str, Any]]:
    """Return plans that a job found, or that were kept."""
    return get("/v1/jobs/plans/{digest}", dict[str, Any], {"digest": digest})


def list_tokens(*, limit: int | None = None, cursor: str | None = None) -> Call[models.Tokens]:
    """Return a page of the tokens of people and feeds."""
    return get("/v1/tokens", models.Tokens, limit=limit, cursor=cursor)


def create_token(
    name: str,
    roles: Sequence[Role],
    *,
    why: str,
    rights: Sequence[Right] | None = None,
    expires_at: datetime | None = None,
    key: str | None = None,
) -> Call[models.NewToken]:
    """Make a token; it is shown once."""
    body = given(name=name, roles=list(roles), rights=rights, expires_at=expires_at, why=why)
    return do("/v1/tokens", models.NewToken, body, key)


def revoke_token(token: str, *, why: str, key: str | None = None) -> Call[None]:
    """Take a token back, by its identifier."""
    return do_silently("/v1/tokens/{token}/revoke", given(why=why), key, token=token)


def get_keys() -> Call[models.Keys]:
    """Return the public keys, and which of them signs."""
    return get("/v1/keys", models.Keys)


def rotate_signing_key(new: str, *, why: str, key: str | None = None) -> Call[models.Keys]:
    """Let another key sign from now on, by its name."""
    return do("/v1/keys/signing", models.Keys, given(key=new, why=why), key)


def list_ledger(*, after: int | None = None, limit: int | None = None) -> Call[models.LedgerPage]:
    """Return a page of the ledger, the oldest entry first."""
    return get("/v1/ledger", models.LedgerPage, after=after, limit=limit)


def verify_ledger() -> Call[models.Verified]:
    """Have the whole ledger read anew, and every link of its chain checked."""
    return get("/v1/ledger/verification", models.Verified)


def get_me() -> Call[models.Me]:
    """Return who asks, and what they may do."""
    return get("/v1/me", models.Me)
