"""Conversions at the boundary; everything inside Jasyl is in metres, seconds and vehicles per second."""

from __future__ import annotations

__all__ = ["KM_H", "MILE", "VEH_H"]

KM_H = 1000.0 / 3600.0
"""One kilometre per hour in metres per second."""

MILE = 1609.344
"""One international mile in metres."""

VEH_H = 1.0 / 3600.0
"""One vehicle per hour in vehicles per second."""
