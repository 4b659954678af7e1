"""A client that openapi-generator has generated for Python: scores rows and prints what it has read."""

import json
import os

import openapi_client as client


def connect(key):
    api = client.ApiClient(client.Configuration(host=os.environ["BASE"]))
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


rows = json.load(open(os.environ["ROWS"]))
scoring = client.ScoringApi(connect(os.environ["KEY"]))
stranger = client.ScoringApi(connect(""))
admin = client.AdministrationApi(connect(os.environ["ADMIN"]))
requests = [client.ScoreRequest(features=row) for row in rows]
found = {
    "scores": [scoring.score_row(request).confidence_score for request in requests],
    "batch": [answer.confidence_score for answer in scoring.score_rows(requests)],
    # Checked before it is sent: the length is in the document.
    "bad": problem(lambda: scoring.score_row(client.ScoreRequest.model_construct(features=rows[0][:2]))).type,
    "unauthenticated": problem(lambda: stranger.score_row(requests[0])).type,
    "unknown": problem(lambda: admin.load_model("v9.9.9+build.7")).detail,
    "conflict": problem(lambda: admin.promote()).type,
    "none": admin.get_experiment().experiment is None,
}
found["outcome"] = admin.start_experiment(client.ExperimentRequest(version="v1.1.0", mode="shadow", share=0.25)).outcome
models = admin.list_models()
found |= {
    "champion": models.champion,
    "challenger": models.experiment.challenger,
    "share": models.experiment.share,
    "size": models.models[0].files[0].size,
    "rows": models.models[0].self_check_rows.tree_walk,
}
admin.abort_experiment()
print(json.dumps(found))
