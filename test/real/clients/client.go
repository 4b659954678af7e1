// Sends the requests of test/real/clients.test.ts with net/http; writes one line for each answer: case, status, body.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

type request struct {
	name, path string
	body       []byte
	// Without a length: net/http sends it in chunks.
	chunked bool
	headers map[string]string
	trailer bool
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func send(client *http.Client, url string, r request) string {
	var body io.Reader = bytes.NewReader(r.body)
	if r.chunked {
		body = io.MultiReader(body)
	}
	req := must(http.NewRequest("POST", url+r.path, body))
	req.Header.Set("Content-Type", "application/json")
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	if r.trailer {
		req.Trailer = http.Header{"X-Checksum": {"1"}}
	}
	answer := must(client.Do(req))
	defer answer.Body.Close()
	return fmt.Sprintf("%s\t%d\t%s\n", r.name, answer.StatusCode, must(io.ReadAll(answer.Body)))
}

// client URL FOLDER [trailers]
func main() {
	url, folder := os.Args[1], os.Args[2]
	one := must(os.ReadFile(filepath.Join(folder, "one.json")))
	batch := must(os.ReadFile(filepath.Join(folder, "batch.json")))
	// The time-out of http.DefaultTransport for Expect.
	client := &http.Client{Timeout: 30 * time.Second}

	plain := request{name: "one", path: "/score", body: one}
	requests := []request{
		{name: "one", path: "/score", body: one, chunked: true},
		{name: "one", path: "/score", body: one, headers: map[string]string{"X-Token": strings.Repeat("x", 12*1024)}},
		{name: "one", path: "/score", body: one, headers: map[string]string{"Expect": "100-continue"}},
		{name: "batch", path: "/score_batch", body: batch},
		{name: "batch", path: "/score_batch", body: batch, chunked: true},
	}
	if len(os.Args) > 3 {
		requests = append(requests, request{name: "one", path: "/score", body: one, chunked: true, trailer: true})
	}
	for range 20 {
		requests = append(requests, plain)
	}
	for _, r := range requests {
		fmt.Print(send(client, url, r))
	}

	var wait sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			answers[i] = send(client, url, plain)
		}()
	}
	wait.Wait()
	fmt.Print(strings.Join(answers, ""))
}
