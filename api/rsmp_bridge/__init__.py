"""The bridge between the ledger and RSMP sites: it is the controller of their junctions in the ledger.

- `files`: capability files and security codes of the data folder.
- `programmes`: what a version asks of a site: settings of stored plans, and when each of them runs.
- `sites`: which sites there are, what they can express, and what they have said last.
- `target`: what a site is to show at an instant, by the ledger.
- `reading`: what a site has stored, and what runs.
- `contents`: from the signed word of a version to its programme; the last gate before a site.
- `errands`: what is done at a site: versions written, read back and run.
- `agent`: brings one site that is connected to what the ledger wants of it.
- `witness`: what sites say, for presence, alarms and reports.
- `bridge`: all of it together, with the supervisor.
- `opening`: how the service opens it.

Nothing is remembered here: what is to be done next follows from the ledger and from what the site says, so either may be
restarted at any moment. A plan is found again by what a stored plan is set to.
"""
