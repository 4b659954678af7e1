"""Writes small models of an old LightGBM, and the raw scores and predictions of the version that wrote them.

    pip install lightgbm==2.1.2      (2.0.12, 2.1.2, 2.2.3: their wheels run on today's Python)
    python make.py
"""
import json
import os

import lightgbm
import numpy

here = os.path.dirname(os.path.abspath(__file__))
version = lightgbm.__version__
random = numpy.random.RandomState(5)
X = random.normal(size=(400, 4))
X[:, 3] = random.randint(0, 9, 400)
X[random.uniform(size=X.shape) < 0.05] = numpy.nan
share = 1 / (1 + numpy.exp(-numpy.nan_to_num(X[:, 0]) + (numpy.nan_to_num(X[:, 3]) % 3)))
labels = {
    "binary": (share > random.uniform(size=400)).astype(int),
    "xentropy": share,
    "xentlambda": share,
    "regression": share * 10,
    "regression_l1": share * 10,
    "poisson": numpy.floor(share * 5),
    "multiclass": numpy.digitize(share, [0.3, 0.6]),
}
rows = numpy.concatenate([X[:30], [[0, 0, 0, 0], [numpy.nan] * 4, [1e-36, -1e-36, 1e300, 8.9], [-1, 1, 2, -1]]])
file = os.path.join(here, "expected.json")
expected = json.load(open(file)) if os.path.exists(file) else {}
expected["rows"] = [[None if value != value else value for value in row] for row in rows.tolist()]
for objective, label in labels.items():
    options = {"objective": objective, "num_leaves": 5, "min_data_in_leaf": 5, "verbose": -1}
    if objective == "multiclass":
        options["num_class"] = 3
    data = lightgbm.Dataset(X, label, categorical_feature=[3])
    booster = lightgbm.train(options, data, 4)
    name = f"lightgbm-{version}-{objective}.txt"
    booster.save_model(os.path.join(here, name))
    again = lightgbm.Booster(model_file=os.path.join(here, name))
    expected[name] = {
        "raw": again.predict(rows, raw_score=True).tolist(),
        "prediction": again.predict(rows).tolist(),
    }
with open(file, "w") as out:
    json.dump(expected, out, indent=1)
    out.write("\n")
