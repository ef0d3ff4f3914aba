package recipes

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestNotifyReachesAllConnectionsOfTheUser(t *testing.T) {
	t.Parallel()
	store, recorder := conn.NewMemory(), wstest.NewRecorder()
	h := wstest.New(t, newNotices(store, recorder), wstest.WithPoster(recorder))
	phone, laptop := h.Connect(wstest.WithUser("ann")), h.Connect(wstest.WithUser("ann"))
	bob := h.Connect(wstest.WithUser("bob"))

	delivered, err := notify(t.Context(), broadcast.New(recorder, store), "ann", Notice{"hello"})
	require.NoError(t, err)
	require.Equal(t, 2, delivered)
	for _, c := range []*wstest.Client{phone, laptop} {
		var got Notice
		c.ExpectPush("notice", &got)
		require.Equal(t, Notice{"hello"}, got)
	}
	bob.ExpectNone()
}

func TestAnHTTPRequestSends(t *testing.T) {
	t.Parallel()
	recorder := wstest.NewRecorder()
	handler := newNotices(conn.NewMemory(), recorder)
	h := wstest.New(t, handler, wstest.WithPoster(recorder))
	ann := h.Connect(wstest.WithUser("ann"))

	post := func(path, body string) int {
		event := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: path, Body: body}
		event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = http.MethodPost, path
		payload, err := json.Marshal(event)
		require.NoError(t, err)
		answer, err := handler.Invoke(t.Context(), payload)
		require.NoError(t, err)
		var response events.APIGatewayV2HTTPResponse
		require.NoError(t, json.Unmarshal(answer, &response))
		return response.StatusCode
	}
	require.Equal(t, http.StatusNoContent, post("/users/ann/notices", `{"text":"hello"}`))
	ann.ExpectPush("notice", nil)
	require.Equal(t, http.StatusNotFound, post("/users/bob/notices", `{"text":"hello"}`))
	require.Equal(t, http.StatusBadRequest, post("/users/ann/notices", `hello`))
	recorder.Forbid()
	require.Equal(t, http.StatusBadGateway, post("/users/ann/notices", `{"text":"hello"}`))
}
