"""What a scenario file may say: one model for each section, unknown keys refused."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

__all__ = [
    "GRID_SIDE",
    "SPACING_M",
    "TARGET_P90_X",
    "VOLUME_HOURS",
    "About",
    "AlmatyNetwork",
    "CorridorNetwork",
    "CountsDemand",
    "Demand",
    "FileNetwork",
    "GeneratedDemand",
    "Goal",
    "GridNetwork",
    "Network",
    "OdDemand",
    "OsmNetwork",
    "Run",
    "ScenarioFile",
    "Signals",
    "Transit",
    "parse",
]

Text = Annotated[str, Field(min_length=1, max_length=200)]
FileName = Annotated[str, Field(min_length=1, max_length=4096)]
GRID_SIDE = (2, 200)
"""Least and most columns, or rows, of a grid."""
TARGET_P90_X = 0.9
"""What generated demand is scaled to where the file gives neither a total nor a target."""
VOLUME_HOURS = 1.0
"""How many hours a GMNS volume stands for, where the file does not say."""
SPACING_M = (320.0, 210.0, 450.0, 280.0, 390.0, 240.0, 520.0, 300.0, 350.0)
"""Distances between the neighbouring junctions of a corridor, where the file gives none."""

Spacing = Annotated[float, Field(ge=80, le=5000)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Rate = Annotated[float, Field(gt=0, le=10_000_000)]
Factor = Annotated[float, Field(ge=0, le=10)]


def _with_traffic(profile: tuple[float, ...]) -> tuple[float, ...]:
    if not any(profile):
        message = "must be above 0 in some period: in none of these there would be traffic"
        raise ValueError(message)
    return profile


Profile = Annotated[
    tuple[Factor, ...], Field(strict=False, min_length=1, max_length=288), AfterValidator(_with_traffic)
]


class _Section(BaseModel):
    """A table of the file: no unknown keys, no conversions, no NaN, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class About(_Section):
    """``[scenario]``: what it is called and what it is.

    `label` tells readers where the network comes from and stands wherever its figures are shown; default: by the
    kind of the network.
    """

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    title: Text
    description: Annotated[str, Field(max_length=2000)] = ""
    label: Text | None = None


class _AnyNetwork(_Section):
    overrides: FileName | None = None


class GridNetwork(_AnyNetwork):
    """A regular grid of signalised junctions."""

    kind: Literal["grid"]
    columns: Annotated[int, Field(ge=GRID_SIDE[0], le=GRID_SIDE[1])] = 10
    rows: Annotated[int, Field(ge=GRID_SIDE[0], le=GRID_SIDE[1])] = 10
    spacing_x_m: Spacing = 250.0
    spacing_y_m: Spacing = 200.0


class CorridorNetwork(_AnyNetwork):
    """An arterial with cross streets; the spacings repeat as often as needed."""

    kind: Literal["corridor"]
    junctions: Annotated[int, Field(ge=2, le=200)] = 10
    lanes: Annotated[int, Field(ge=1, le=5)] = 2
    spacing_m: Annotated[tuple[Spacing, ...], Field(strict=False, min_length=1, max_length=200)] = SPACING_M


class AlmatyNetwork(_AnyNetwork):
    """The schematic of Almaty."""

    kind: Literal["almaty"]


class OsmNetwork(_AnyNetwork):
    """An OpenStreetMap file: ``.osm``, ``.osm.gz`` or ``.osm.pbf``.

    `classes` is how much of it is taken in, a key of `traffic.osm.roads.CLASSES`.
    """

    kind: Literal["osm"]
    file: FileName
    classes: Literal["major", "streets", "all"] = "streets"


class FileNetwork(_AnyNetwork):
    """A network that ``jasyl import osm`` has saved."""

    kind: Literal["file"]
    file: FileName


class _AnyDemand(_Section):
    scale: Factor = 1.0


