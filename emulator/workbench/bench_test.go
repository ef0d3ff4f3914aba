package workbench_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// BenchmarkObserve measures what the gateway's goroutines wait for: an event with a body and the
// event of an invocation, with and without a page that reads.
func BenchmarkObserve(b *testing.B) {
	for name, pages := range map[string]int{"no page": 0, "three pages": 3} {
		b.Run(name, func(b *testing.B) {
			bench, err := workbench.New(workbench.Config{Token: token})
			require.NoError(b, err)
			stop := readers(b, bench, pages)
			observe := bench.Stage("dev").Config(emulator.Config{}).Observe
			now := time.Now()
			observe(emulator.Event{Kind: emulator.EventConnected, Time: now, ConnectionID: "c", Connection: 1})
			e := emulator.Event{
				Kind: emulator.EventInvoked, Time: now, ConnectionID: "c", Connection: 1, RequestID: "r", Route: "echo",
				Body: []byte(`{"statusCode":200,"body":"{}"}`), Bytes: 30, Input: make([]byte, 900), Duration: time.Millisecond,
			}
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					observe(e)
				}
			})
			b.StopTimer()
			require.NoError(b, bench.Close(context.Background()))
			stop()
		})
	}
}

// readers begin to read streams. The function waits for their end.
func readers(b *testing.B, bench *workbench.Workbench, n int) (stop func()) {
	b.Helper()
	done := make(chan struct{}, n)
	for range n {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/_gatesock/api/stream", nil)
		require.NoError(b, err)
		r.Host, r.RemoteAddr = "localhost:1", "127.0.0.1:1"
		r.Header.Set("Authorization", "Bearer "+token)
		go func() {
			bench.Handler(nil).ServeHTTP(discard{http.Header{}}, r)
			done <- struct{}{}
		}()
	}
	return func() {
		for range n {
			<-done
		}
	}
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header { return d.header }

func (discard) WriteHeader(int) {}

func (discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }

func (discard) Flush() {}

// BenchmarkMessage measures a message with its answer, in memory, without a workbench and with one.
func BenchmarkMessage(b *testing.B) {
	for name, with := range map[string]bool{"alone": false, "workbench": true} {
		b.Run(name, func(b *testing.B) {
			cfg := emulator.Config{Logger: slog.New(slog.DiscardHandler)}
			if with {
				bench, err := workbench.New(workbench.Config{})
				require.NoError(b, err)
				defer func() { require.NoError(b, bench.Close(context.Background())) }()
				cfg = bench.Stage("dev").Config(cfg)
			}
			build := func(api gatesock.ConnectionsAPI) (lambda.Handler, error) { return newApp(api), nil }
			gw, err := emulator.NewFunc(build, cfg)
			require.NoError(b, err)
			defer func() { require.NoError(b, gw.Shutdown(context.Background())) }()
			session, err := gw.Connect(b.Context(), emulator.Handshake{}, nobody{})
			require.NoError(b, err)
			message := emulator.Message{Data: []byte(`{"action":"echo","text":"hello"}`)}
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, session.Receive(b.Context(), message))
			}
		})
	}
}
