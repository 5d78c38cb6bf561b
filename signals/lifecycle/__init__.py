"""The life of plan sets, from draft to superseded: a pure state machine.

::

    draft -> checked -> approved -> published -> acknowledged -> in force -> superseded
      |         |          |            |                            |
      refused   withdrawn  withdrawn    withdrawn, kept              rolled back, expired

- `records`: the state; immutable. `table`: a mapping that is cheap to change all the same; `codec`: records as plain JSON.
- `facts`: what has happened; `apply` makes the next state of a state and a fact.
- `decisions`: what people and controllers ask for; facts, or why not.
- `operators`: who holds a junction, and what is ordered there.
- `coordination`: what is due by itself: a group that is complete, a deadline, an expiry.

Nothing in here reads a clock, a random source or a key: they are handed in.
"""
