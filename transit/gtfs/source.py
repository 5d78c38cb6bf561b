"""The files of a feed, from a folder or a zip file: read whole, and not more of them than a computer can hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from traffic.errors import InputError

if TYPE_CHECKING:
    from transit.gtfs.problem_list import ProblemList

__all__ = ["FILES", "open_feed"]

FILES = (
    "agency.txt",
    "stops.txt",
    "routes.txt",
    "trips.txt",
    "stop_times.txt",
    "calendar.txt",
    "calendar_dates.txt",
    "shapes.txt",
    "frequencies.txt",
)
_FEWEST_BYTES = 22  # that a zip file has, without a file in it
_MOST_BYTES = 4 * 2**30
_SMALL_BYTES = 16 * 2**20  # of which no ratio is suspicious
_MOST_RATIO = 200  # timetables are packed to a tenth or a twentieth
_PACK_HINT = "Pack the text files themselves into one zip file, or give the folder that holds them"

_Member = tuple[PurePosixPath, Callable[[], bytes]]


def open_feed(path: Path, problems: ProblemList) -> dict[str, bytes]:
    """Return the content of the files of a feed that are read, by their name as the specification writes it.

    Raises
    ------
    InputError
        If there is no feed, or so much of it that it cannot be one.
    """
    if path.is_dir():
        members = [(PurePosixPath(child.name), child.read_bytes) for child in sorted(path.iterdir())]
        return _read(path, members, problems)
    if not path.is_file():
        raise InputError("must be a folder or a zip file that exists", file=path, hint="Check the path")
    if path.stat().st_size < _FEWEST_BYTES and not path.read_bytes().strip():
        hint = "An export or a download that failed leaves such a file: get it again"
        raise InputError("must not be empty", file=path, hint=hint)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(path, _members(path, archive), problems)
    except zipfile.BadZipFile as error:
        hint = f"It is damaged or was cut off: get it again. {_PACK_HINT}"
        raise InputError("must be a whole zip file", file=path, value=str(error), hint=hint) from error


def _members(path: Path, archive: zipfile.ZipFile) -> list[_Member]:
    members: list[_Member] = []
    for info in archive.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir() or name.name.lower() not in FILES:
            continue
        if info.file_size > _SMALL_BYTES and info.file_size > _MOST_RATIO * max(info.compress_size, 1):
            rule = f"must not be packed to less than 1/{_MOST_RATIO} of its size"
            hint = "It is no timetable; if you trust it, unpack it and give the folder"
            raise InputError(rule, file=path / name, value=f"{info.file_size} bytes", hint=hint)
        members.append((name, lambda info=info: archive.read(info)))  # type: ignore[misc]
    if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
        hint = "Remove what is no timetable, or unpack it and give the folder"
        raise InputError(f"must be {_MOST_BYTES >> 30} GiB or less when unpacked", file=path, hint=hint)
    return members


def _read(path: Path, members: list[_Member], problems: ProblemList) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    for name, read in _of_one_folder(path, members, problems):
        file = name.name.lower()
        if file in content:
            problems.error(file, "file name", "must be the only file of its name", value=str(name))
            continue
        if name.name != file:
            problems.warning(file, "file name", "must be written in small letters", value=name.name)
        try:
            content[file] = read()
        except (
            OSError,
            RuntimeError,
            NotImplementedError,
            EOFError,
            zipfile.BadZipFile,
            zlib.error,
        ) as error:
            problems.error(file, "file content", "must be a file that can be read", value=str(error))
    return content


def _of_one_folder(path: Path, members: list[_Member], problems: ProblemList) -> list[_Member]:
    known = [member for member in members if member[0].name.lower() in FILES]
    folders = sorted({str(name.parent) for name, _ in known if name.name.lower() == "stop_times.txt"})
    if not folders:
        raise InputError("must hold stop_times.txt", file=path, hint=_PACK_HINT)
    chosen = "." if "." in folders else folders[0]
    if chosen == "." or len(folders) == 1:
        if chosen != ".":
            problems.warning(
                "stop_times.txt", "file name", "must not be in a folder of the zip file", value=chosen
            )
        return [member for member in known if str(member[0].parent) == chosen]
    hint = f"Unpack it and give one of its folders: {', '.join(folders)}"
    raise InputError("must hold one feed", file=path, value=", ".join(folders), hint=hint)
