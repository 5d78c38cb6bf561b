"""A day of buses, run vehicle by vehicle in SimPy.

`service`
    What is to be run: trips, blocks, places, headways.
`conditions`
    How long running and dwelling take: as recorded, or drawn from what was fitted.
`street`
    The same over streets with signals: what each costs a bus is `signals.signal_delay`.
`replay`
    The run itself.
`record`, `trace`, `recorded_days`
    A recorded day: what of it can be run, run as it was, and run by a model that is fitted to it (`fitted`, `validation`).
`breakdowns`, `fleet`, `exchanges`
    Vehicles that break down; who runs which trips, spares, and trips exchanged at terminals.
`riders`, `desk`
    The optimising dispatcher (`transit.dispatch`): what it knows beforehand, what it sees, and what is done of what it says.
"""
