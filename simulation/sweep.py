"""Sweeps: what plans and methods do over scenarios, demand scales, demand seeds and optimiser seeds.

A `Sweep` is the product of its factors. Each `Run` of it is told apart by its `key`, a hash of all that its figures
follow from, so that a result is known again wherever and whenever it was computed. `evaluate` is one run: a function
of the `Run` alone, fit for any process.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.cache import file_digest
from scenarios.loader import build, load
from scenarios.plans import read_city_plans
from scenarios.schema import GeneratedDemand
from traffic.errors import InputError
from traffic.files import is_file
from traffic.gmns.demand import config_file

if TYPE_CHECKING:
    from scenarios.loader import City, Scenario
    from signals.plan import PlanSet
    from traffic.progress import Progress

__all__ = ["MOST_RUNS", "OPTIMIZE", "WEBSTER", "Method", "Run", "Sweep", "check", "evaluate"]

OPTIMIZE, WEBSTER = "optimize", "webster"
MOST_RUNS = 100_000
"""A sweep of more runs is taken for a slip of the pen."""

_PROJECT = Path(__file__).resolve().parent.parent
_PACKAGES = ("traffic", "signals", "scenarios", "simulation")
_FILES = (
    ("network", "file"),
    ("network", "overrides"),
    ("demand", "file"),
    ("demand", "zones_file"),
    ("signals", "timing_sheet"),
)
_KEY_LENGTH = 24


@dataclass(frozen=True)
class Method:
    """Where the plans of a run come from.

    Attributes
    ----------
    name
        `OPTIMIZE`, `WEBSTER` (isolated Webster plans for the demand of the run), or what a file of plans is called.
    plans
        Absolute path of that file.
    steps, seconds
        When the optimiser stops: one of the two.
    """

    name: str
    plans: str | None = None
    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.name == OPTIMIZE and (self.steps is None) == (self.seconds is None):
            raise InputError("must be either steps or seconds", field="method", value=self.name)
        if (self.plans is None) != (self.name in {OPTIMIZE, WEBSTER}):
            rule = f"must be {OPTIMIZE}, {WEBSTER} or a file of plans with another name"
            raise InputError(rule, field="method", value=self.name)

    @classmethod
    def of_file(cls, path: str | Path) -> Method:
        """Return the evaluation of the plans in a file."""
        return cls(name=str(path), plans=str(Path(path).resolve()))


@dataclass(frozen=True)
class Run:
    """One evaluation.

    Attributes
    ----------
    scenario
        As the user named it.
    source
        What to load: the name of a built-in scenario, or the absolute path of a scenario file.
    scale
        Factor on the demand.
    demand_seed
        Seed of generated demand; `None` where the scenario's demand is not generated.
    method
        Where the plans come from.
    optimizer_seed
        Seed of the search; `None` for other methods.
    planned_scale
        Factor on the demand that protected turns are chosen for.
    inputs
        Hash of the scenario, the files that it and `method` name, and the sources of Jasyl.
    """

    scenario: str
    source: str
    scale: float
    demand_seed: int | None
    method: Method
    optimizer_seed: int | None
    planned_scale: float
    inputs: str

    @property
    def key(self) -> str:
        """Hash of all that the figures follow from and of the names that the user gave, under which they are told."""
        parts = asdict(self)
        del parts["source"], parts["method"]["plans"]
        text = json.dumps(parts, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]

    def factors(self) -> dict[str, object]:
        """Return what tells this run from the others of a sweep, as columns of its results."""
        return {
            "key": self.key,
            "scenario": self.scenario,
            "scale": self.scale,
            "demand_seed": self.demand_seed,
            "method": self.method.name,
            "optimizer_seed": self.optimizer_seed,
            "steps": self.method.steps,
            "seconds": self.method.seconds,
            "planned_scale": self.planned_scale,
        }


@dataclass(frozen=True)
class Sweep:
    """The product of factors; what is named twice in one of them counts once.

    Attributes
    ----------
    demand_seeds
        Empty: the scenario's own.
    optimizer_seeds
        Only `OPTIMIZE` is run for each.
    planned_scale
        Factor on the demand that the files of plans were made for. Other methods plan for the demand of the run.
    """

    scenarios: tuple[str, ...]
    methods: tuple[Method, ...]
    scales: tuple[float, ...] = (1.0,)
    demand_seeds: tuple[int, ...] = ()
    optimizer_seeds: tuple[int, ...] = (0,)
    planned_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scenarios", "methods", "scales", "optimizer_seeds"):
            if not getattr(self, name):
                hint = "The runs of a sweep are the product of its factors"
                raise InputError("must hold at least one value", field=name, value="nothing", hint=hint)
        for scale in self.scales:
            if not 0 < scale < float("inf"):
                raise InputError("must be more than 0", field="scales", value=scale)
        names = [method.name for method in dict.fromkeys(self.methods)]
        for name in names:
            if names.count(name) > 1:
                raise InputError("must be named once, with one budget", field="methods", value=name)

    def runs(self) -> tuple[Run, ...]:
        """Return the runs, in the order of the factors; raise `InputError` for a scenario that there is not."""
        factors = (self.scales, self.demand_seeds or (None,), self.optimizer_seeds)
        count = len(self.scenarios) * len(self.methods)
        for factor in factors:
            count *= len(factor)
        if count > MOST_RUNS:
            hint = "Split the sweep"
            raise InputError(f"must be {MOST_RUNS} runs or fewer", field="sweep", value=count, hint=hint)
        runs: dict[Run, None] = {}
        for name in self.scenarios:
            scenario = load(name)
            source = str(Path(name).resolve()) if is_file(name) and scenario.folder is not None else name
            seeds = self._demand_seeds(scenario)
            inputs = {method: _inputs(source, method.plans) for method in self.methods}
            for scale, demand_seed, method in itertools.product(self.scales, seeds, self.methods):
                for seed in self.optimizer_seeds if method.name == OPTIMIZE else (None,):
                    run = Run(
                        scenario=name,
                        source=source,
                        scale=scale,
                        demand_seed=demand_seed,
                        method=method,
                        optimizer_seed=seed,
                        planned_scale=self.planned_scale if method.plans else scale,
                        inputs=inputs[method],
                    )
                    runs[run] = None
        return tuple(runs)

    def _demand_seeds(self, scenario: Scenario) -> tuple[int | None, ...]:
        section = scenario.demand
        if isinstance(section, GeneratedDemand):
            return self.demand_seeds or (section.seed,)
        if self.demand_seeds:
            rule = (
                "must be left out where the demand is not generated, as it would be the same for every seed"
            )
            hint = "Sweep this scenario without --demand-seeds"
            raise InputError(rule, file=scenario.source, field="demand_seeds", value=section.kind, hint=hint)
        return (None,)


@cache
def _sources() -> str:
    """Return the hash of the sources that figures follow from."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for source in sorted((_PROJECT / package).rglob("*.py")):
            digest.update(f"{source.relative_to(_PROJECT).as_posix()}\0".encode() + source.read_bytes())
    return digest.hexdigest()


