"""The errors of the store.

::

    JasylError
    ├── StoreUnavailable      Redis did not answer, or may not be written to; the command can be sent again
    ├── FellBehind            a follower was slower than what it follows
    ├── KeyInUse              the command of an idempotency key is still at work, or was another one
    └── InputError
        └── StoreDamaged      what is stored is not what was written; nothing is built on it
            └── LedgerDamaged an entry is missing, was changed, or does not follow from the one before
"""

from __future__ import annotations

from traffic.errors import InputError, JasylError

__all__ = ["FellBehind", "KeyInUse", "LedgerDamaged", "StoreDamaged", "StoreUnavailable"]

_RESTORE = (
    "Stop the service, put its data folder aside, make it anew from the last back-up with `jasyl restore`, "
    "and start again; what was entered since the back-up has to be entered anew"
)


class StoreUnavailable(JasylError):  # noqa: N818
    """Redis did not answer in time, or refuses to write.

    Parameters
    ----------
    reason
        What happened, as a sentence.
    unknown
        Whether the command may have been carried out all the same. Sent again with the same command id, it is
        carried out once.
    """

    def __init__(self, reason: str, *, unknown: bool = False) -> None:
        self.reason = reason
        self.unknown = unknown
        tail = "; whether the command was carried out is not known" if unknown else ""
        super().__init__(f"The store is not available: {reason}{tail}")


class FellBehind(JasylError):  # noqa: N818
    """A follower was slower than what it follows, and is not kept waiting for any longer.

    Parameters
    ----------
    after_seq
        The number of the last entry that the follower was given.
    """

    def __init__(self, after_seq: int) -> None:
        self.after_seq = after_seq
        super().__init__(f"The follower fell behind after entry {after_seq}; read the state, and follow anew")


class KeyInUse(JasylError):  # noqa: N818
    """An idempotency key cannot be used for this request.

    Parameters
    ----------
    rule
        What is wrong, as a sentence.
    retry_after_s
        When the same request may be sent again; None where it never can.
    """

    def __init__(self, rule: str, *, retry_after_s: int | None) -> None:
        self.rule = rule
        self.retry_after_s = retry_after_s
        super().__init__(f"Idempotency-Key: {rule}")


class StoreDamaged(InputError):  # noqa: N818
    """What is stored is not what was written.

    Parameters
    ----------
    rule
        The rule that was broken.
    where
        What broke it: an entry, a document.
    value
        What was found.
    hint
        What to do about it; by default how to restore a back-up.
    """

    def __init__(self, rule: str, *, where: str, value: object = None, hint: str = _RESTORE) -> None:
        super().__init__(rule, file="store", field=where, value=value, hint=hint)


class LedgerDamaged(StoreDamaged):
    """An entry is missing, was changed, or does not follow from the one before.

    Parameters
    ----------
    seq
        The number of the entry.
    rule, value, hint
        See `StoreDamaged`.
    """

    def __init__(self, rule: str, *, seq: int, value: object = None, hint: str = _RESTORE) -> None:
        self.seq = seq
        super().__init__(rule, where=f"entry {seq}", value=value, hint=hint)
