package sweep

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Any progress that is accepted, whatever is in the table, can be continued: it is written again
// as it was read.
func FuzzDecodeProgress(f *testing.F) {
	counts := Counts{Scanned: 5, Live: 1, Gone: 2, Expired: 1, Failed: 1, Probed: 3, Unknown: 1}
	pass := Pass{Started: time.Unix(1e9, 0).UTC(), Counts: counts}
	last := pass
	last.Ended = last.Started.Add(time.Minute)
	for _, p := range []progress{
		{},
		{Last: &last},
		{Pass: pass, After: place{PK: "c#a\x00<é>", SK: "c"}, Last: &last},
	} {
		data, err := encodeProgress(p)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add(``)
	f.Add(`null`)
	f.Add(`{"version":1,"pass":{"scanned":9223372036854775807,"live":9223372036854775807}}`)
	f.Add(`{"version":1,"after":{"pk":"","sk":"x"}}`)
	f.Add(`{"version":1,"last":{"started":"-1"}}`)
	f.Fuzz(func(t *testing.T, data string) {
		p, err := decodeProgress(data)
		if err != nil {
			return
		}
		require.True(t, p.After.valid())
		p.Pass.add(p.Pass.Counts)
		require.GreaterOrEqual(t, p.Pass.Scanned, int64(0))
		p, err = decodeProgress(data)
		require.NoError(t, err)
		written, err := encodeProgress(p)
		require.NoError(t, err)
		again, err := decodeProgress(written)
		require.NoError(t, err)
		rewritten, err := encodeProgress(again)
		require.NoError(t, err)
		require.Equal(t, written, rewritten)
	})
}
