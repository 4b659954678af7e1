"""Writes the fixtures of this folder: python make.py (scikit-learn 1.9, scipy 1.17, pandas 3.1, pyarrow)."""

import decimal
import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    average_precision_score, brier_score_loss, log_loss, precision_recall_curve, roc_auc_score, roc_curve,
)

rng = np.random.default_rng(20)


def scores_of(kind, n):
    if kind == "ties":
        return rng.integers(0, 12, n) / 12
    if kind == "near ties":
        return rng.integers(0, 12, n) / 12 + rng.integers(-12, 13, n) * 2.5e-16
    if kind == "chained near ties":
        return 0.5 + np.arange(n) * 6e-16
    if kind == "constant":
        return np.full(n, 0.25)
    if kind == "skewed":
        return 1 / (1 + np.exp(-rng.normal(-3, 1.5, n)))
    return rng.random(n)


def isotonic():
    cases = []
    for kind in ["plain", "ties", "near ties", "chained near ties", "constant", "skewed"]:
        for n in [1, 2, 7, 40, 90]:
            for weighted in [False, True]:
                x = scores_of(kind, n)
                y = (rng.random(n) < np.clip(x, 0.05, 0.95)).astype(float)
                w = rng.integers(1 if n < 7 else 0, 4, n) * 0.7 if weighted else None
                model = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=w)
                asked = np.concatenate([x[:5], rng.random(3), [-0.5, 1.5]])
                cases.append({
                    "kind": kind, "scores": x.tolist(), "labels": y.tolist(),
                    "weights": None if w is None else w.tolist(),
                    "x_thresholds": model.X_thresholds_.tolist(), "y_thresholds": model.y_thresholds_.tolist(),
                    "asked": asked.tolist(), "predicted": model.predict(asked).tolist(),
                })
    return cases


def evaluation():
    cases = []
    for kind in ["plain", "ties", "constant", "skewed", "exact bin edges"]:
        p = rng.integers(0, 11, 120) / 10 if kind == "exact bin edges" else scores_of(kind, 120)
        y = (rng.random(120) < np.clip(p, 0.1, 0.9)).astype(int)
        y[:2] = [0, 1]
        precision, recall, thresholds = precision_recall_curve(y, p)
        highest = max(i for i in range(len(thresholds)) if recall[i] >= 0.1)
        bins = np.digitize(p, np.arange(1, 10) / 10)
        filled = [bins == b for b in range(10) if (bins == b).any()]
        error = sum(rows.sum() * abs(p[rows].mean() - y[rows].mean()) for rows in filled) / len(p)
        fpr, tpr, _ = roc_curve(y, p, drop_intermediate=False)
        cases.append({
            "kind": kind, "labels": y.tolist(), "scores": p.tolist(),
            "auc_roc": roc_auc_score(y, p), "auc_pr": average_precision_score(y, p),
            "precision_at_10pct_recall": precision[highest],
            "calibration_error": error, "log_loss": log_loss(y, p), "brier": brier_score_loss(y, p),
            "false_positive_rate": fpr.tolist(), "true_positive_rate": tpr.tolist(),
            "precision": precision[:-1][::-1].tolist(), "recall": recall[:-1][::-1].tolist(),
        })
    return cases


def tables():
    n = 50
    missing = rng.random(n) < 0.1
    real = np.where(missing, np.nan, rng.normal(size=n))
    frame = pd.DataFrame({
        "real": real,
        "single": rng.normal(size=n).astype("float32"),
        "whole": rng.integers(-100, 100, n),
        "unsigned": rng.integers(0, 2**32 - 1, n).astype("uint32"),
        "flag": rng.random(n) < 0.5,
        "nullable_whole": pd.array(np.where(missing, None, rng.integers(0, 9, n)), dtype="Int64"),
        "nullable_flag": pd.array(np.where(missing, None, rng.random(n) < 0.5), dtype="boolean"),
        "empty": pd.array([None] * n, dtype="Float64"),
    })
    cents = rng.integers(-10**6, 10**6, n)
    money = [None if gone else decimal.Decimal(int(c)).scaleb(-2) for gone, c in zip(missing, cents)]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.append_column("money", pa.array(money, pa.decimal128(12, 2)))
    for codec in ["snappy", "zstd", "gzip", "lz4"]:
        pq.write_table(table, f"{codec}.parquet", compression=codec, row_group_size=20, use_dictionary=codec != "gzip",
                       data_page_version="2.0" if codec == "zstd" else "1.0")
    frame[["real", "flag"]].sample(frac=1, random_state=1).to_parquet("index.parquet")
    pd.DataFrame({"real": [1.0, 2.0], "name": ["ann", "bob"]}).to_parquet("text.parquet")
    pd.DataFrame({"real": [1.0, 2.0], "list": [[1], [2, 3]]}).to_parquet("nested.parquet")
    number = lambda v: None if v is None or v is pd.NA or math.isnan(v) else float(v)
    return {name: [number(v) for v in table.column(name).to_pylist()] for name in table.column_names}


for name, make in {"isotonic": isotonic, "evaluation": evaluation, "tables": tables}.items():
    with open(f"{name}.json", "w", encoding="utf-8") as file:
        json.dump(make(), file, separators=(",", ":"))
