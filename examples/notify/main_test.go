package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

// world is the function, with the sender that it uses.
type world struct {
	*wstest.Harness
	t   *testing.T
	app lambda.Handler
	b   *broadcast.Broadcaster
}

func newWorld(t *testing.T) world {
	t.Helper()
	store, recorder := conn.NewMemory(), wstest.NewRecorder()
	b := broadcast.New(recorder, store)
	app := newApp(store, b)
	return world{wstest.New(t, app, wstest.WithPoster(recorder)), t, app, b}
}

// invoke calls the function with an event, as Lambda does.
func (w world) invoke(event any) []byte {
	w.t.Helper()
	payload, err := json.Marshal(event)
	require.NoError(w.t, err)
	answer, err := w.app.Invoke(w.t.Context(), payload)
	require.NoError(w.t, err)
	return answer
}

func TestAllDevicesOfTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phone, laptop := w.Connect(wstest.WithQuery("user", "ann")), w.Connect(wstest.WithQuery("user", "ann"))
	bob := w.Connect(wstest.WithQuery("user", "bob"))
	delivered, err := notify(t.Context(), w.b, Notice{"ann", "hello"})
	require.NoError(t, err)
	require.Equal(t, 2, delivered)
	for _, c := range []*wstest.Client{phone, laptop} {
		var text string
		c.ExpectPush("notice", &text)
		require.Equal(t, "hello", text)
	}
	bob.ExpectNone()
	delivered, err = notify(t.Context(), w.b, Notice{"eve", "hello"})
	require.NoError(t, err, "nobody is there")
	require.Zero(t, delivered)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Connect(wstest.WithQuery("user", "ann"))
	post := func(body string) int {
		request := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: "/notices", Body: body}
		request.RequestContext.HTTP.Method = http.MethodPost
		var response events.APIGatewayV2HTTPResponse
		require.NoError(t, json.Unmarshal(w.invoke(request), &response))
		return response.StatusCode
	}
	require.Equal(t, http.StatusOK, post(`{"user":"ann","text":"hello"}`))
	ann.ExpectPush("notice", nil)
	require.Equal(t, http.StatusNotFound, post(`{"user":"bob","text":"hello"}`))
	require.Equal(t, http.StatusBadRequest, post(`hello`))
	w.Poster().Forbid()
	require.Equal(t, http.StatusBadGateway, post(`{"user":"ann","text":"hello"}`))
}

// The queue keeps the messages that failed, and only those.
func TestQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.Connect(wstest.WithQuery("user", "ann"))
	message := func(id, body string) events.SQSMessage {
		return events.SQSMessage{
			MessageId: id, Body: body,
			EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:notices",
		}
	}
	deliver := func(messages ...events.SQSMessage) (failed []string) {
		var answer events.SQSEventResponse
		require.NoError(t, json.Unmarshal(w.invoke(events.SQSEvent{Records: messages}), &answer))
		for _, f := range answer.BatchItemFailures {
			failed = append(failed, f.ItemIdentifier)
		}
		return failed
	}
	hello := message("1", `{"user":"ann","text":"hello"}`)
	require.Equal(t, []string{"2"}, deliver(hello, message("2", "hello")))
	ann.ExpectPush("notice", nil)
	ann.ExpectNone()
	w.Poster().Forbid()
	require.Equal(t, []string{"1"}, deliver(hello))
}

func TestACommandNeedsOnlyItsEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"GATEWAY_ENDPOINT": "https://abc123.execute-api.eu-west-1.amazonaws.com/prod", "TABLE": "chat",
	} {
		t.Setenv(name, value)
	}
	b, err := newSender(t.Context())
	require.NoError(t, err)
	require.NotNil(t, b)

	t.Setenv("GATEWAY_ENDPOINT", "")
	_, err = newSender(t.Context())
	require.Error(t, err)
}
