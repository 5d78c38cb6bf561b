"""A client of the service, typed: one method for each operation, blocking or asynchronous.

`calls`
    What can be asked, as pure values (`call`); `models` is what is answered.
`blocking`, `aio`
    `JasylClient` and `AsyncJasylClient`, which send calls; `sending` is what they share: retries, errors, addresses.
`events`
    Server-sent events, read line by line.
"""

from __future__ import annotations

from api.client.aio import AsyncJasylClient
from api.client.blocking import JasylClient
from api.client.sending import ServiceError, UnreachableError

__all__ = ["AsyncJasylClient", "JasylClient", "ServiceError", "UnreachableError"]
