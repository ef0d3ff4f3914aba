package emulator

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Payloads of every length are unmasked, whatever is left over after whole words.
func TestUnmask(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		want := strings.Repeat("x", n)
		r := frameReader{r: bytes.NewReader(masked(opText, true, want))}
		op, payload, err := r.next()
		require.NoError(t, err)
		require.Equal(t, opText, op)
		require.Equal(t, want, string(payload))
	}
}

func TestLengthsOfFrames(t *testing.T) {
	t.Parallel()
	mask := "\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		frame string
		code  int // of the violation; 0 for none
	}{
		"16 bits":                  {"\x81\xfe\x00\x80" + mask + strings.Repeat("x", 128), 0},
		"16 bits that fit into 7":  {"\x81\xfe\x00\x01" + mask + "x", 0},
		"64 bits that fit into 7":  {"\x81\xff\x00\x00\x00\x00\x00\x00\x00\x01" + mask + "x", 0},
		"64 bits":                  {"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00" + mask, 1009},
		"64 bits with the highest": {"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" + mask, 1002},
	} {
		r := frameReader{r: strings.NewReader(c.frame)}
		_, _, err := r.next()
		if c.code == 0 {
			require.NoError(t, err, name)
			continue
		}
		var v *violation
		require.ErrorAs(t, err, &v, name)
		require.Equal(t, c.code, v.code, name)
	}
}
