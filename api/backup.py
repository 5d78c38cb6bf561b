"""Back-ups: everything that a service must not lose in one file, made while it runs, and a service that goes on from one.

A back-up is a ZIP file. ``backup.json`` tells what it holds and is written last, ``files/`` is what the data folder has
besides Redis: keys, settings, capability files. Whoever has it can sign plans, so nobody else may read it.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from api.centre.state import ServiceState, applied
from api.settings import FILE_NAME, Settings
from api.store.backup import Content, check_content, load_content, require_empty, save_content
from api.store.connection import Store, connect
from api.store.errors import StoreUnavailable
from api.store.ledger import Ledger
from api.store.redis_server import RedisServer
from signals.instants import instant, instant_text
from signals.lifecycle import operators
from signals.signing import Signer
from traffic.errors import InputError
from traffic.files import replacing

__all__ = ["Backup", "back_up", "check_backup", "restore"]

_FORMAT, _FORMAT_VERSION = "jasyl-backup", 1
_ABOUT, _FILES, _KEYS = "backup.json", "files/", PurePosixPath("files/keys")
_KEPT_FOLDERS = ("keys", "rsmp", "archive")
_KEPT = (*_KEPT_FOLDERS, FILE_NAME)
"""What of the data folder is kept, besides what is in Redis."""
_PART_BYTES = 1 << 20

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Backup:
    """A back-up.

    Attributes
    ----------
    made_at
        When it was begun.
    release
        Of Jasyl.
    content
        What it has of Redis.
    files
        What it has of the data folder.
    """

    made_at: datetime
    release: str
    content: Content
    files: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "made_at": instant_text(self.made_at),
            "release": self.release,
            **asdict(self.content),
            "files": list(self.files),
        }


async def back_up(settings: Settings, target: Path, *, clock: Clock) -> Backup:
    """Write everything that the service of a data folder has into a file, whether it runs or not.

    Raises
    ------
    InputError
        Where there is no service in the folder, or it has not the key that signs, or the file cannot be written.
    """
    made_at = clock()
    async with _store_of(settings) as store:
        with replacing(target) as draft:
            with _private(draft), ZipFile(draft, "w", ZIP_DEFLATED) as archive:
                content = await save_content(store, archive)
                files = _save_files(settings.data_folder, archive)
                made = Backup(made_at, version("jasyl"), content, files)
                archive.writestr(_ABOUT, json.dumps(made.to_dict(), indent=1))
            with ZipFile(draft) as archive:
                return _checked(archive, target)


def check_backup(source: Path) -> Backup:
    """Read a back-up to its end, its files too, and the state that follows from its ledger.

    Raises
    ------
    InputError
        Where it is damaged, or of another kind, or has not the key that signs.
    """
    with _opened(source) as archive:
        return _checked(archive, source)


def _checked(archive: ZipFile, source: Path) -> Backup:
    about = _about(archive, source)
    content, entries = check_content(archive)
    expected = {name: about.get(name) for name in asdict(content)}
    if asdict(content) != expected:
        raise InputError("must hold what it says", file=source, field=_ABOUT, value=asdict(content))
    state = ServiceState()
    for entry in entries:
        state = applied(state, entry)
    files = _checked_files(archive, source)
    if list(files) != about.get("files"):
        raise InputError("must hold the files that it says", file=source, field=_ABOUT, value=list(files))
    _require_key(archive, state.plans.signing_key, source)
    return Backup(instant(about["made_at"], "made_at"), str(about["release"]), content, files)


async def restore(
    settings: Settings, source: Path, *, who: str, why: str, clock: Clock, new_id: Callable[[], str]
) -> Backup:
    """Make a data folder that goes on from a back-up.

    Versions and orders rise above what controllers may have heard of since the back-up was made, so that they take what is
    published next.

    Raises
    ------
    InputError
        Where the back-up is damaged, or the folder or the Redis has a service already, or something of one; nothing is
        changed then.
    """
    made = check_backup(source)
    folder = settings.data_folder
    made_here = _vacant(folder, own_redis=settings.redis_url is None)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        rule = "must be a folder, or one that can be made"
        raise InputError(rule, file=folder, field="--data", value=error.strerror) from error
    try:
        with _opened(source) as archive:
            _load_files(folder, archive)
            async with _store_of(settings, new=True) as store:
                await require_empty(store)
                await load_content(store, archive)
                await _go_on(store, made, who, why, clock, new_id)
    except BaseException:
        for path in made_here:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise
    return made


async def _go_on(
    store: Store, made: Backup, who: str, why: str, clock: Clock, new_id: Callable[[], str]
) -> None:
    """Check what was written as a service does, and enter that it was restored."""
    ledger = Ledger(store, ServiceState(), applied, clock=clock, new_id=new_id)
    await ledger.open()
    try:
        found = await ledger.verify()
        assert (found.entries, found.hash) == (made.content.entries, made.content.hash)
        await ledger.commit(
            lambda state, at: operators.restored(state.plans, at, who, made.made_at, made.content.entries),
            who=who,
            why=why,
        )
    finally:
        await ledger.close()


@asynccontextmanager
async def _store_of(settings: Settings, *, new: bool = False) -> AsyncIterator[Store]:
    """Open the Redis of a data folder: by its address, that of the service that runs there, or one of our own."""
    async with AsyncExitStack() as stack:
        if settings.redis_url is not None:
            store = await connect(settings.redis_url.get_secret_value())
        else:
            folder = settings.data_folder / "redis"
            if not (new or folder.is_dir()):
                hint = "Say which with --data"
                raise InputError("must be the data folder of a service", file=settings.data_folder, hint=hint)
            server = RedisServer(folder)
            if not await _runs(server):
                await stack.enter_async_context(server)
            store = server.store()
        stack.push_async_callback(store.close)
        yield store


async def _runs(server: RedisServer) -> bool:
    store = server.store(patience_s=0.0)
    try:
        await store.call("PING")
    except StoreUnavailable:
        return False
    finally:
        await store.close()
    return True


def _vacant(folder: Path, *, own_redis: bool) -> list[Path]:
    """Return what a restore makes in a folder; all but the settings must not be there yet."""
    names = (*_KEPT_FOLDERS, "redis") if own_redis else _KEPT_FOLDERS
    taken = [name for name in names if os.path.lexists(folder / name)]
    if taken:
        rule = f"must have no service, nor anything of one: {' and '.join(taken)} is there"
        hint = "Restore into another folder, or put this one aside first; what you have prepared there can be laid over it then"
        raise InputError(rule, file=folder, field="--data", hint=hint)
    own = [folder / name for name in names]
    return own if os.path.lexists(folder / FILE_NAME) else [*own, folder / FILE_NAME]


@contextmanager
def _private(draft: Path) -> Iterator[None]:
    """Have a file made that nobody else can read."""
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    yield
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _save_files(folder: Path, archive: ZipFile) -> tuple[str, ...]:
    names = []
    for top in _KEPT:
        place = folder / top
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            name = path.relative_to(folder).as_posix()
            with suppress(FileNotFoundError):  # the archive of reports drops what is over
                if path.is_file() and not path.name.endswith(".part"):
                    archive.write(path, _FILES + name)
                    names.append(name)
    return tuple(names)


def _load_files(folder: Path, archive: ZipFile) -> None:
    for name in archive.namelist():
        if not name.startswith(_FILES):
            continue
        path = folder / _safe(name)
        if path == folder / FILE_NAME and os.path.lexists(path):
            continue  # the settings of this machine are as somebody has written them here, or a link to what comes later
        try:
            _load_file(path, folder, archive.read(name))
        except OSError as error:
            rule = "must be a folder that the files of the back-up can be written into"
            value = f"{path.relative_to(folder)}: {error.strerror}"
            raise InputError(rule, file=folder, field="--data", value=value) from error


def _load_file(path: Path, folder: Path, content: bytes) -> None:
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _checked_files(archive: ZipFile, source: Path) -> tuple[str, ...]:
    """Read all files of a back-up to their end, where their sums are compared."""
    names = [name for name in archive.namelist() if name.startswith(_FILES)]
    for name in names:
        _safe(name)
        with archive.open(name) as file:
            while file.read(_PART_BYTES):
                pass
    if len(set(names)) != len(names):
        raise InputError("must hold each file once", file=source, field="back-up")
    return tuple(name.removeprefix(_FILES) for name in names)


def _require_key(archive: ZipFile, key: str | None, source: Path) -> None:
    """Refuse a back-up without the key that signs: no service starts from it, and controllers trust no other."""
    paths = (PurePosixPath(name) for name in archive.namelist())
    keys = [str(path) for path in paths if path.parent == _KEYS and path.suffix == ".pem"]
    if key is not None and key not in {_key_id(archive, name, source) for name in keys}:
        hint = "Make a back-up with --data of a replica that has this key in its folder keys"
        raise InputError("must have the key that signs", file=source, field="keys", value=key, hint=hint)


def _key_id(archive: ZipFile, name: str, source: Path) -> str:
    try:
        return Signer.from_pem(archive.read(name)).kid
    except InputError as error:
        raise InputError(error.rule, file=source, field=name.removeprefix(_FILES), hint=error.hint) from error


def _safe(name: str) -> PurePosixPath:
    """Return where a file of a back-up goes; a name that leads elsewhere is refused."""
    path = PurePosixPath(name.removeprefix(_FILES))
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in _KEPT:
        raise InputError("must be a file of a data folder", field="back-up", value=name)
    return path


@contextmanager
def _opened(source: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(source) as archive:
            yield archive
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=source, field="FILE") from None
    except (BadZipFile, KeyError, zipfile.LargeZipFile, EOFError, zlib.error, NotImplementedError) as error:
        rule = "must be a back-up that is whole"
        raise InputError(rule, file=source, value=str(error), hint="Take another back-up") from error


def _about(archive: ZipFile, source: Path) -> dict[str, Any]:
    about = json.loads(archive.read(_ABOUT))
    if about.get("format") != _FORMAT or about.get("format_version") != _FORMAT_VERSION:
        rule = f"must be {_FORMAT} of version {_FORMAT_VERSION}"
        value = f"{about.get('format')} {about.get('format_version')}"
        raise InputError(rule, file=source, field=_ABOUT, value=value)
    return dict(about)
