"""The linear algebra under every mixed model: H = Λ'Z'WZΛ + I, factorised in blocks.

The largest grouping factor (call it 1) has a block-diagonal share of H and is eliminated; what is left
is one Schur complement over all other factors. Index of a random effect: level * K + column, factor 1 first.

    H = [ D  A ]      D: one K1 × K1 block a level        S = B − A' D⁻¹ A   (Schur complement)
        [ A' B ]      A: dense or sparse, B: dense

Everything the gradients need is H⁻¹ on the pattern of Z'Z, which three tables hold: D, A and B.
The tables are linear in the weights, so one sparse matrix P maps weights to all of them: T = P w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from analysis.mixed.errors import ModelError
from analysis.mixed.variables import Codes, Floats

DENSE_CROSS = 200_000
"""Below this many entries the cross block is held dense whatever its filling."""

FILLED = 0.25
"""Above this share of stored entries a dense block is faster."""

LARGEST_SCHUR = 5_000
"""Random effects outside the largest factor that the dense Schur complement takes (200 MB at 5,000)."""


class NotPositive(ArithmeticError):
    """H lost positive definiteness: the parameters asked for are out of reach of double precision."""


@dataclass(frozen=True)
class Factor:
    """A grouping factor as arrays: codes (rows,), n levels, Z (rows, K)."""

    codes: Codes
    n: int
    Z: Floats

    @property
    def width(self) -> int:
        return int(self.Z.shape[1])


class Blocks:
    """Structure of one design; holds no parameters. `factors` are ordered largest first."""

    def __init__(self, factors: Sequence[Factor]) -> None:
        self.first, self.rest = factors[0], list(factors[1:])
        self.rows = len(self.first.codes)
        self.n1, self.k1 = self.first.n, self.first.width
        self.q1 = self.n1 * self.k1
        starts = np.cumsum([0] + [f.n * f.width for f in self.rest])
        self.starts, self.m = starts[:-1].tolist(), int(starts[-1])
        if self.m > LARGEST_SCHUR:
            raise ModelError(
                f"the random effects beside the largest factor have {self.m} levels in all; "
                f"this engine takes up to {LARGEST_SCHUR}"
            )
        self.size = self.q1 + self.m
        self.scalar = all(f.width == 1 for f in factors)
        self._slots = [
            (f, s)
            for f, s in zip([self.first, *self.rest], [0, *(self.q1 + s for s in self.starts)], strict=False)
        ]
        self.Z = self._design()
        self.Zt = self.Z.T.tocsr()
        self._map()

    def _design(self) -> sp.csr_matrix:
        columns = [s + f.codes[:, None] * f.width + np.arange(f.width) for f, s in self._slots]
        values = [f.Z for f, _ in self._slots]
        width = sum(f.width for f, _ in self._slots)
        shape = (self.rows, self.size)
        indptr = np.arange(self.rows + 1, dtype=np.int32) * np.int32(width)
        return sp.csr_matrix(
            (np.hstack(values).ravel(), np.hstack(columns).ravel().astype(np.int32), indptr), shape
        )

    def _map(self) -> None:
        """Build P: rows of D (n1, K1, K1), then of A, then of B (m, m), each in C order."""
        f1, k1, m = self.first, self.k1, self.m
        keys: list[Codes] = []
        values: list[Floats] = []
        for a in range(k1):
            for b in range(k1):
                keys.append((f1.codes * k1 + a) * k1 + b)
                values.append(f1.Z[:, a] * f1.Z[:, b])
        self.nD = self.n1 * k1 * k1
        cross = [
            (f1.codes * k1 + a, s + f.codes * f.width + b, f1.Z[:, a] * f.Z[:, b])
            for a in range(k1)
            for f, s in zip(self.rest, self.starts, strict=False)
            for b in range(f.width)
        ]
        self.nA = self._cross_pattern(cross)
        for row, column, value in cross:
            keys.append(self.nD + self._cross_place(row, column))
            values.append(value)
        for f, s in zip(self.rest, self.starts, strict=False):
            for g, t in zip(self.rest, self.starts, strict=False):
                for a in range(f.width):
                    for b in range(g.width):
                        row, column = s + f.codes * f.width + a, t + g.codes * g.width + b
                        keys.append(self.nD + self.nA + row * m + column)
                        values.append(f.Z[:, a] * g.Z[:, b])
        index = np.tile(np.arange(self.rows), len(keys))
        self.P = sp.csr_matrix(
            (np.concatenate(values), (np.concatenate(keys), index)), (self.nD + self.nA + m * m, self.rows)
        )
        self.Pt = self.P.T.tocsr()

    def _cross_pattern(self, cross: list[tuple[Codes, Codes, Floats]]) -> int:
        """Choose dense or sparse storage of the cross block; the number of its stored entries."""
        full = self.q1 * self.m
        self.sparse = False
        if not self.m or full <= DENSE_CROSS:
            return full
        used = np.unique(np.concatenate([row * self.m + column for row, column, _ in cross]))
        self.sparse = len(used) < FILLED * full
        if not self.sparse:
            return full
        self._used = used
        self.row, self.column = used // self.m, used % self.m
        self.indptr = np.searchsorted(self.row, np.arange(self.q1 + 1)).astype(np.int32)
        self.indices = self.column.astype(np.int32)
        return len(used)

    def _cross_place(self, row: Codes, column: Codes) -> Codes:
        key = row * self.m + column
        return np.searchsorted(self._used, key).astype(np.int64) if self.sparse else key

    def tables(self, weights: Floats) -> Tables:
        """Z'WZ as tables, for (rows,) weights."""
        T = self.P @ weights
        D = T[: self.nD].reshape(self.n1, self.k1, self.k1)
        A = T[self.nD : self.nD + self.nA]
        return Tables(D, A, T[self.nD + self.nA :].reshape(self.m, self.m))

    def scale(self, lambdas: Sequence[Floats]) -> Lambda:
        return Lambda(self, lambdas)


