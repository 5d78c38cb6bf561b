"""Virtual controllers: what stands in the cabinet of a junction, and trusts nobody.

- `tables` and `commissioning`: what a controller knows of its junction, and how it got to know it;
- `gate` and `monitor`: the last check of a plan before it is run, and of every second that is shown;
- `lamps`, `courses`, `changeover`, `days` and `runner`: plans become aspects, by the controller's own clock;
- `assignment` and `verdicts`: what the service sends, and what is found of it;
- `memory` and `outbox`: what is kept, and what is owed to the service;
- `cabinet`: all of this together; `http`, `session` and `fleet`: the way to the service, and many controllers in one process;
- `rsmp_*`: the way to a supervisor that speaks RSMP.
"""
