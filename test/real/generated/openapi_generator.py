"""A client that openapi-generator has generated for Python: scores rows and prints what it has read."""

import json
import os

import openapi_client as client


def connect(key, base=os.environ["BASE"]):
    api = client.ApiClient(client.Configuration(host=base))
    if key:
        api.set_default_header("X-API-Key", key)
    return api


def problem(call):
    """The problem of a call that is refused, decoded by the client."""
    try:
        call()
    except client.ApiException as refused:
        return refused.data
    raise AssertionError("it was not refused")


def fields(call):
    """What the problem of a call says."""
    said = problem(call)
    error = said.errors[0]
    kind = [said.type, said.status, said.title, said.detail, said.request_id, said.trace_id]
    return [*kind, error.pointer, error.detail]


rows = json.load(open(os.environ["ROWS"]))
scoring = client.ScoringApi(connect(os.environ["KEY"]))
stranger = client.ScoringApi(connect(""))
admin = client.AdministrationApi(connect(os.environ["ADMIN"]))
requests = [client.ScoreRequest(features=row) for row in rows]
kinds = json.loads(os.environ["KINDS"])
refusing = connect("", os.environ["PROBLEMS"])
refused_score = client.ScoringApi(refusing).score_row
refused_load = client.AdministrationApi(refusing).load_model
named = client.ScoreRequest(features=rows[0][::-1], feature_names=json.loads(os.environ["NAMES"])[::-1])
explained = scoring.score_row(named, explain="shap", top_k=len(rows[0]))
found = {
    "expected": explained.expected_value,
    "contributions": [feature.contribution for feature in explained.top_features],
    "problems": {
        **{
            kind: fields(lambda: refused_score(client.ScoreRequest(features=rows[0], request_id=kind)))
            for kind in kinds["score"]
        },
        **{kind: fields(lambda: refused_load(kind)) for kind in kinds["load"]},
    },
    "scores": [scoring.score_row(request).confidence_score for request in requests],
    "batch": [answer.confidence_score for answer in scoring.score_rows(requests)],
    # Checked before it is sent: the length is in the document.
    "bad": problem(lambda: scoring.score_row(client.ScoreRequest.model_construct(features=rows[0][:2]))).type,
    "unauthenticated": problem(lambda: stranger.score_row(requests[0])).type,
    "unknown": problem(lambda: admin.load_model("v9.9.9+build.7")).detail,
    "conflict": problem(lambda: admin.promote()).type,
    "none": admin.get_experiment().experiment is None,
}
idle = admin.list_models()
found["idle"] = idle.experiment is None and idle.under_way is None
found["named"] = idle.named_by_store.by
found["outcome"] = admin.start_experiment(client.ExperimentRequest(version="v1.1.0", mode="shadow", share=0.25)).outcome
models = admin.list_models()
found |= {
    "role": models.models[0].role,
    "champion": models.champion,
    "challenger": models.experiment.challenger,
    "share": models.experiment.share,
    "size": models.models[0].files[0].size,
    "rows": models.models[0].self_check_rows.tree_walk,
}
found["ended"] = admin.abort_experiment().outcome
print(json.dumps(found))
