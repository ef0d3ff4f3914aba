package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseResident(t *testing.T) {
	t.Parallel()
	n, err := parseResident([]byte("Name:\tx\nVmHWM:\t 9 kB\nVmRSS:\t    11468 kB\nRssAnon:\t 5 kB\n"))
	require.NoError(t, err)
	require.Equal(t, 11468<<10, n)
	for _, bad := range []string{"", "VmRSS:", "VmRSS:\t kB\n", "VmRSS:\t1.5 MB\n", "XVmRSS:\t 1 kB\n"} {
		_, err := parseResident([]byte(bad))
		require.ErrorContains(t, err, "resident memory", "%q", bad)
	}
}

func FuzzParseResident(f *testing.F) {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		f.Add(status)
	}
	f.Add([]byte("VmRSS:\t    11468 kB\n"))
	f.Add([]byte("VmRSS:kB"))
	f.Fuzz(func(t *testing.T, status []byte) {
		n, err := parseResident(status)
		if err != nil && n != 0 {
			t.Errorf("%d with an error", n)
		}
	})
}
