from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.utdf.hand_files import crossroads_utdf
from traffic.errors import InputError
from traffic.utdf.records import UtdfFile, UtdfSection, read_utdf, write_utdf

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_WORD = st.text(
    st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="[]"), min_size=1, max_size=8
)


@st.composite
def _sections(draw, name):
    columns = draw(st.lists(_WORD, min_size=1, max_size=6, unique=True))
    row = st.tuples(*[_TEXT] * len(columns)).filter(lambda cells: any(cells) and not cells[0].startswith("["))
    title = draw(_TEXT.filter(lambda text: not text.startswith("[")))
    return UtdfSection(name, title, tuple(columns), tuple(draw(st.lists(row, max_size=6))))


@st.composite
def files(draw):
    names = draw(st.lists(_WORD.map(str.strip).filter(bool), min_size=1, max_size=5, unique=True))
    return UtdfFile(tuple(draw(_sections(name)) for name in names))


@settings(deadline=None)
@given(file=files())
def test_any_records_are_the_same_when_read_again(tmp_path_factory, file):
    path = tmp_path_factory.mktemp("utdf") / "file.csv"
    write_utdf(file, path)
    again = read_utdf(path)
    assert again == file
    before = path.read_bytes()
    write_utdf(again, path)
    assert path.read_bytes() == before


def test_unknown_sections_records_and_columns_are_kept(tmp_path):
    path = tmp_path / "city.csv"
    lines = ["[Network],,", "Network Settings,,", "RECORDNAME,DATA,", "Metric,0,", ",,"]
    lines += ["[Weather],,", ",,", "INTID,Rain,Snow", '7,"wet, very",', "8,,deep"]
    path.write_text("\n".join(lines), encoding="utf-8")
    weather = read_utdf(path).section("weather")
    assert weather.columns == ("INTID", "Rain", "Snow")
    assert weather.rows == (("7", "wet, very", ""), ("8", "", "deep"))


def test_names_in_the_codes_of_windows_survive(tmp_path):
    path = tmp_path / "city.csv"
    path.write_bytes(b"[Nodes]\nNode Data\nINTID,DESCRIPTION\n1,Caf\xe9 \x97 M\xfcnchen\n")
    file = read_utdf(path)
    assert file.section("Nodes").rows == (("1", "Café — München"),)
    write_utdf(file, path)
    assert read_utdf(path) == file


@pytest.mark.parametrize(
    ("text", "rule", "field"),
    [
        ("", "must begin with a section", "file content"),
        ("RECORDNAME,DATA\nMetric,0\n", "must begin with a section", "row 1"),
        ("[Network]\nNetwork Settings\n", "must be a section", "row 1"),
        ("[Network\nTitle\nA,B\n", "must be a section", "row 1"),
        ("[Network]\nRECORDNAME,DATA\nMetric,0\n", "must be a title", "row 2"),
        ("[Network]\nTitle\nA,B\nx,1,2\n", "must have 2 cells or fewer", "row 4"),
        ("[Network]\nTitle\nA,A\nx,1\n", "must be names of columns", "Network, columns"),
        ("[A]\nT\nC\n[A]\nT\nC\n", "must be the only section", "[A]"),
        ('[A]\nT\nC\n"x\n', "must be readable CSV", "file content"),
    ],
)
def test_what_is_no_utdf_is_refused_by_its_row(tmp_path, text, rule, field):
    path = tmp_path / "city.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refusal:
        read_utdf(path)
    assert rule in refusal.value.rule
    assert refusal.value.field == field
    assert refusal.value.file == str(path)


def test_a_missing_file_and_a_missing_section_are_refused(tmp_path):
    with pytest.raises(InputError, match="must be a file that exists"):
        read_utdf(tmp_path / "none.csv")
    file = UtdfFile(crossroads_utdf().sections[:2], "hand.csv")
    with pytest.raises(InputError, match=r"hand.csv: \[Lanes\]: must have the section"):
        file.section("Lanes")
