package emulator_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

// A handler that outlasts its turn ends while the handler of the next message has begun its own.
// The goroutine that was relieved must not mistake that turn for its own and read as well. The race
// detector finds two readers. Without it, a lost response fails the test.
func TestReliefIsNotShared(t *testing.T) {
	t.Parallel()
	first := make(chan struct{})
	r := gatesock.New()
	r.HandleFunc("first", func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		<-first
		return nil, nil
	})
	r.HandleFunc("second", func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
		first <- struct{}{}
		return nil, nil
	})
	r.HandleFunc("third", func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	g, err := emulator.New(r, emulator.Config{})
	require.NoError(t, err)
	srv, err := emulator.Serve(t.Context(), g, "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, srv.Close(context.Background())) }()
	c, _, err := websocket.Dial(t.Context(), srv.URL, nil) //nolint:bodyclose // never needed, by the documentation
	require.NoError(t, err)
	defer func() { _ = c.CloseNow() }()

	for i := range 200 {
		for _, action := range []string{"first", "second", "third"} {
			message := `{"action":"` + action + `","id":"` + action + strconv.Itoa(i) + `"}`
			require.NoError(t, c.Write(t.Context(), websocket.MessageText, []byte(message)))
		}
		want := map[string]bool{}
		for _, action := range []string{"first", "second", "third"} {
			want[`{"id":"`+action+strconv.Itoa(i)+`","action":"`+action+`","data":null}`] = true
		}
		for len(want) > 0 {
			_, data, err := c.Read(t.Context())
			require.NoError(t, err)
			require.True(t, want[string(data)], "%s", data)
			delete(want, string(data))
		}
	}
}
