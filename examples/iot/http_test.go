package iot_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/examples/iot"
)

// post sends a body, and returns the status and the answer.
func (w *world) post(path, key, body string) (int, string) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), "POST", path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("X-Api-Key", key)
	}
	answer := httptest.NewRecorder()
	w.app.HTTP().ServeHTTP(answer, r)
	return answer.Code, strings.TrimSpace(answer.Body.String())
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestReadingsByHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1", "t-2")
	ann, device := w.person("acme"), w.key("acme", "t-1", iot.ScopeDevice)
	body := encode(t, iot.Report{Readings: []iot.Reading{w.reading(1, 20), w.reading(1, 20)}})
	status, answer := w.post("/readings", device, body)
	require.Equal(t, http.StatusOK, status)
	var out iot.Outcome
	require.NoError(t, json.Unmarshal([]byte(answer), &out))
	require.Equal(t, 1, out.Accepted)
	require.Equal(t, []string{"1 replayed"}, reasons(out))
	d := values[iot.Device](t, ann, "devices:acme")["t-1"]
	require.Equal(t, "http", d.Via)
	require.False(t, d.Online)
	require.Equal(t, w.clock.Now(), d.LastSeen)

	gateway := w.key("acme", "", iot.ScopeIngest)
	status, answer = w.post("/readings", gateway, strings.Replace(body, `{"seq"`, `{"device":"t-2","seq"`, 1))
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, answer, `"accepted":1`)
	require.Contains(t, answer, `"malformed"`)
}

func TestHTTPRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	ann, device := w.person("acme"), w.key("acme", "t-1", iot.ScopeDevice)
	good := encode(t, iot.Report{Readings: []iot.Reading{w.reading(1, 20)}})
	for name, tt := range map[string]struct {
		key, body, code string
		status          int
		counted         iot.Reason
	}{
		"no key":        {"", good, "unauthenticated", 401, ""},
		"a wrong key":   {"x", good, "unauthenticated", 401, ""},
		"a person":      {w.key("acme", "", iot.ScopeView, iot.ScopeManage), good, "permission_denied", 403, ""},
		"no tenant":     {w.key("", "", iot.ScopeIngest), good, "permission_denied", 403, ""},
		"no JSON":       {device, `{"readings":`, "invalid_argument", 400, iot.ReasonMalformed},
		"more than one": {device, good + good, "invalid_argument", 400, iot.ReasonMalformed},
		"nothing":       {device, "", "invalid_argument", 400, iot.ReasonMalformed},
		"no readings":   {device, `{"readings":[]}`, "invalid_argument", 400, iot.ReasonMalformed},
		"too many":      {device, `{"readings":[` + strings.Repeat("1,", 100) + `1]}`, "invalid_argument", 400, "malformed"},
		"too large":     {device, good + strings.Repeat(" ", 600_000), "invalid_argument", 400, iot.ReasonTooLarge},
	} {
		w.clock.Advance(time.Second)
		before := values[iot.Refusals](t, ann, "refusals:acme")[string(tt.counted)]
		status, answer := w.post("/readings", tt.key, tt.body)
		require.Equal(t, tt.status, status, name)
		require.Contains(t, answer, `"code":"`+tt.code+`"`, name)
		if tt.counted != "" {
			require.Equal(t, before.Count+1, values[iot.Refusals](t, ann, "refusals:acme")[string(tt.counted)].Count, name)
		}
	}
	status, _ := w.post("/readings", device, good)
	require.Equal(t, http.StatusOK, status)
}

func TestThePageAndItsConfiguration(t *testing.T) {
	t.Parallel()
	get := func(w *world, path string) (int, string) {
		answer := httptest.NewRecorder()
		w.app.HTTP().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		return answer.Code, strings.TrimSpace(answer.Body.String())
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) })
	w := newWorld(t, iot.WithPage(page), iot.WithSocketURL("wss://example.com/live"))
	_, body := get(w, "/")
	require.Equal(t, "the page", body)
	_, body = get(w, "/config")
	require.JSONEq(t, `{"url":"wss://example.com/live"}`, body)
	status, _ := get(newWorld(t), "/")
	require.Equal(t, http.StatusNotFound, status)
}

// In Lambda, requests come as events of the function's URL.
func TestReadingsByTheFunctionURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register("acme", "thermometer", "t-1")
	event := encode(t, map[string]any{
		"version": "2.0", "rawPath": "/readings",
		"headers": map[string]string{"x-api-key": w.key("acme", "t-1", iot.ScopeDevice)},
		"body":    encode(t, iot.Report{Readings: []iot.Reading{w.reading(1, 20)}}),
		"requestContext": map[string]any{
			"domainName": "x.lambda-url.eu-west-1.on.aws", "stage": "$default",
			"http": map[string]string{"method": "POST", "path": "/readings", "sourceIp": "192.0.2.1"},
		},
	})
	answer, err := w.app.Handler().Invoke(t.Context(), []byte(event))
	require.NoError(t, err)
	require.Contains(t, string(answer), `\"accepted\":1`)
}
