"""Timing of Synchro's UTDF as junctions and plans, and plans as its timing."""
