"""Offsets in the sinusoidal model: each pair of junctions by the first harmonic of its cost (Ouyang and Varaiya 2019).

With z = exp(2 pi i offset / period) for each junction, the part of the cost that turns once in a period is
-Re(z* W z) with a Hermitian matrix W; its greatest value over unit numbers z is the *gain* to be found. The gain of
random offsets is 0 on average and the model has no constant, so value / bound is normalised as it stands.

- Value: coordinate ascent (each junction's best phase has a closed form) on the low-rank problem, where each junction
  has a unit vector instead of a number (Burer and Monteiro), then on numbers rounded from it.
- Bound: for any real y, z* W z <= sum(y) + junctions * max(0, largest eigenvalue of W - diag(y)), since |z_i| = 1.
  The y of the low-rank solution make this the bound of the semidefinite relaxation. The eigenvalue is
  computed with an error of at most a stated bound, which is added, so that the bound holds.

See arXiv:1911.08368.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.offsets import PairwiseModel

__all__ = ["Sinusoidal", "SinusoidalModel", "sinusoidal_model", "solve"]


@dataclass(frozen=True, eq=False)
class SinusoidalModel:
    """First harmonics of the pairs of a pairwise model.

    Attributes
    ----------
    count
        Number of junctions.
    first, second
        Junctions of each edge; shape (edges,).
    harmonic
        Complex gain of each edge: Re(harmonic * exp(i (theta_first - theta_second))) is what is gained over the mean,
        in the unit of cost; shape (edges,).
    """

    count: int
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    harmonic: NDArray[np.complex128]

    def gain(self, theta: NDArray[np.float64]) -> float:
        """Return the gain of phases `theta`, radians; shape (junctions,)."""
        turn = np.exp(1j * (theta[self.first] - theta[self.second]))
        return float((self.harmonic * turn).real.sum())

    def matrix(self) -> NDArray[np.complex128]:
        """Return Hermitian W such that the gain is z* W z; shape (junctions, junctions)."""
        matrix = np.zeros((self.count, self.count), dtype=np.complex128)
        np.add.at(matrix, (self.second, self.first), 0.5 * self.harmonic)
        np.add.at(matrix, (self.first, self.second), 0.5 * self.harmonic.conj())
        return matrix


@dataclass(frozen=True, eq=False)
class Sinusoidal:
    """Phases found, their gain, and a certified bound on the gain of any phases.

    Attributes
    ----------
    theta
        Phases, radians; shape (junctions,).
    """

    theta: NDArray[np.float64]
    value: float
    bound: float

    @property
    def ratio(self) -> float | None:
        """Part of the bound that is reached; `None` where nothing can be gained."""
        return self.value / self.bound if self.bound > 1e-9 else None

    def shift_s(self, period_s: int) -> NDArray[np.int32]:
        """Return the phases as whole seconds of offset; shape (junctions,)."""
        return (np.rint(self.theta * period_s / (2.0 * np.pi)).astype(np.int32)) % period_s


def sinusoidal_model(pairs: PairwiseModel) -> SinusoidalModel:
    """Return the first harmonics of the cost tables of `pairs`."""
    turns = np.exp(-2j * np.pi * np.arange(pairs.period_s) / pairs.period_s)
    harmonic = -(2.0 / pairs.period_s) * (pairs.cost @ turns)
    return SinusoidalModel(len(pairs.junctions), pairs.first, pairs.second, frozen(harmonic, np.complex128))


def solve(
    model: SinusoidalModel,
    rng: np.random.Generator,
    *,
    rank: int = 8,
    sweeps: int = 3000,
    roundings: int = 20,
) -> Sinusoidal:
    """Return good phases and the bound of the semidefinite relaxation (see the module)."""
    matrix = model.matrix()
    shape = (model.count, rank)
    vectors = _unit(rng.normal(size=shape) + 1j * rng.normal(size=shape))
    vectors = _ascend(matrix, vectors, sweeps)
    best, most = np.zeros(model.count), -np.inf
    for turn in range(roundings):
        if turn:
            direction = rng.normal(size=rank) + 1j * rng.normal(size=rank)
        else:
            direction = np.linalg.svd(vectors, full_matrices=False)[2][0].conj()
        phases = _ascend(matrix, _unit((vectors @ direction)[:, None]), 200)
        theta = np.angle(phases[:, 0])
        value = model.gain(theta)
        if value > most:
            best, most = theta, value
    return Sinusoidal(frozen(best, np.float64), most, certified_bound(matrix, vectors))


def certified_bound(matrix: NDArray[np.complex128], vectors: NDArray[np.complex128]) -> float:
    """Return a bound on z* W z over unit numbers z, from vectors near the optimum of the relaxation.

    The eigenvalues of a Hermitian matrix of norm |A| are exact to a small multiple of the unit roundoff times the
    number of rows times |A|; 10 times that is added.
    """
    dual = ((matrix @ vectors) * vectors.conj()).sum(axis=1).real
    slack = matrix - np.diag(dual)
    error = 10.0 * np.finfo(np.float64).eps * len(matrix) * float(np.linalg.norm(slack))
    largest = float(np.linalg.eigvalsh(slack)[-1]) + error
    return float(dual.sum()) + len(matrix) * max(0.0, largest) + error


def _unit(vectors: NDArray[np.complex128]) -> NDArray[np.complex128]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.complex128] = np.where(length > 0, vectors / np.where(length > 0, length, 1.0), 1.0)
    return result


def _ascend(
    matrix: NDArray[np.complex128], vectors: NDArray[np.complex128], sweeps: int
) -> NDArray[np.complex128]:
    """Set one junction's vector after the other to the best given its neighbours, until that changes nothing."""
    vectors = vectors.copy()
    rows = [np.flatnonzero(row) for row in matrix]
    weights = [matrix[k, near] for k, near in enumerate(rows)]
    for _ in range(sweeps):
        moved = 0.0
        for k, near in enumerate(rows):
            pull = weights[k] @ vectors[near]
            length = np.sqrt((pull.conj() @ pull).real)
            if length > 0:
                pull = pull / length
                moved = max(moved, float(np.abs(pull - vectors[k]).max()))
                vectors[k] = pull
        if moved < 1e-9:
            break
    return vectors
