"""What the report of benchmarks stores: one JSON file for each section, every entry with where it was measured."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from traffic.errors import InputError
from traffic.files import replacing

__all__ = [
    "CityPlan",
    "Entry",
    "Evaluation",
    "Made",
    "OffsetsNetwork",
    "OffsetsScenario",
    "PlanScore",
    "Ranked",
    "Replanned",
    "SameTime",
    "Section",
    "SumoScore",
    "Timed",
    "machine",
    "read_section",
    "write_section",
]

_PROJECT = Path(__file__).resolve().parent.parent
_HINT = "Measure the section anew, without --resume"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Made(_Record):
    """Where and when an entry was measured."""

    date: str
    commit: str
    cpu: str
    cores: int
    python: str
    numba: str
    sumo: str


class Entry(_Record):
    """One thing that was measured.

    Attributes
    ----------
    key
        Tells it from the others of its section.
    seconds
        That measuring it took.
    """

    key: str
    seconds: float = 0.0
    made: Made | None = None


class SumoScore(_Record):
    """One run of SUMO; `delay_s` is `delay_per_veh`, seconds for each vehicle due."""

    seed: int
    delay_s: float
    teleports: float
    collisions: float
    emergency_braking: float
    backlog: float


class PlanScore(Entry):
    """Plans of one search (`seed`; of no search: 0) in SUMO."""

    kind: Literal["plan"] = "plan"
    network: str
    lights: int
    track: Literal["shipped", "kept", "free"]
    seed: int
    search_s: float
    runs: tuple[SumoScore, ...] = Field(min_length=1)


class Ranked(Entry):
    """Delays of the same plans in both models, seconds per vehicle, and how alike their order is."""

    kind: Literal["ranking"] = "ranking"
    network: str
    seeds: int
    model_s: tuple[float, ...] = Field(min_length=2)
    sumo_s: tuple[float, ...] = Field(min_length=2)
    spearman: float
    best_quarter: float
    regret: float


class Certified(_Record):
    """A solution in its own model; `ratio` is the improvement over random offsets as a part of what the bound allows."""

    model: Literal["pairwise cost", "sinusoidal gain"]
    found: float
    bound: float
    ratio: float
    as_they_are: float
    seconds: float


class OffsetDelay(_Record):
    """Delay of offsets, seconds per vehicle: over seeds, or the means of several sets of them."""

    offsets: str
    certified: float | None = None
    pairwise: float | None = None
    sumo_s: tuple[float, ...] = Field(min_length=1)
    model_s: tuple[float, ...] = ()
    teleports: float | None = None


class OffsetsScenario(Entry):
    """Both models of a scenario, and SUMO's delays."""

    kind: Literal["scenario"] = "scenario"
    network: str
    lights: int
    pairs: int
    cycle_s: int
    certified: tuple[Certified, ...]
    delays: tuple[OffsetDelay, ...]


class OffsetsNetwork(Entry):
    """Offsets of both models on a SUMO network with splits that stay."""

    kind: Literal["network"] = "network"
    network: str
    lights: int
    pairs: int
    cycles: str
    delays: tuple[OffsetDelay, ...]


class Evaluation(Entry):
    """Time of one evaluation of the profile model, of one move with its propagation, and of the flow model's hour.

    Medians over as many repetitions; of the flow model one run.
    """

    kind: Literal["evaluation"] = "evaluation"
    scenario: str
    junctions: int
    evaluation_ms: float
    evaluations: int
    move_us: float
    moves: int
    flow_s: float


class Timed(_Record):
    """The objective that was reached in so many seconds, judged by the flow model, seconds per vehicle."""

    method: str
    seed: int
    budget_s: float
    taken_s: float
    objective_s: float


class CityPlan(Entry):
    """Plans for a city from nothing."""

    kind: Literal["city"] = "city"
    scenario: str
    group: Literal["fast", "long", "rival"]
    plan: Timed


class Replanned(Entry):
    """Old plans, a re-plan and one from scratch under a demand of which a part has changed."""

    kind: Literal["replan"] = "replan"
    scenario: str
    seed: int
    changed_pairs: int
    pairs: int
    old: Timed
    replan: Timed
    scratch: Timed


class SameTime(Entry):
    """A search for a SUMO network in a time, and its plans in runs that it did not see."""

    kind: Literal["same time"] = "same time"
    network: str
    method: Literal["shipped", "SUMO in the loop", "Jasyl"]
    seed: int
    budget_s: float
    taken_s: float
    tried: int
    runs: tuple[SumoScore, ...] = Field(min_length=1)


AnyEntry = Annotated[
    PlanScore | Ranked | OffsetsScenario | OffsetsNetwork | Evaluation | CityPlan | Replanned | SameTime,
    Field(discriminator="kind"),
]


class Section(_Record):
    """A section of the report.

    Attributes
    ----------
    quick
        Whether it was measured with little time and few seeds.
    missing
        What could not be measured, and why.
    """

    section: Literal["plans", "ranking", "offsets", "speed"]
    quick: bool
    entries: tuple[AnyEntry, ...] = ()
    missing: dict[str, str] = Field(default_factory=dict)


def read_section(file: Path) -> Section:
    """Return a stored section.

    Raises
    ------
    InputError
        Where the file does not hold one, with the field and its value.
    """
    try:
        section = Section.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise InputError(first["msg"], file=file, field=field, value=first["input"], hint=_HINT) from error
    except ValueError as error:
        raise InputError(f"cannot be read as JSON: {error}", file=file, hint=_HINT) from error
    if section.section != file.stem:
        rule = f"must be {file.stem!r}, as the file is called"
        raise InputError(rule, file=file, field="section", value=section.section, hint=_HINT)
    return section


def write_section(section: Section, file: Path) -> None:
    """Write a section, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as draft:
        draft.write_text(section.model_dump_json(indent=1) + "\n", encoding="utf-8")


def machine() -> Made:
    """Return what results are measured on, at this moment."""
    return Made(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        commit=_commit(),
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        numba=metadata.version("numba"),
        sumo=_sumo(),
    )


def _tell(command: list[str], of: Callable[[str], str] = str.strip) -> str:
    """Return what a program prints, or ``unknown``."""
    try:
        done = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return of(done.stdout)


def _commit() -> str:
    commit = _tell(["git", "rev-parse", "--short=9", "HEAD"])
    source = ["api", "signals", "simulation", "scenarios", "traffic", "benchmarks"]
    changed = _tell(["git", "status", "--porcelain", "--untracked-files=no", "--", *source])
    return f"{commit} with changes" if changed not in {"", "unknown"} else commit


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _sumo() -> str:
    from simulation.sumo.executables import sumo_program  # noqa: PLC0415 - of the measuring alone

    try:
        program = sumo_program("sumo")
    except InputError:
        return "none"
    return _tell([str(program), "--version"], lambda text: text.partition("\n")[0].split()[-1])
