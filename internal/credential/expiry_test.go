package credential_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/credential"
)

func TestExpiry(t *testing.T) {
	t.Parallel()
	epoch, some := time.Unix(0, 0).UTC(), time.Unix(1700000000, 0).UTC()
	end := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"1700000000": some, "1.7e9": some, "1700000000.9": some,
		"0": epoch, "-1": epoch, "-62135596800": epoch, "-Inf": epoch,
		"9223372036854775807": end, "9223372036854775808": end, "1e300": end, "inf": end,
	} {
		got, err := credential.Expiry(map[string]string{"exp": value})
		require.NoError(t, err, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"", "soon", "NaN", "2026-01-01T00:00:00Z"} {
		_, err := credential.Expiry(map[string]string{"exp": value})
		require.ErrorContains(t, err, "seconds since 1970", value)
	}
	none, err := credential.Expiry(map[string]string{"roles": "admin"})
	require.NoError(t, err)
	require.True(t, none.IsZero())
}

func FuzzExpiry(f *testing.F) {
	for _, s := range []string{"0", "1.7e9", "-62135596800", "NaN", "1e999", "soon"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := credential.Expiry(map[string]string{"exp": s})
		if err == nil {
			require.False(t, got.IsZero(), "it would never end")
			require.LessOrEqual(t, got.Year(), 9999)
		}
	})
}
