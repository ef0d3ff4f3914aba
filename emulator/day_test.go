//go:build !race

package emulator

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// resident is a client that sends a message now and then, and connects again when it is closed.
type resident struct {
	session *Session
	answers int
	closes  []CloseStatus
}

func (r *resident) Send([]byte) error { r.answers++; return nil }

func (r *resident) Close(code int, reason string) {
	r.closes = append(r.closes, CloseStatus{code, reason})
	r.session = nil
}

// A day with a thousand clients passes in seconds: they send a message every eight minutes, and the
// gateway closes each connection after two hours. What happened is exact; how long it took is in
// the log.
func TestADayWithAThousandClients(t *testing.T) {
	t.Parallel()
	const (
		clients = 1000
		pause   = 8 * time.Minute
		day     = 24 * time.Hour
	)
	began := time.Now()
	clock := NewManualClock(start())
	var connects, disconnects, messages atomic.Int64
	count := map[string]*atomic.Int64{"$connect": &connects, "$disconnect": &disconnects, "say": &messages}
	answer := []byte(`{"statusCode":200,"body":"hello"}`)
	g, err := New(handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		_, rest, _ := bytes.Cut(event, []byte(`"routeKey":"`))
		route, _, _ := bytes.Cut(rest, []byte(`"`))
		count[string(route)].Add(1)
		return answer, nil
	}), Config{
		Routes: routes("$connect", "$disconnect", "say!"), Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx := context.Background()
	message := Message{Data: []byte(`{"action":"say"}`)}
	residents := make([]resident, clients)
	for range int(day / pause) {
		for i := range residents {
			r := &residents[i]
			if r.session == nil {
				r.session, err = g.Connect(ctx, Handshake{}, r)
				require.NoError(t, err)
			}
			require.NoError(t, r.session.Receive(ctx, message))
		}
		clock.Advance(pause)
	}
	require.Equal(t, start().Add(day), clock.Now())
	require.EqualValues(t, clients*180, messages.Load())
	require.EqualValues(t, clients*12, connects.Load(), "each connection lives for two hours")
	require.EqualValues(t, clients*12, disconnects.Load())
	for _, r := range residents {
		require.Equal(t, 180, r.answers)
		require.Len(t, r.closes, 12)
		require.Equal(t, CloseStatus{Code: 1001, Reason: "Going away"}, r.closes[11])
	}
	require.NoError(t, g.Shutdown(ctx))
	t.Logf("24 hours with %d clients, %d messages and %d handshakes took %v", clients, messages.Load(), connects.Load(),
		time.Since(began).Round(time.Millisecond))
}

// An open connection over a socket takes little memory, also after it has been used. The figure is
// that of the heap and the stacks, with what the client's end of the socket takes in this process.
func TestMemoryOfAConnection(t *testing.T) {
	const (
		connections = 400
		limit       = 14 << 10
	)
	g, err := New(on("$default", always(`{"statusCode":200,"body":"0123456789"}`)), Config{
		Routes: routes("$connect", "$disconnect", "$default!"), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	w := &world{t: t, gw: g, front: newSockets()}
	server := w.front.(*sockets).server(w)
	before := liveMemory()
	frame := masked(opText, true, `{"action":"echo","text":"`+string(make300())+`"}`)
	for range connections {
		conn, in, a := handshake(w, mustURL(t, server.URL), nil)
		require.Equal(t, 101, a.status)
		t.Cleanup(func() { _ = conn.Close() })
		_, err := conn.Write(frame)
		require.NoError(t, err)
		_, _, payload, err := readFrame(in)
		require.NoError(t, err)
		require.Equal(t, "0123456789", string(payload))
	}
	each := (liveMemory() - before) / connections
	t.Logf("%d bytes for each connection", each)
	require.Less(t, each, limit)
}

// liveMemory returns the bytes in use by the heap and by stacks.
func liveMemory() int {
	for range 3 { // each halves the stacks that are used little
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
