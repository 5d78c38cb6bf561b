"""The shell of the documentation's examples: `jasyl`, also behind an `&`, `curl`, `date`, variables; others are not run."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx

from api.cli import run

__all__ = ["Shell"]

_MAIN = [sys.executable, "-c", "from api.cli import main; main()"]
_SERVICE = {
    "JASYL_PORT": "0",
    "JASYL_RSMP": "false",
    "JASYL_JOB_WORKERS": "0",
    "JASYL_ACTIVATION_LEAD_S": "2",
}
_ADDRESS = re.compile(r"^Serving \S+ at (http\S+)$")
_ASSIGNMENT = re.compile(r"([A-Z_]+)=\$\((.*)\)")
_START_S, _STOP_S = 120.0, 30.0


class Shell:
    """Runs the commands of one page, in the folder and the environment of the process."""

    def __init__(self) -> None:
        self._jobs: list[subprocess.Popen[str]] = []
        self._before = dict(os.environ)

    def close(self) -> None:
        """End what still runs, and leave the environment as it was."""
        for job in self._jobs:
            self._stop(job)
        os.environ.clear()
        os.environ.update(self._before)

    def run(self, line: str) -> tuple[int, str] | None:
        """Return the exit code and the output of a command; none for one that is not run."""
        if found := _ASSIGNMENT.fullmatch(line):
            code, output = self.run(found[2]) or (0, "")
            os.environ[found[1]] = output.strip()
            return code, ""
        program, *arguments = shlex.split(_expanded(line))
        if program == "kill":
            self._stop(self._jobs[int(arguments[-1].lstrip("%")) - 1])
            return 0, ""
        if program == "curl":
            return _curl(arguments)
        if program == "date":
            done = subprocess.run(["date", *arguments], capture_output=True, text=True, check=True)  # noqa: S607
            return 0, done.stdout
        if program != "jasyl":
            return None
        return self._started(arguments[:-1]) if arguments[-1] == "&" else _jasyl(arguments)

    def _started(self, arguments: list[str]) -> tuple[int, str]:
        with Path(f"job{len(self._jobs) + 1}.log").open("w", encoding="utf-8") as log:
            job = subprocess.Popen(
                [*_MAIN, *arguments],
                stdout=subprocess.PIPE if arguments[0] == "serve" else log,
                stderr=log,
                text=True,
                env={**os.environ, **_SERVICE},
            )
        self._jobs.append(job)
        lines: list[str] = []
        for line in job.stdout or ():
            lines.append(line)
            if address := _ADDRESS.match(line):
                os.environ["JASYL_URL"] = address[1]
                return 0, "".join(lines)
        return (0 if job.stdout is None else job.wait(_START_S)), "".join(lines)

    @staticmethod
    def _stop(job: subprocess.Popen[str]) -> None:
        job.terminate()
        try:
            job.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            job.kill()
            job.communicate()


def _expanded(line: str) -> str:
    line = re.sub(
        r"\$\(cat ([^)]+)\)", lambda found: Path(found[1]).read_text(encoding="utf-8").strip(), line
    )
    return re.sub(r"\$([A-Z_]+)", lambda found: os.environ.get(found[1], found[0]), line)


def _jasyl(arguments: list[str]) -> tuple[int, str]:
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = run(arguments)
    return code, output.getvalue() + errors.getvalue()


def _curl(arguments: list[str]) -> tuple[int, str]:
    """Do what curl does with the few options that the pages use: -i, -s, -X, -H, -d."""
    method, url, content, headers, head = "", "", None, [], False
    rest = iter(arguments)
    for argument in rest:
        if argument == "-X":
            method = next(rest)
        elif argument == "-H":
            name, _, value = next(rest).partition(":")
            headers.append((name, value.strip()))
        elif argument == "-d":
            text = next(rest)
            content = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        elif argument == "-i":
            head = True
        elif argument != "-s":
            url = argument
    answer = httpx.request(
        method or ("GET" if content is None else "POST"), url, headers=headers, content=content, timeout=60
    )
    lines = [f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return 0, ("\n".join([*lines, "", ""]) if head else "") + answer.text + "\n"
