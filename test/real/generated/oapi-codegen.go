// A client that oapi-codegen has generated: scores rows and prints what it has read.
package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
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

func reversed[T any](items []T) []T {
	turned := []T{}
	for i := len(items) - 1; i >= 0; i-- {
		turned = append(turned, items[i])
	}
	return turned
}

// The problem that an answer was decoded to, which has a field for each status.
func problemOf(answer any) *Problem {
	fields := reflect.ValueOf(answer).Elem()
	for i := range fields.NumField() {
		if problem, ok := fields.Field(i).Interface().(*Problem); ok && problem != nil {
			return problem
		}
	}
	panic("no problem was decoded")
}

// Every kind of problem, as the client decodes it.
func problems(ctx context.Context, row []*float64) map[string][]any {
	var kinds struct{ Score, Load []string }
	must(json.Unmarshal([]byte(os.Getenv("KINDS")), &kinds))
	client, err := NewClientWithResponses(os.Getenv("PROBLEMS"))
	must(err)
	decoded := map[string][]any{}
	add := func(kind string, p *Problem) {
		first := (*p.Errors)[0]
		decoded[kind] = []any{p.Type, p.Status, p.Title, p.Detail, p.RequestId, p.TraceId, first.Pointer, first.Detail}
	}
	for _, kind := range kinds.Score {
		answer, err := client.ScoreRowWithResponse(ctx, nil, ScoreRequest{Features: row, RequestId: &kind})
		must(err)
		add(kind, problemOf(answer))
	}
	for _, kind := range kinds.Load {
		answer, err := client.LoadModelWithResponse(ctx, kind)
		must(err)
		add(kind, problemOf(answer))
	}
	return decoded
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

	var names []ScoreRequestFeatureNames
	must(json.Unmarshal([]byte(os.Getenv("NAMES")), &names))
	names = reversed(names)
	shap, topK := ScoreRowParamsExplain("shap"), int32(len(names))
	explained, err := scoring.ScoreRowWithResponse(
		ctx,
		&ScoreRowParams{Explain: &shap, TopK: &topK},
		ScoreRequest{Features: reversed(rows[0]), FeatureNames: &names},
	)
	must(err)
	contributions := []float64{}
	for _, feature := range explained.JSON200.TopFeatures {
		contributions = append(contributions, feature.Contribution)
	}
	found["expected"] = explained.JSON200.ExpectedValue
	found["contributions"] = contributions
	found["problems"] = problems(ctx, rows[0])

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
	idle, err := admin.ListModelsWithResponse(ctx)
	must(err)
	found["idle"] = idle.JSON200.Experiment == nil && idle.JSON200.UnderWay == nil
	found["named"] = idle.JSON200.NamedByStore.By
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
	found["role"] = models.JSON200.Models[0].Role
	ended, err := admin.AbortExperimentWithResponse(ctx)
	must(err)
	found["ended"] = ended.JSON200.Outcome
	must(json.NewEncoder(os.Stdout).Encode(found))
}
