"""Writes pickled models, and what the objects that were pickled answer.

    pip install lightgbm==4.7.0 scikit-learn==1.9.1 joblib cloudpickle      (each environment adds its files)
    python make.py
"""
import json
import os
import pickle
import warnings

import cloudpickle
import joblib
import lightgbm
import numpy
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
version = f"{lightgbm.__version__}-{'.'.join(sklearn.__version__.split('.')[:2])}"
random = numpy.random.RandomState(2)
X = random.normal(size=(300, 3))
p = 1 / (1 + numpy.exp(-2 * X[:, 0] + X[:, 1]))
y = (random.uniform(size=300) < p).astype(int)
rows = numpy.concatenate([X[:12], [[numpy.nan] * 3, [0, 0, 0], [9, -9, 1e300]]])
small = dict(n_estimators=5, num_leaves=4, min_child_samples=5, verbose=-1)

binary = lightgbm.LGBMClassifier(**small).fit(X, y)
text = lightgbm.LGBMClassifier(**small).fit(X, numpy.array(["no", "yes"])[y])
objects = lightgbm.LGBMClassifier(**small).fit(X, numpy.array(["no", "yes"], dtype=object)[y])
three = lightgbm.LGBMClassifier(**small).fit(X, numpy.digitize(p, [0.3, 0.6]) * 10)
stopped = lightgbm.LGBMClassifier(**{**small, "n_estimators": 300, "learning_rate": 0.8}).fit(
    X[:200], y[:200], eval_set=[(X[200:], numpy.where(X[200:, 2] > 0.8, 1 - y[200:], y[200:]))], callbacks=[lightgbm.early_stopping(3, verbose=False)])
regressor = lightgbm.LGBMRegressor(**small).fit(X, p * 10)
ranker = lightgbm.LGBMRanker(**small).fit(X, y, group=[100, 100, 100])
booster = lightgbm.train({"objective": "binary", "num_leaves": 4, "verbose": -1}, lightgbm.Dataset(X, y), 5)

kept = lightgbm.train(
    {"objective": "binary", "num_leaves": 4, "learning_rate": 0.8, "verbose": -1, "metric": "binary_logloss"},
    lightgbm.Dataset(X[:200], y[:200]), 50, valid_sets=[lightgbm.Dataset(X[200:], y[200:])],
    keep_training_booster=True, callbacks=[lightgbm.early_stopping(3, verbose=False)])
assert 0 < kept.best_iteration < kept.num_trees()


def frozen():
    try:
        from sklearn.frozen import FrozenEstimator
        return CalibratedClassifierCV(FrozenEstimator(binary), method="isotonic")
    except ImportError:
        return CalibratedClassifierCV(binary, method="isotonic", cv="prefit")


models = {
    "binary": binary, "text-labels": text, "object-labels": objects, "three-classes": three, "stopped": stopped,
    "regressor": regressor, "ranker": ranker, "booster": booster, "kept": kept,
    "frozen-isotonic": frozen().fit(X, y),
    "one-sigmoid": CalibratedClassifierCV(lightgbm.LGBMClassifier(**small), method="sigmoid", cv=3, ensemble=False).fit(X, y),
    "three-folds": CalibratedClassifierCV(lightgbm.LGBMClassifier(**small), method="sigmoid", cv=3).fit(X, y),
    "folds-isotonic": CalibratedClassifierCV(lightgbm.LGBMClassifier(**small), method="isotonic", cv=2).fit(X, y),
}
file = os.path.join(here, "expected.json")
expected = json.load(open(file)) if os.path.exists(file) else {}
expected["rows"] = [[None if value != value else value for value in row] for row in rows.tolist()]


def dump(name, how, value):
    path = os.path.join(here, name)
    if how == "joblib":
        joblib.dump(value, path)
    elif how.startswith("joblib-"):
        joblib.dump(value, path, compress=(how.split("-")[1], 3))
    elif how == "cloudpickle":
        with open(path, "wb") as out:
            cloudpickle.dump(value, out)
    else:
        with open(path, "wb") as out:
            pickle.dump(value, out, protocol=int(how[6:]))


for kind, model in models.items():
    hows = ["pickle4"]
    if kind == "object-labels":
        hows = ["pickle2", "pickle5", "joblib", "joblib-gzip", "joblib-xz", "joblib-bz2", "joblib-lzma", "cloudpickle"]
    if kind == "binary":
        hows = ["pickle4", "joblib"]
    for how in hows:
        name = f"lightgbm-{version}-{kind}-{how}.pkl"
        dump(name, how, model)
        entry = {"class": type(model).__module__ + "." + type(model).__name__}
        if hasattr(model, "predict_proba"):
            entry["prediction"] = model.predict_proba(rows).tolist()
            entry["labels"] = model.classes_.tolist()
        else:
            entry["prediction"] = model.predict(rows).tolist()
        if not isinstance(model, CalibratedClassifierCV):
            entry["raw"] = model.predict(rows, raw_score=True).tolist()
        expected[name] = entry
refused = {
    "pipeline": Pipeline([("scale", StandardScaler()), ("model", binary)]).fit(X, y),
    "unfitted": lightgbm.LGBMClassifier(),
    "early-stop": lightgbm.LGBMClassifier(**small, pred_early_stop=True).fit(X, y),
    "other": StandardScaler().fit(X),
    "list": [1, 2],
}
for name, value in refused.items():
    dump(f"refused-{name}.pkl", "pickle4", value)
with open(file, "w") as out:
    json.dump(expected, out, indent=1)
    out.write("\n")
