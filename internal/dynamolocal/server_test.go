package dynamolocal

import (
	"net"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script returns the command that runs DynamoDB Local here.
func script(t *testing.T, options ...string) []string {
	t.Helper()
	path, err := filepath.Abs("../../scripts/dynamodb-local")
	require.NoError(t, err)
	return append([]string{"bash", path}, options...)
}

func TestProgramThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), "", "no-such-program")
	require.ErrorContains(t, err, "DynamoDB Local: start no-such-program: ")
}

// TestServerThatEndsShowsItsOutput: DynamoDB Local ends at once if its options contradict each
// other.
func TestServerThatEndsShowsItsOutput(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), "", script(t, "-no-such-option")...)
	require.ErrorContains(t, err, "DynamoDB Local ended before it answered: exit status 0")
	require.ErrorContains(t, err, "no-such-option")
}

// TestServerOnATakenPort: what answers on the port is another server.
func TestServerOnATakenPort(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(nil)
	defer other.Close()
	_, err := startOn(t.Context(), other.Listener.Addr().(*net.TCPAddr).Port, "", script(t, "-inMemory"))
	require.ErrorIs(t, err, errPortTaken)
}
