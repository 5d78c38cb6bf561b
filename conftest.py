"""Runs the examples of README.md and docs/: Python blocks, and `$ jasyl ...` lines of console blocks.

Where an example shows output, it is compared; ``...`` stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from api.cli import run

_PROJECT = Path(__file__).resolve().parent


def _split(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output shown for it."""
    pairs: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif pairs:
            command, output = pairs[-1]
            pairs[-1] = (command, output + line + "\n")
    return pairs


def _run_console(example: Example) -> str | None:
    for command, expected in _split(example.parsed):
        program, *arguments = shlex.split(command)
        if program != "jasyl":
            continue
        output, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = run(arguments)
        shown = output.getvalue() + errors.getvalue()
        if code != 0 and not expected:
            return f"{command} ended with exit code {code}:\n{shown}"
        checker = doctest.OutputChecker()
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        if expected and not checker.check_output(expected, shown, flags):
            return f"{command} printed\n{shown}\ninstead of\n{expected}"
    return None


def _setup(namespace: dict[str, Any]) -> None:
    namespace["_home"] = Path.cwd()
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)


def _teardown(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=_run_console)],
    path=str(_PROJECT),
    patterns=["README.md", "docs/*.md"],
    setup=_setup,
    teardown=_teardown,
).pytest()