class _Trips(_AnyDemand):
    """Demand between zones, assigned to user equilibrium.

    `zones` is the number of zones to make, `gap` the relative gap of the assignment, `profile` the demand of
    each period of `period_s` seconds relative to the rest of the section. `target_p90_x` scales the trips so
    that the 90th percentile of the degree of saturation of signalised lane groups is this.
    """

    total_veh_h: Rate | None = None
    target_p90_x: Annotated[float, Field(gt=0, le=2)] | None = None
    zones: Annotated[int, Field(ge=2, le=3000)] = 150
    profile: Profile = (1.0,)
    period_s: Annotated[float, Field(ge=60, le=86_400)] = 3600.0
    gap: Annotated[float, Field(ge=1e-10, le=0.1)] = 1e-4

    @model_validator(mode="after")
    def _one_total(self) -> _Trips:
        if self.total_veh_h is not None and self.target_p90_x is not None:
            message = "total_veh_h and target_p90_x cannot both be given"
            raise ValueError(message)
        return self


class GeneratedDemand(_Trips):
    """A seeded gravity model; without a total, the target of 0.9 holds."""

    kind: Literal["generated"]
    seed: Seed = 1
    gateway_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    distance_scale_m: Annotated[float, Field(ge=100, le=100_000)] = 3000.0


class OdDemand(_Trips):
    """A matrix in a file; `zones_file` tells the links of each zone, else zones are made.

    In the format ``"gmns"`` the files are ``demand.csv`` and ``node.csv``, and `volume_hours` is how many hours a
    volume stands for.
    """

    kind: Literal["od"]
    file: FileName
    format: Literal["csv", "gmns"] = "csv"
    zones_file: FileName | None = None
    volume_hours: Annotated[float, Field(gt=0, le=168)] | None = None

    @model_validator(mode="after")
    def _fits_its_format(self) -> OdDemand:
        if self.format == "gmns" and self.zones_file is None:
            message = 'format = "gmns" needs zones_file = "node.csv", whose zone_id the matrix refers to'
            raise ValueError(message)
        if self.format == "csv" and self.volume_hours is not None:
            message = 'volume_hours needs format = "gmns"; a CSV file has veh_h'
            raise ValueError(message)
        return self


class CountsDemand(_AnyDemand):
    """Turning counts in a CSV file, balanced between junctions."""

    kind: Literal["counts"]
    file: FileName


class Signals(_Section):
    """``[signals]``: rules of the country; what is left out has the country's default.

    What each rule is stands at `signals.aspects.SignalSettings`.
    """

    country: Annotated[str, Field(min_length=2, max_length=2)] = "KZ"
    cycle_min_s: Annotated[int, Field(ge=20, le=300)] | None = None
    cycle_max_s: Annotated[int, Field(ge=20, le=300)] | None = None
    min_green_s: Annotated[int, Field(ge=3, le=60)] | None = None
    max_green_s: Annotated[int, Field(ge=5, le=300)] | None = None
    walk_min_s: Annotated[int, Field(ge=3, le=60)] | None = None
    walking_speed_m_s: Annotated[float, Field(ge=0.3, le=2)] | None = None
    vehicle_length_m: Annotated[float, Field(ge=3, le=30)] | None = None
    speed_margin_m_s: Annotated[float, Field(ge=0, le=10)] | None = None
    deducts_entering_time: bool | None = None
    timing_sheet: FileName | None = None

    def rules(self) -> dict[str, float]:
        """Return the rules that the file gives, under their names in `signals.aspects.SignalSettings`."""
        given = self.model_dump(exclude={"country", "timing_sheet"}, exclude_none=True)
        return {name: value for name, value in given.items() if isinstance(value, int | float)}


class Transit(_Section):
    """``[transit]``: the buses; without a timetable they are generated."""

    gtfs: FileName | None = None


class Run(_Section):
    """``[run]``: how long the flow model runs and how often it reports."""

    duration_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    report_s: Annotated[int, Field(ge=1, le=86_400)] = 300


class StreetGoal(_Section):
    """``[objective.streets."NAME"]``: what a street counts for."""

    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    bus_share: Annotated[float, Field(ge=0, le=1)] = 0.0


class Goal(_Section):
    """``[objective]``: what the optimiser minimises; what each key is stands at `signals.objective.Objective`."""

    stop_s: Annotated[float, Field(ge=0, le=600)] = 5.0
    bus_weight: Annotated[float, Field(ge=0, le=1000)] = 20.0
    overflow: Annotated[float, Field(ge=0, le=1000)] = 10.0
    streets: dict[Text, StreetGoal] = {}


