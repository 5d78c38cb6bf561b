"""Tests of `simulation.buses`."""
