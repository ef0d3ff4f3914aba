package gatesock_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// runtimeAPI is the part of Lambda's runtime API that one event needs.
type runtimeAPI struct {
	address  string
	response chan string
}

func newRuntimeAPI(t *testing.T, payload []byte) *runtimeAPI {
	t.Helper()
	api := &runtimeAPI{response: make(chan string, 1)}
	next := make(chan []byte, 1)
	next <- payload
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case p := <-next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
			_, _ = w.Write(p)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/1/response", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		api.response <- string(b)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	api.address = strings.TrimPrefix(srv.URL, "http://")
	return api
}
