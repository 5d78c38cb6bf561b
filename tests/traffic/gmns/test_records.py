"""Tables of GMNS networks: whatever stands in them, it comes back."""

from __future__ import annotations

import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traffic.gmns.hand_tables import crossroads_gmns
from traffic.errors import InputError
from traffic.gmns.records import GmnsFolder, GmnsTable, read_gmns, write_gmns

EXAMPLES = {
    "Arlington_Signals": (17, 335),
    "Cambridge_Intersection": (14, 249),
    "Cambridge_Multimodal_Network": (2, 4656),
    "Lima/GMNS": (8, 31594),
}


@pytest.mark.parametrize("folder", EXAMPLES)
def test_the_examples_of_the_specification_come_back(shared_data, tmp_path, folder):
    read = read_gmns(shared_data / "gmns" / "gmns_examples.zip", inside=folder)
    assert (len(read.tables), sum(len(table.rows) for table in read.tables)) == EXAMPLES[folder]
    write_gmns(read, tmp_path / "written")
    again = read_gmns(tmp_path / "written")
    assert again == read
    write_gmns(again, tmp_path / "twice")
    for file in (tmp_path / "written").iterdir():
        assert file.read_bytes() == (tmp_path / "twice" / file.name).read_bytes()


_CELL = st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",)), max_size=6)


@st.composite
def tables(draw):
    columns = draw(st.lists(_CELL.filter(str.strip), min_size=1, max_size=4, unique=True))
    row = st.lists(_CELL, min_size=len(columns), max_size=len(columns)).filter(any)
    return GmnsTable("node", tuple(columns), tuple(map(tuple, draw(st.lists(row, max_size=5)))))


@given(table=tables())
def test_any_table_comes_back(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("gmns") / "out"
    write_gmns(GmnsFolder((table,)), path)
    assert read_gmns(path).tables == (table,)


def test_a_zip_of_one_network_needs_no_folder(tmp_path):
    write_gmns(crossroads_gmns(), tmp_path / "hand")
    with zipfile.ZipFile(tmp_path / "hand.zip", "w") as archive:
        for file in (tmp_path / "hand").iterdir():
            archive.write(file, f"some/where/{file.name}")
    assert read_gmns(tmp_path / "hand.zip") == crossroads_gmns()


def test_one_of_several_networks_must_be_chosen(shared_data):
    with pytest.raises(InputError) as caught:
        read_gmns(shared_data / "gmns" / "gmns_examples.zip")
    assert caught.value.field == "--folder"
    assert "Arlington_Signals" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "field", "rule"),
    [
        (b"node_id,x\n1,2,3\n", "row 2", "must have 2 cells or fewer"),
        (b"node_id,node_id\n1,2\n", "node, header", "must be the name of one column"),
        (b"", "file content", "must have a header"),
        (b'node_id\n"1\n', "file content", "must be readable CSV in UTF-8"),
        (b"node_id\n\xff\n", "file content", "must be readable CSV in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, content, field, rule):
    (tmp_path / "node.csv").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_gmns(tmp_path)
    assert (caught.value.file, caught.value.field, caught.value.rule) == (
        str(tmp_path / "node.csv"),
        field,
        rule,
    )


def test_what_is_no_network_is_refused(tmp_path):
    for path, rule in (
        (tmp_path, "must hold node.csv"),
        (tmp_path / "none", "must be a folder or a zip file that exists"),
    ):
        with pytest.raises(InputError) as caught:
            read_gmns(path)
        assert caught.value.rule == rule
    (tmp_path / "text.zip").write_text("no zip", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_gmns(tmp_path / "text.zip")
    assert caught.value.rule == "must be a folder or a zip file"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="must be a new or an empty folder"):
        write_gmns(crossroads_gmns(), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
