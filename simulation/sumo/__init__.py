"""SUMO in the loop: the only package that starts SUMO's programs."""
