"""What a worker process does for a request: the same as the commands of these names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.city_work import SearchSettings, evaluate_city, optimize_city, optimized_figures
from api.jobs.model import EvaluateRequest, OptimizeRequest, Progress

if TYPE_CHECKING:
    from scenarios.loader import City
    from signals.optimize import Step
    from signals.plan import PlanSet

__all__ = ["worked"]

Tell = Callable[[Progress], None]


def worked(
    request: OptimizeRequest | EvaluateRequest,
    city_name: str,
    folder: Path,
    *,
    tell: Tell,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Carry out a request and return its figures.

    Parameters
    ----------
    folder
        Where the plans to go on from, or to evaluate, are (``given.json``), and where those that come out are
        written (``found.json``).
    """
    from scenarios.loader import build, load  # noqa: PLC0415 - a bad request is told before numba is loaded
    from scenarios.plans import read_city_plans  # noqa: PLC0415
    from simulation.warmup import compile_kernels  # noqa: PLC0415

    scenario = load(city_name)
    compile_kernels(_told(tell, "compile"))
    city = build(
        scenario,
        seed=request.demand_seed,
        scale=request.scale,
        planned_scale=request.planned_scale,
        progress=_told(tell, "build"),
    )
    plans = None if request.plans is None else read_city_plans(city, folder / "given.json")
    if isinstance(request, OptimizeRequest):
        return _optimized(request, city, plans, folder / "found.json", tell, should_stop)
    assert plans is not None
    tell(Progress(stage="evaluate"))
    done = evaluate_city(city, plans)
    return {**done.figures, "warnings": [done.warning] if done.warning else []}


def _optimized(
    request: OptimizeRequest,
    city: City,
    start: PlanSet | None,
    output: Path,
    tell: Tell,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    from signals.wire import write_plans  # noqa: PLC0415

    settings = SearchSettings(request.seed, request.seconds, request.steps, request.robust, request.at)
    shares = _Shares(request, tell)
    found = optimize_city(
        city,
        settings,
        start=start,
        progress=shares.timed,
        observe=shares.observed,
        should_stop=should_stop,
    )
    tell(
        Progress(stage="optimize", share=1.0, objective=found.objective_after, bound=found.offset_bound_ratio)
    )
    write_plans(found.plans, output)
    return optimized_figures(found, output.name)


class _Shares:
    """Tells how far a search is: by its steps where it has a number of them, else by its time."""

    def __init__(self, request: OptimizeRequest, tell: Tell) -> None:
        self._request, self._tell = request, tell
        self._steps = 0
        self._objective: float | None = None
        self._name = ""

    def observed(self, step: Step, objective: float) -> None:
        """Take note of a step."""
        self._steps, self._objective, self._name = self._steps + 1, objective, step.name

    def timed(self, done: float, total: float, note: str = "") -> None:
        """Tell, with the time that has passed."""
        del note
        steps = self._request.steps
        share = done / total if steps is None else self._steps / (steps + 1)
        progress = Progress(
            stage="optimize", share=min(1.0, share), objective=self._objective, note=self._name
        )
        self._tell(progress)


def _told(tell: Tell, stage: str) -> Callable[..., None]:
    tell(Progress(stage=stage))

    def told(done: float, total: float, note: str = "") -> None:
        tell(Progress(stage=stage, share=min(1.0, done / total) if total > 0 else None, note=note))

    return told
