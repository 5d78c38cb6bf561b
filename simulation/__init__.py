"""Runs over time: comparison of plans, virtual controllers, replay."""
