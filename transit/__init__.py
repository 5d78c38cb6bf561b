"""Timetables, vehicle positions, stop visits, punctuality, dispatch control."""
