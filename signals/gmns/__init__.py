"""Timing of GMNS tables as junctions and plans, and plans as its tables."""
