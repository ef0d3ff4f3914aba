package topicwire

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var epochPattern = regexp.MustCompile(`\A[1-9][0-9]{0,15}-[A-Za-z0-9_-]{1,64}\z`)

// FuzzEpochNumber compares with a pattern.
func FuzzEpochNumber(f *testing.F) {
	for _, epoch := range []string{"", "1-a", "01-a", "1-", "9007199254740992-x", "12-x#y", "-1-a", "1-\xff"} {
		f.Add(epoch)
	}
	f.Fuzz(func(t *testing.T, epoch string) {
		n, ok := EpochNumber(epoch)
		digits, _, _ := strings.Cut(epoch, "-")
		want, err := strconv.ParseInt(digits, 10, 64)
		valid := epoch == "" || epochPattern.MatchString(epoch) && err == nil && want <= MaxOffset
		require.Equal(t, valid, ok)
		if !ok || epoch == "" {
			want = 0
		}
		require.Equal(t, want, n)
	})
}
