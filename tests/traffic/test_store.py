from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.traffic.hand_networks import assert_same, crossroads, networks
from traffic.errors import InputError
from traffic.store import FORMAT, VERSION, load_network, load_overrides, save_network

if TYPE_CHECKING:
    from pathlib import Path

    from traffic.network import RoadNetwork


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def repacked(data: bytes, **header: object) -> bytes:
    """Return a saved network with other values in its header."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "header.json":
                content = json.dumps(json.loads(content) | header).encode()
            new.writestr(name, content)
    return stream.getvalue()


@given(network=networks())
@settings(max_examples=60)
def test_round_trip(network: RoadNetwork, folder: Path) -> None:
    save_network(network, folder / "a.npz")
    assert_same(network, load_network(folder / "a.npz"))


def test_arrays_are_read_only_after_loading(tmp_path: Path) -> None:
    save_network(crossroads(), tmp_path / "a.npz")
    network = load_network(tmp_path / "a.npz")
    assert not network.links.length_m.flags.writeable
    assert not network.shape_x_m.flags.writeable
    assert network.links.length_m.dtype == np.float64


def test_same_network_same_bytes(tmp_path: Path) -> None:
    save_network(crossroads(), tmp_path / "a.npz")
    save_network(load_network(tmp_path / "a.npz"), tmp_path / "b.npz")
    data = (tmp_path / "a.npz").read_bytes()
    assert data == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_numpy_opens_it(tmp_path: Path) -> None:
    save_network(crossroads(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["links.length_m"].tolist() == [200.0] * 8


def test_replaces_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    save_network(crossroads(), path)
    load_network(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        save_network(crossroads(), path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_found(data: st.DataObject, folder: Path) -> None:
    """Any changed or missing byte is an `InputError`, or one that does not matter to the content."""
    whole = folder / "whole.npz"
    save_network(crossroads(), whole)
    content = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    damaged = folder / "damaged.npz"
    damaged.write_bytes(content)
    try:
        assert_same(load_network(damaged), crossroads())
    except InputError as found:
        error = found
    else:
        return
    assert error.file == str(damaged)


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -30])
def test_truncated(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.npz"
    save_network(crossroads(), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.npz: file content: is damaged"):
        load_network(path)


@pytest.mark.parametrize("version", [0, VERSION - 1, VERSION + 1, str(VERSION), None])
def test_other_version(tmp_path: Path, version: object) -> None:
    path = tmp_path / "a.npz"
    save_network(crossroads(), path)
    path.write_bytes(repacked(path.read_bytes(), version=version))
    with pytest.raises(InputError, match=r"a\.npz: version: must be 2.*Import the network again"):
        load_network(path)


def test_other_format(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save_network(crossroads(), path)
    path.write_bytes(repacked(path.read_bytes(), format="other"))
    with pytest.raises(InputError, match=f"format: must be '{FORMAT}'"):
        load_network(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("names", 3), ("names", ["Абай"]), ("junctions.key", []), ("junctions.osm_nodes", None), ("crs", 5)],
)
def test_header_that_breaks_a_rule(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "a.npz"
    save_network(crossroads(), path)
    path.write_bytes(repacked(path.read_bytes(), **{field: value}))
    with pytest.raises(InputError) as caught:
        load_network(path)
    assert caught.value.file == str(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.npz: file: cannot be read"):
        load_network(tmp_path / "no.npz")
    with pytest.raises(InputError, match="folder that exists"):
        save_network(crossroads(), tmp_path / "no" / "a.npz")
    with pytest.raises(InputError, match="not a folder"):
        save_network(crossroads(), tmp_path)


def test_the_overrides_of_the_import_are_kept(tmp_path: Path) -> None:
    save_network(crossroads(), tmp_path / "a.npz", overrides='[[junction]]\nname = "Абай"\n')
    assert load_overrides(tmp_path / "a.npz") == '[[junction]]\nname = "Абай"\n'
    assert_same(crossroads(), load_network(tmp_path / "a.npz"))
    save_network(crossroads(), tmp_path / "b.npz")
    assert load_overrides(tmp_path / "b.npz") == ""
    (tmp_path / "c.npz").write_bytes(repacked((tmp_path / "a.npz").read_bytes(), overrides=7))
    with pytest.raises(InputError, match=r"c\.npz: overrides: must be text"):
        load_overrides(tmp_path / "c.npz")
