"""Virtual controllers: what stands in the cabinet of a junction, and trusts nobody.

- `tables` and `commissioning`: what a controller knows of its junction, and how it got to know it;
- `gate` and `monitor`: the last check of a plan before it is run, and of every second that is shown;
- `lamps`, `changeover`, `days` and `runner`: plans become aspects, by the controller's own clock;
- `assignment`, `memory` and `outbox`: what the service sends, what is kept, and what is owed to the service;
- `http` and `fleet`: the way to the service, and many controllers in one process.
"""
