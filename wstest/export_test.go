package wstest

import (
	"testing"
	"time"
)

// SetTimeout sets for how long a client waits, after it has connected.
func SetTimeout(c *Client, d time.Duration) { c.timeout = d }

// CrashEveryWith is [CrashEvery] for tests that are not a *testing.T.
func CrashEveryWith[T testing.TB](
	t T, f func(t T, crash *Crash), subtest func(name string, run func(T)) bool, opts ...CrashOption,
) {
	crashEvery(t, f, subtest, opts)
}
