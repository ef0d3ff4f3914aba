package emulator

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// echoGateway returns a gateway with a route response and a handler that costs nothing. The clock
// may be nil.
func echoGateway(tb testing.TB, clock Clock) *Gateway {
	tb.Helper()
	answer := []byte(`{"statusCode":200,"body":"{\"action\":\"echo\",\"data\":\"0123456789\"}"}`)
	g, err := New(handlerFunc(func(context.Context, []byte) ([]byte, error) { return answer, nil }),
		Config{Routes: routes("$connect", "$disconnect", "echo!"), Clock: clock, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, g.Shutdown(context.Background())) })
	return g
}

// echoSession returns a session in memory of an echoGateway.
func echoSession(tb testing.TB, clock Clock) *Session {
	tb.Helper()
	s, err := echoGateway(tb, clock).Connect(context.Background(), Handshake{}, discardClient{})
	require.NoError(tb, err)
	return s
}

type discardClient struct{}

func (discardClient) Send([]byte) error { return nil }

func (discardClient) Close(int, string) {}

// message returns a message of 300 bytes.
func message() Message {
	return Message{Data: []byte(`{"action":"echo","text":"` + string(make300()) + `"}`)}
}

func make300() []byte {
	b := make([]byte, 300)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// clocks are those that people run a gateway with.
func clocks() map[string]Clock { return map[string]Clock{"machine": nil, "running": NewRunningClock()} }

func BenchmarkRoundTrip(b *testing.B) {
	for name, clock := range clocks() {
		b.Run(name, func(b *testing.B) {
			s := echoSession(b, clock)
			m := message()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Receive(context.Background(), m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSocketRoundTrip(b *testing.B) {
	for name, clock := range clocks() {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(echoGateway(b, clock))
			b.Cleanup(server.Close)
			conn, _, err := websocket.Dial(b.Context(), server.URL+"/local", nil) //nolint:bodyclose // never needed
			require.NoError(b, err)
			defer func() { _ = conn.CloseNow() }()
			m := message()
			b.ReportAllocs()
			for b.Loop() {
				if err := conn.Write(b.Context(), websocket.MessageText, m.Data); err != nil {
					b.Fatal(err)
				}
				if _, _, err := conn.Read(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMessageEvent(b *testing.B) {
	s, st := sampleSession(b, &Handshake{})
	body := message().Data
	b.ReportAllocs()
	for b.Loop() {
		s.parts.messageEvent(st, "echo", body)
	}
}

func BenchmarkConnectEvent(b *testing.B) {
	h := &Handshake{
		Header:   http.Header{"User-Agent": {"Mozilla/5.0"}, "Origin": {"https://example.com"}},
		SourceIP: "192.0.2.1",
	}
	s, st := sampleSession(b, h)
	b.ReportAllocs()
	for b.Loop() {
		s.parts.connectEvent(st, s.headers(h, st), nil)
	}
}

// maxRoundTripAllocs limits the allocations for a message: event, ids, context, timer, goroutine,
// response.
const maxRoundTripAllocs = 11

func TestRoundTripAllocations(t *testing.T) {
	for name, clock := range clocks() {
		s := echoSession(t, clock)
		m := message()
		allocs := testing.AllocsPerRun(200, func() {
			if err := s.Receive(context.Background(), m); err != nil {
				t.Error(err)
			}
		})
		require.LessOrEqual(t, allocs, float64(maxRoundTripAllocs), "with the clock %q", name)
	}
}

// A timer among those of 10,000 connections.
func BenchmarkAfterFunc(b *testing.B) {
	for name, clock := range map[string]Clock{"machine": systemClock{}, "running": NewRunningClock()} {
		b.Run(name, func(b *testing.B) {
			for range 10_000 {
				idle := clock.AfterFunc(10*time.Minute, func() {})
				defer idle.Stop()
			}
			b.ReportAllocs()
			for b.Loop() {
				clock.AfterFunc(29*time.Second, func() {}).Stop()
			}
		})
	}
}
