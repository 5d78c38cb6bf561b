"""The interface over HTTP: nothing is decided here.

`app`
    Puts it together; `routes` are the operations, `openapi` what is said of them.
`connections`, `bodies`, `limits`, `guards`, `idempotent`, `polls`
    What stands before the routes, in the order in which a request meets it.
`problems`, `headers`, `paging`, `routing`
    How answers look.
`health`, `metrics`, `telemetry`
    What operators watch.
"""
