"""Parts of the RSMP supervisor (`api.rsmp_server`).

- `settings`: addresses, times and limits.
- `errors`: what can go wrong with a site.
- `observer`: who is told of what sites say.
- `connection`: one connection of one site: the socket around a `signals.rsmp.session.Session`.
- `pending`: who waits for which acknowledgement and which answer.
- `comparing`: what a site says against what it was told.
- `orders`: what is sent to a site, read back and compared.
"""
