// A client that openapi-generator has generated for Java: scores rows and prints what it has read.
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.AdministrationApi;
import org.openapitools.client.api.ScoringApi;
import org.openapitools.client.model.BodyError;
import org.openapitools.client.model.ExperimentRequest;
import org.openapitools.client.model.Models;
import org.openapitools.client.model.Problem;
import org.openapitools.client.model.ScoreRequest;
import org.openapitools.client.model.ScoreResponse;
import org.openapitools.client.model.TopFeature;

public class Client {
  interface Call {
    void run() throws ApiException;
  }

  static final ObjectMapper JSON = ApiClient.createDefaultObjectMapper();

  static ApiClient connect(String key, String base) {
    ApiClient client = new ApiClient();
    client.updateBaseUri(base);
    if (!key.isEmpty()) client.setRequestInterceptor(request -> request.header("X-API-Key", key));
    return client;
  }

  static ApiClient connect(String key) {
    return connect(key, System.getenv("BASE"));
  }

  /** The problem of a call that is refused. */
  static Problem problem(Call call) throws Exception {
    try {
      call.run();
    } catch (ApiException refused) {
      return JSON.readValue(refused.getResponseBody(), Problem.class);
    }
    throw new AssertionError("it was not refused");
  }

  /** Every kind of problem, as the client decodes it. */
  static Map<String, Object> problems(List<Double> row) throws Exception {
    Map<String, List<String>> kinds = JSON.readValue(System.getenv("KINDS"), new TypeReference<>() {});
    ApiClient client = connect("", System.getenv("PROBLEMS"));
    ScoringApi scoring = new ScoringApi(client);
    AdministrationApi admin = new AdministrationApi(client);
    Map<String, Object> decoded = new LinkedHashMap<>();
    for (String kind : kinds.get("score")) {
      ScoreRequest request = new ScoreRequest().features(row).requestId(kind);
      decoded.put(kind, fields(problem(() -> scoring.scoreRow(request, null, null, null))));
    }
    for (String kind : kinds.get("load")) decoded.put(kind, fields(problem(() -> admin.loadModel(kind))));
    return decoded;
  }

  static List<Object> fields(Problem problem) {
    BodyError error = problem.getErrors().get(0);
    return List.of(
        problem.getType(),
        problem.getStatus(),
        problem.getTitle(),
        problem.getDetail(),
        problem.getRequestId(),
        problem.getTraceId(),
        error.getPointer(),
        error.getDetail());
  }

  /** A row and its names the other way round, with exact SHAP values. */
  static ScoreResponse explain(ScoringApi scoring, List<Double> row) throws Exception {
    List<String> names = JSON.readValue(System.getenv("NAMES"), new TypeReference<>() {});
    ScoreRequest request = new ScoreRequest();
    for (int i = row.size() - 1; i >= 0; i--) {
      request.addFeaturesItem(row.get(i));
      request.addFeatureNamesItem(ScoreRequest.FeatureNamesEnum.fromValue(names.get(i)));
    }
    return scoring.scoreRow(request, "shap", row.size(), null);
  }

  public static void main(String[] arguments) throws Exception {
    List<List<Double>> rows = JSON.readValue(new File(System.getenv("ROWS")), new TypeReference<>() {});
    ScoringApi scoring = new ScoringApi(connect(System.getenv("KEY")));
    ScoringApi stranger = new ScoringApi(connect(""));
    AdministrationApi admin = new AdministrationApi(connect(System.getenv("ADMIN")));
    Map<String, Object> found = new LinkedHashMap<>();

    List<Double> scores = new ArrayList<>();
    List<ScoreRequest> requests = new ArrayList<>();
    for (List<Double> row : rows) {
      ScoreRequest request = new ScoreRequest().features(row);
      scores.add(scoring.scoreRow(request, null, null, null).getConfidenceScore());
      requests.add(request);
    }
    found.put("scores", scores);
    List<Double> batch = new ArrayList<>();
    for (ScoreResponse answer : scoring.scoreRows(requests, null, null, null)) batch.add(answer.getConfidenceScore());
    found.put("batch", batch);

    ScoreResponse explained = explain(scoring, rows.get(0));
    found.put("expected", explained.getExpectedValue());
    found.put("contributions", explained.getTopFeatures().stream().map(TopFeature::getContribution).toList());
    found.put("problems", problems(rows.get(0)));

    ScoreRequest tooShort = new ScoreRequest().features(rows.get(0).subList(0, 2));
    found.put("bad", problem(() -> scoring.scoreRow(tooShort, null, null, null)).getType());
    found.put("unauthenticated", problem(() -> stranger.scoreRow(requests.get(0), null, null, null)).getType());
    found.put("unknown", problem(() -> admin.loadModel("v9.9.9+build.7")).getDetail());
    found.put("conflict", problem(() -> admin.promote(null)).getType());

    found.put("none", admin.getExperiment().getExperiment() == null);
    Models idle = admin.listModels();
    found.put("idle", idle.getExperiment() == null && idle.getUnderWay() == null);
    found.put("named", idle.getNamedByStore().getBy().getValue());
    ExperimentRequest experiment =
        new ExperimentRequest().version("v1.1.0").mode(ExperimentRequest.ModeEnum.SHADOW).share(0.25);
    found.put("outcome", admin.startExperiment(experiment).getOutcome().getValue());
    Models models = admin.listModels();
    found.put("champion", models.getChampion());
    found.put("challenger", models.getExperiment().getChallenger());
    found.put("share", models.getExperiment().getShare());
    found.put("size", models.getModels().get(0).getFiles().get(0).getSize());
    found.put("rows", models.getModels().get(0).getSelfCheckRows().getTreeWalk());
    found.put("role", models.getModels().get(0).getRole().getValue());
    found.put("ended", admin.abortExperiment().getOutcome().getValue());
    System.out.println(new ObjectMapper().writeValueAsString(found));
  }
}
