"""Measure what docs/benchmarks.md shows, and write it.

    python -m benchmarks.report                  # all of it: hours
    python -m benchmarks.report --quick          # small networks, little time: minutes
    python -m benchmarks.report --resume         # go on where it was cut off
    python -m benchmarks.report --jobs 2         # sections side by side, after that of speed
    python -m benchmarks.report --page-only      # write the page from what is stored
    python -m benchmarks.report plans offsets    # these sections alone

Results are stored after every entry, one JSON file for each section, in docs/benchmarks beside the plots; with ``--quick``
results and page go to out/benchmarks. SUMO networks (cologne1 and so on, folders or .tar.gz) are looked for in
``../shared/data/sumo``, or where ``--networks`` or the environment variable ``JASYL_SUMO_NETWORKS`` says. Run it on a machine
that has nothing else to do: speed is measured first, while nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report_page import SECTIONS, write_page
from traffic.errors import InputError, JasylError

if TYPE_CHECKING:
    from benchmarks.report_networks import Networks
    from benchmarks.report_store import Store

_PROJECT = Path(__file__).resolve().parent.parent
_PAGE, _RESULTS = _PROJECT / "docs" / "benchmarks.md", _PROJECT / "docs" / "benchmarks"
_QUICK_PAGE, _QUICK_RESULTS = _PROJECT / "out" / "benchmarks.md", _PROJECT / "out" / "benchmarks"


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; 2 for input that is wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    wrong = [name for name in options.sections if name not in SECTIONS]
    if wrong:
        parser.error(f"no section {wrong[0]!r}: choose from {', '.join(SECTIONS)}")
    for name in ("jobs", "cores"):
        if (value := getattr(options, name)) < 1:
            parser.error(f"--{name} must be at least 1, not {value}")
    results = options.results or (_QUICK_RESULTS if options.quick else _RESULTS)
    page = options.page or (_QUICK_PAGE if options.quick else _PAGE)
    try:
        if not options.page_only:
            _measure_all(options, results)
        if options.no_page:
            return 0
        page.parent.mkdir(parents=True, exist_ok=True)
        write_page(results, page)
    except JasylError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(page)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="sections measured side by side (default 1)")
    parser.add_argument(
        "--cores", type=int, default=os.cpu_count() or 1, help="that a section may use (default all)"
    )
    parser.add_argument("--page-only", action="store_true")
    parser.add_argument("--no-page", action="store_true", help="measure, and leave the page as it is")
    parser.add_argument("--networks", type=Path, default=None, help="folder of the SUMO networks")
    parser.add_argument("--results", type=Path, default=None, help="folder of the results and plots")
    parser.add_argument("--page", type=Path, default=None)
    return parser


def _measure_all(options: argparse.Namespace, results: Path) -> None:
    wanted = options.sections or list(SECTIONS)
    alone = [name for name in wanted if name == "speed" or options.jobs == 1]
    beside = [name for name in wanted if name not in alone]
    _measure(options, results, sorted(alone, key=lambda name: name != "speed"))
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        codes = list(pool.map(lambda name: _measure_beside(options, results, name), beside))
    if wrong := [name for name, code in zip(beside, codes, strict=True) if code != 0]:
        hint = "Its error is above; mend the cause and go on with --resume"
        raise InputError("must be measured to its end", field="section", value=", ".join(wrong), hint=hint)


def _measure_beside(options: argparse.Namespace, results: Path, name: str) -> int:
    command = [
        sys.executable,
        "-m",
        "benchmarks.report",
        name,
        "--no-page",
        "--results",
        str(results.absolute()),
    ]
    command += ["--cores", str(max(1, options.cores // options.jobs))]
    command += [f"--{flag}" for flag in ("quick", "resume") if getattr(options, flag)]
    command += ["--networks", str(options.networks.absolute())] if options.networks is not None else []
    return subprocess.run(command, check=False, cwd=_PROJECT).returncode


def _measure(options: argparse.Namespace, results: Path, sections: list[str]) -> None:
    # one core, also where a library would take more; read when numba and BLAS are loaded
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from benchmarks.report_networks import FOLDER, Networks  # noqa: PLC0415 - a page alone needs no kernels
    from benchmarks.report_results import machine  # noqa: PLC0415
    from benchmarks.report_store import Store  # noqa: PLC0415

    if options.networks is not None and not options.networks.is_dir():
        hint = "Name the folder that holds cologne1 and the others, or leave --networks out"
        raise InputError("must be a folder", file=options.networks, field="--networks", hint=hint)
    made = machine()
    with tempfile.TemporaryDirectory(prefix="jasyl-report-") as scratch:
        networks = Networks(options.networks or FOLDER, Path(scratch))
        for name in sections:
            store = Store(results, name, quick=options.quick, resume=options.resume, made=made)
            _section(name, store, networks, quick=options.quick, cores=options.cores)


def _section(name: str, store: Store, networks: Networks, *, quick: bool, cores: int) -> None:
    from benchmarks import (  # noqa: PLC0415
        report_offsets,
        report_plans,
        report_ranking,
        report_speed,
    )

    if name == "plans":
        report_plans.measure(store, networks, report_plans.QUICK if quick else report_plans.FULL)
    elif name == "ranking":
        ranked = report_ranking.QUICK if quick else report_ranking.FULL
        report_ranking.measure(store, networks, ranked, jobs=cores)
    elif name == "offsets":
        scenarios = report_offsets.QUICK if quick else report_offsets.FULL
        cases = report_offsets.QUICK_NETWORKS if quick else report_offsets.FULL_NETWORKS
        report_offsets.measure(store, networks, scenarios, cases)
    else:
        report_speed.measure(store, networks, report_speed.QUICK if quick else report_speed.FULL)


if __name__ == "__main__":
    sys.exit(main())
