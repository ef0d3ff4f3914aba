package gatesock

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestUnusualEvents has shapes that were observed on AWS, or that emulators in other languages
// produce. Their unusual members decide nothing.
func TestUnusualEvents(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1757065815123).UTC()
	for name, tt := range map[string]struct {
		member string // of requestContext
		want   Request
	}{
		"authorizer is an empty string (aws-lambda-go#154)": {`"authorizer":""`, Request{}},
		"authorizer is null":             {`"authorizer":null`, Request{}},
		"authorizer is empty":            {`"authorizer":{}`, Request{}},
		"messageId is null":              {`"messageId":null`, Request{}},
		"messageId is a number":          {`"messageId":17`, Request{MessageID: "17"}},
		"times are floats":               {`"requestTimeEpoch":1757065815123.9,"connectedAt":1.757065815123e12`, Request{Time: at, ConnectedAt: at}},
		"times are strings":              {`"requestTimeEpoch":"1757065815123","connectedAt":"1757065815123.5"`, Request{Time: at, ConnectedAt: at}},
		"times are null":                 {`"requestTimeEpoch":null,"connectedAt":null`, Request{}},
		"times are something else":       {`"requestTimeEpoch":"soon","connectedAt":{"at":1}`, Request{}},
		"times are beyond all time":      {`"requestTimeEpoch":1e300,"connectedAt":-1e300`, Request{}},
		"texts are numbers":              {`"requestId":1,"apiId":2,"stage":3.0,"domainName":4`, Request{RequestID: "1", APIID: "2", Stage: "3.0", DomainName: "4"}},
		"texts are something else":       {`"requestId":{"a":[1]},"apiId":[2],"stage":true`, Request{RequestID: `{"a":[1]}`, APIID: "[2]", Stage: "true"}},
		"identity is null":               {`"identity":null`, Request{}},
		"identity is a string":           {`"identity":""`, Request{}},
		"identity has nulls":             {`"identity":{"sourceIp":"::1","userAgent":null,"apiKey":null}`, Request{Identity: Identity{SourceIP: "::1"}}},
		"identity has numbers":           {`"identity":{"accountId":123456789012,"user":{"id":7}}`, Request{Identity: Identity{AccountID: "123456789012", User: `{"id":7}`}}},
		"close code of another event":    {`"disconnectStatusCode":"none","disconnectReason":5`, Request{DisconnectReason: "5"}},
		"members that nobody knows":      {`"error":{"messageString":null},"status":200`, Request{}},
		"authorizer with numbers, nulls": {`"authorizer":{"n":1,"x":null}`, Request{Authorizer: map[string]string{"n": "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeEvent([]byte(`{"requestContext":{`+tt.member+
				`,"connectionId":"a","eventType":"MESSAGE","routeKey":"say"},"body":null}`), protocolWire)
			require.NoError(t, err)
			tt.want.ConnectionID, tt.want.EventType, tt.want.RouteKey = "a", EventMessage, "say"
			require.Equal(t, &tt.want, got)
		})
	}
}

func TestUnusualHandshakes(t *testing.T) {
	t.Parallel()
	const context = `"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}`
	for name, tt := range map[string]struct {
		members       string
		header, query map[string][]string
	}{
		"nothing":      {`"x":1`, nil, nil},
		"nulls":        {`"headers":null,"multiValueHeaders":null,"queryStringParameters":null,"multiValueQueryStringParameters":null`, nil, nil},
		"empty texts":  {`"headers":"","queryStringParameters":"","stageVariables":""`, nil, nil},
		"a body":       {`"body":{},"isBase64Encoded":"false"`, nil, nil},
		"numbers":      {`"headers":{"dnt":1},"multiValueQueryStringParameters":{"n":[1,true,null]}`, map[string][]string{"Dnt": {"1"}}, map[string][]string{"n": {"1", "true", ""}}},
		"single multi": {`"multiValueHeaders":{"Origin":"https://a"},"multiValueQueryStringParameters":{"n":null}`, map[string][]string{"Origin": {"https://a"}}, map[string][]string{"n": nil}},
	} {
		got, err := decodeEvent([]byte(`{`+tt.members+`,`+context+`}`), protocolWire)
		require.NoError(t, err, name)
		require.Len(t, got.Header, len(tt.header), name)
		require.Len(t, got.Query, len(tt.query), name)
		for k, v := range tt.header {
			require.Equal(t, v, got.Header[k], name)
		}
		for k, v := range tt.query {
			require.Equal(t, v, got.Query[k], name)
		}
	}
}

