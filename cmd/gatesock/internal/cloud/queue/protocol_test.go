package queue_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestErrorsOnTheWire has the names that SDKs look for, in each protocol.
func TestErrorsOnTheWire(t *testing.T) {
	t.Parallel()
	s := newService(nil)
	const missing = "https://sqs.eu-west-1.amazonaws.com/123456789012/none"
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{"QueueUrl":"`+missing+`","MessageBody":"x"}`))
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 400, w.Code)
	require.Equal(t, "AWS.SimpleQueueService.NonExistentQueue;Sender", w.Header().Get("X-Amzn-Query-Error"))
	require.Equal(t, "application/x-amz-json-1.0", w.Header().Get("Content-Type"))
	require.JSONEq(t, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist: `+missing+`"}`, w.Body.String())

	form := url.Values{"Action": {"SendMessage"}, "QueueUrl": {missing}, "MessageBody": {"x"}}.Encode()
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/123456789012/none", strings.NewReader(form)))
	require.Equal(t, 400, w.Code)
	require.Equal(t, "text/xml", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "<Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>"+
		"<Message>The specified queue does not exist: "+missing+"</Message></Error>")

	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/", nil))
	require.Contains(t, w.Body.String(), "<Code>MissingAction</Code>")

	r = httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(`{`))
	r.Header.Set("X-Amz-Target", "AmazonSQS.SendMessage")
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Contains(t, w.Body.String(), "SerializationException")
}
