package recipes

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/wstest"
)

func TestAnotherEnvelope(t *testing.T) {
	t.Parallel()
	store, recorder := conn.NewMemory(), wstest.NewRecorder()
	h := wstest.New(t, newLegacyRouter(store, recorder), wstest.WithPoster(recorder))
	ann, bob := h.Connect(), h.Connect()
	require.NoError(t, store.Join(t.Context(), bob.ID(), "lobby"))

	ann.SendText(`{"type":"say","requestId":"7","payload":{"room":"lobby","text":"hello"}}`)
	ann.ExpectFrame(`{"requestId":"7","type":"say","payload":1}`)
	bob.ExpectFrame(`{"event":"said","payload":"hello"}`)

	ann.SendText(`{"type":"typing"}`)
	ann.ExpectNone()
	ann.SendText(`{"type":"typing","payload":7}`)
	ann.ExpectNone()
}

func TestJSONRPC(t *testing.T) {
	t.Parallel()
	client := wstest.New(t, newJSONRPCRouter()).Connect()
	client.SendText(`{"jsonrpc":"2.0","id":1,"method":"echo","params":["hello"]}`)
	client.ExpectFrame(`{"jsonrpc":"2.0","id":1,"result":["hello"]}`)
	client.SendText(`{"jsonrpc":"2.0","id":2,"method":"dance"}`)
	client.ExpectFrame(`{"error":{"code":-32603,"message":"there is no method \"dance\""},"id":2,"jsonrpc":"2.0"}`)
	client.SendText(`{`)
	client.ExpectFrame(`{"error":{"code":-32603,"message":"the message is not JSON"},"id":null,"jsonrpc":"2.0"}`)
}
