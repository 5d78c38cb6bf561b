"""RSMP 3.2 for traffic-light controllers: messages, the signal exchange list and capability files, without sockets.

- `framing`: bytes to JSON objects and back.
- `members`: what every reader of JSON objects here shares.
- `messages`, `alarms`, `reading`: the messages of the core specification, written and read.
- `versions`: which version of the core and of the signal exchange list two parties speak.
- `session`: one end of a connection: handshake, acknowledgements, watchdogs, deadlines.
- `arguments`, `sxl_table`, `sxl`: what the signal exchange list says of every command and status.
- `lists`: the small languages inside of its texts (``"1-10,2-13"``).
- `commands`, `statuses`: the ones that Jasyl uses, typed.
- `capability`, `capability_file`: what a controller has stored and what may be set.
- `commissioning`: whether a controller can be set to nothing that is unsafe at its junction.
- `mapping`: a plan as (plan number, cycle, offset, bands), and back.
"""
