package broadcast

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

func named(id string) unserved { return unserved{member: member{Member: conn.Member{ID: id}}} }

func goodJob() Job {
	r := remaining{
		members: []unserved{{member: member{conn.Member{ID: "a\x00é", Endpoint: "https://x"}, "g"}}},
		unread:  []span{{group: "g", shard: 2, shards: 4, after: "c"}},
	}
	return Job{ID: "i", RootID: "s", Hops: 3, Cursor: r.cursor(), Frame: []byte("{\"x\":\"\u0000\uffff\"}"), Until: time.UnixMilli(1 << 47).UTC()}
}

func TestJobComesBackAsItWas(t *testing.T) {
	t.Parallel()
	j := goodJob()
	got, err := ParseJob(j.Encode())
	require.NoError(t, err)
	require.Equal(t, j, got)
	for _, c := range j.Encode() {
		require.True(t, c >= ' ' && c < 0x7f, "a queue may refuse other characters")
	}
}

func TestBadJobs(t *testing.T) {
	t.Parallel()
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	with := func(change func(*Job)) []byte {
		j := goodJob()
		change(&j)
		return j.Encode()
	}
	cursor := func(s string) []byte { return with(func(j *Job) { j.Cursor = s }) }
	for says, data := range map[string][]byte{
		"unexpected end of JSON":                 nil,
		"cannot unmarshal":                       []byte(`[]`),
		"version 0 is unknown":                   []byte(`{}`),
		"version 2 is unknown":                   []byte(`{"v":2}`),
		"ID is missing":                          with(func(j *Job) { j.ID = "" }),
		"0 hops":                                 with(func(j *Job) { j.Hops = 0 }),
		"frame is empty":                         with(func(j *Job) { j.Frame = nil }),
		"frame is not UTF-8":                     with(func(j *Job) { j.Frame = []byte{0xff} }),
		"payload is too large":                   with(func(j *Job) { j.Frame = []byte(strings.Repeat("x", gatesock.MaxMessageSize+1)) }),
		"not base64":                             cursor("*"),
		"invalid character":                      cursor(raw(`x`)),
		"version 7 is unknown":                   cursor(raw(`{"v":7}`)),
		"cursor is empty":                        cursor(raw(`{"v":1}`)),
		`connection ID "" is not valid`:          cursor(raw(`{"v":1,"m":[{}]}`)),
		`position in group "" is not valid`:      cursor(raw(`{"v":1,"r":[{}]}`)),
		`position in group "shard" is not valid`: cursor(raw(`{"v":1,"r":[{"g":"shard","s":4,"n":4}]}`)),
		`position in group "minus" is not valid`: cursor(raw(`{"v":1,"r":[{"g":"minus","s":-1,"n":4}]}`)),
		`position in group "only" is not valid`:  cursor(raw(`{"v":1,"r":[{"g":"only","o":true}]}`)),
	} {
		_, err := ParseJob(data)
		require.ErrorIs(t, err, ErrBadJob)
		require.ErrorContains(t, err, says)
		require.Less(t, len(err.Error()), 300)
	}
}

func TestBadCursorIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	b := New(always(nil), room(3, 3))
	for _, to := range []Audience{Resume("x"), Resume("x").Except("c1"), To("room").And(Resume("x")), Resume("x").And(To("room"))} {
		rep, err := b.Send(t.Context(), to, hello())
		require.ErrorIs(t, err, ErrBadCursor)
		require.Equal(t, Report{}, rep)
	}
	c0, c1 := named("c0"), named("c1")
	for says, r := range map[string]remaining{
		`"c0" appears twice`:                {members: []unserved{c0, c1, c0}},
		`two parts of group "room" overlap`: {unread: []span{{group: "room", shard: 1, shards: 4}, {group: "room", shard: 3, shards: 4, only: true}}},
		"a group has an empty name":         {members: []unserved{c0}, read: []string{""}},
		`position in group "" is not valid`: {unread: []span{{}}},
	} {
		_, err := b.Send(t.Context(), Resume(r.cursor()), hello())
		require.ErrorIs(t, err, ErrBadCursor)
		require.ErrorContains(t, err, says)
	}
	_, err := b.Send(t.Context(), Resume(""), hello())
	require.ErrorIs(t, err, ErrNoAudience)
	_, err = b.Run(t.Context(), goodJob())
	require.ErrorContains(t, err, "has no Relay")
	_, err = New(always(nil), room(3, 3), WithRelay(&jobQueue{})).Run(t.Context(), Job{})
	require.ErrorIs(t, err, ErrBadJob)
}

// FuzzParseJob: what is taken comes out as it went in, and can be run.
func FuzzParseJob(f *testing.F) {
	j := goodJob()
	f.Add(j.Encode())
	f.Add([]byte(`{"v":1,"id":"a","send":"b","hops":1,"cursor":"eyJ2IjoxLCJyIjpbeyJnIjoicm9vbSJ9XX0","frame":"e30="}`))
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := ParseJob(data)
		if err != nil {
			require.ErrorIs(t, err, ErrBadJob)
			return
		}
		again, err := ParseJob(j.Encode())
		require.NoError(t, err)
		require.Equal(t, j, again)
		store := room(4, 2)
		_, err = New(always(nil), store, WithRelay(&jobQueue{}), quiet()).Run(t.Context(), j)
		if err != nil {
			require.ErrorIs(t, err, ErrTooManyHops)
		}
	})
}
