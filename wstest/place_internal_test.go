package wstest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzStageAddress checks that an address that is accepted can be dialed as it is.
func FuzzStageAddress(f *testing.F) {
	for _, address := range []string{
		"wss://abc123.execute-api.eu-west-1.amazonaws.com/prod", "ws://127.0.0.1:3001/dev", "wss://[::1]:1/a%20b", "wss://u:p@h/?q#f", "", "%", "ws:",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := parseStage(address)
		if err != nil {
			require.Empty(t, got)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		u, err := url.Parse(got)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(got, "ws://") || strings.HasPrefix(got, "wss://"), got)
		require.NotEmpty(t, u.Hostname())
		require.Empty(t, u.RawQuery+u.Fragment)
		require.Nil(t, u.User)
		again, err := parseStage(got)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}
