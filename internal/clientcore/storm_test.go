package clientcore

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

// TestAsChanges checks that the user learns what a member says of itself now.
func TestAsChanges(t *testing.T) {
	t.Parallel()
	s := audience(t)
	said := func(as string, version int) string {
		return diff(fmt.Sprintf(`{"joined":[{"ref":"b1","user":"bob","as":%s,"version":%d}]}`, as, version))
	}
	s.push(said(`"away"`, 8))
	s.push(said(`"here"`, 7)) // late
	s.push(said(`"away"`, 9))
	require.Equal(t, "joined bobb1", s.heard())
	require.JSONEq(t, `"away"`, string(s.byName["a"].presence.refs["b1"].as))
}

// served passes time while a server answers, and returns how many requests of an action there were.
func (s *stage) served(d time.Duration, action string, answer func(r sent)) (n int) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.pass(100 * time.Millisecond)
		for len(s.sent) > 0 {
			r := s.take(s.sent[0].action)
			if r.action == action {
				n++
			}
			answer(r)
		}
	}
	return n
}

// TestRefusedHistory checks that a server that refuses the pages after a subscribe, but not the
// subscribe, does not get one after the other.
func TestRefusedHistory(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"history":  with(result("1-x", 6, 7), `"more":true`),
		"state":    snapshot(4, `{"key":"k","version":10,"data":10}`, "p2"),
		"presence": with(result("1-x", 6, 5), `"presence":{"count":2,"members":[`+who("a1", "ann", 1)+`],"cursor":"p2"}`),
	} {
		s := connected(t)
		s.Subscribe(s.now, "a", Options{Presence: true})
		n := s.served(5*time.Minute, "subscribe", func(r sent) {
			if r.action == "subscribe" {
				s.reply(r, more)
				return
			}
			s.refuse(r, "permission_denied")
		})
		require.Less(t, n, 40, name)
	}
}

// TestRefusedSync checks that a server that refuses every sync is asked at the usual time.
func TestRefusedSync(t *testing.T) {
	t.Parallel()
	s := member(t)
	n := s.served(time.Hour, "sync", func(r sent) { s.refuse(r, "not_found") })
	require.Less(t, n, 20)
	n = s.served(time.Hour, "sync", func(r sent) { s.refuse(r, "unavailable") })
	require.Greater(t, n, 60)
}
