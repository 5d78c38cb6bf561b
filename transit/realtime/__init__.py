"""GTFS-Realtime out: predictions, positions and alerts as messages that keep the rules of the specification (version 2.0).

An entity keeps its identifier from feed to feed: that of a trip with its day, of a vehicle, or of an alert. The same input
makes the same bytes.
"""

from transit.realtime.alerts import Alert, Informed, alerts
from transit.realtime.locations import vehicle_positions
from transit.realtime.messages import encoded, write_feed
from transit.realtime.predictions import Predictions, trip_updates

__all__ = [
    "Alert",
    "Informed",
    "Predictions",
    "alerts",
    "encoded",
    "trip_updates",
    "vehicle_positions",
    "write_feed",
]
