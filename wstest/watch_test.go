package wstest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

type handler func(context.Context, []byte) ([]byte, error)

func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

// TestAuthorizersAreKnownByTheirEvents checks that the response to an authorizer's event is not
// checked like other responses, in whatever order the event has its members.
func TestAuthorizersAreKnownByTheirEvents(t *testing.T) {
	t.Parallel()
	w := newWatch(handler(func(context.Context, []byte) ([]byte, error) { return []byte(`{"principalId":"ann"}`), nil }), "label")
	_, err := w.Invoke(t.Context(), []byte(`{ "methodArn": "arn", "type": "REQUEST", "requestContext": {"connectionId": "a", "eventType": "CONNECT"}}`))
	require.NoError(t, err)
	require.Empty(t, w.take())
	_, err = w.Invoke(t.Context(), []byte(`{"requestContext":{"connectionId":"a","eventType":"CONNECT","routeKey":"$connect"}}`))
	require.NoError(t, err)
	require.Len(t, w.take(), 1)
}
