package recipes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/dynamotest"
	"github.com/gatesock/gatesock/wstest"
)

func TestEventsArePushedFromTheStream(t *testing.T) {
	t.Parallel()
	table, recorder := dynamotest.StreamingTable(t), wstest.NewRecorder()
	app, topics := newStreamed(dynamo.Open(dynamotest.Local(t), table), recorder)
	h := wstest.New(t, app, wstest.WithPoster(recorder))
	ann := h.Connect(wstest.WithUser("ann"))
	ann.Request("subscribe", map[string]string{"topic": "news"}).ExpectReply(nil)
	ann.Request("subscribe", map[string]string{"topic": "user:bob"}).ExpectError(gatesock.CodePermissionDenied)

	_, _, err := topics.Publish(t.Context(), "news", "opened", 1)
	require.NoError(t, err)
	ann.ExpectNone()
	_, err = dynamotest.OpenStream(t, table).Poll(t.Context(), app)
	require.NoError(t, err)
	ann.ExpectPushOn("news", "opened", nil)
}
