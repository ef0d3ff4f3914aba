package doctor_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/doctor"
	"github.com/gatesock/gatesock/emulator"
)

// TestHandshakeWithTheEmulator asks the emulator for a connection.
func TestHandshakeWithTheEmulator(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		connect gatesock.HandlerFunc
		stage   string
		want    []string
		fact    string
	}{
		"accepted": {
			func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil },
			stageName,
			[]string{},
			"handshake without a credential: status 101",
		},
		"refused": {
			func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
				return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
			},
			stageName,
			[]string{},
			"handshake without a credential: status 403",
		},
		"failed": {
			func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
				return nil, errors.New("no database")
			},
			stageName,
			[]string{"error handshake prod"},
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			quiet := slog.New(slog.DiscardHandler)
			r := gatesock.New(gatesock.WithLogger(quiet))
			r.OnConnect(c.connect)
			g, err := emulator.New(r, emulator.Config{Stage: c.stage, Logger: quiet})
			require.NoError(t, err)
			s, err := emulator.Serve(t.Context(), g, "127.0.0.1:0")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
			report := handshake(t, strings.TrimSuffix(s.URL, "/"+stageName))
			require.Equal(t, c.want, short(report))
			if c.fact != "" {
				require.Contains(t, report.Facts, c.fact)
			}
		})
	}
}

// handshake examines a deployment with a handshake at an address.
func handshake(t *testing.T, address string) *doctor.Report {
	t.Helper()
	x := newCloud(t)
	x.api.ApiEndpoint = aws.String(strings.Replace(address, "http", "ws", 1))
	clients := x.clients()
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	clients.HTTP = &http.Client{Transport: transport}
	report, err := doctor.Examine(t.Context(), clients, doctor.NewClock(time.Now), x.target, x.app)
	require.NoError(t, err)
	return report
}

func TestHandshakeThatIsThrottled(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(s.Close)
	report := handshake(t, s.URL)
	require.Equal(t, []string{"error handshake prod"}, short(report))
	require.Contains(t, report.Findings[0].Problem, "429")
}

func TestHandshakeWithoutAServer(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	report := handshake(t, s.URL)
	require.Equal(t, []string{"error handshake prod"}, short(report))
}
