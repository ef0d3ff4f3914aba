package wsload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

func TestMessage(t *testing.T) {
	t.Parallel()
	for _, size := range []int{MinPayload, 100, 125, 126, MaxPayload} {
		m := newMessage(size)
		for _, id := range []int{1, 42, 99_999_999} {
			frames := FrameReader{R: bufio.NewReader(bytes.NewReader(m.with(id)))}
			h, plain, err := frames.Next()
			require.NoError(t, err)
			require.NoError(t, ws.CheckHeader(h, ws.StateServerSide))
			require.Len(t, plain, size)
			var in struct{ Action, Text string }
			require.NoError(t, json.Unmarshal(plain, &in))
			require.Equal(t, "echo", in.Action)
			require.NotEmpty(t, in.Text)
			got, ok := m.idOf(plain)
			require.True(t, ok)
			require.Equal(t, id, got)
		}
	}
}

func TestIDOf(t *testing.T) {
	t.Parallel()
	m := newMessage(MinPayload + 2)
	for answer, want := range map[string]int{
		`{"id":"00000042","action":"echo","data":{"text":"xxx"}}`: 42,
		`{"id":"00000042","action":"echo","data":{"text":"xxX"}}`: 0,
		`{"id":"00000042","action":"echo","data":null}`:           0,
		`{"id":"0000004x","text":"xxx"}`:                          0,
		`{"id":"000000421","text":"xxx"}`:                         0,
		`{"text":"xxx"}`:                                          0,
		`"text":"xxx""id":"1`:                                     0,
		``:                                                        0,
	} {
		got, ok := m.idOf([]byte(answer))
		require.Equal(t, want != 0, ok, answer)
		require.Equal(t, want, got, answer)
	}
}

func FuzzIDOf(f *testing.F) {
	m := newMessage(100)
	f.Add(m.plain)
	f.Add([]byte(`{"id":"00000042","action":"echo","data":{"text":"x"}}`))
	f.Add([]byte(`"id":"`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, ok := m.idOf(answer); ok && !bytes.Contains(answer, m.text) {
			t.Errorf("%q is not an echo", answer)
		}
	})
}
