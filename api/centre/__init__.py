"""The traffic centre: what the ledger says, and what may be asked of it. Knows nothing of HTTP.

`state`, `security`
    The state that follows from the ledger: plans and access; tokens, roles, rights.
`centre`, `asking`
    What can be asked about plans, and with what. `plan_documents` reads what was handed in, `signatory` signs what controllers
    are told with `signing_keys`, `served_city` has the junctions.
`coordinator`, `lookout`, `presence`, `news`
    What is due by itself, alarms, who was heard, who waits for what; each goes on in the `background`.
`audit`
    Checks of the whole ledger.
"""
