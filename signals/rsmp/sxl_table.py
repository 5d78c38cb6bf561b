"""The signal exchange list for traffic lights, 1.1.0 to 1.2.1, as a table; tests compare it with the published one.

What Jasyl uses is the same in the three versions. Of the rest, names alone are kept: a site must tell what it does not
offer from what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from signals.rsmp.arguments import (
    Argument,
    boolean,
    booleans,
    choice,
    choices,
    integer,
    integers,
    records,
    text,
    timestamp,
)

__all__ = ["ALARMS", "COMMANDS", "OTHER_COMMANDS", "OTHER_STATUSES", "STATUSES", "AlarmRow", "CommandRow"]


@dataclass(frozen=True)
class CommandRow:
    """A command: the name of its method, which security code it needs (`None`: none), its arguments."""

    method: str
    security_level: int | None
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class AlarmRow:
    """An alarm: priority, what kind of component has it, its values. All are technical (category ``D``)."""

    priority: int
    of: str
    values: tuple[Argument, ...] = ()


_CODE = text("securityCode")
_PLAN = integer("plan", 0, 255)
_CLOCK = (
    integer("year", 0, 9999),
    integer("month", 1, 12),
    integer("day", 1, 31),
    integer("hour", 0, 23),
    integer("minute", 0, 59),
    integer("second", 0, 59),
)
_SOURCES = ("operator_panel", "calendar_clock", "control_block", "forced", "startup", "other")
_INTERSECTIONS = integers("intersection", 0, 255)
_VEHICLES = (
    *("pedestrian", "bicycle", "motorcycle", "car", "bus", "lightTruck", "heavyTruck", "tram"),
    *("emergency", "safetyCar", "specialTransport", "other"),
)

COMMANDS: dict[str, CommandRow] = {
    "M0001": CommandRow(
        "setValue",
        2,
        (
            choice("status", "NormalControl", "YellowFlash", "Dark"),
            _CODE,
            integer("timeout", 0, 1440),
            integer("intersection", 0, 255),
        ),
    ),
    "M0002": CommandRow("setPlan", 2, (boolean("status"), _CODE, integer("timeplan", 1, 255))),
    "M0014": CommandRow("setCommands", 2, (_PLAN, text("status"), _CODE)),
    "M0015": CommandRow("setOffset", 2, (integer("status", 0, 255), _PLAN, _CODE)),
    "M0016": CommandRow("setWeekTable", 2, (text("status"), _CODE)),
    "M0017": CommandRow("setTimeTable", 2, (text("status"), _CODE)),
    "M0018": CommandRow("setCycleTime", 2, (integer("status", 1, 255), _PLAN, _CODE)),
    "M0022": CommandRow(
        "requestPriority",
        None,
        (
            text("requestId"),
            text("signalGroupId", optional=True),
            integer("inputId", 0, 255, optional=True),
            integer("connectionId", 0, 255, optional=True),
            integer("approachId", 0, 16, optional=True),
            integer("laneInId", 0, 255, optional=True),
            integer("laneOutId", 0, 255, optional=True),
            integer("priorityId", 0, 255, optional=True),
            choice("type", "new", "update", "cancel"),
            integer("level", 0, 14),
            integer("eta", 0, 255, optional=True),
            choice("vehicleType", *_VEHICLES, optional=True),
        ),
    ),
    "M0104": CommandRow("setDate", 1, (_CODE, *_CLOCK)),
}

STATUSES: dict[str, tuple[Argument, ...]] = {
    "S0001": (
        text("signalgroupstatus", pattern="[a-hA-G0-9N-P]*"),
        integer("cyclecounter", 0, 999),
        integer("basecyclecounter", 0, 999),
        integer("stage", 0, 999),
    ),
    "S0007": (_INTERSECTIONS, booleans("status"), choices("source", *_SOURCES)),
    "S0011": (_INTERSECTIONS, booleans("status"), choices("source", *_SOURCES)),
    "S0014": (integer("status", 1, 255), choice("source", *_SOURCES)),
    "S0020": (_INTERSECTIONS, choices("controlmode", "startup", "control", "standby", "failure", "test")),
    "S0023": (text("status", pattern=r"(\d{1,2}-\d{1,2}-\d{1,2}(,\d{1,2}-\d{1,2}-\d{1,2})*)?"),),
    "S0024": (text("status", pattern=r"\d{1,3}-\d{1,3}(,\d{1,3}-\d{1,3})*"),),
    "S0026": (text("status"),),
    "S0027": (text("status"),),
    "S0028": (text("status"),),
    "S0033": (
        records(
            "status",
            text("r"),
            timestamp("t"),
            choice(
                "s",
                *("received", "queued", "activated", "completed", "timeout", "rejected", "cooldown", "stale"),
            ),
            integer("e", 0, 255, optional=True),
            integer("d", 0, 255, optional=True),
        ),
    ),
    "S0096": _CLOCK,
    "S0097": (text("checksum"), timestamp("timestamp")),
}

_COLOUR = choice("color", "red", "yellow", "green")
_DETECTOR = (
    text("detector"),
    choice("type", "loop", "input"),
    choice("errormode", "on", "off"),
    boolean("manual"),
)
_LOGIC = choice("logicerror", "always_off", "always_on", "intermittent")

ALARMS: dict[str, AlarmRow] = {
    "A0001": AlarmRow(2, "controller"),  # serious hardware error
    "A0002": AlarmRow(3, "controller"),  # less serious hardware error
    "A0003": AlarmRow(2, "controller"),  # serious configuration error
    "A0004": AlarmRow(3, "controller"),  # less serious configuration error
    "A0005": AlarmRow(3, "controller"),  # coordination by RSMP is lost
    "A0006": AlarmRow(2, "controller"),  # safety error
    "A0007": AlarmRow(3, "controller", (choice("protocol", "rsmp", "ntp"),)),  # a connection is lost
    "A0008": AlarmRow(2, "group", (integer("timeplan", 1, 255),)),  # the cycle stands still
    "A0009": AlarmRow(3, "controller"),  # other error
    "A0010": AlarmRow(3, "controller"),  # door open
    "A0101": AlarmRow(3, "group"),  # push button
    "A0201": AlarmRow(2, "group", (_COLOUR,)),  # serious lamp error
    "A0202": AlarmRow(3, "group", (_COLOUR,)),  # less serious lamp error
    "A0301": AlarmRow(3, "detector", _DETECTOR),  # detector, hardware
    "A0302": AlarmRow(3, "detector", (*_DETECTOR, _LOGIC)),  # detector, logic
    "A0303": AlarmRow(2, "detector", _DETECTOR),  # detector, hardware, serious
    "A0304": AlarmRow(2, "detector", (*_DETECTOR, _LOGIC)),  # detector, logic, serious
}

_SWITCH = "intersection status source"
_LENGTHS = "P PS L LS B SP MC C F"
_GREEN_ESTIMATE = "minToGEstimate maxToGEstimate likelyToGEstimate ToGConfidence"
_RED_ESTIMATE = "minToREstimate maxToREstimate likelyToREstimate ToRConfidence"

_ALWAYS = {
    **dict.fromkeys(("S0008", "S0009", "S0010", "S0012", "S0032"), _SWITCH),
    **dict.fromkeys(("S0016", "S0017", "S0019"), "number"),
    **dict.fromkeys(("S0022", "S0029", "S0030", "S0031", "S0034", "S0095"), "status"),
    **dict.fromkeys(("S0091", "S0092"), "user"),
    "S0002": "detectorlogicstatus",
    "S0003": "inputstatus",
    "S0004": "outputstatus",
    "S0005": "status",
    "S0006": "status emergencystage",
    "S0013": "intersection status",
    "S0015": "status source",
    "S0021": "detectorlogics",
    "S0025": f"{_GREEN_ESTIMATE} {_RED_ESTIMATE}",
    "S0098": "config timestamp version",
    "S0201": "starttime vehicles",
    "S0202": "starttime speed",
    "S0203": "starttime occupancy",
    "S0204": f"starttime {_LENGTHS}",
    "S0205": "start vehicles",
    "S0206": "start speed",
    "S0207": "start occupancy",
    "S0208": f"start {_LENGTHS}",
}
_EARLY = {
    "S0003": "inputstatus extendedinputstatus",
    "S0004": "outputstatus extendedoutputstatus",
    "S0018": "number",
}
_LATE = {"S0005": "status statusByIntersection", "S0035": "emergencyroutes"}


def _names(*tables: dict[str, str]) -> dict[str, frozenset[str]]:
    return {code: frozenset(names.split()) for table in tables for code, names in table.items()}


OTHER_STATUSES: dict[str, dict[str, frozenset[str]]] = {
    "1.1.0": _names(_ALWAYS, _EARLY),
    "1.2.0": _names(_ALWAYS, _LATE),
    "1.2.1": _names(_ALWAYS, _LATE),
}
"""Names of the values of every other status, by version of the list."""

_SIMPLE = "status securityCode"

OTHER_COMMANDS: dict[str, frozenset[str]] = _names(
    dict.fromkeys(("M0004", "M0007", "M0010", "M0011", "M0012", "M0013", "M0021", "M0023"), _SIMPLE),
    {
        "M0003": f"{_SIMPLE} traficsituation",
        "M0005": f"{_SIMPLE} emergencyroute",
        "M0006": f"{_SIMPLE} input",
        "M0008": f"{_SIMPLE} mode",
        "M0019": f"{_SIMPLE} input inputValue",
        "M0020": f"{_SIMPLE} output outputValue",
        "M0103": "status oldSecurityCode newSecurityCode",
    },
)
"""Names of the arguments of every other command."""
