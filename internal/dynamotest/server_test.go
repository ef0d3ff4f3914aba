package dynamotest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheServersClockIsOurs: what has expired by the clock of a test has expired for DynamoDB
// Local, also if scripts/test-clock has moved both clocks.
func TestTheServersClockIsOurs(t *testing.T) {
	t.Parallel()
	Local(t)
	f := current.Load()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.server.Load().URL, http.NoBody)
	require.NoError(t, err)
	response, err := f.transport.RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close()
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	require.NoError(t, err)
	require.Less(t, time.Since(theirs).Abs(), time.Hour)
}