Network = Annotated[
    GridNetwork | CorridorNetwork | AlmatyNetwork | OsmNetwork | FileNetwork, Field(discriminator="kind")
]
Demand = Annotated[GeneratedDemand | OdDemand | CountsDemand, Field(discriminator="kind")]


class ScenarioFile(_Section):
    """A whole scenario file."""

    scenario: About
    network: Network
    demand: Demand = GeneratedDemand(kind="generated")
    signals: Signals = Signals()
    objective: Goal = Goal()
    transit: Transit = Transit()
    run: Run = Run()


def _by_kind(union: Any) -> dict[str, type[BaseModel]]:
    models = get_args(get_args(union)[0])
    return {get_args(model.model_fields["kind"].annotation)[0]: model for model in models}


_HELP = "`jasyl scenario new FILE` writes a file that explains every key"
# What pydantic says of these is about Python, not about the file.
_RULES = {
    "string_pattern_mismatch": "must be of lower-case letters, digits, - and _, and begin with a letter or a digit",
    "string_type": "must be a text in quotes",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list: [...]",
    "model_type": "must be a section: [...]",
    "model_attributes_type": "must be a section: [...]",
    "dict_type": "must be a section: [...]",
}
_VARIANTS = {"network": _by_kind(Network), "demand": _by_kind(Demand)}


def parse(table: Mapping[str, Any], *, file: Path | str) -> ScenarioFile:
    """Check the table of a scenario file.

    Raises
    ------
    InputError
        For the first rule that it breaks: an unknown key (with the key that was perhaps meant), a value out
        of bounds, a missing key.
    """
    try:
        return ScenarioFile.model_validate(table)
    except ValidationError as error:
        # A misspelt key often explains that another one is missing, so it is told first.
        found = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        raise _explain(found[0], file) from None


def _explain(error: ErrorDetails, file: Path | str) -> InputError:
    keys = list(_path(error["loc"]))
    field = ".".join(keys) or None
    if error["type"] == "extra_forbidden":
        return _unknown_key(error["loc"], keys, file)
    if error["type"] == "missing":
        hint = f"Add {keys[-1]} = ..." if len(keys) > 1 else f"Add the section [{keys[-1]}]; {_HELP}"
        return InputError("this key is missing", file=file, field=field, hint=hint)
    if error["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        kinds = list(_VARIANTS[keys[0]])
        given = error["input"].get("kind") if isinstance(error["input"], dict) else error["input"]
        hint = _did_you_mean(str(given), kinds)
        rule = f"must be one of {', '.join(kinds)}"
        return InputError(rule, file=file, field=f"{keys[0]}.kind", value=given, hint=hint)
    if error["type"] in _RULES:
        return InputError(_RULES[error["type"]], file=file, field=field, value=error["input"], hint=_HELP)
    rule = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    rule = rule.replace("String should", "must").replace("Tuple should", "must")
    return InputError(rule, file=file, field=field, value=error["input"], hint=_HELP)


def _unknown_key(location: tuple[int | str, ...], keys: list[str], file: Path | str) -> InputError:
    """Say that a key is unknown, and which one was perhaps meant."""
    model: type[BaseModel] = ScenarioFile
    if len(location) > 1:
        section = str(location[0])
        if section in _VARIANTS:
            model = _VARIANTS[section][str(location[1])]
        elif section == "objective" and len(location) > 2:
            model = StreetGoal
        else:
            annotation = ScenarioFile.model_fields[section].annotation
            model = annotation if isinstance(annotation, type) else ScenarioFile
    where = f"[{keys[0]}]" if len(keys) > 1 else "a scenario file"
    hint = _did_you_mean(keys[-1], list(model.model_fields))
    return InputError(f"is no key of {where}", file=file, field=".".join(keys), value=keys[-1], hint=hint)


def _did_you_mean(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return f"{meant}Known are {', '.join(known)}"


def _path(location: tuple[int | str, ...]) -> Iterator[str]:
    """Keys of the file that lead to an error: the location without the kind of a section."""
    for position, part in enumerate(location):
        if not (position == 1 and part in _VARIANTS.get(str(location[0]), ())):
            yield str(part)
