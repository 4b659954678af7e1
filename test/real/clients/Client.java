/** Java's HttpClient as a client of the server; test/real/clients.test.ts compiles and runs it. */
import java.io.ByteArrayInputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Sends the requests of test/real/clients.test.ts with java.net.http, with and without `Expect: 100-Continue`; writes
 * one line for each answer: case, status, body. Usage: java Client.java URL FOLDER
 */
public class Client {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

    private static void send(String name, String url, BodyPublisher body, boolean expect) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url))
            .header("Content-Type", "application/json")
            .expectContinue(expect)
            .timeout(Duration.ofSeconds(30))
            .POST(body)
            .build();
        var answer = CLIENT.send(request, BodyHandlers.ofString());
        OUT.print(name + "\t" + answer.statusCode() + "\t" + answer.body() + "\n");
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        byte[] one = Files.readAllBytes(Path.of(arguments[1], "one.json"));
        byte[] batch = Files.readAllBytes(Path.of(arguments[1], "batch.json"));
        for (boolean expect : new boolean[] {false, true}) {
            for (int i = 0; i < 10; i++) {
                send("one", url + "/score", BodyPublishers.ofByteArray(one), expect);
            }
            send("one", url + "/score", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(one)), expect);
            send("batch", url + "/score_batch", BodyPublishers.ofByteArray(batch), expect);
            send(
                "batch",
                url + "/score_batch",
                BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(batch)),
                expect
            );
        }
        OUT.flush();
    }
}
