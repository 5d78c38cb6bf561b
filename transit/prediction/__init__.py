"""When vehicles will call at stops: predictors behind one protocol, fed with what is seen in the order of time.

`calls`
    What is to be run, and what happened of it, event by event.
`following`
    Where every vehicle is, and what it has just done.
`history`
    What earlier days teach: running by stretch and time of day, dwell, holding, starts.
`predictors`, `kalman`
    The timetable, the deviation carried on, the vehicle before, the history; a Kalman filter of stretches and drivers.
`blend`
    All of them together, with weights by horizon.
`training`, `trial`
    Fitted to earlier days; asked again and again during another one.
`accuracy`
    Scored by the public ETA Accuracy Benchmark.
`stream`
    All that a control centre needs, in one.
"""
