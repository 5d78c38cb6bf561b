"""Runs over time: comparison of plans, sweeps, virtual controllers, replay."""