// TestRefusedEvents has malformed members that decide how the event is handled. The error names the
// member, and does not claim that it is missing.
func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	const message = `"connectionId":"a","eventType":"MESSAGE","routeKey":"say"`
	for _, tt := range []struct{ payload, want string }{
		{`{"requestContext":{"connectionId":5,"eventType":"MESSAGE","routeKey":"x"}}`, "requestContext.connectionId is a JSON number, not a string"},
		{`{"requestContext":{"connectionId":"","eventType":"MESSAGE","routeKey":"x"}}`, "requestContext.connectionId is missing"},
		{`{"requestContext":{"connectionId":"a","eventType":["MESSAGE"],"routeKey":"x"}}`, "requestContext.eventType is a JSON array, not a string"},
		{`{"requestContext":{"connectionId":"a","eventType":"PING","routeKey":"x"}}`, `requestContext.eventType is "PING", not CONNECT, MESSAGE or DISCONNECT`},
		{`{"requestContext":{"connectionId":"a","eventType":"MESSAGE"}}`, "requestContext.routeKey is missing"},
		{`{"requestContext":{"connectionId":"a","eventType":"MESSAGE","routeKey":{}}}`, "requestContext.routeKey is a JSON object, not a string"},
		{`{"requestContext":{` + message + `,"authorizer":"ann"}}`, "requestContext.authorizer is a JSON string, not an object"},
		{`{"requestContext":{` + message + `,"authorizer":["ann"]}}`, "requestContext.authorizer is a JSON array, not an object"},
		{`{"requestContext":{` + message + `,"authorizer":0}}`, "requestContext.authorizer is a JSON number, not an object"},
		{`{"requestContext":{` + message + `,"authorizer":false}}`, "requestContext.authorizer is a JSON boolean, not an object"},
		{`{"requestContext":{` + message + `},"body":{}}`, "body is a JSON object, not a string"},
		{`{"requestContext":{` + message + `},"body":"","isBase64Encoded":"true"}`, "isBase64Encoded is a JSON string, not a boolean"},
		{`{"requestContext":{` + message + `},"body":"*","isBase64Encoded":true}`, "body is not base64: illegal base64 data at input byte 0"},
		{`{"headers":5,"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`, "headers is a JSON number, not an object"},
		{`{"multiValueHeaders":[],"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`, "multiValueHeaders is a JSON array, not an object"},
		{`{"queryStringParameters":"a=b","requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`, "queryStringParameters is a JSON string, not an object"},
	} {
		_, err := New().Invoke(t.Context(), []byte(tt.payload))
		require.EqualError(t, err, "gatesock: malformed WebSocket event: "+tt.want)
		require.NotErrorIs(t, err, ErrNotWebSocket)
	}
}

// TestOnlyMessagesHaveABody checks that the body of other events is ignored.
func TestOnlyMessagesHaveABody(t *testing.T) {
	t.Parallel()
	for eventType, want := range map[EventType]string{EventConnect: "", EventDisconnect: "", EventMessage: `{"action":"say"}`} {
		got, err := decodeEvent([]byte(`{"requestContext":{"connectionId":"a","routeKey":"x","eventType":"`+string(eventType)+
			`"},"body":"{\"action\":\"say\"}"}`), protocolWire)
		require.NoError(t, err)
		require.Equal(t, want, string(got.Body), eventType)
	}
}

func TestEventsThatAreNoWebSocketEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ payload, want string }{
		{``, `unexpected end, want '{' at byte 0; it looks like an empty payload`},
		{`null`, `requestContext.connectionId is missing; it looks like a JSON null`},
		{`[]`, `unexpected '[', want '{' at byte 0; it looks like a JSON array`},
		{`{"requestContext":7}`, `requestContext is a JSON number, not an object; it looks like a JSON object with the member "requestContext"`},
		{`{"requestContext":{"connectionId":"a","routeKey":"x"}}`, `requestContext.eventType is missing; it looks like a JSON object with the member "requestContext"`},
		{`{"Records":[{"eventSource":"aws:sqs"}]}`, `requestContext.connectionId is missing; it looks like an SQS event`},
		{`{"requestContext":{"connectionId":"a"`, `unexpected end, want ',' or '}' at byte 37; it looks like broken JSON`},
	} {
		_, err := New().Invoke(t.Context(), []byte(tt.payload))
		require.ErrorIs(t, err, ErrNotWebSocket)
		require.EqualError(t, err, "gatesock: not an event of a WebSocket API: "+tt.want)
	}
}

// A long text from outside is shortened, and no character is cut.
func TestMessagesCutNoCharacter(t *testing.T) {
	t.Parallel()
	_, err := New().Invoke(t.Context(), []byte(`{"requestContext":{"connectionId":"a","eventType":"`+"x"+strings.Repeat("é", 99)+`","routeKey":"x"}}`))
	require.EqualError(t, err, `gatesock: malformed WebSocket event: requestContext.eventType is "x`+strings.Repeat("é", 31)+`…", not CONNECT, MESSAGE or DISCONNECT`)
}