def _inputs(source: str, plans: str | None) -> str:
    """Return the hash of a scenario, of the files that it names, of `plans` and of the sources of Jasyl."""
    scenario = load(source)
    parts = [_sources(), scenario.file.model_dump_json()]
    for section, field in _FILES:
        name = getattr(getattr(scenario, section), field, None)
        if name is not None:
            path = scenario.find(f"{section}.{field}", name)
            parts += [section, field, file_digest(path)]
            config = config_file(path)  # GMNS keeps its units in a file beside the zones
            if field == "zones_file" and config.is_file():
                parts.append(file_digest(config))
    if plans is not None:
        if not is_file(plans):
            raise InputError("must be a file of plans that exists", file=plans, hint="Check the path")
        parts.append(file_digest(Path(plans)))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def check(runs: tuple[Run, ...], progress: Progress | None = None) -> None:
    """Raise `InputError` for scenarios that cannot be built and plans that do not fit them.

    Networks and demand of the scenarios are in the cache afterwards, so that no two workers make the same.
    """
    cities = {
        (run.source, run.planned_scale if run.method.plans else None, run.method.plans): run for run in runs
    }
    for done, run in enumerate(cities.values()):
        if progress is not None:
            progress(done, len(cities), run.scenario)
        city = _city(run.inputs, run.source, 1.0, None, run.planned_scale)
        if run.method.plans is not None:
            read_city_plans(city, Path(run.method.plans))


@lru_cache(maxsize=4)
def _city(inputs: str, source: str, scale: float, demand_seed: int | None, planned_scale: float) -> City:
    del inputs  # part of what the cache goes by: a file may change while a worker lives
    return build(load(source), seed=demand_seed, scale=scale, planned_scale=planned_scale)


def evaluate(run: Run) -> dict[str, float]:
    """Return the figures of a run in the flow model: those of `jasyl evaluate`, and objective_s_per_veh.

    The same run gives the same figures in every process, unless the optimiser stops by the clock.
    """
    if run.inputs != _inputs(run.source, run.method.plans):
        rule = "must be the scenario, the plans and the sources that the sweep was started with"
        hint = (
            "Give every worker the same files and the same Jasyl, and leave them alone while the sweep runs"
        )
        raise InputError(rule, file=run.source, field="inputs", value=run.inputs, hint=hint)
    from signals.greens import movement_greens  # noqa: PLC0415 - making up the runs needs no kernels
    from traffic.flow import simulate  # noqa: PLC0415

    city = _city(run.inputs, run.source, run.scale, run.demand_seed, run.planned_scale)
    greens = movement_greens(city.network, _plans(run, city))
    duration_s = city.scenario.run.duration_s
    result = simulate(city.network, city.demand, greens, duration_s=duration_s, report_s=duration_s)
    return {**result.summary(), "objective_s_per_veh": city.objective.judge(city.network, result)}


def _plans(run: Run, city: City) -> PlanSet:
    """Return the plans that `run` judges."""
    method = run.method
    if method.plans is not None:
        return read_city_plans(city, Path(method.plans))
    if method.name == WEBSTER:
        from simulation.rivals import isolated_webster  # noqa: PLC0415

        return isolated_webster(city.network, city.junctions, city.demand, start=city.before)
    from signals.optimize import optimize  # noqa: PLC0415

    return optimize(
        city.network,
        city.junctions,
        city.demand,
        seed=run.optimizer_seed or 0,
        seconds=method.seconds if method.seconds is not None else 1.0,  # not asked where steps are given
        steps=method.steps,
        objective=city.objective,
        start=city.before,
        duration_s=city.scenario.run.duration_s,
    ).plans
