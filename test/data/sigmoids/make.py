"""Writes the sigmoid calibrators of this folder and scikit-learn's own answers to them.

    pip install scikit-learn==1.9.1 joblib      (any from 1.0; each version adds its files to expected.json)
    python make.py
"""
import json
import os
import pickle
import warnings

import joblib
import numpy
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
version = ".".join(sklearn.__version__.split(".")[:2])

random = numpy.random.RandomState(3)
score = random.normal(size=600) * 2
label = (random.uniform(size=600) < 1 / (1 + numpy.exp(-score * 0.7 + 1))).astype(int)
column = score.reshape(-1, 1)
inputs = numpy.concatenate([numpy.linspace(-9, 9, 61), [0, -0.0, 1e-300, 0.5, 1, 800, -800]])

wrapper = CalibratedClassifierCV(LogisticRegression(), method="sigmoid", cv=3).fit(column, label)
inside = wrapper.calibrated_classifiers_[0]
platt = (inside.calibrators if hasattr(inside, "calibrators") else inside.calibrators_)[0]
logistic = LogisticRegression(C=1e6).fit(column, label)
isotonic = IsotonicRegression(out_of_bounds="clip").fit(score, label)

of_platt = platt.predict(inputs)
of_logistic = logistic.predict_proba(inputs.reshape(-1, 1))[:, 1]
of_isotonic = isotonic.predict(inputs)
cases = {
    "platt": (platt, of_platt, "sigmoid"),
    "logistic": (logistic, of_logistic, "sigmoid"),
    "dict": ({"model_version": "v1", "calibrator": platt}, of_platt, "sigmoid"),
    "tuple": (("v1", logistic), of_logistic, "sigmoid"),
    "list": ([isotonic], of_isotonic, "isotonic"),
}
file = os.path.join(here, "expected.json")
expected = json.load(open(file)) if os.path.exists(file) else {"inputs": inputs.tolist(), "files": {}}
for name, (value, answers, kind) in cases.items():
    for dump in ("pickle", "joblib"):
        path = f"sklearn-{version}-{name}-{dump}.pkl"
        if dump == "pickle":
            with open(os.path.join(here, path), "wb") as out:
                pickle.dump(value, out, protocol=4)
        else:
            joblib.dump(value, os.path.join(here, path), compress=3)
        expected["files"][path] = {"type": kind, "calibrated": answers.tolist()}
two = LogisticRegression().fit(numpy.column_stack([score, score ** 2]), label)
for name, value in {
    "two-coefficients": two,
    "two-calibrators": {"low": platt, "high": isotonic},
    "none": {"threshold": 0.5},
}.items():
    with open(os.path.join(here, f"refused-{name}.pkl"), "wb") as out:
        pickle.dump(value, out, protocol=4)
with open(file, "w") as out:
    json.dump(expected, out, indent=1)
    out.write("\n")
