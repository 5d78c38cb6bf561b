"""What holds at the junctions of a scenario: its overrides on top of those that its network was imported with."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from signals.aspects import SignalSettings
    from signals.junction import Junction
    from traffic.network import RoadNetwork
    from traffic.overrides import JunctionOverride, Overrides

__all__ = ["check_junctions", "combined", "entry_told", "saved_overrides"]

_CYCLE_S = (20, 300)  # the widest bounds that a scenario may set
_LEAST_GREEN_S = 3  # the least that a scenario may set
_SETTINGS = {"groups": "fixed_order"} | {
    name: name
    for name in (
        "min_green_s",
        "max_green_s",
        "refuge",
        "walk_m",
        "fixed_order",
        "cycle_min_s",
        "cycle_max_s",
    )
}


def saved_overrides(path: Path, network: RoadNetwork) -> Overrides | None:
    """Return what the import that saved `network` at `path` was told of junctions; `None` for nothing."""
    from traffic.overrides import parse_overrides  # noqa: PLC0415 - the parser is needed here only
    from traffic.store import load_overrides  # noqa: PLC0415

    text = load_overrides(path)
    if not text:
        return None
    overrides = parse_overrides(text.encode(), f"{path}, overrides of its import")
    return overrides.for_network(network) if overrides.signals else None


def combined(layers: Sequence[Overrides]) -> Overrides | None:
    """Return the overrides that hold, setting by setting; the first of `layers`, all of one network, comes first."""
    if not layers:
        return None
    signals = dict(layers[-1].signals)
    for layer in reversed(layers[:-1]):
        for key, entry in layer.signals.items():
            signals[key] = _merged(layer, entry, signals[key]) if key in signals else entry
    return replace(layers[0], signals=MappingProxyType(signals))


def _merged(layer: Overrides, entry: JunctionOverride, below: JunctionOverride) -> JunctionOverride:
    """Return an entry of `layer` on top of one `below`, or refuse it where the two contradict each other."""
    merged = entry.over(below)
    broken = merged.contradiction()
    if broken:
        setting, rule, hint = broken
        raise InputError(
            f"{setting} {rule}, with what the import was told of this junction",
            file=layer.file,
            field=entry.where,
            value=getattr(merged, setting),
            hint=hint,
        )
    return merged


@contextmanager
def entry_told(source: str, layers: Sequence[Overrides]) -> Iterator[None]:
    """Say which entry of which file an error about a junction comes from; `source` where it is none of `layers`."""
    try:
        yield
    except InputError as error:
        if error.file is not None:
            raise
        place = _place(error, layers)
        file, field = place or (source, error.field)
        hint = error.hint or ("Correct the entry of this junction" if place else None)
        raise InputError(error.rule, file=file, field=field, value=error.value, hint=hint) from error


def _place(error: InputError, layers: Sequence[Overrides]) -> tuple[str, str] | None:
    """Return the file, and the field in it, that an error about a junction comes from."""
    field = error.field or ""
    for key in {key for layer in layers for key in layer.signals} & set(re.split("[ .,]+", field)):
        named = [layer for layer in layers if key in layer.signals]
        found = re.fullmatch(rf"(?:signals\.)?{re.escape(key)}\.(\w+)(?:\.(.+))?", field)
        setting = _SETTINGS.get(found[1]) if found else None
        if found is None or setting is None:
            return named[0].file, field
        group = f".{found[2]}" if found[2] else ""
        for layer in named:
            entry = layer.signals[key]
            if entry.says(setting, found[2] or str(error.value)):
                return layer.file, f"{entry.where}.{setting}{group}"
    return None


def check_junctions(network: RoadNetwork, overrides: Overrides, country: str) -> None:
    """Raise `InputError` where an entry of a junction cannot hold, whatever a scenario's bounds and demand are.

    Parameters
    ----------
    overrides
        As they were read; a junction that `network` does not have is refused if they ask for it.
    country
        ISO 3166-1 code whose signal rules hold; one that is not known has those of Kazakhstan.
    """
    from signals.aspects import COUNTRIES, SignalSettings  # noqa: PLC0415 - an import without overrides needs none
    from signals.build import build_junctions  # noqa: PLC0415

    named = overrides.for_network(network)
    if not named.signals:
        return
    settings = replace(
        COUNTRIES.get(country.upper(), SignalSettings()),
        cycle_min_s=_CYCLE_S[0],
        cycle_max_s=_CYCLE_S[1],
        min_green_s=_LEAST_GREEN_S,
        walk_min_s=_LEAST_GREEN_S,
    )
    with entry_told(overrides.file, [named]):
        junctions = build_junctions(network, settings=settings, overrides=named)
        for junction in junctions:
            if junction.key in named.signals:
                _check_stages(network, junction, settings, named)


def _check_stages(
    network: RoadNetwork, junction: Junction, settings: SignalSettings, overrides: Overrides
) -> None:
    """Refuse stages that are wrong whether the demand protects no left turn or every one."""
    from signals.build import build_junctions  # noqa: PLC0415
    from signals.stages import stage_sequences  # noqa: PLC0415

    try:
        stage_sequences(junction, limit=1)
    except InputError:
        protecting = replace(settings, protected_left_speed_m_s=0.0)
        protected = build_junctions(network, settings=protecting, overrides=overrides)
        stage_sequences(protected[junction.index], limit=1)
