"""Plane geometry of polylines, in closed form."""

from __future__ import annotations

import numpy as np

from scenarios.polylines import along, crossings, groups_within, lengthened, part


def test_a_crossing_at_a_vertex_counts_once():
    bent = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0]])
    diagonal = np.array([[50.0, -50.0], [150.0, 50.0]])
    (found,) = crossings([bent, diagonal])
    assert (found.x_m, found.y_m, found.first_m) == (100.0, 0.0, 100.0)


def test_two_lines_can_cross_twice():
    bent = np.array([[0.0, 0.0], [50.0, 50.0], [100.0, 0.0]])
    flat = np.array([[0.0, 25.0], [100.0, 25.0]])
    assert [(c.x_m, c.y_m) for c in crossings([bent, flat])] == [(25.0, 25.0), (75.0, 25.0)]


def test_crossing_of_two_lines_in_closed_form():
    a, b = np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[30.0, -40.0], [30.0, 60.0]])
    (found,) = crossings([a, b])
    assert (found.first, found.second) == (0, 1)
    assert (found.x_m, found.y_m, found.first_m, found.second_m) == (30.0, 0.0, 30.0, 40.0)
    assert crossings([a, b + np.array([100.0, 0.0])]) == []
    assert crossings([a, a + np.array([0.0, 5.0])]) == []


def test_neighbours_of_neighbours_are_one_group():
    points = np.array([[0.0, 0.0], [500.0, 0.0], [60.0, 0.0], [120.0, 0.0], [190.1, 0.0]])
    assert groups_within(points, 70.0).tolist() == [0, 1, 0, 0, 2]


def test_ends_are_drawn_out_straight():
    line = np.array([[0.0, 0.0], [30.0, 40.0], [30.0, 100.0]])
    longer = lengthened(line, start_m=5.0, end_m=10.0)
    np.testing.assert_allclose(longer, [[-3.0, -4.0], [30.0, 40.0], [30.0, 110.0]])
    np.testing.assert_allclose(along(longer), [0.0, 55.0, 125.0])
    assert part(longer, 0.0, 100.0).tolist() == [[30.0, 40.0]]
    assert part(longer, 40.0, 100.0).tolist() == []