@dataclass(frozen=True)
class Tables:
    """Z'WZ: D (n1, K1, K1), A flat (dense or pattern order), B (m, m)."""

    D: Floats
    A: Floats
    B: Floats


class Lambda:
    """The block-diagonal relative covariance factor: one K × K lower-triangular matrix a factor."""

    def __init__(self, blocks: Blocks, lambdas: Sequence[Floats]) -> None:
        self.blocks, self.first, self.rest = blocks, lambdas[0], list(lambdas[1:])
        if blocks.scalar:
            parts = [np.full(blocks.n1, self.first[0, 0])]
            parts += [np.full(f.n, lam[0, 0]) for f, lam in zip(blocks.rest, self.rest, strict=False)]
            self.vector = np.concatenate(parts)
            self.tail = self.vector[blocks.n1 :]

    def apply(self, u: Floats, *, transpose: bool = False) -> Floats:
        """Λu or Λ'u for u of shape (size,) or (size, columns)."""
        if self.blocks.scalar:
            return self.vector * u if u.ndim == 1 else self.vector[:, None] * u
        head, tail = u[: self.blocks.q1], u[self.blocks.q1 :]
        lam = self.first if transpose else self.first.T
        return np.concatenate([_times(head, lam), self.apply_rest(tail, transpose=transpose)])

    def apply_rest(self, u: Floats, *, transpose: bool = False) -> Floats:
        """Λ₂u or Λ₂'u for the factors beside the first; u of shape (m,) or (m, columns)."""
        b = self.blocks
        if b.scalar:
            return self.tail * u if u.ndim == 1 else self.tail[:, None] * u
        parts = [
            _times(u[s : s + f.n * f.width], lam if transpose else lam.T)
            for f, s, lam in zip(b.rest, b.starts, self.rest, strict=False)
        ]
        return np.concatenate(parts) if parts else u

    def right(self, M: Floats, *, transpose: bool = False) -> Floats:
        """M Λ₂ or M Λ₂' for M of shape (…, m)."""
        if self.blocks.scalar:
            return np.asarray(M * self.tail)
        flat = M.reshape(-1, self.blocks.m)
        return self.apply_rest(flat.T, transpose=not transpose).T.reshape(M.shape)


def _times(u: Floats, lam_t: Floats) -> Floats:
    """Rows of a (n*K,) or (n*K, columns) array in groups of K, each multiplied by lam_t'."""
    k = len(lam_t)
    if k == 1:
        return np.asarray(u * lam_t[0, 0])
    if u.ndim == 1:
        return (u.reshape(-1, k) @ lam_t).ravel()
    cube = u.reshape(-1, k, u.shape[1])
    return np.asarray(np.einsum("nkc,kj->njc", cube, lam_t).reshape(u.shape))
