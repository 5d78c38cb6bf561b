"""Who asks, how often they may, and by which name the service may be asked."""

from __future__ import annotations

import ipaddress
import math
import socket
from collections.abc import Callable, Mapping
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from api.context import Caller, Context
from api.http.problems import Problem, problem_response
from api.settings import Settings

__all__ = ["HostCheck", "Hosts", "Limiters", "RateLimiter", "RateLimits", "ReportBudget", "address_key"]

_PERIODS_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
_MOST_KEYS = 50_000
_MOST_HOSTS = 100
_PROBES = {"/health/live", "/health/ready"}
_NETWORK_BITS = 64  # of an IPv6 address, what one subscriber has at least


class RateLimiter:
    """Counts requests, or what else is rationed, by key, evenly spread: the generic cell rate algorithm.

    A key may make all of its requests at once; then they come back one by one.

    Parameters
    ----------
    rate
        Such as ``"600/minute"``.
    """

    def __init__(self, rate: str) -> None:
        count, _, period = rate.partition("/")
        self.rate = rate
        self._period_s = _PERIODS_S[period]
        self._each_s = self._period_s / int(count)
        self._due: dict[str, float] = {}  # when all requests of a key would be paid off

    def wait_s(self, key: str, now_s: float, count: int = 1) -> float:
        """Count so many requests, and return 0; or do not, and return how long to wait for the next ones."""
        due = max(now_s, self._due.get(key, 0.0)) + count * self._each_s
        wait = due - now_s - self._period_s
        if wait > 1e-9:
            return wait
        self._due[key] = due
        if len(self._due) > _MOST_KEYS:
            self._forget(now_s)
        return 0.0

    def _forget(self, now_s: float) -> None:
        """Drop who owes nothing; where that is not enough, who has come first."""
        self._due = {key: due for key, due in self._due.items() if due > now_s}
        for key in list(self._due)[: max(0, len(self._due) - _MOST_KEYS // 2)]:
            del self._due[key]


class Limiters:
    """One limiter for each role.

    Parameters
    ----------
    rates
        By role.
    monotonic
        Gives seconds that only rise.
    """

    def __init__(self, rates: Mapping[str, str], monotonic: Callable[[], float]) -> None:
        self._limiters = {role: RateLimiter(rate) for role, rate in rates.items()}
        self._monotonic = monotonic

    def wait_s(self, caller: Caller) -> float:
        """Count one request, and return 0; or do not, and return how long to wait for the next one."""
        return self._limiters[caller.role].wait_s(caller.key, self._monotonic())

    def rate(self, caller: Caller) -> str:
        """Return how many requests `caller` may make."""
        return self._limiters[caller.role].rate


class ReportBudget:
    """How much the controller of each junction may report; each replica counts for itself.

    Parameters
    ----------
    bytes_per_minute
        As reports are stored; all of it may come at once.
    monotonic
        Gives seconds that only rise.
    """

    def __init__(self, bytes_per_minute: int, monotonic: Callable[[], float]) -> None:
        self._limiter = RateLimiter(f"{bytes_per_minute}/minute")
        self._rate, self._monotonic = bytes_per_minute, monotonic

    def wait_s(self, junction: str, size: int) -> float:
        """Count the bytes of reports, and return 0; or do not, and return how long to wait with them."""
        return self._limiter.wait_s(junction, self._monotonic(), size)

    def admit(self, junction: str, size: int) -> None:
        """Count the bytes of reports, or raise when to send them again (429)."""
        wait = self.wait_s(junction, size)
        if wait > 0.0:
            headers = {"Retry-After": str(math.ceil(wait))}
            rule = f"must be at most {self._rate} bytes in a minute"
            raise Problem(429, rule, field="reports", value=f"{size} bytes", headers=headers)


@lru_cache(maxsize=10_000)
def address_key(host: str) -> str:
    """Return what an address is counted by: itself, or the network that one subscriber of IPv6 has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _NETWORK_BITS), strict=False))


class RateLimits:
    """Finds out who asks, and answers 429 to those who ask too often.

    Whoever has a valid token is counted by it, so controllers behind one address do not take from each other; whoever
    has none, or a wrong one, by address. Each replica counts for itself.
    """

    def __init__(self, app: ASGIApp, context: Context, limiters: Limiters) -> None:
        self._app, self._context, self._limiters = app, context, limiters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Whoever takes the first of two tokens and whoever takes the second would see two different requests.
        twice = sum(name == b"authorization" for name, _ in scope["headers"]) > 1
        caller = None if twice else self._context.identify(dict(scope["headers"]))
        if caller is None:
            caller = _stranger(scope)
        scope.setdefault("state", {})["caller"] = caller
        # A probe that is refused would have the service restarted.
        exempt = scope["path"] in _PROBES
        wait = 0.0 if exempt else self._limiters.wait_s(caller)
        if wait > 0.0:
            headers = {"Retry-After": str(math.ceil(wait))}
            rule = f"must be at most {self._limiters.rate(caller)} of a {caller.role}"
            await problem_response(Problem(429, rule, field="requests", headers=headers))(
                scope, receive, send
            )
            return
        if twice:
            problem = Problem(400, "must be given once", field="Authorization")
            await problem_response(problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _stranger(scope: Scope) -> Caller:
    host = (scope.get("client") or ("unknown", 0))[0]
    return Caller(role="anonymous", name="anonymous", key=address_key(host))


class Hosts:
    """The names that the service may be asked by. Addresses need no check: only names can be rebound."""

    def __init__(self, settings: Settings) -> None:
        own = {"localhost", settings.host, socket.gethostname()}
        self._names = {name.lower() for name in (*own, *settings.allowed_hosts)}
        self._known: set[bytes] = set()

    def allows(self, host: bytes) -> bool:
        """Return whether a ``Host`` header has a name of the service, or an address."""
        if host not in self._known:
            name = _name(host.decode("latin-1"))
            if name not in self._names and not _is_address(name):
                return False
            if len(self._known) < _MOST_HOSTS:
                self._known.add(host)
        return True


class HostCheck:
    """Refuses requests for other names than the service's own (421), so that no page can rebind one to it."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            problem = self._problem(scope)
            if problem is not None:
                await problem_response(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return Problem(400, "must be given once", field="Host", value=b", ".join(hosts).decode("latin-1"))
        if self._hosts.allows(hosts[0]):
            return None
        hint = "Add the name to allowed_hosts"
        value = hosts[0].decode("latin-1")
        return Problem(421, "must be a name of this service", field="Host", value=value, hint=hint)


def _name(host: str) -> str:
    """Return a ``Host`` header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
