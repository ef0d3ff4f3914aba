package recipes

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/wstest"
)

func TestEverything(t *testing.T) {
	t.Parallel()
	session := func(req *http.Request) (authz.Principal, error) {
		if req.Header.Get("Authorization") != "Bearer good" {
			return authz.Principal{}, authz.ErrUnauthenticated
		}
		return authz.Principal{ID: "ann"}, nil
	}
	var done []string
	note := func(name string) lambda.Handler {
		return lambda.NewHandler(func() { done = append(done, name) })
	}
	r := gatesock.New()
	gatesock.HandleReply(r, "upload", receive)
	handler := newEverything(r, authz.NewTickets(authz.NewMemoryTickets()), session, note("relay"), note("sweep"))
	h := wstest.New(t, handler)

	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused())
	status, _ := fetchTicket(t, handler, "bad")
	require.Equal(t, http.StatusUnauthorized, status)
	status, ticket := fetchTicket(t, handler, "good")
	require.Equal(t, http.StatusOK, status)
	h.Connect(wstest.WithQuery("ticket", ticket)).Request("upload", File{}).ExpectReply(nil)
	require.Equal(t, http.StatusUnauthorized, h.ConnectRefused(wstest.WithQuery("ticket", ticket)))

	for _, event := range []string{
		`{"warmer":true}`,
		`{"source":"aws.events","detail-type":"Scheduled Event","detail":{},"resources":["arn:aws:events:eu-west-1:123456789012:rule/sweep"]}`,
		`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:chat-relay"}]}`,
		`{"Records":[{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:mail"}]}`,
	} {
		_, err := handler.Invoke(t.Context(), []byte(event))
		require.NoError(t, err, event)
	}
	require.Equal(t, []string{"sweep", "relay"}, done)
	_, err := handler.Invoke(t.Context(), []byte(`{"other":true}`))
	require.Error(t, err)
}

func fetchTicket(t *testing.T, handler lambda.Handler, token string) (status int, ticket string) {
	t.Helper()
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: "/ticket", Headers: map[string]string{"authorization": "Bearer " + token},
	}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = http.MethodPost, "/ticket"
	payload, err := json.Marshal(event)
	answer, failed := handler.Invoke(t.Context(), payload)
	require.NoError(t, errors.Join(err, failed))
	var response events.APIGatewayV2HTTPResponse
	require.NoError(t, json.Unmarshal(answer, &response))
	var body struct {
		Ticket string `json:"ticket"`
	}
	_ = json.Unmarshal([]byte(response.Body), &body)
	return response.StatusCode, body.Ticket
}
