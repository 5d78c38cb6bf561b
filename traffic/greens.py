"""What the flow model needs to know of signals: the state of each movement, second by second."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen, require, require_index
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MovementGreens", "SignalState"]


class SignalState(IntEnum):
    """What a movement may do in one second."""

    RED = 0
    PERMISSIVE = 1
    PROTECTED = 2
    YELLOW = 3


@dataclass(frozen=True, eq=False)
class MovementGreens:
    """Displayed signal states of all movements of a network.

    In second t of a run, movement m shows ``state[begin[m] + t % period_s[m]]``. Movements that switch
    together share a pattern. A pattern may be one cycle or as long as the run.

    Attributes
    ----------
    begin
        Index of the movement's pattern in `state`; -1 for a movement without a signal.
    period_s
        Length of the pattern in seconds; 1 for a movement without a signal.
    state
        `SignalState` values, patterns one after the other.
    """

    begin: NDArray[np.int32]
    period_s: NDArray[np.int32]
    state: NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "begin", frozen(self.begin, np.int32))
        object.__setattr__(self, "period_s", frozen(self.period_s, np.int32))
        object.__setattr__(self, "state", frozen(self.state, np.uint8))
        if len(self.begin) != len(self.period_s):
            raise InputError(f"must have {len(self.begin)} rows", field="period_s", value=len(self.period_s))
        require_index("begin", self.begin, max(len(self.state), 1), allow_none=True)
        require(self.period_s >= 1, "period_s", "must be 1 s or more", self.period_s)
        end = np.where(self.begin >= 0, self.begin + self.period_s, 0)
        require(end <= len(self.state), "period_s", "must end within `state`", self.period_s)
        require(self.state <= max(SignalState), "state", "must be a SignalState", self.state)

    def __len__(self) -> int:
        return len(self.begin)

    @classmethod
    def unsignalised(cls, movements: int) -> MovementGreens:
        """Return greens for a network without any signal."""
        return cls(
            begin=np.full(movements, -1, dtype=np.int32),
            period_s=np.ones(movements, dtype=np.int32),
            state=np.empty(0, dtype=np.uint8),
        )

    def pattern(self, movement: int) -> NDArray[np.uint8]:
        """Return the states of one movement over its period; empty without a signal."""
        begin = int(self.begin[movement])
        return self.state[begin : begin + int(self.period_s[movement])] if begin >= 0 else self.state[:0]
