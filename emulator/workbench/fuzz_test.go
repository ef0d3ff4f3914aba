package workbench_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// FuzzBodies sends bodies to all endpoints that take one. Whatever they have, the answer is JSON,
// and an error is the sender's and says something.
func FuzzBodies(f *testing.F) {
	endpoints := []string{
		"connections", "connections/%231/messages", "connections/%231/post", "connections/%231/close", "faults", "clock",
	}
	for _, body := range []string{
		`{"stage":"dev","headers":{"a":["b"]},"query":[["c","d"]],"subprotocols":["e"]}`, `{"user":"ann"}`,
		`{"authorizer":{"principalId":"ann","n":1e400}}`, `{"text":"\ud800"}`, `{"base64":"AAEC","binary":true}`,
		`{"text":"x","fragmented":true}`, `{"by":"client","code":1000,"reason":"x"}`, `{"by":"lost"}`,
		`{"fault":"slow","delay":"2s","connections":["#1"],"chance":0.5,"spread":true}`, `{"fault":"half-open","noticed":"1m"}`,
		`{"advance":"9m"}`, `{"advance":"-1ns"}`, `null`, `[]`, `{`, "\xff", `{"text":null}`, `{"headers":[["a"]]}`,
	} {
		for i := range endpoints {
			f.Add(uint8(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, endpoint uint8, body string) {
		bench, err := workbench.New(workbench.Config{Token: token, Entries: 100})
		require.NoError(t, err)
		stage := bench.Stage("dev")
		gw, err := emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(api), nil },
			stage.Config(emulator.Config{Logger: slog.New(slog.DiscardHandler)}))
		require.NoError(t, err)
		require.NoError(t, stage.Attach(gw))
		defer func() {
			require.NoError(t, bench.Close(context.Background()))
			require.NoError(t, gw.Shutdown(context.Background()))
		}()
		call(t, bench, "POST", "connections", `{}`)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost,
			"/_gatesock/api/"+endpoints[int(endpoint)%len(endpoints)], strings.NewReader(body))
		r.Host, r.RemoteAddr = "localhost:3001", "127.0.0.1:50000"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		w := serve(bench, r)
		require.Less(t, w.Code, 500, w.Body.String())
		var answer struct{ Error string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
		require.Equal(t, w.Code >= 400, answer.Error != "", w.Body.String())
		for _, path := range []string{"state", "entries", "connections"} {
			status, text := call(t, bench, "GET", path, "")
			require.Equal(t, http.StatusOK, status, text)
			require.True(t, json.Valid([]byte(text)), text)
		}
	})
}
