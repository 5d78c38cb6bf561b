"""Junction control: stages, clearance times, plans, optimisation, wire formats."""
