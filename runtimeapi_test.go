package gatesock_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// runtimeAPI is the part of Lambda's runtime API that events need. It hands out several at once, if
// the program asks for several.
type runtimeAPI struct {
	address  string
	response chan string
}

func newRuntimeAPI(t *testing.T, payloads ...[]byte) *runtimeAPI {
	t.Helper()
	api := &runtimeAPI{response: make(chan string, len(payloads))}
	next := make(chan int, len(payloads))
	for i := range payloads {
		next <- i
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case i := <-next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.Itoa(i))
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "4102444800000")
			_, _ = w.Write(payloads[i])
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		api.response <- string(b)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	api.address = strings.TrimPrefix(srv.URL, "http://")
	return api
}
