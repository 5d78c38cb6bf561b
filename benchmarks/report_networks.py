"""Where the SUMO networks of the report are: folders, or packed ones, which are unpacked."""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

from simulation.sumo.city import SumoCity, read_city
from simulation.sumo.config import read_config
from traffic.errors import InputError

__all__ = ["FOLDER", "Networks"]

FOLDER = Path(
    os.environ.get("JASYL_SUMO_NETWORKS") or Path(__file__).resolve().parents[2] / "shared/data/sumo"
)
"""The environment variable ``JASYL_SUMO_NETWORKS``, or a folder beside the project."""


class Networks:
    """The SUMO networks of a folder: ``NAME/*.sumocfg``, ``NAME.tar.gz`` or ``NAME.zip`` with such a folder in it.

    Parameters
    ----------
    scratch
        Where packed networks are unpacked to.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.scratch = folder, scratch
        self._cities: dict[str, SumoCity] = {}

    def path(self, name: str) -> Path | None:
        """Return the folder of a network with its configuration, or `None` where there is none."""
        plain = self.folder / name
        if plain.is_dir():
            return plain
        target = self.scratch / name
        if target.is_dir():
            return target
        packed, zipped = self.folder / f"{name}.tar.gz", self.folder / f"{name}.zip"
        try:
            if packed.is_file():
                with tarfile.open(packed) as archive:
                    archive.extractall(self.scratch, filter="data")
            elif zipped.is_file():
                with zipfile.ZipFile(zipped) as archive:
                    archive.extractall(self.scratch)  # noqa: S202 - zipfile keeps names within the folder
            else:
                return None
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise InputError(
                f"cannot be unpacked: {error}", file=packed if packed.is_file() else zipped
            ) from error
        if not target.is_dir():
            raise InputError(f"must hold a folder {name}", file=packed if packed.is_file() else zipped)
        return target

    def city(self, name: str) -> SumoCity:
        """Return a network as a city; reading it may take a run of SUMO, so it is kept."""
        if name not in self._cities:
            path = self.path(name)
            if path is None:
                raise InputError("must hold the network", file=self.folder, field=name)
            self._cities[name] = read_city(read_config(path))
        return self._cities[name]
