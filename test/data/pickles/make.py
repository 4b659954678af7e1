"""Writes the calibrators of this folder and scikit-learn's own answers to them.

Run it once per environment; each run adds its files and their entries to expected.json:

    pip install scikit-learn==1.0.2 numpy==1.19.5 lz4 'scipy<1.18'    (Python 3.8)
    python make.py 1.0

scipy 1.18 changed how float32 thresholds are interpolated (see calibrate() in src/artifact/calibrator.ts); the answers
here are those of scipy 0.17 to 1.17.
"""
import json
import os
import pickle
import sys

import joblib
import numpy
import scipy
import sklearn
from sklearn.isotonic import IsotonicRegression

here = os.path.dirname(os.path.abspath(__file__))
assert tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 18), scipy.__version__


def fit(dtype=numpy.float64, rows=400, constant=False, one_x=False, seed=1, **options):
    random = numpy.random.RandomState(seed)
    x = random.beta(1, 6, rows)
    y = (random.uniform(size=rows) < (0.25 if constant else x ** 1.3)).astype(dtype)
    if options.get("increasing") is False:
        y = 1 - y
    if constant:
        y[:] = 0.25
    if one_x:
        x[:] = 0.5
    options.setdefault("out_of_bounds", "clip")
    return IsotonicRegression(**options).fit(x.astype(dtype), y)


def inputs(model):
    thresholds = model.X_thresholds_
    values = [thresholds.astype(numpy.float64), numpy.nextafter(thresholds, thresholds.dtype.type(-9)),
              numpy.nextafter(thresholds, thresholds.dtype.type(9)), (thresholds[1:] + thresholds[:-1]) / 2,
              [-1e300 if thresholds.dtype == numpy.float64 else -1e30, -1, -0.0, 0, 5e-324, 1e-20, 1, 2, 1e30],
              numpy.linspace(-0.1, 1.1, 61), numpy.random.RandomState(7).uniform(size=60)]
    return numpy.concatenate([numpy.asarray(v, dtype=numpy.float64) for v in values])


def pickled(protocol):
    return lambda model, path: pickle.dump(model, open(path, "wb"), protocol=protocol)


def dumped(**options):
    return lambda model, path: joblib.dump(model, path, **options)


double, single = fit(), fit(numpy.float32)
cases = {
    "pickle2": (double, pickled(2)),
    "pickle4-f32": (single, pickled(4)),
    "pickle5": (double, pickled(5)),
    "joblib": (double, dumped()),
    "joblib-f32-zlib": (single, dumped(compress=3)),
}
if sys.argv[1] in ("1.0", "1.9"):
    cases.update({
        "pickle2-f32": (single, pickled(2)),
        "pickle3": (double, pickled(3)),
        "pickle4": (double, pickled(4)),
        "pickle5-f32": (single, pickled(5)),
        "joblib-f32": (single, dumped()),
        "joblib-gzip": (double, dumped(compress=("gzip", 3))),
        "joblib-bz2": (double, dumped(compress="bz2")),
        "joblib-lzma": (double, dumped(compress="lzma")),
        "joblib-xz": (double, dumped(compress=("xz", 6))),
        "joblib-lz4": (double, dumped(compress="lz4")),
        "joblib-protocol2": (double, dumped(protocol=2)),
        "joblib-protocol5": (double, dumped(protocol=5)),
        "decreasing": (fit(increasing=False), dumped()),
        "decreasing-f32": (fit(numpy.float32, increasing=False), dumped()),
        "auto-bounded": (fit(increasing="auto", y_min=0.05, y_max=numpy.float64(0.6)), pickled(4)),
        "constant": (fit(constant=True), dumped()),
        "one-threshold": (fit(one_x=True), dumped()),
        "one-threshold-f32": (fit(numpy.float32, one_x=True), pickled(5)),
    })

path = os.path.join(here, "expected.json")
expected = json.load(open(path)) if os.path.exists(path) else {"answers": {}, "files": {}}
for name, (model, write) in cases.items():
    file = "sklearn-%s-%s.pkl" % (sys.argv[1], name)
    write(model, os.path.join(here, file))
    loaded = joblib.load(os.path.join(here, file))
    p = inputs(model)
    # One value at a time, as the service does; many files have the same thresholds, so answers are kept once per model.
    answers = [float(loaded.predict([value])[0]) for value in p]
    same = dict(dtype=str(model.X_thresholds_.dtype), x=[float(v) for v in model.X_thresholds_],
                y=[float(v) for v in model.y_thresholds_], p=[float(v) for v in p], calibrated=answers)
    key = next((key for key, known in expected["answers"].items() if known == same), None)
    if key is None:
        key = str(len(expected["answers"]))
        expected["answers"][key] = same
    expected["files"][file] = dict(answers=key, sklearn=sklearn.__version__, numpy=numpy.__version__,
                                   scipy=scipy.__version__, joblib=joblib.__version__)

if sys.argv[1] == "1.9":
    refused = {
        "refused-nan.pkl": fit(out_of_bounds="nan"),
        "refused-raise.pkl": fit(out_of_bounds="raise"),
        "refused-unfitted.pkl": IsotonicRegression(out_of_bounds="clip"),
        "refused-array.pkl": numpy.arange(4.0),
    }
    for name, model in refused.items():
        joblib.dump(model, os.path.join(here, name))

with open(path, "w") as out:
    json.dump(expected, out, separators=(",", ":"))
    out.write("\n")
