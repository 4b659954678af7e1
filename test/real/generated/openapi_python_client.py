"""A client that openapi-python-client has generated: scores rows and prints what it has read."""

import json
import os

from lightscore_client import Client
from lightscore_client.api.administration import abort_experiment, get_experiment, list_models, load_model, promote
from lightscore_client.api.administration import start_experiment
from lightscore_client.api.scoring import score_row, score_rows
from lightscore_client.models import ExperimentRequest, ExperimentRequestMode, ScoreRequest


def connect(key):
    return Client(base_url=os.environ["BASE"], headers={"X-API-Key": key} if key else {})


rows = json.load(open(os.environ["ROWS"]))
scoring = connect(os.environ["KEY"])
admin = connect(os.environ["ADMIN"])
found = {
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
request = ExperimentRequest(version="v1.1.0", mode=ExperimentRequestMode.SHADOW, share=0.25)
found["outcome"] = start_experiment.sync(client=admin, body=request).outcome
models = list_models.sync(client=admin)
found |= {
    "champion": models.champion,
    "challenger": models.experiment.challenger,
    "share": models.experiment.share,
    "size": models.models[0].files[0].size,
    "rows": models.models[0].self_check_rows.tree_walk,
}
abort_experiment.sync(client=admin)
print(json.dumps(found))
