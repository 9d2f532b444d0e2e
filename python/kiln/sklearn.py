"""Pipelines of scikit-learn on Kiln, through skl2onnx.

    fast = kiln.sklearn.compile(pipeline, X[:1])
    labels = fast.predict(X)
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .engine import build
from .session import Session


def compile(estimator: Any, example: Any = None, **options: Any) -> Compiled:  # noqa: A001: torch calls it so, too
    """A fitted estimator or pipeline as an engine with the same `predict`, `predict_proba`, `decision_function` and
    `transform`, as far as it has them.

    `example` is some rows of its input: an array, or a table with named columns, as it was fitted with; without one it
    takes float32 arrays. Numbers are computed in the example's own type, float64 where that is what it has. `options`
    are those of kiln.build.
    """
    return Compiled(estimator, example, options)


class Compiled:
    def __init__(self, estimator: Any, example: Any, options: dict[str, Any]) -> None:
        if example is None:
            columns = getattr(estimator, "n_features_in_", None)
            if columns is None:
                raise ValueError("the estimator does not say how many columns it takes: give some rows as an example")
            example = np.zeros((1, columns), np.float32)
        self._is_table = hasattr(example, "columns")
        self._estimator = estimator
        if hasattr(estimator, "classes_"):
            self.classes_ = estimator.classes_
        model = _convert(estimator, example, self._is_table)
        self._session = Session(build(model, **{"tune": "off", "verify": False, **options}))
        self._inputs = self._session.inputs
        self._outputs = [port.name for port in self._session.outputs]

    def _feed(self, rows: Any) -> dict[str, np.ndarray]:
        if not self._is_table:
            (port,) = self._inputs
            return {port.name: _typed(np.asarray(rows), port.dtype)}
        if len(self._inputs) != len(rows.columns):
            raise ValueError(f"{len(rows.columns)} columns are given, expected {len(self._inputs)}")
        return {port.name: _typed(rows[name].to_numpy().reshape(-1, 1), port.dtype)
                for port, name in zip(self._inputs, rows.columns)}

    def _run(self, rows: Any, output: int) -> np.ndarray:
        return self._session.run(self._feed(rows), [self._outputs[output]])[self._outputs[output]]

    def __getattr__(self, name: str) -> Any:
        """The estimator's own methods that its export answers."""
        if name.startswith("_") or not hasattr(self._estimator, name):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        is_classifier = hasattr(self._estimator, "classes_")
        if name == "predict":
            return lambda rows: _as_fitted(self._run(rows, 0), self._estimator)
        if name == "predict_proba" and is_classifier:
            return lambda rows: self._run(rows, 1)
        if name == "decision_function" and is_classifier and not hasattr(self._estimator, "predict_proba"):
            return lambda rows: _one_column(self._run(rows, 1), len(self.classes_))
        if name == "transform" and not hasattr(self._estimator, "predict"):
            return lambda rows: self._run(rows, 0)
        raise AttributeError(f"'{name}' of {type(self._estimator).__name__} has no export to ONNX")

    def _repr_html_(self) -> str:
        return self._session._repr_html_()


def _typed(array: np.ndarray, wanted: str) -> np.ndarray:
    if wanted == "string":
        return array.astype(object)
    return array.astype({"float": np.float32, "double": np.float64}.get(wanted, wanted), copy=False)


def _as_fitted(labels: np.ndarray, estimator: Any) -> np.ndarray:
    if hasattr(estimator, "classes_"):
        return labels.astype(estimator.classes_.dtype, copy=False)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _one_column(scores: np.ndarray, classes: int) -> np.ndarray:
    return scores[:, 1] if classes == 2 and scores.ndim == 2 and scores.shape[1] == 2 else scores


def _convert(estimator: Any, example: Any, is_table: bool) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    if not is_table:
        example = np.asarray(example)
        kinds = {np.dtype(np.float64): DoubleTensorType, np.dtype(np.int64): Int64TensorType}
        kind = StringTensorType if example.dtype.kind in "OUS" else kinds.get(example.dtype, FloatTensorType)
        types = [("X", kind([None, *example.shape[1:]]))]
    else:
        kinds = {"f": DoubleTensorType, "i": Int64TensorType, "u": Int64TensorType, "b": Int64TensorType}
        types = []
        for name in example.columns:
            dtype = example[name].dtype
            kind = FloatTensorType if dtype == np.float32 else kinds.get(getattr(dtype, "kind", "O"), StringTensorType)
            types.append((str(name), kind([None, 1])))
    return to_onnx(estimator, initial_types=types, options=options).SerializeToString()
