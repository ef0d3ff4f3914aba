package wstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/wstest"
)

// TestNamesAreOfTheHarness checks that clients compare what they receive with what others received,
// in memory and over sockets.
func TestNamesAreOfTheHarness(t *testing.T) {
	t.Parallel()
	in := func(t *testing.T, h *wstest.Harness, connect func() *wstest.Client) {
		t.Helper()
		ann, bob := connect(), connect()
		post := func(to *wstest.Client, texts ...string) {
			for _, text := range texts {
				require.NoError(t, h.Poster().Post(t.Context(), gatesock.Target{ConnectionID: to.ID()}, []byte(text)))
			}
		}
		post(ann, `{"ticket":"t1","at":5}`, `{"ticket":"t2","at":6}`)
		post(bob, `{"all":["t2","t1"]}`)
		require.Equal(t, `{"ticket":"t1","at":5}`, ann.ExpectNext(`{"ticket":"${first}","at":${_}}`).Text)
		require.Equal(t, `{"ticket":"t2","at":6}`, ann.ExpectNext(`{"ticket":"${second}","at":${_}}`).Text)
		bob.ExpectNext(`{"all":["${second}","${first}"]}`)
		require.Equal(t, "t2 and t1", h.Expand("${second} and ${first}"))
	}
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		h := wstest.New(t, script())
		in(t, h, func() *wstest.Client { return h.Connect() })
	})
	t.Run("over sockets", func(t *testing.T) {
		t.Parallel()
		s := wstest.NewServer(t, script())
		in(t, s.Harness, func() *wstest.Client { return s.Dial(t) })
	})
}
