"""kiln.sklearn.compile gives what the estimator gives."""
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")

from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

import kiln.sklearn

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 5)).astype(np.float32)
LABEL = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)


def test_a_classifier():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABEL)
    fast = kiln.sklearn.compile(pipeline)
    assert (fast.predict(X) == pipeline.predict(X)).all() and fast.predict(X).dtype == pipeline.predict(X).dtype
    np.testing.assert_allclose(fast.predict_proba(X), pipeline.predict_proba(X), atol=1e-5)
    assert (fast.classes_ == pipeline.classes_).all()
    assert fast.predict(X[:1]).shape == (1,) and "<table>" in fast._repr_html_()
    for name in ("transform", "fit", "nothing"):
        with pytest.raises(AttributeError, match=name):
            getattr(fast, name)


def test_classes_with_names():
    names = np.array(["no", "yes", "maybe"])[LABEL]
    forest = RandomForestClassifier(20, random_state=0).fit(X, names)
    fast = kiln.sklearn.compile(forest, X[:1])
    assert (fast.predict(X) == forest.predict(X)).all() and fast.predict(X).dtype == names.dtype
    np.testing.assert_allclose(fast.predict_proba(X), forest.predict_proba(X), atol=1e-5)


def test_regressors_and_doubles():
    y = X[:, 0] * X[:, 1]
    boosting = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y)
    np.testing.assert_allclose(kiln.sklearn.compile(boosting).predict(X), boosting.predict(X), rtol=1e-4, atol=1e-5)
    wide = X.astype(np.float64)
    ridge = Ridge().fit(wide, y)
    found = kiln.sklearn.compile(ridge, wide[:1]).predict(wide)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, ridge.predict(wide), rtol=1e-12)


def test_transformers():
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    np.testing.assert_allclose(kiln.sklearn.compile(pipeline).transform(X), pipeline.transform(X), atol=1e-5)


def test_decision_functions():
    machine = LinearSVC(random_state=0).fit(X, LABEL)
    fast = kiln.sklearn.compile(machine)
    assert (fast.predict(X) == machine.predict(X)).all()
    np.testing.assert_allclose(fast.decision_function(X), machine.decision_function(X), rtol=1e-3, atol=1e-4)
    with pytest.raises(AttributeError, match="predict_proba"):
        fast.predict_proba


def test_tables():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.DataFrame({"a": X[:, 0].astype(np.float64), "b": X[:, 1].astype(np.float64),
                              "colour": RANDOM.choice(["red", "green"], len(X))})
    columns = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("colours", OneHotEncoder(), ["colour"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(table, LABEL)
    fast = kiln.sklearn.compile(pipeline, table)
    assert (fast.predict(table) == pipeline.predict(table)).all()
    np.testing.assert_allclose(fast.predict_proba(table), pipeline.predict_proba(table), atol=1e-6)
    with pytest.raises(ValueError, match="columns"):
        fast.predict(table[["a", "b"]])
