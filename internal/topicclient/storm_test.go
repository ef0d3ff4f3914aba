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

// TestBusyTopicIsNotRead checks that a client does not ask for a snapshot at each sync because the
// topic has changed while the sync was under way.
func TestBusyTopicIsNotRead(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.Wake(s.now)
	r := s.take("sync")
	s.push(set("k", 11, 5))
	s.reply(r, `{"moved":["a"]}`)
	s.quiet()
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":["a"]}`)
	s.take("history")
}

// TestSnapshotAgain checks a snapshot that is asked for while the pages of one are.
func TestSnapshotAgain(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":["a"]}`)
	s.reply(s.take("history"), snapshot(6, `{"key":"k","version":10,"data":10}`, "p2"))
	page := s.take("history")
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":["a"]}`)
	s.quiet()
	s.reply(page, snapshot(0, `{"key":"l","version":11,"data":11}`, ""))
	r := s.take("history")
	require.NotContains(t, r.raw, "cursor")
	s.push(set("m", 13, 8))
	s.refuse(r, "unavailable")
	s.pass(time.Second)
	s.reply(s.take("history"), snapshot(8, `{"key":"l","version":12,"data":12}`, ""))
	require.Equal(t, "set m=13, set l=12, deleted k, deleted m, ready", s.heard())
	s.Wake(s.now)
	require.Contains(t, s.take("sync").raw, `"counter":8`)
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
