"""A day of buses, run vehicle by vehicle in SimPy.

`service`
    What is to be run: trips, blocks, places, headways.
`conditions`
    How long running and dwelling take: as recorded, or drawn from what was fitted.
`signal_delay`
    What a signal costs a bus that comes at any second of the cycle.
`replay`
    The run itself.
`breakdowns`, `fleet`
    Vehicles that break down; who runs which trips, and spares.
`riders`, `desk`
    The optimising dispatcher (`transit.dispatch`): what it knows beforehand, what it sees, and what is done of what it says.
"""
