"""Rings and barriers of SUMO's NEMA programs, second by second, against diagrams drawn by hand."""

from dataclasses import replace

import pytest

from traffic.sumo.logics import NetLogic, NetPhase
from traffic.sumo.nema import fixed_time
from traffic.sumo.net_file import read_net

# places: left and straight of one street (phases 1, 2 and 5, 6), then of the other (3, 4 and 7, 8)
STATES = {k: "".join("G" if place == k - 1 else "r" for place in range(8)) for k in range(1, 9)}
PARAMS = {"ring1": "1,2,3,4", "ring2": "5,6,7,8", "barrierPhases": "4,8", "barrier2Phases": "2,6"}
GREENS = {1: 5, 2: 20, 3: 6, 4: 10, 5: 9, 6: 10, 7: 6, 8: 7}


def program(params=PARAMS, *, names=range(1, 9), yellow_s=3.0, red_s=1.0):
    phases = tuple(NetPhase(99.0, STATES[k], str(k), float(GREENS[k]), yellow_s, red_s) for k in names)
    return NetLogic("X", "0", "NEMA", 12.0, phases, params)


def shown(logic):
    found = fixed_time(logic)
    return [phase.state for phase in found.phases for _ in range(int(phase.duration_s))]


def row(states, place):
    """Return what a place shows, as letter and seconds."""
    text, found = "".join(state[place] for state in states), []
    while text:
        length = len(text) - len(text.lstrip(text[0]))
        found.append(f"{text[0]}{length}")
        text = text[length:]
    return " ".join(found)


def test_two_rings_meet_at_the_barriers():
    """First side: 9 + 24 s in ring 1, 13 + 14 s in ring 2, whose last green is 6 s longer. Second: 10 + 14 and 10 + 11 s."""
    states = shown(program())
    assert [row(states, place) for place in range(8)] == [
        "G5 y3 r49",
        "r9 G20 y3 r25",
        "r33 G6 y3 r15",
        "r43 G10 y3 r1",
        "G9 y3 r45",
        "r13 G16 y3 r25",
        "r33 G6 y3 r15",
        "r43 G10 y3 r1",
    ]


def test_all_but_the_phases_stays():
    found = fixed_time(program())
    assert (found.light, found.program, found.kind, found.offset_s) == ("X", "0", "NEMA", 12.0)


def test_a_phase_of_both_rings_and_a_side_that_comes_first():
    """A ramp of SUMO's documentation: phase 4 alone, then 1 and 2 beside 6."""
    ramp = {"ring1": "0,4,1,2", "ring2": "0,4,0,6", "barrierPhases": "4,4", "barrier2Phases": "2,6"}
    states = shown(program(ramp, names=(1, 2, 4, 6)))
    assert [row(states, place) for place in (3, 0, 1, 5)] == [
        "G10 y3 r34",
        "r14 G5 y3 r25",
        "r23 G20 y3 r1",
        "r14 G29 y3 r1",
    ]


def test_seconds_of_yellow_and_red_are_never_cut():
    states = shown(program(yellow_s=3.2, red_s=0.4))
    assert row(states, 1) == "r10 G20 y4 r27"
    assert row(shown(program(red_s=0.0)), 1) == "r8 G20 y3 r22"


def test_green_of_one_ring_hides_the_yellow_of_the_other():
    """A right turn that both rings let go."""
    logic = program()
    phases = [
        replace(phase, state=phase.state + ("g" if phase.name in "126" else "r")) for phase in logic.phases
    ]
    states = shown(replace(logic, phases=tuple(phases)))
    assert row(states, 8) == "g5 y3 r1 g20 y3 r25"


@pytest.mark.parametrize(
    "change",
    [
        {"ring2": ""},
        {"ring2": "5,6,7,9"},
        {"ring2": "5,6,7,0"},
        {"barrierPhases": ""},
        {"barrierPhases": "4,6", "barrier2Phases": "2,8"},
        {"ring1": "4,1,2,3"},
    ],
)
def test_rings_that_do_not_meet(change):
    assert fixed_time(program(PARAMS | change)) is None


def test_phases_without_yellow_or_with_letters_that_rings_do_not_mix():
    assert fixed_time(program(yellow_s=0.0)) is None
    logic = program()
    assert (
        fixed_time(replace(logic, phases=(replace(logic.phases[0], state="x" * 8), *logic.phases[1:])))
        is None
    )


def test_read_from_a_file(tmp_path):
    phases = "".join(
        f'<phase duration="99" minDur="5" maxDur="{GREENS[k]}" vehext="2" yellow="3" red="1" name="{k}" state="{STATES[k]}"/>'
        for k in range(1, 9)
    )
    params = "".join(f'<param key="{key}" value="{value}"/>' for key, value in PARAMS.items())
    lane = '<lane id="e_0" index="0" speed="10" length="50" shape="0,0 50,0"/>'
    (tmp_path / "n.net.xml").write_text(
        f'<net><edge id="e" from="a" to="b">{lane}</edge>'
        f'<tlLogic id="X" type="NEMA" programID="0" offset="12">{params}{phases}</tlLogic></net>',
        encoding="utf-8",
    )
    assert fixed_time(read_net(tmp_path / "n.net.xml").logics[0]) == fixed_time(program())
