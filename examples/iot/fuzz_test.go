package iot

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever a device sends, a reading that is not refused has everything that a reading needs, and
// means the same when it is encoded and sent again.
func FuzzParseReading(f *testing.F) {
	for _, seed := range []string{
		`{"seq":1,"at":"2026-01-02T15:04:05Z","values":{"temperature":21.5}}`,
		`{"device":"t-1","seq":9007199254740991,"at":"2026-01-02T15:04:05.999+14:00","values":{"temperature":-1e-300}}`,
		`{"device":"T/1","seq":1,"at":"2026-01-02T15:04:05Z","values":{"temperature":null}}`,
		`{"SEQ":1,"seq":2,"at":"0000-01-01T00:00:00Z","values":[]}`,
		`[]`, `null`, `{"values":{"":1,"temperature":1e400}}`, "{\"device\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	thermometer := Types()["thermometer"]
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, refused := parseReading(raw)
		require.True(t, r.Device == "" || validName(r.Device))
		if refused != nil {
			require.Contains(t, []Reason{ReasonMalformed, ReasonTooLarge}, refused.reason)
			require.NotEmpty(t, refused.message)
			return
		}
		require.GreaterOrEqual(t, r.Seq, int64(1))
		require.LessOrEqual(t, r.Seq, int64(maxSeq))
		require.Equal(t, time.UTC, r.At.Location())
		if thermometer.checkValues(r.Values) == nil {
			for name, v := range r.Values {
				require.GreaterOrEqual(t, v, thermometer.Metrics[name].Min)
				require.LessOrEqual(t, v, thermometer.Metrics[name].Max)
			}
		}
		text, err := json.Marshal(r)
		require.NoError(t, err)
		again, refused := parseReading(text)
		if len(text) <= maxReadingBytes {
			require.Nil(t, refused)
			require.Equal(t, r, again)
		}
	})
}
