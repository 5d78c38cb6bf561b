"""Scenarios by name or from a file."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.schema import GRID_SIDE, TARGET_P90_X, VOLUME_HOURS, parse
from signals.aspects import SignalSettings
from traffic.errors import InputError
from traffic.files import is_file

if TYPE_CHECKING:
    from scenarios.schema import (
        AlmatyNetwork,
        CorridorNetwork,
        CountsDemand,
        FileNetwork,
        GeneratedDemand,
        Goal,
        GridNetwork,
        OdDemand,
        OsmNetwork,
        Run,
        ScenarioFile,
        Signals,
        Transit,
    )

__all__ = ["Scenario", "load", "names", "template"]

_GRID = re.compile(r"grid[ -](\d{1,4})x(\d{1,4})")
_PROJECT = Path(__file__).resolve().parent.parent
_LABELS = {"almaty": "schematic", "osm": "OpenStreetMap", "file": "OpenStreetMap"}
_DATA_VARIABLE = "JASYL_DATA"
_DATA_BESIDE = Path("..") / "shared" / "data"


@dataclass(frozen=True)
class Scenario:
    """A checked scenario.

    Attributes
    ----------
    file
        Its sections (`scenarios.schema.ScenarioFile`), also at hand as `network`, `demand`, `signals`, `objective`,
        `transit`, `run`.
    source
        The file it was read from, for messages.
    folder
        Where its files are searched; `None` for a built-in scenario: the data folder.
    """

    file: ScenarioFile
    source: str
    folder: Path | None

    @property
    def name(self) -> str:
        """Short name, fit for a file name."""
        return self.file.scenario.name

    @property
    def title(self) -> str:
        """Title for people."""
        return self.file.scenario.title

    @property
    def description(self) -> str:
        """What it shows."""
        return self.file.scenario.description

    @property
    def label(self) -> str:
        """Where the network comes from, to be shown with all its figures."""
        return self.file.scenario.label or _LABELS.get(self.network.kind, "generated")

    @property
    def network(self) -> GridNetwork | CorridorNetwork | AlmatyNetwork | OsmNetwork | FileNetwork:
        """The section ``[network]``."""
        return self.file.network

    @property
    def demand(self) -> GeneratedDemand | OdDemand | CountsDemand:
        """The section ``[demand]``."""
        return self.file.demand

    @property
    def signals(self) -> Signals:
        """The section ``[signals]``."""
        return self.file.signals

    @property
    def objective(self) -> Goal:
        """The section ``[objective]``."""
        return self.file.objective

    @property
    def transit(self) -> Transit:
        """The section ``[transit]``."""
        return self.file.transit

    @property
    def run(self) -> Run:
        """The section ``[run]``."""
        return self.file.run

    def settings(self) -> SignalSettings:
        """Return the signal rules: those of the country with what the file changes."""
        try:
            return SignalSettings.of(self.signals.country, **self.signals.rules())
        except InputError as error:
            raise InputError(
                error.rule,
                file=self.source,
                field=f"signals.{error.field}",
                value=error.value,
                hint=error.hint,
            ) from error

    def in_force(self) -> dict[str, Any]:
        """Return all settings by section: those of the file, and the default of what it leaves out.

        What is not given and has no default (a timing sheet, a longest green) is left out.
        """
        table: dict[str, Any] = self.file.model_dump(mode="json")
        table["scenario"]["label"] = self.label
        demand, rules = table["demand"], self.settings()
        if demand["kind"] == "generated" and demand["total_veh_h"] is None and demand["target_p90_x"] is None:
            demand["target_p90_x"] = TARGET_P90_X
        if demand.get("format") == "gmns" and demand["volume_hours"] is None:
            demand["volume_hours"] = VOLUME_HOURS
        if demand.get("zones_file") is not None:
            del demand["zones"]  # none are made
        signals = table["signals"]
        signals |= {name: getattr(rules, name) for name in signals if hasattr(rules, name)}
        if self.transit.gtfs is None:
            del table["transit"]
        return {
            section: {key: value for key, value in own.items() if value is not None}
            for section, own in table.items()
        }

    def find(self, field_name: str, name: str) -> Path:
        """Return the path of a file that the scenario names, or raise `InputError`.

        Names are relative to the scenario file. Those of built-in scenarios are relative to the folder in
        ``JASYL_DATA``, by default ``../shared/data`` beside the project.
        """
        folder = self.folder or _data_folder()
        path = folder / name
        if is_file(path):
            return path
        hint = f"Put it at {path}"
        if self.folder is None:
            hint += f", or set {_DATA_VARIABLE} to the folder that holds {name}"
        raise InputError("the file must exist", file=self.source, field=field_name, value=name, hint=hint)


def names() -> tuple[tuple[str, str], ...]:
    """Return name and title of every built-in scenario, in alphabetical order."""
    return tuple((name, load(name).title) for name in sorted(_built_in()))


def template() -> str:
    """Return the text of a new scenario file that explains its keys."""
    return files("scenarios").joinpath("template.toml.txt").read_text(encoding="utf-8")


def load(name_or_path: str) -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    name_or_path
        A built-in scenario (see `names`), ``"grid 25x18"`` or ``"grid-25x18"`` for a grid of any size, or the
        path of a scenario file.
    """
    built_in = _built_in()
    if name_or_path in built_in:
        return _read(built_in[name_or_path], f"{name_or_path}.toml", None)
    path = Path(name_or_path)
    if name_or_path.startswith(("grid-", "grid ")) and path.suffix != ".toml":
        return _grid(name_or_path)
    if path.suffix == ".toml" and is_file(path):
        try:
            # some editors begin a file in UTF-8 with a mark
            return _read(path.read_text(encoding="utf-8-sig"), str(path), path.resolve().parent)
        except UnicodeDecodeError as error:
            field, hint = "file content", "Save it as UTF-8"
            raise InputError("must be UTF-8", file=path, field=field, value=str(error), hint=hint) from error
        except OSError as error:
            raise InputError("must be a file that can be read", file=path, value=error.strerror) from error
    known = [*sorted(built_in), "grid 25x18"]
    close = get_close_matches(name_or_path, known, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    hint = f"{meant}Built in are {', '.join(known)}"
    if is_file(path):
        hint = f"A map or a network is named in a scenario file ([network] file = {path.name!r}): jasyl scenario new"
    rule = "must be a scenario or a scenario file (.toml) that exists"
    raise InputError(rule, field="SCENARIO", value=name_or_path, hint=hint)


def _built_in() -> dict[str, str]:
    """Texts of the built-in scenario files by name."""
    found = {}
    for entry in files("scenarios").iterdir():
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = entry.read_text(encoding="utf-8")
    return found


def _read(text: str, source: str, folder: Path | None) -> Scenario:
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, a number of thousands of digits, lists in lists
        hint = "Quote texts, separate list items by commas, and write decimals with a point"
        raise InputError(
            "must be TOML", file=source, field="file content", value=str(error), hint=hint
        ) from error
    scenario = Scenario(parse(table, file=source), source, folder)
    scenario.settings()
    return scenario


def _grid(name: str) -> Scenario:
    """Return the built-in grid in the size that its name tells."""
    found = _GRID.fullmatch(name)
    columns, rows = (int(found[1]), int(found[2])) if found else (0, 0)
    least, most = GRID_SIDE
    if not (least <= columns <= most and least <= rows <= most):
        rule = f"must be a grid of {least} to {most} columns and {least} to {most} rows"
        hint = "Write grid-COLUMNSxROWS, such as grid-25x18"
        raise InputError(rule, field="SCENARIO", value=name, hint=hint)
    base = load("grid")
    table = base.file.model_dump(exclude_unset=True)
    table["network"] |= {"columns": columns, "rows": rows}
    table["scenario"] |= {"name": f"grid-{columns}x{rows}", "title": f"Grid of {columns} by {rows} junctions"}
    return Scenario(parse(table, file=name), name, base.folder)


def _data_folder() -> Path:
    given = os.environ.get(_DATA_VARIABLE)
    return Path(given) if given else (_PROJECT / _DATA_BESIDE).resolve()
