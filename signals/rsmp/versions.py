"""Which versions two parties speak: the latest core that both know, and one signal exchange list.

``3.2`` and ``3.2.0`` are the same version, whichever way it is written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from signals.rsmp.messages import Version
from traffic.errors import InputError

__all__ = ["CORE_VERSIONS", "SXL_VERSIONS", "Agreement", "agreed", "known_sxl", "same_version", "spelled"]

CORE_VERSIONS = ("3.2.0", "3.2.1", "3.2.2")
SXL_VERSIONS = ("1.1.0", "1.2.0", "1.2.1")

_NUMBERS = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})(?:\.([0-9]{1,2}))?")


@dataclass(frozen=True)
class Agreement:
    """What two parties have settled on.

    Attributes
    ----------
    site
        Id of the site.
    core, sxl
        Versions, in our spelling.
    """

    site: str
    core: str
    sxl: str


def agreed(theirs: Version, sites: Collection[str], core: Iterable[str], sxl: str) -> Agreement:
    """Return what follows from the version message of the other party, or raise `InputError` with what does not fit.

    Parameters
    ----------
    sites
        Ids of the sites that are expected.
    core, sxl
        Versions that are spoken here.
    """
    if len(theirs.sites) != 1:
        raise InputError(
            "must be one site id: each has its own connection", field="siteId", value=theirs.sites
        )
    site = theirs.sites[0]
    if site not in sites:
        raise InputError("must be the id of a site that is known here", field="siteId", value=site)
    ours = sorted(core, key=_key)
    common = [version for version in ours if any(same_version(version, other) for other in theirs.core)]
    if not common:
        rule = f"RSMP versions {list(theirs.core)} requested, but only {ours} supported"
        raise InputError(rule, field="RSMP")
    if not same_version(theirs.sxl, sxl):
        raise InputError(f"must be {sxl}, the version for this site", field="SXL", value=theirs.sxl)
    return Agreement(site, common[-1], sxl)


def same_version(one: str, other: str) -> bool:
    """Return whether two spellings mean the same version."""
    return one == other or (_key(one) == _key(other) != (one,))


def spelled(versions: Iterable[str], theirs: Iterable[str]) -> tuple[str, ...]:
    """Return `versions`, those that the other party has named in its spelling, so that it knows them again."""
    others = list(theirs)
    return tuple(
        next((other for other in others if same_version(version, other)), version) for version in versions
    )


def known_sxl(version: object, field: str) -> str:
    """Return a version of the traffic-light list in our spelling, or raise `InputError`."""
    for known in SXL_VERSIONS:
        if isinstance(version, str) and same_version(known, version):
            return known
    raise InputError(f"must be one of {', '.join(SXL_VERSIONS)}", field=field, value=version)


def _key(version: str) -> tuple[int, ...] | tuple[str]:
    numbers = _NUMBERS.fullmatch(version)
    return tuple(int(number or 0) for number in numbers.groups()) if numbers else (version,)
