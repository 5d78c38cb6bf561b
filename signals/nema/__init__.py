"""Phases in rings and barriers, as North American controllers have them, to junctions and plans and back."""
