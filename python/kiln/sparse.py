"""Sparse tensors, as a model takes and gives them."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np


class SparseTensor(NamedTuple):
    """`values` [n] that are not zero, their `indices` ([n] into the flattened tensor, or [n, rank]) and the shape."""

    values: np.ndarray
    indices: np.ndarray
    shape: tuple[int, ...]

    def to_dense(self) -> np.ndarray:
        dense = np.zeros(self.shape, self.values.dtype)
        if self.indices.ndim == 2:
            dense[tuple(self.indices.T)] = self.values
        else:
            dense.reshape(-1)[self.indices] = self.values
        return dense

    @classmethod
    def from_dense(cls, dense: np.ndarray) -> SparseTensor:
        indices = np.argwhere(dense).astype(np.int64)
        return cls(dense[tuple(indices.T)], indices, dense.shape)
