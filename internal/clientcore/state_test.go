package clientcore

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func set(key string, version, counter int) string {
	return fmt.Sprintf(`{"event":"set","topic":"a","key":%q,"version":%d,"counter":%d,"data":%d}`, key, version, counter, version)
}

func unset(event, key string, version, counter int) string {
	return fmt.Sprintf(`{"event":%q,"topic":"a","key":%q,"version":%d,"counter":%d}`, event, key, version, counter)
}

func snapshot(counter int, values, cursor string) string {
	return fmt.Sprintf(`{"topic":"a","state":true,"counter":%d,"values":[%s],"cursor":%q}`, counter, values, cursor)
}

// watcher is a stage that is subscribed to state topic a, with k=10 and counter 4.
func watcher(t *testing.T) *stage {
	t.Helper()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{})
	s.reply(s.take("subscribe"), snapshot(4, `{"key":"k","version":10,"data":10}`, ""))
	require.Equal(t, "subscribed :0, set k=10, ready", s.heard())
	return s
}

func TestStateVersions(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(set("k", 12, 6))
	s.push(set("k", 11, 5))
	s.push(set("k", 12, 6))
	require.Equal(t, "set k=12", s.heard(), "the version decides, not the order")
	s.push(unset("delete", "k", 13, 7))
	s.push(set("k", 12, 6))
	require.Equal(t, "deleted k", s.heard(), "a late push does not bring a key back")
	s.push(set("k", 14, 8))
	s.push(unset("drop", "k", 15, 9))
	s.push(unset("delete", "other", 15, 10))
	require.Equal(t, "set k=14, deleted k", s.heard())
	s.pass(20 * time.Second)
	s.quiet()
}

func TestStatePages(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(set("old", 11, 5))
	s.push(set("kept", 12, 6))
	s.Disconnected(s.now, s.conn)
	s.pass(time.Second)
	s.Connected(s.now, s.conn)
	r := s.take("subscribe")
	require.NotContains(t, r.raw, "since")
	s.push(set("fresh", 21, 8)) // before the answer
	s.reply(r, snapshot(7, `{"key":"k","version":10,"data":10}`, "p2"))
	page := s.take("history")
	require.Contains(t, page.raw, `"cursor":"p2"`)
	s.push(unset("delete", "k", 22, 9))
	s.push(set("late", 23, 10))
	s.reply(page, snapshot(0, `{"key":"kept","version":20,"data":20},{"key":"late","version":19,"data":19},`+
		`{"key":"gone","version":9,"deleted":true}`, ""))
	require.Equal(t, "set old=11, set kept=12, set fresh=21, subscribed :0, deleted k, set late=23, set kept=20, "+
		"deleted old, ready", s.heard())
	s.Wake(s.now)
	require.Contains(t, s.take("sync").raw, `{"topic":"a","counter":10}`)
}

// TestOldPushAfterSleep checks that a push that waited to be read while the computer was asleep
// does not bring a deleted key back.
func TestOldPushAfterSleep(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(set("k", 12, 6))
	s.push(unset("delete", "k", 14, 8))
	require.NotEmpty(t, s.heard())
	s.now = s.now.Add(3 * time.Hour)
	s.Tick(s.now)
	s.push(set("k", 13, 7))
	require.Empty(t, s.heard())
}

// TestStateGap checks that a missing counter leads to a snapshot, and that one that comes late does
// not.
func TestStateGap(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(set("k", 12, 6))
	s.pass(time.Second)
	s.push(set("j", 11, 5))
	s.pass(time.Minute)
	s.quiet()
	s.push(set("k", 14, 8))
	s.pass(2 * time.Second)
	s.quiet()
	s.pass(8 * time.Second)
	r := s.take("history")
	require.Contains(t, r.raw, `"topic":"a"}`, "the first page of a snapshot")
	s.reply(r, snapshot(8, `{"key":"k","version":14,"data":14},{"key":"i","version":13,"data":13}`, ""))
	require.Equal(t, "set k=12, set j=11, set k=14, set i=13, deleted j, ready", s.heard())
	s.pass(time.Minute)
	s.quiet()
}

func TestStateFilter(t *testing.T) {
	t.Parallel()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{Filter: []byte(`{"region":"eu"}`)})
	r := s.take("subscribe")
	require.Contains(t, r.raw, `"filter":{"region":"eu"}`)
	s.reply(r, snapshot(4, "", ""))
	s.push(set("k", 12, 9))
	s.pass(time.Minute)
	s.quiet()
	s.Wake(s.now)
	r = s.take("sync")
	require.Contains(t, r.raw, `"counter":4`, "it is not known what the filter has left out")
	s.reply(r, `{"moved":["a"]}`)
	s.reply(s.take("history"), snapshot(9, `{"key":"k","version":12,"data":12}`, ""))
	require.Equal(t, "subscribed :0, ready, set k=12, ready", s.heard())

	s.Subscribe(s.now, "a", Options{Filter: []byte(`{"region":"us"}`)})
	s.reply(s.take("subscribe"), snapshot(9, "", ""))
	require.Equal(t, "subscribed :0, deleted k, ready", s.heard())
}

// TestStateMadeAgain checks that a client does not hold on to the counter of a table that was
// restored.
func TestStateMadeAgain(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"moved":["a"]}`)
	s.reply(s.take("history"), snapshot(2, `{"key":"k","version":10,"data":10}`, ""))
	s.Wake(s.now)
	require.Contains(t, s.take("sync").raw, `"counter":2`)
}

func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.cfg.MaxKeys = 2
	s.push(set("l", 11, 5))
	s.push(set("m", 12, 6))
	require.Equal(t, "set l=11, failed a too_large", s.heard())
	s.take("unsubscribe")
}

// TestMarksEnd checks that keys that are gone do not stay for ever.
func TestMarksEnd(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	s.push(unset("delete", "k", 11, 5))
	for range 2 {
		s.keepSynced(31 * time.Minute)
		s.Disconnected(s.now, s.conn)
		s.pass(time.Second)
		s.Connected(s.now, s.conn)
		s.reply(s.take("subscribe"), snapshot(5, "", ""))
	}
	require.Empty(t, s.byName["a"].state.keys)
}

// With another filter the snapshot takes away, or brings back, the version that the client has.
func TestAnotherFilter(t *testing.T) {
	t.Parallel()
	s := watcher(t)
	for _, c := range []struct{ values, want string }{
		{`{"key":"k","version":10,"deleted":true}`, "subscribed :0, deleted k, ready"},
		{`{"key":"k","version":10,"data":10}`, "subscribed :0, set k=10, ready"},
		{`{"key":"k","version":10,"data":10}`, "subscribed :0, ready"},
		{`{"key":"k","version":9,"deleted":true}`, "subscribed :0, ready"},
	} {
		s.Subscribe(s.now, "a", Options{Filter: json.RawMessage(`{"where":{}}`)})
		s.reply(s.take("subscribe"), snapshot(4, c.values, ""))
		require.Equal(t, c.want, s.heard())
	}
}
