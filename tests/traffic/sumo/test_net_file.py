"""Reading SUMO's network files: what is kept, and what is refused with its place."""

import gzip

import numpy as np
import pytest

from traffic.errors import InputError
from traffic.sumo.net_file import read_net

NET = """<?xml version="1.0"?>
<net version="1.20">
  <location projParameter="+proj=utm +zone=43 +ellps=WGS84"/>
  <edge id=":b_0" function="internal">
    <lane id=":b_0_0" index="0" speed="6.5" length="9.5" shape="90,0 95,-5"/>
  </edge>
  <edge id="ab" from="a" to="b" priority="3" name="Abai" type="highway.primary">
    <lane id="ab_0" index="0" allow="pedestrian" speed="13.89" length="90" shape="0,-4 90,-4"/>
    <lane id="ab_1" index="1" disallow="bicycle" speed="13.89" length="90" shape="0,-1 90,-1"/>
    <lane id="ab_2" index="2" disallow="all" speed="13.89" length="90" shape="0,1 90,1"/>
  </edge>
  <edge id="bc" from="b" to="c"><lane id="bc_0" index="0" speed="8" length="50" shape="95,-5 95,-55"/></edge>
  <tlLogic id="b" type="static" programID="0" offset="5">
    <phase duration="20" state="G"/><phase duration="3" state="y"/><phase duration="7" state="r"/>
  </tlLogic>
  <junction id="a" type="dead_end" x="0" y="0" intLanes=""/>
  <junction id="b" type="traffic_light" x="95" y="0" intLanes=":b_0_0">
    <request index="0" response="1" foes="1" cont="0"/>
  </junction>
  <junction id=":b_1_0" type="internal" x="95" y="0"/>
  <junction id="c" type="dead_end" x="95" y="-55"/>
  <connection from="ab" to="bc" fromLane="1" toLane="0" via=":b_0_0" tl="b" linkIndex="0" dir="r" state="O"/>
</net>
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="n.net.xml"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.mark.parametrize("name", ["n.net.xml", "n.net.xml.gz"])
def test_all_that_is_used_is_read(written, name):
    net = read_net(written(NET, name))
    assert list(net.edges) == [":b_0", "ab", "bc"]
    assert net.edges[":b_0"].function == "internal"
    assert [lane.cars for lane in net.edges["ab"].lanes] == [False, True, False]
    assert (net.edges["ab"].name, net.edges["ab"].kind) == ("Abai", "highway.primary")
    assert net.lane(":b_0_0").length_m == 9.5
    assert net.lane("ab_3") is None
    assert list(net.junctions) == ["a", "b", "c"]
    assert net.junctions["b"].foes.tolist() == [[True]]
    (connection,) = net.connections
    assert (connection.light, connection.index, connection.from_lane, connection.direction) == (
        "b",
        0,
        1,
        "r",
    )
    logic = net.programs()["b"]
    assert (logic.cycle_s, logic.offset_s, [p.state for p in logic.phases]) == (30.0, 5.0, ["G", "y", "r"])
    assert net.projection.startswith("+proj=utm")


def test_the_first_place_of_a_right_of_way_row_is_the_last_bit(written):
    rows = '<request index="0" response="100" foes="110"/><request index="2" response="000" foes="001"/>'
    rows += '<request index="1" response="001" foes="001"/>'
    found = read_net(
        written(NET.replace('<request index="0" response="1" foes="1" cont="0"/>', rows))
    ).junctions["b"]
    np.testing.assert_array_equal(found.response, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(found.foes, [[0, 1, 1], [1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('length="90" shape="0,-1', 'length="nan" shape="0,-1', "lane ab_1, length"),
        ('x="95" y="0" intLanes', 'x="east" y="0" intLanes', "junction b, x"),
        ('duration="20"', 'duration="long"', "phase, duration"),
        ('state="y"', 'state="yy"', "tlLogic b"),
        ('offset="5"', 'offset="begin"', "tlLogic b, offset"),
        ('linkIndex="0"', 'linkIndex="x"', "connection, linkIndex"),
        ('shape="0,-1 90,-1"', 'shape="0;1"', "shape"),
        ('to="bc" fromLane', "fromLane", "connection"),
    ],
)
def test_bad_values_are_named(written, old, new, field):
    assert old in NET
    with pytest.raises(InputError) as caught:
        read_net(written(NET.replace(old, new)))
    assert caught.value.field == field
    assert caught.value.file.endswith("n.net.xml")


def test_files_that_are_no_network(written, tmp_path):
    with pytest.raises(InputError, match="root <net>"):
        read_net(written("<routes/>"))
    with pytest.raises(InputError, match="cannot be read as XML"):
        read_net(written(NET[:700]))
    packed = written(NET, "n.net.xml.gz")
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read as XML"):
        read_net(packed)
    with pytest.raises(InputError, match="cannot be read"):
        read_net(tmp_path / "none.net.xml")
    with pytest.raises(InputError, match="edge that cars may use"):
        read_net(written("<net/>"))
