"""The Python service that Lightscore replaces, written from its description, for comparison.

Where the description is incomplete or contradicts itself: top_features contain names, which are text; missing values
(null) and requests without feature_names or request_id are accepted, as Lightscore's clients send them; the prediction
event is logged; a batch is scored row by row. The artifacts are read from the folder MODEL_FOLDER instead of S3.

    MODEL_FOLDER=models/v1.1.0 uvicorn fastapi_service:app --port 8001
"""

import json
import logging
import os
import time
import uuid
from datetime import datetime, timezone
from typing import Any, Dict, List, Optional

import joblib
import lightgbm as lgb
import numpy as np
from fastapi import FastAPI, HTTPException
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel, ConfigDict

logging.basicConfig(level=logging.INFO, filename="/dev/stdout", format="%(message)s")
logging.getLogger("uvicorn").propagate = False
logger = logging.getLogger("predictions")

app = FastAPI(title="Fraud Detection ML Service", version="1.0.0")

prediction_counter = Counter("predictions_total", "Total predictions")
prediction_latency = Histogram("prediction_duration_seconds", "Prediction latency")
model_score_gauge = Gauge("model_confidence_score", "Latest confidence score")


class PredictionRequest(BaseModel):
    features: List[Optional[float]]
    feature_names: Optional[List[str]] = None
    request_id: Optional[str] = None


class PredictionResponse(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    confidence_score: float
    top_features: List[Dict[str, Any]]
    model_version: str
    calibration_version: str
    inference_time_ms: int
    request_id: str


class ModelManager:
    def __init__(self, folder: str):
        self.model = lgb.Booster(model_file=os.path.join(folder, "lightgbm_model.txt"))
        self.calibrator = joblib.load(os.path.join(folder, "calibrator.pkl"))
        with open(os.path.join(folder, "metadata.json")) as file:
            metadata = json.load(file)
        self.model_version = metadata["model_version"]
        self.calibration_version = metadata["calibration_version"]
        self.feature_names = metadata["feature_names"]
        self.feature_importance = self.model.feature_importance()


model_manager = ModelManager(os.environ["MODEL_FOLDER"])


@app.middleware("http")
async def metrics_middleware(request, call_next):
    start_time = time.time()
    response = await call_next(request)
    if request.url.path == "/score":
        prediction_counter.inc()
        prediction_latency.observe(time.time() - start_time)
    return response


@app.get("/healthz")
async def health_check():
    return {
        "status": "healthy",
        "model_loaded": model_manager.model is not None,
        "model_version": model_manager.model_version,
        "calibration_version": model_manager.calibration_version,
        "timestamp": datetime.now(timezone.utc).isoformat(),
    }


@app.post("/score", response_model=PredictionResponse)
async def predict_fraud(request: PredictionRequest):
    start_time = time.time()
    names = model_manager.feature_names
    if len(request.features) != len(names):
        raise HTTPException(400, f"Expected {len(names)} features")
    values = [np.nan if value is None else value for value in request.features]
    if request.feature_names is not None and request.feature_names != names:
        by_name = dict(zip(request.feature_names, values))
        values = [by_name[name] for name in names]

    features_array = np.array(values, dtype=float).reshape(1, -1)
    raw_score = model_manager.model.predict(features_array)[0]
    calibrated_score = float(model_manager.calibrator.predict([raw_score])[0])
    top_features = get_top_features(features_array[0], model_manager.feature_importance, names)
    inference_time = int((time.time() - start_time) * 1000)
    request_id = request.request_id or str(uuid.uuid4())
    model_score_gauge.set(calibrated_score)
    log_prediction(request_id, calibrated_score, inference_time)
    return PredictionResponse(
        confidence_score=calibrated_score,
        top_features=top_features,
        model_version=model_manager.model_version,
        calibration_version=model_manager.calibration_version,
        inference_time_ms=inference_time,
        request_id=request_id,
    )


@app.post("/score_batch", response_model=List[PredictionResponse])
async def predict_batch(requests: List[PredictionRequest]):
    return [await predict_fraud(request) for request in requests]


def get_top_features(feature_values, feature_importance, feature_names, top_k=3):
    contributions = []
    for value, importance, name in zip(feature_values, feature_importance, feature_names):
        missing = np.isnan(value)
        contributions.append(
            {
                "feature_name": name,
                "feature_value": None if missing else float(value),
                "importance": float(importance),
                "contribution": 0.0 if missing else float(abs(value * importance)),
            }
        )
    contributions.sort(key=lambda x: x["contribution"], reverse=True)
    return contributions[:top_k]


def log_prediction(request_id, score, latency):
    logger.info(
        json.dumps(
            {
                "event": "prediction",
                "request_id": request_id,
                "confidence_score": score,
                "inference_time_ms": latency,
                "model_version": model_manager.model_version,
                "timestamp": datetime.now(timezone.utc).isoformat(),
            }
        )
    )
