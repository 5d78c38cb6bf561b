"""Plans as SUMO's programs, and SUMO's traffic lights as junctions."""
