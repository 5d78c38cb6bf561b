"""The optimising dispatcher: what is best for a line as a whole, from what a control centre sees now.

`line_state`
    What it sees: vehicles, trips, places where they may turn, and what is to come.
`courses`
    What each vehicle may do: go on, turn short, take over trips of another one.
`problem`
    Courses, passes and costs; the cost of any plan, plainly reckoned.
`solver`
    The best plan (OR-Tools).
`dispatcher`
    State in, decisions out.
"""
