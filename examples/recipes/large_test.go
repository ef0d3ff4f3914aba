package recipes

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

type fakeQueue struct {
	mu     sync.Mutex
	bodies []string
}

func (q *fakeQueue) SendMessage(
	_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options),
) (*sqs.SendMessageOutput, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bodies = append(q.bodies, *in.MessageBody)
	return new(sqs.SendMessageOutput), nil
}

// TestNews sends to a group in two shards, of which the second is handed off to the queue.
func TestNews(t *testing.T) {
	t.Parallel()
	const url = "https://sqs.eu-west-1.amazonaws.com/123456789012/news-relay"
	queue, recorder := new(fakeQueue), wstest.NewRecorder()
	handler, err := newNews(conn.NewMemory(conn.WithShards(2)), recorder, queue, url)
	require.NoError(t, err)
	h := wstest.New(t, handler, wstest.WithPoster(recorder))
	var clients []*wstest.Client
	for range 20 {
		clients = append(clients, h.Connect())
	}

	var delivered int
	clients[0].Request("publish", Notice{"hello"}).ExpectReply(&delivered)
	require.Less(t, delivered, len(clients))
	require.NotEmpty(t, queue.bodies)
	for len(queue.bodies) > 0 {
		deliver(t, handler, queue)
	}
	for _, c := range clients {
		var got Notice
		c.ExpectPush("news", &got)
		require.Equal(t, Notice{"hello"}, got)
		c.ExpectNone()
	}

	_, err = newNews(conn.NewMemory(), recorder, queue, "")
	require.Error(t, err)
}

// deliver takes the first message from the queue and lets the handler do its job.
func deliver(t *testing.T, handler lambda.Handler, queue *fakeQueue) {
	t.Helper()
	payload, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: "1", Body: queue.bodies[0], EventSource: "aws:sqs",
		EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:news-relay",
	}}})
	require.NoError(t, err)
	queue.bodies = queue.bodies[1:]
	answer, err := handler.Invoke(t.Context(), payload)
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[]}`, string(answer))
}
