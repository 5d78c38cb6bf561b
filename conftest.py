"""Runs the examples of README.md and docs/: Python blocks, and `$ jasyl ...` and `$ curl ...` lines of console blocks.

Where an example shows output, it is compared; ``...`` stands for anything.
"""

from __future__ import annotations

import doctest
import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from tests.docs_shell import Shell

_PROJECT = Path(__file__).resolve().parent


def _split(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output shown for it."""
    pairs: list[tuple[str, str]] = []
    for line in block.splitlines():
        if pairs and pairs[-1][0].endswith("\\"):
            pairs[-1] = (pairs[-1][0][:-1] + line.strip(), "")
        elif line.startswith("$ "):
            pairs.append((line[2:], ""))
        elif pairs:
            command, output = pairs[-1]
            pairs[-1] = (command, output + line + "\n")
    return pairs


def _run_console(example: Example) -> str | None:
    for command, expected in _split(example.parsed):
        done = example.namespace["_shell"].run(command)
        if done is None:
            continue
        code, shown = done
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
    namespace["_shell"] = Shell()


def _teardown(namespace: dict[str, Any]) -> None:
    namespace["_shell"].close()
    os.chdir(namespace["_home"])
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="console", evaluator=_run_console)],
    path=str(_PROJECT),
    patterns=["README.md", "docs/*.md"],
    setup=_setup,
    teardown=_teardown,
).pytest()
