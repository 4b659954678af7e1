// A client that oapi-codegen has generated: scores rows and prints what it has read.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func withKey(key string) ClientOption {
	return WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", key)
		return nil
	})
}

func main() {
	ctx := context.Background()
	file, err := os.ReadFile(os.Getenv("ROWS"))
	must(err)
	var rows [][]*float64
	must(json.Unmarshal(file, &rows))
	scoring, err := NewClientWithResponses(os.Getenv("BASE"), withKey(os.Getenv("KEY")))
	must(err)
	admin, err := NewClientWithResponses(os.Getenv("BASE"), withKey(os.Getenv("ADMIN")))
	must(err)
	found := map[string]any{}

	scores := []float64{}
	batch := []ScoreRequest{}
	for _, row := range rows {
		answer, err := scoring.ScoreRowWithResponse(ctx, nil, ScoreRequest{Features: row})
		must(err)
		scores = append(scores, answer.JSON200.ConfidenceScore)
		batch = append(batch, ScoreRequest{Features: row})
	}
	found["scores"] = scores
	answers, err := scoring.ScoreRowsWithResponse(ctx, nil, batch)
	must(err)
	batchScores := []float64{}
	for _, answer := range *answers.JSON200 {
		batchScores = append(batchScores, answer.ConfidenceScore)
	}
	found["batch"] = batchScores

	short, err := scoring.ScoreRowWithResponse(ctx, nil, ScoreRequest{Features: rows[0][:2]})
	must(err)
	found["bad"] = short.ApplicationproblemJSON400.Type
	stranger, err := NewClientWithResponses(os.Getenv("BASE"))
	must(err)
	refused, err := stranger.ScoreRowWithResponse(ctx, nil, ScoreRequest{Features: rows[0]})
	must(err)
	found["unauthenticated"] = refused.ApplicationproblemJSON401.Type
	unknown, err := admin.LoadModelWithResponse(ctx, "v9.9.9+build.7")
	must(err)
	found["unknown"] = unknown.ApplicationproblemJSON404.Detail
	conflict, err := admin.PromoteWithResponse(ctx, nil)
	must(err)
	found["conflict"] = conflict.ApplicationproblemJSON409.Type

	none, err := admin.GetExperimentWithResponse(ctx)
	must(err)
	found["none"] = none.JSON200.Experiment == nil
	experiment := ExperimentRequest{Version: "v1.1.0", Mode: "shadow", Share: 0.25}
	started, err := admin.StartExperimentWithResponse(ctx, experiment)
	must(err)
	found["outcome"] = started.JSON200.Outcome
	models, err := admin.ListModelsWithResponse(ctx)
	must(err)
	found["champion"] = *models.JSON200.Champion
	found["challenger"] = models.JSON200.Experiment.Challenger
	found["share"] = models.JSON200.Experiment.Share
	found["size"] = models.JSON200.Models[0].Files[0].Size
	found["rows"] = models.JSON200.Models[0].SelfCheckRows.TreeWalk
	_, err = admin.AbortExperimentWithResponse(ctx)
	must(err)
	must(json.NewEncoder(os.Stdout).Encode(found))
}
