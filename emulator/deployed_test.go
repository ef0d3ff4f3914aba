package emulator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
)

func TestDeployed(t *testing.T) {
	t.Parallel()
	r := gatesock.New()
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, any) error { return nil })
	gatesock.Handle(r, "log", func(context.Context, *gatesock.Request, any) error { return nil }, gatesock.OneWay())
	gw, err := emulator.New(r, emulator.Config{
		APIID: "chat000000", Stage: "dev", APIKeys: []emulator.APIKey{{ID: "1", Value: "k"}},
		Authorizer: &emulator.Authorizer{Handler: r, IdentitySources: []string{"route.request.header.Authorization"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
	d := gw.Deployed()
	answers := map[string]bool{}
	var keys []string
	for _, route := range d.Routes {
		keys = append(keys, route.Key)
		answers[route.Key] = route.NeedsResponse
	}
	require.IsNonDecreasing(t, keys)
	require.True(t, answers["say"])
	require.Contains(t, answers, "log")
	require.False(t, answers["log"])
	d.Routes = nil
	require.Equal(t, emulator.Deployed{
		APIID: "chat000000", Stage: "dev", Selection: "$request.body.action", APIKey: true,
		Authorizer: true, IdentitySources: []string{"route.request.header.Authorization"},
	}, d)

	require.NoError(t, gw.Deploy(gatesock.New(), emulator.Config{RouteSelectionExpression: "$request.body.type"}))
	d = gw.Deployed()
	require.Equal(t, "$request.body.type", d.Selection)
	require.False(t, d.Authorizer || d.APIKey || d.IAM)
	require.Empty(t, d.IdentitySources)
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		200: nil,
		410: fmt.Errorf("post: %w", gatesock.ErrGone),
		400: gatesock.ErrBadConnectionID,
		403: gatesock.ErrForbidden,
		413: gatesock.ErrTooLarge,
		429: gatesock.ErrThrottled,
		500: errors.New("boom"),
		0:   context.Canceled,
		401: fmt.Errorf("connect: %w", &emulator.HandshakeError{StatusCode: 401}),
	} {
		require.Equal(t, want, emulator.StatusOf(err))
	}
}

// TestCloseEndsPages checks that a page that streams does not hold the server up.
func TestCloseEndsPages(t *testing.T) {
	t.Parallel()
	gw, err := emulator.New(gatesock.New(), emulator.Config{
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(w, "begin")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			fmt.Fprintln(w, "end")
		}),
	})
	require.NoError(t, err)
	server, err := emulator.Serve(t.Context(), gw, "127.0.0.1:0")
	require.NoError(t, err)
	page := strings.TrimSuffix(server.Endpoint, "local") + "page"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, nil)
	require.NoError(t, err)
	answer, err := new(http.Transport).RoundTrip(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	require.True(t, lines.Scan())
	require.NoError(t, server.Close(context.Background()))
	require.True(t, lines.Scan())
	require.Equal(t, "end", lines.Text())
	require.False(t, lines.Scan())
}
