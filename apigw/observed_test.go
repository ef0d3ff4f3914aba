package apigw_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/observe"
)

// The posts of an invocation are counted by what the gateway answers, however they are made.
func TestPostsAreObserved(t *testing.T) {
	t.Parallel()
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := map[string]int{"open": 200, "gone": 410, "throttled": 429, "forbidden": 403, "broken": 500}
		w.WriteHeader(status[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]])
	}))
	t.Cleanup(gateway.Close)
	client, err := apigw.New(nil, gateway.URL)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)

	var lines bytes.Buffer
	h := observe.New(observe.WithOutput(&lines)).Handler(lambda.NewHandler(func(ctx context.Context) {
		prepared := client.Prepare([]byte("{}"), 0)
		for _, id := range []string{"open", "open", "gone", "throttled", "forbidden", "broken", ""} {
			_ = client.Post(ctx, gatesock.Target{ConnectionID: id}, []byte("{}"))
			_ = prepared(ctx, gatesock.Target{ConnectionID: id})
		}
		large := make([]byte, gatesock.MaxMessageSize+1)
		_ = client.Post(ctx, gatesock.Target{ConnectionID: "open"}, large)
		_ = client.Prepare(large, 0)(ctx, gatesock.Target{ConnectionID: "open"})
		_, _ = client.Info(ctx, gatesock.Target{ConnectionID: "gone"})
		_ = client.Disconnect(ctx, gatesock.Target{ConnectionID: "gone"})
	}))
	_, err = h.Invoke(t.Context(), []byte("{}"))
	require.NoError(t, err)
	require.Contains(t, lines.String(), `"PostsDelivered":4,"PostsGone":2,"PostsThrottled":2,"PostsFailed":8`)
}
