package topicclient

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStateDisorder checks that pushes that are never in order, of a topic that changes all the
// time, are not taken for a gap: each number comes soon after the next one.
func TestStateDisorder(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(set("k", 106, 6))
	for n := 5; n < 605; n++ { // 8, 5, 10, 7, …: a number is always missing
		s.push(set("k", 100+n+3, n+3))
		s.push(set("k", 100+n, n))
		s.pass(100 * time.Millisecond)
		n++
	}
	s.quiet()
}

// TestMarksAreNotKeys checks that keys that come and go do not fill up a client that stays
// connected.
func TestMarksAreNotKeys(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.cfg.MaxKeys = 100
	for n := range 1000 {
		counter := 5 + 2*n
		s.push(set(fmt.Sprint("key", n), 100, counter))
		s.push(unset("delete", fmt.Sprint("key", n), 101, counter+1))
		s.keepSynced(time.Minute)
	}
	require.NotContains(t, s.heard(), "failed")
	require.LessOrEqual(t, len(s.byName["a"].state.keys), 100)
}

// TestCountAgain checks that a topic that had too many members, and has again, is counted again.
func TestCountAgain(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(diff(`{"count":1204}`))
	s.push(diff(`{"digest":"1-00000000"}`))
	s.pass(10 * time.Second)
	s.reply(s.take("presence"), `{"count":1,"members":[`+who("c1", "cem", 7)+`]}`)
	s.heard()
	s.push(diff(`{"count":1204}`))
	require.Equal(t, "left cem, count 1204", s.heard())
}
