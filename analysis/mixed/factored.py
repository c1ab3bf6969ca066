"""H factorised for one set of weights and parameters, and H⁻¹ on the pattern of Z'Z that gradients need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from analysis.mixed.blocks import Blocks, Lambda, NotPositive, Tables
from analysis.mixed.variables import Floats


def _cholesky(S: Floats) -> Floats:
    """Lower Cholesky factor; the upper triangle is zero."""
    L, info = lapack.dpotrf(S, lower=1, clean=1)
    if info:
        raise NotPositive
    return np.asarray(L)


def _inverse(L: Floats) -> Floats:
    """(LL')⁻¹ in full from the lower factor."""
    low, _ = lapack.dpotri(L, lower=1)
    low = np.tril(low)
    full = low + low.T
    full.flat[:: len(full) + 1] *= 0.5
    return np.asarray(full)


class Factored:
    """H for one set of weights and parameters: log-determinant, solves, and H⁻¹ on the pattern."""

    def __init__(self, blocks: Blocks, tables: Tables, lam: Lambda) -> None:
        self.blocks, self.tables, self.lam = blocks, tables, lam
        D = self._eliminate(tables.D)
        self.logdet = D
        if not blocks.m:
            return
        self._cross()
        B = lam.right(lam.apply_rest(tables.B, transpose=True))
        S = B - self._gram()
        S.flat[:: blocks.m + 1] += 1.0
        self.L = _cholesky(S)
        self.logdet += 2.0 * float(np.log(self.L.diagonal()).sum())

    def _eliminate(self, D: Floats) -> float:
        """D⁻¹ of the first factor's blocks; returns log|D|."""
        lam = self.lam.first
        if self.blocks.k1 == 1:
            d = 1.0 + lam[0, 0] ** 2 * D[:, 0, 0]
            if not (d > 0).all():
                raise NotPositive
            self.inv = (1.0 / d)[:, None, None]
            return float(np.log(d).sum())
        H = lam.T @ D @ lam + np.eye(self.blocks.k1)
        try:
            L = np.linalg.cholesky(H)
        except np.linalg.LinAlgError:
            raise NotPositive from None
        self.inv = np.linalg.inv(H)
        return 2.0 * float(np.log(np.diagonal(L, axis1=1, axis2=2)).sum())

    def _cross(self) -> None:
        """A = Λ₁'CΛ₂ and D⁻¹A, dense (q1, m) or sparse of the same pattern."""
        b, lam = self.blocks, self.lam
        if not b.sparse:
            E = self.tables.A.reshape(b.n1, b.k1, b.m)
            E = lam.first[0, 0] * E if b.k1 == 1 else np.matmul(lam.first.T, E)
            self.E = E
            self.A = lam.right(E)
            self.DA = self.inv * self.A if b.k1 == 1 else np.matmul(self.inv, self.A)
            return
        C = sp.csr_matrix((self.tables.A, b.indices, b.indptr), (b.q1, b.m))
        self.E = _rows_times(C, np.broadcast_to(lam.first.T, (b.n1, b.k1, b.k1)))
        self.As = _columns_times(self.E, b, lam)
        self.DAs = _rows_times(self.As, self.inv)

    def _gram(self) -> Floats:
        b = self.blocks
        if b.sparse:
            return np.asarray((self.As.T @ self.DAs).toarray())
        return np.asarray(self.A.reshape(b.q1, b.m).T @ self.DA.reshape(b.q1, b.m))

    def _apply_inv(self, r: Floats) -> Floats:
        """D⁻¹ r for r of shape (q1,) or (q1, columns)."""
        b = self.blocks
        if b.k1 == 1:
            return np.asarray(self.inv[:, 0, 0] * r if r.ndim == 1 else self.inv[:, 0] * r)
        cube = r.reshape(b.n1, b.k1, -1)
        return np.asarray(np.matmul(self.inv, cube).reshape(r.shape))

    def solve(self, r: Floats) -> Floats:
        """H⁻¹ r for r of shape (size,) or (size, columns)."""
        b = self.blocks
        head = self._apply_inv(r[: b.q1])
        if not b.m:
            return head
        A = self.As if b.sparse else self.A.reshape(b.q1, b.m)
        DA = self.DAs if b.sparse else self.DA.reshape(b.q1, b.m)
        tail = r[b.q1 :] - A.T @ head
        x2, _ = lapack.dpotrs(self.L, tail, lower=1)
        x2 = x2.reshape(tail.shape)
        return np.concatenate([head - DA @ x2, x2])

    def invert(self) -> Inverse:
        """H⁻¹ on the pattern of the tables."""
        b = self.blocks
        if not b.m:
            return Inverse(self, self.inv, np.zeros(0), np.zeros((0, 0)))
        S = _inverse(self.L)
        if b.sparse:
            return self._invert_sparse(S)
        AS = (self.DA.reshape(b.q1, b.m) @ S).reshape(b.n1, b.k1, b.m)
        if b.k1 == 1:
            I11 = self.inv + np.einsum("nkm,nkm->n", AS, self.DA)[:, None, None]
        else:
            I11 = self.inv + np.matmul(AS, self.DA.transpose(0, 2, 1))
        return Inverse(self, I11, -AS, S)

    def _invert_sparse(self, S: Floats) -> Inverse:
        """The same, a slab of levels at a time so that no (q1, m) array is ever held."""
        b = self.blocks
        values = np.empty(len(b.column))
        I11 = self.inv.copy()
        step = max(1, 2_000_000 // max(b.m * b.k1, 1)) * b.k1
        for start in range(0, b.q1, step):
            stop = min(start + step, b.q1)
            rows = self.DAs[start:stop]
            AS = rows @ S
            here = slice(int(b.indptr[start]), int(b.indptr[stop]))
            values[here] = -AS[b.row[here] - start, b.column[here]]
            for k in range(b.k1):
                other = rows[k :: b.k1]
                for a in range(b.k1):
                    I11[start // b.k1 : stop // b.k1, a, k] += np.asarray(
                        other.multiply(AS[a :: b.k1]).sum(axis=1)
                    ).ravel()
        return Inverse(self, I11, values, S)


def _rows_times(M: sp.csr_matrix, blocks: Floats) -> sp.csr_matrix:
    """Block-diagonal (n, K, K) times a sparse matrix whose K rows of a level share one pattern."""
    n, k, _ = blocks.shape
    if k == 1:
        return sp.csr_matrix(
            (np.repeat(blocks[:, 0, 0], np.diff(M.indptr)) * M.data, M.indices, M.indptr), M.shape
        )
    level = np.repeat(np.arange(n * k) // k, np.diff(M.indptr))
    inner = np.repeat(np.arange(n * k) % k, np.diff(M.indptr))
    width = np.diff(M.indptr)[::k]
    base = np.repeat(M.indptr[:-1:k], width * k)
    offset = np.arange(len(M.data)) - np.repeat(M.indptr[:-1], np.diff(M.indptr))
    out = np.zeros(len(M.data))
    for j in range(k):
        out += blocks[level, inner, j] * M.data[base + j * width[level] + offset]
    return sp.csr_matrix((out, M.indices, M.indptr), M.shape)


def _columns_times(M: sp.csr_matrix, b: Blocks, lam: Lambda) -> sp.csr_matrix:
    """M Λ₂ on M's pattern, whose K columns of a level always come together."""
    if b.scalar:
        return sp.csr_matrix((M.data * lam.tail[M.indices], M.indices, M.indptr), M.shape)
    out = np.zeros(len(M.data))
    position = np.arange(len(M.data))
    for f, s, L in zip(b.rest, b.starts, lam.rest, strict=False):
        mine = (M.indices >= s) & (M.indices < s + f.n * f.width)
        inner = (M.indices - s) % f.width
        for a in range(f.width):
            for c in range(a + 1):
                to = mine & (inner == c)
                out[to] += L[a, c] * M.data[position[to] + (a - c)]
    return sp.csr_matrix((out, M.indices, M.indptr), M.shape)


@dataclass(frozen=True)
class Inverse:
    """H⁻¹ on the pattern: I11 (n1, K1, K1), I12 (dense (n1, K1, m) or pattern order), I22 (m, m)."""

    factored: Factored
    I11: Floats
    I12: Floats
    I22: Floats

    def traces(self) -> list[Floats]:
        """One K × K matrix a factor: Σ over levels of [Z'WZ Λ H⁻¹] at (level, a), (level, b)."""
        F = self.factored
        b, lam, T = F.blocks, F.lam, F.tables
        first = np.einsum("nab,bc,ncd->ad", T.D, lam.first, self.I11, optimize=False)
        if not b.m:
            return [first]
        if b.sparse:
            return self._sparse_traces(first)
        C = T.A.reshape(b.n1, b.k1, b.m)
        CL = lam.right(C)
        first += np.tensordot(CL, self.I12, axes=([0, 2], [0, 2]))
        out = [first]
        BL = lam.right(T.B)
        E, I12 = F.E.reshape(b.q1, b.m), self.I12.reshape(b.q1, b.m)
        for f, s in zip(b.rest, b.starts, strict=False):
            here = slice(s, s + f.n * f.width)
            shape = (-1, f.n, f.width)
            one = np.tensordot(E[:, here].reshape(shape), I12[:, here].reshape(shape), axes=([0, 1], [0, 1]))
            rows, inv = BL[here].reshape(f.n, f.width, b.m), self.I22[here].reshape(f.n, f.width, b.m)
            out.append(one + np.tensordot(rows, inv, axes=([0, 2], [0, 2])))
        return out

    def _sparse_traces(self, first: Floats) -> list[Floats]:
        F = self.factored
        b, lam, T = F.blocks, F.lam, F.tables
        C = sp.csr_matrix((T.A, b.indices, b.indptr), (b.q1, b.m))
        inverse = sp.csr_matrix((self.I12, b.indices, b.indptr), (b.q1, b.m))
        CL = _columns_times(C, b, lam)
        for a in range(b.k1):
            for c in range(b.k1):
                first[a, c] += float(CL[a :: b.k1].multiply(inverse[c :: b.k1]).sum())
        out = [first]
        BL = lam.right(T.B)
        E, I12 = F.E.tocsc(), inverse.tocsc()
        for f, s in zip(b.rest, b.starts, strict=False):
            M = np.empty((f.width, f.width))
            for a in range(f.width):
                for c in range(f.width):
                    rows, other = (
                        slice(s + a, s + f.n * f.width, f.width),
                        slice(s + c, s + f.n * f.width, f.width),
                    )
                    M[a, c] = float(E[:, rows].multiply(I12[:, other]).sum())
                    M[a, c] += float((BL[rows] * self.I22[other]).sum())
            out.append(M)
        return out

    def leverage(self) -> Floats:
        """(rows,) diagonal of ZΛH⁻¹Λ'Z'."""
        F = self.factored
        b, lam = F.blocks, F.lam
        G = np.empty(b.P.shape[0])
        L1 = lam.first
        G11 = L1[0, 0] ** 2 * self.I11 if b.k1 == 1 else L1 @ self.I11 @ L1.T
        G[: b.nD] = G11.ravel()
        if b.m:
            G[b.nD : b.nD + b.nA] = self._cross_leverage()
            G[b.nD + b.nA :] = lam.right(lam.apply_rest(self.I22), transpose=True).ravel()
        return np.asarray(b.Pt @ G)

    def _cross_leverage(self) -> Floats:
        """2 Λ₁ I12 Λ₂' on the pattern of the cross block."""
        F = self.factored
        b, lam = F.blocks, F.lam
        if not b.sparse:
            M = 2.0 * (lam.first[0, 0] * self.I12 if b.k1 == 1 else np.matmul(lam.first, self.I12))
            return lam.right(M, transpose=True).ravel()
        M = sp.csr_matrix((2.0 * self.I12, b.indices, b.indptr), (b.q1, b.m))
        M = _rows_times(M, np.broadcast_to(lam.first, (b.n1, b.k1, b.k1)))
        return np.asarray(_columns_times_transposed(M, b, lam).data)


def _columns_times_transposed(M: sp.csr_matrix, b: Blocks, lam: Lambda) -> sp.csr_matrix:
    """M Λ₂' on M's pattern."""
    if b.scalar:
        return _columns_times(M, b, lam)
    out = np.zeros(len(M.data))
    position = np.arange(len(M.data))
    for f, s, L in zip(b.rest, b.starts, lam.rest, strict=False):
        mine = (M.indices >= s) & (M.indices < s + f.n * f.width)
        inner = (M.indices - s) % f.width
        for a in range(f.width):
            for c in range(a + 1):
                to = mine & (inner == a)
                out[to] += L[a, c] * M.data[position[to] + (c - a)]
    return sp.csr_matrix((out, M.indices, M.indptr), M.shape)
