"""A client that openapi-python-client has generated: scores rows and prints what it has read."""

import json
import os

from lightscore_client import Client
from lightscore_client.api.administration import abort_experiment, get_experiment, list_models, load_model, promote
from lightscore_client.api.administration import start_experiment
from lightscore_client.api.scoring import score_row, score_rows
from lightscore_client.models import ExperimentRequest, ExperimentRequestMode, ScoreRequest, ScoreRowExplain
from lightscore_client.models.score_request_feature_names_type_0_item import ScoreRequestFeatureNamesType0Item


def connect(key, base=os.environ["BASE"]):
    return Client(base_url=base, headers={"X-API-Key": key} if key else {})


def fields(problem):
    """What a problem says."""
    error = problem.errors[0]
    said = [problem.type_, problem.status, problem.title, problem.detail, problem.request_id, problem.trace_id]
    return [*said, error.pointer, error.detail]


rows = json.load(open(os.environ["ROWS"]))
scoring = connect(os.environ["KEY"])
admin = connect(os.environ["ADMIN"])
kinds = json.loads(os.environ["KINDS"])
problems = connect("", os.environ["PROBLEMS"])
named = ScoreRequest(
    rows[0][::-1],
    feature_names=[ScoreRequestFeatureNamesType0Item(name) for name in json.loads(os.environ["NAMES"])[::-1]],
)
explained = score_row.sync(client=scoring, body=named, explain=ScoreRowExplain.SHAP, top_k=len(rows[0]))
found = {
    "expected": explained.expected_value,
    "contributions": [feature.contribution for feature in explained.top_features],
    "problems": {
        **{
            kind: fields(score_row.sync(client=problems, body=ScoreRequest(rows[0], request_id=kind)))
            for kind in kinds["score"]
        },
        **{kind: fields(load_model.sync(kind, client=problems)) for kind in kinds["load"]},
    },
    "scores": [score_row.sync(client=scoring, body=ScoreRequest(row)).confidence_score for row in rows],
    "batch": [
        answer.confidence_score
        for answer in score_rows.sync(client=scoring, body=[ScoreRequest(row) for row in rows])
    ],
    "bad": score_row.sync(client=scoring, body=ScoreRequest(rows[0][:2])).type_,
    "unauthenticated": score_row.sync(client=connect(""), body=ScoreRequest(rows[0])).type_,
    "unknown": load_model.sync("v9.9.9+build.7", client=admin).detail,
    "conflict": promote.sync(client=admin).type_,
    "none": get_experiment.sync(client=admin).experiment is None,
}
idle = list_models.sync(client=admin)
found["idle"] = idle.experiment is None and idle.under_way is None
found["named"] = idle.named_by_store.by
request = ExperimentRequest(version="v1.1.0", mode=ExperimentRequestMode.SHADOW, share=0.25)
found["outcome"] = start_experiment.sync(client=admin, body=request).outcome
models = list_models.sync(client=admin)
found |= {
    "role": models.models[0].role,
    "champion": models.champion,
    "challenger": models.experiment.challenger,
    "share": models.experiment.share,
    "size": models.models[0].files[0].size,
    "rows": models.models[0].self_check_rows.tree_walk,
}
found["ended"] = abort_experiment.sync(client=admin).outcome
print(json.dumps(found))
