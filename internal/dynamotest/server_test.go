package dynamotest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProcessThatFailsToStart(t *testing.T) {
	t.Parallel()
	_, err := startProcess(t.Context(), "no-such-program")
	require.ErrorContains(t, err, "no-such-program")
}

// TestServerThatEndsShowsItsOutput: DynamoDB Local ends at once if its options contradict each
// other.
func TestServerThatEndsShowsItsOutput(t *testing.T) {
	t.Parallel()
	script, err := findScript()
	require.NoError(t, err)
	p, err := startProcess(t.Context(), "bash", script, "-no-such-option")
	require.NoError(t, err)
	defer p.stop()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	s := &server{endpoint: "http://127.0.0.1:1", process: p}
	err = s.waitReady(t.Context(), transport, "http://nobody")
	require.ErrorContains(t, err, "it ended before it answered: exit status 0")
	require.ErrorContains(t, err, "no-such-option")
}

// TestServerOnATakenPort: the fixture's own server has the port and answers there, which does not
// count as an answer of the new server.
func TestServerOnATakenPort(t *testing.T) {
	t.Parallel()
	Local(t)
	f := current.Load()
	taken := f.server.Load().endpoint
	script, err := findScript()
	require.NoError(t, err)
	p, err := startProcess(t.Context(), "bash", script, "-inMemory", "-port", strings.TrimPrefix(taken, "http://127.0.0.1:"))
	require.NoError(t, err)
	defer p.stop()
	s := &server{endpoint: taken, process: p}
	require.ErrorIs(t, s.waitReady(t.Context(), f.transport, "http://nobody"), errPortTaken)
}

// TestTheServersClockIsOurs: what has expired by the clock of a test has expired for DynamoDB
// Local, also if scripts/test-clock has moved both clocks.
func TestTheServersClockIsOurs(t *testing.T) {
	t.Parallel()
	Local(t)
	f := current.Load()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.Load().endpoint, http.NoBody)
	require.NoError(t, err)
	response, err := f.transport.RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close()
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	require.NoError(t, err)
	require.Less(t, time.Since(theirs).Abs(), time.Hour)
}
