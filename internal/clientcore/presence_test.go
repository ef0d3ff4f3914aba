package clientcore

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/topicwire"
)

func who(ref, user string, version int) string {
	return fmt.Sprintf(`{"ref":%q,"user":%q,"version":%d}`, ref, user, version)
}

func diff(data string) string { return `{"event":"presence","topic":"a","data":` + data + `}` }

func joinedDiff(ref, user string, version int) string {
	return diff(`{"joined":[` + who(ref, user, version) + `]}`)
}

func leftDiff(ref, user string, version, grace int) string {
	return diff(fmt.Sprintf(`{"left":[{"ref":%q,"user":%q,"version":%d,"graceMs":%d}]}`, ref, user, version, grace))
}

// audience is a stage in topic a with ann, who has two devices, and bob.
func audience(t *testing.T) *stage {
	t.Helper()
	s := connected(t)
	s.Subscribe(s.now, "a", Options{Presence: true, As: []byte(`{"n":1}`)})
	r := s.take("subscribe")
	require.Contains(t, r.raw, `"presence":true,"as":{"n":1}`)
	s.push(joinedDiff("b1", "bob", 3))
	s.reply(r, with(result("1-x", 6, 5), `"presence":{"count":2,"members":[`+who("a1", "ann", 1)+`,`+who("a2", "ann", 2)+`]}`))
	require.Equal(t, "subscribed 1-x:5, joined anna1, joined bobb1", s.heard())
	return s
}

// TestUsers checks that a user is there until the last connection has left.
func TestUsers(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(leftDiff("a1", "ann", 1, 0))
	require.Empty(t, s.heard())
	s.push(leftDiff("a2", "ann", 2, 0))
	s.push(joinedDiff("a1", "ann", 1))
	require.Equal(t, "left ann", s.heard(), "a late join of a membership that has ended does not count")
	s.push(joinedDiff("a1", "ann", 4))
	s.push(joinedDiff("a1", "ann", 5))
	s.push(leftDiff("a1", "ann", 4, 0))
	require.Equal(t, "joined anna1", s.heard(), "a late end of an earlier membership does not count")
	s.push(joinedDiff("x1", "", 1))
	s.push(joinedDiff("x2", "", 1))
	s.push(leftDiff("x1", "", 1, 0))
	require.Equal(t, "joined x1, joined x2, left x1", s.heard(), "without a user, each stands for itself")
}

func TestGrace(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(leftDiff("b1", "bob", 3, 5000))
	s.pass(4999 * time.Millisecond)
	require.Empty(t, s.heard())
	s.push(joinedDiff("b2", "bob", 9))
	s.pass(time.Minute)
	require.Empty(t, s.heard(), "a join within the grace time ends it")
	s.push(leftDiff("b2", "bob", 9, 5000))
	s.pass(5 * time.Second)
	require.Equal(t, "left bob", s.heard())
}

func TestMembersOfASnapshot(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.Wake(s.now)
	r := s.take("sync")
	var d topicwire.Digest
	d.Add("a1", 1)
	d.Add("a2", 2)
	d.Add("b1", 3)
	require.Contains(t, r.raw, `"digest":"`+d.String()+`"`)
	s.reply(r, `{"presence":["a"]}`)
	r = s.take("presence")
	s.push(joinedDiff("c1", "cem", 7))
	s.push(leftDiff("d1", "dan", 8, 0))
	s.reply(r, `{"count":2,"members":[`+who("a1", "ann", 1)+`,`+who("d1", "dan", 8)+`]}`)
	require.Equal(t, "joined cemc1, left bob", s.heard(), "what a diff has said since the request counts")
}

// TestSnapshotIsTheTruth checks that an end that was announced by mistake does not stay.
func TestSnapshotIsTheTruth(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(leftDiff("b1", "bob", 3, 0))
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"presence":["a"]}`)
	s.reply(s.take("presence"), `{"count":1,"members":[`+who("b1", "bob", 3)+`]}`)
	require.Equal(t, "left bob, joined bobb1, left ann", s.heard())
}

func TestPagesOfMembers(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"presence":["a"]}`)
	s.reply(s.take("presence"), `{"count":2,"members":[`+who("a1", "ann", 1)+`],"cursor":"p2"}`)
	require.Empty(t, s.heard())
	r := s.take("presence")
	require.Contains(t, r.raw, `"cursor":"p2"`)
	s.push(joinedDiff("c1", "cem", 7))
	s.reply(r, `{"count":2,"members":[`+who("d1", "dan", 8)+`]}`)
	require.Equal(t, "joined cemc1, joined dand1, left bob", s.heard())
	s.quiet()
}

// TestDigestOfADiff checks that a client that misses members asks for them.
func TestDigestOfADiff(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(diff(`{"joined":[` + who("c1", "cem", 7) + `],"digest":"9-00000000"}`))
	s.pass(10 * time.Second)
	s.take("presence")
}

func TestCount(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.push(diff(`{"count":1204}`))
	require.Equal(t, "left ann, left bob, count 1204", s.heard())
	s.Wake(s.now)
	r := s.take("sync")
	require.Contains(t, r.raw, `"digest":"1204"`)
	s.reply(r, `{"presence":["a"]}`)
	s.reply(s.take("presence"), `{"count":1300,"members":null}`)
	require.Equal(t, "count 1300", s.heard())
	s.push(joinedDiff("c1", "cem", 7))
	s.pass(10 * time.Second)
	s.reply(s.take("presence"), `{"count":1,"members":[`+who("c1", "cem", 7)+`]}`)
	require.Equal(t, "joined cemc1", s.heard())
}

// TestPresenceAfterReconnect checks that nobody leaves and comes back because of it.
func TestPresenceAfterReconnect(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.Disconnected(s.now, s.conn)
	s.pass(time.Second)
	s.Connected(s.now, s.conn)
	s.reply(s.take("subscribe"), with(result("1-x", 6, 5), `"presence":{"count":2,"members":[`+who("a9", "ann", 5)+`,`+who("b1", "bob", 3)+`]}`))
	require.Equal(t, "subscribed 1-x:5", s.heard())
}

func TestPresenceFails(t *testing.T) {
	t.Parallel()
	s := audience(t)
	s.Wake(s.now)
	s.reply(s.take("sync"), `{"presence":["a"]}`)
	s.refuse(s.take("presence"), "unavailable")
	s.pass(3 * time.Second)
	s.refuse(s.take("presence"), "failed_precondition")
	s.pass(time.Second)
	s.take("subscribe")
}
