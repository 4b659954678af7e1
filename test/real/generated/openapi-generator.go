// A client that openapi-generator has generated for Go: scores rows and prints what it has read.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	client "example.com/client"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func connect(key string) *client.APIClient {
	return connectTo(os.Getenv("BASE"), key)
}

func connectTo(base, key string) *client.APIClient {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: base}}
	if key != "" {
		configuration.AddDefaultHeader("X-API-Key", key)
	}
	return client.NewAPIClient(configuration)
}

// The problem in an error, decoded by the client.
func problem(err error) client.Problem {
	var refused *client.GenericOpenAPIError
	if !errors.As(err, &refused) {
		panic(err)
	}
	return refused.Model().(client.Problem)
}

func reversed[T any](items []T) []T {
	turned := []T{}
	for i := len(items) - 1; i >= 0; i-- {
		turned = append(turned, items[i])
	}
	return turned
}

// Every kind of problem, as the client decodes it.
func problems(ctx context.Context, row []*float64) map[string][]any {
	var kinds struct{ Score, Load []string }
	must(json.Unmarshal([]byte(os.Getenv("KINDS")), &kinds))
	api := connectTo(os.Getenv("PROBLEMS"), "")
	decoded := map[string][]any{}
	add := func(kind string, err error) {
		p := problem(err)
		first := p.Errors[0]
		decoded[kind] = []any{p.Type, p.Status, p.Title, p.Detail, p.RequestId, p.TraceId, first.Pointer, first.Detail}
	}
	for _, kind := range kinds.Score {
		request := *client.NewScoreRequest(row)
		request.SetRequestId(kind)
		_, _, err := api.ScoringAPI.ScoreRow(ctx).ScoreRequest(request).Execute()
		add(kind, err)
	}
	for _, kind := range kinds.Load {
		_, _, err := api.AdministrationAPI.LoadModel(ctx, kind).Execute()
		add(kind, err)
	}
	return decoded
}

func main() {
	ctx := context.Background()
	file, err := os.ReadFile(os.Getenv("ROWS"))
	must(err)
	var rows [][]*float64
	must(json.Unmarshal(file, &rows))
	scoring := connect(os.Getenv("KEY")).ScoringAPI
	admin := connect(os.Getenv("ADMIN")).AdministrationAPI
	found := map[string]any{}

	scores := []float64{}
	batch := []client.ScoreRequest{}
	for _, row := range rows {
		answer, _, err := scoring.ScoreRow(ctx).ScoreRequest(*client.NewScoreRequest(row)).Execute()
		must(err)
		scores = append(scores, answer.ConfidenceScore)
		batch = append(batch, *client.NewScoreRequest(row))
	}
	found["scores"] = scores
	answers, _, err := scoring.ScoreRows(ctx).ScoreRequest(batch).Execute()
	must(err)
	batchScores := []float64{}
	for _, answer := range answers {
		batchScores = append(batchScores, answer.ConfidenceScore)
	}
	found["batch"] = batchScores

	var names []string
	must(json.Unmarshal([]byte(os.Getenv("NAMES")), &names))
	named := *client.NewScoreRequest(reversed(rows[0]))
	named.SetFeatureNames(reversed(names))
	explained, _, err := scoring.ScoreRow(ctx).ScoreRequest(named).Explain("shap").TopK(int32(len(names))).Execute()
	must(err)
	contributions := []float64{}
	for _, feature := range explained.TopFeatures {
		contributions = append(contributions, feature.Contribution)
	}
	found["expected"] = explained.ExpectedValue
	found["contributions"] = contributions
	found["problems"] = problems(ctx, rows[0])

	_, _, err = scoring.ScoreRow(ctx).ScoreRequest(*client.NewScoreRequest(rows[0][:2])).Execute()
	found["bad"] = problem(err).Type
	_, _, err = connect("").ScoringAPI.ScoreRow(ctx).ScoreRequest(*client.NewScoreRequest(rows[0])).Execute()
	found["unauthenticated"] = problem(err).Type
	_, _, err = admin.LoadModel(ctx, "v9.9.9+build.7").Execute()
	found["unknown"] = problem(err).Detail
	_, _, err = admin.Promote(ctx).Execute()
	found["conflict"] = problem(err).Type

	none, _, err := admin.GetExperiment(ctx).Execute()
	must(err)
	found["none"] = none.Experiment.Get() == nil
	idle, _, err := admin.ListModels(ctx).Execute()
	must(err)
	found["idle"] = idle.Experiment.Get() == nil && idle.UnderWay.Get() == nil
	found["named"] = idle.NamedByStore.Get().By
	experiment := *client.NewExperimentRequest("v1.1.0", "shadow", 0.25)
	started, _, err := admin.StartExperiment(ctx).ExperimentRequest(experiment).Execute()
	must(err)
	found["outcome"] = started.Outcome
	models, _, err := admin.ListModels(ctx).Execute()
	must(err)
	found["champion"] = models.Champion.Get()
	found["challenger"] = models.Experiment.Get().Challenger
	found["share"] = models.Experiment.Get().Share
	found["size"] = models.Models[0].Files[0].Size
	found["rows"] = models.Models[0].SelfCheckRows.Get().TreeWalk
	found["role"] = models.Models[0].Role.Get()
	ended, _, err := admin.AbortExperiment(ctx).Execute()
	must(err)
	found["ended"] = ended.Outcome
	must(json.NewEncoder(os.Stdout).Encode(found))
}
