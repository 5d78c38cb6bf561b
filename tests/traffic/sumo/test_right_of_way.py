"""Who gives way to whom at a traffic light: right-of-way matrices of two roads that cross."""

import numpy as np
import pytest

from traffic.sumo.net_file import read_net
from traffic.sumo.right_of_way import places_of
from traffic.sumo.road import road_network

NET = """<net version="1.20">
  <edge id=":x_0" function="internal">
    <lane id=":x_0_0" index="0" speed="14" length="20" shape="-10,0 10,0"/>
  </edge>
  <edge id=":x_1" function="internal">
    <lane id=":x_1_0" index="0" speed="14" length="20" shape="0,10 0,-10"/>
  </edge>
  <edge id="wx" from="w" to="x"><lane id="wx_0" index="0" speed="14" length="90" shape="-100,0 -10,0"/></edge>
  <edge id="xe" from="x" to="e"><lane id="xe_0" index="0" speed="14" length="90" shape="10,0 100,0"/></edge>
  <edge id="nx" from="n" to="x"><lane id="nx_0" index="0" speed="14" length="90" shape="0,100 0,10"/></edge>
  <edge id="xs" from="x" to="s"><lane id="xs_0" index="0" speed="14" length="90" shape="0,-10 0,-100"/></edge>
  <tlLogic id="x" type="static" programID="0" offset="0">
    <phase duration="20" state="Gr"/><phase duration="3" state="yr"/>
    <phase duration="20" state="rG"/><phase duration="3" state="ry"/>
  </tlLogic>
  <junction id="w" type="dead_end" x="-100" y="0" intLanes=""/>
  <junction id="n" type="dead_end" x="0" y="100" intLanes=""/>
  <junction id="x" type="traffic_light" x="0" y="0" intLanes=":x_0_0 :x_1_0">ROWS</junction>
  <junction id="e" type="dead_end" x="100" y="0" intLanes=""/>
  <junction id="s" type="dead_end" x="0" y="-100" intLanes=""/>
  <connection from="wx" to="xe" fromLane="0" toLane="0" via=":x_0_0" tl="x" linkIndex="0" dir="s" state="o"/>
  <connection from="nx" to="xs" fromLane="0" toLane="0" via=":x_1_0" tl="x" linkIndex="1" dir="s" state="O"/>
</net>
"""
BOTH = np.array([[False, True], [True, False]])


@pytest.fixture
def places(tmp_path):
    def read(*rows):
        """Return the places by index, response and foes of each row of the matrix, the first place last."""
        requests = (f'<request index="{k}" response="{r}" foes="{f}"/>' for k, (r, f) in enumerate(rows))
        path = tmp_path / "n.net.xml"
        path.write_text(NET.replace("ROWS", "".join(requests)), encoding="utf-8")
        return places_of(road_network(read_net(path)), "x", 2)

    return read


@pytest.mark.parametrize("foes", [("10", "01"), ("10", "00"), ("00", "01")])
def test_paths_meet_where_either_row_says_so(places, foes):
    found = places(("10", foes[0]), ("00", foes[1]))
    assert found.edge == ("wx", "nx")
    np.testing.assert_array_equal(found.foes, BOTH)
    np.testing.assert_array_equal(found.gives_way, [[False, True], [False, False]])
    assert not found.untold.any()


def test_paths_of_which_no_row_says_that_they_meet(places):
    found = places(("00", "00"), ("00", "00"))
    assert not found.foes.any()
    assert not found.gives_way.any()


def test_without_a_matrix_all_paths_meet_and_nobody_is_told_to_give_way(places):
    found = places()
    np.testing.assert_array_equal(found.foes, BOTH)
    assert not found.gives_way.any()
    assert found.untold.all()
