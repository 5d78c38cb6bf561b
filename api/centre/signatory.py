"""Signs what controllers are told, with the key that the ledger names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from api.centre.plan_documents import Schedules
from signals.instants import instant
from signals.lifecycle.coordination import Ready
from signals.lifecycle.records import OrderMode, PlanSetRecord, Slot, Version
from signals.payloads import activation_payload, keys_payload, order_payload, plan_payload
from signals.signing import Signer, TrustedKeys, Typ, payload_of
from traffic.errors import InputError, RefusedError

__all__ = ["Signatory"]


class Signatory:
    """The keys of a replica, and what they sign.

    Parameters
    ----------
    keys
        By their names.
    in_force
        Gives the name of the key that signs now.
    time_zone
        Of the day types of plans.
    """

    def __init__(
        self, keys: Mapping[str, Signer], in_force: Callable[[], str | None], time_zone: str
    ) -> None:
        self._keys = keys
        self._in_force = in_force
        self._time_zone = time_zone

    @property
    def signer(self) -> Signer:
        """The key that signs."""
        kid = self._in_force()
        if kid is None or kid not in self._keys:
            hint = "Copy the key to the folder of keys of this replica, and start it again"
            raise RefusedError("has not the key that signs", field="replica", value=kid, hint=hint)
        return self._keys[kid]

    @property
    def known_keys(self) -> TrustedKeys:
        """The public keys of this replica."""
        return TrustedKeys.of_signers(self._keys.values())

    def plans(
        self, record: PlanSetRecord, schedules: Schedules, numbers: Mapping[str, int], at: datetime
    ) -> dict[str, bytes]:
        """Return the signed plans of a set.

        Parameters
        ----------
        numbers
            The versions that junctions get.
        """
        signer = self.signer
        tokens = {}
        for key, (schedule, row) in schedules.items():
            payload = plan_payload(
                schedule, row, record, numbers[key], issued_at=at, time_zone=self._time_zone
            )
            tokens[key] = signer.sign(Typ.PLAN, payload).encode()
        return tokens

    def activation(
        self,
        record: PlanSetRecord,
        key: str,
        version: int,
        at: datetime,
        *,
        since: datetime,
        until: datetime | None,
    ) -> str:
        """Return the signed activation of a version, which ends at `until`."""
        payload = activation_payload(key, version, record.slot, issued_at=at, activate_at=since, until=until)
        return self.signer.sign(Typ.ACTIVATION, payload)

    def end(self, record: PlanSetRecord, key: str, version: Version, at: datetime, until: datetime) -> str:
        """Return the signed activation by which a version ends at `until`; it begins when it was to begin."""
        assert version.activation is not None
        assert version.begins_at is not None
        issued_at, until = _issued_after(version.activation, at), min(until, version.until or until)
        return self.activation(record, key, version.number, issued_at, since=version.begins_at, until=until)

    def activations(
        self, record: PlanSetRecord, what: Ready, at: datetime, since: datetime
    ) -> dict[str, str]:
        """Return the signed activations of a group, with the ends that it was found with."""
        return {
            key: self.activation(record, key, version, at, since=since, until=what.ends[key])
            for key, version in what.versions.items()
        }

    def order(
        self,
        junction: str,
        sequence: int,
        mode: OrderMode,
        slot: Slot | None,
        *,
        at: datetime,
        expires_at: datetime,
    ) -> str:
        """Return a signed order of an operator."""
        payload = order_payload(junction, sequence, mode, slot, issued_at=at, expires_at=expires_at)
        return self.signer.sign(Typ.ORDER, payload)

    def require(self, key: str) -> None:
        """Raise unless this replica has a key."""
        if key not in self._keys:
            hint = "Make one with `jasyl keys new`, copy it to every replica, and start them again"
            raise InputError("must be a key that this replica has", field="key", value=key, hint=hint)

    def trusted(self, others: Iterable[str]) -> TrustedKeys:
        """Return the public keys of the key that signs and of `others`, as far as this replica has them."""
        names = [self.signer.kid, *(key for key in sorted(others) if key != self.signer.kid)]
        return TrustedKeys.of_signers(self._keys[key] for key in names if key in self._keys)

    def announcement(self, key: str, others: Iterable[str], at: datetime, last: str | None) -> str:
        """Return the word, signed by the key that signs now, that another is trusted from now on.

        Parameters
        ----------
        others
            Keys that stay trusted, beside both.
        last
            The word on the key that signs now.
        """
        issued_at = at if last is None else _issued_after(last, at)
        named = {key, *self.trusted(others).keys}
        first = [key, self.signer.kid]
        order = [*first, *sorted(named - set(first))]
        return self.signer.sign(
            Typ.KEYS, keys_payload([self._keys[k].public for k in order], issued_at=issued_at)
        )


def _issued_after(token: str, at: datetime) -> datetime:
    """Return when a word is issued that takes the place of another: after it, also where the clock has been set back."""
    return max(at, instant(payload_of(token)["issued_at"], "issued_at") + timedelta(milliseconds=1))
