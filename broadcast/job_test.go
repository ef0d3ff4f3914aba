package broadcast

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func goodJob() Job {
	r := rest{Members: []restMember{{ID: "a\x00é", Endpoint: "https://x", Group: "g"}}, Read: []segment{{Group: "g", Shard: 2, Shards: 4, After: "c"}}}
	return Job{ID: "i", RootID: "s", Hops: 3, Cursor: r.cursor(), Frame: []byte("{\"x\":\"\u0000\uffff\"}")}
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
		"unexpected end of JSON":          nil,
		"cannot unmarshal":                []byte(`[]`),
		"of version 0":                    []byte(`{}`),
		"of version 2":                    []byte(`{"v":2}`),
		"has no id":                       with(func(j *Job) { j.ID = "" }),
		"has 0 hops":                      with(func(j *Job) { j.Hops = 0 }),
		"frame is empty":                  with(func(j *Job) { j.Frame = nil }),
		"frame is not UTF-8":              with(func(j *Job) { j.Frame = []byte{0xff} }),
		"payload is too large":            with(func(j *Job) { j.Frame = []byte(strings.Repeat("x", gatesock.MaxMessageSize+1)) }),
		"not base64":                      cursor("*"),
		"invalid character":               cursor(raw(`x`)),
		"of version 7":                    cursor(raw(`{"v":7}`)),
		"it has nobody in it":             cursor(raw(`{"v":1}`)),
		`connection id "" is not valid`:   cursor(raw(`{"v":1,"m":[{}]}`)),
		`no valid place in group ""`:      cursor(raw(`{"v":1,"r":[{}]}`)),
		`no valid place in group "shard"`: cursor(raw(`{"v":1,"r":[{"g":"shard","s":4,"n":4}]}`)),
		`no valid place in group "minus"`: cursor(raw(`{"v":1,"r":[{"g":"minus","s":-1,"n":4}]}`)),
		`no valid place in group "only"`:  cursor(raw(`{"v":1,"r":[{"g":"only","o":true}]}`)),
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
	c0 := restMember{ID: "c0"}
	for says, r := range map[string]rest{
		`"c0" is in it twice`:        {Members: []restMember{c0, {ID: "c1"}, c0}},
		`group "room" twice`:         {Read: []segment{{Group: "room", Shard: 1, Shards: 4}, {Group: "room", Shard: 3, Shards: 4, Only: true}}},
		"a group without a name":     {Members: []restMember{c0}, Done: []string{""}},
		`no valid place in group ""`: {Read: []segment{{}}},
	} {
		_, err := b.Send(t.Context(), Resume(r.cursor()), hello())
		require.ErrorIs(t, err, ErrBadCursor)
		require.ErrorContains(t, err, says)
	}
	_, err := b.Send(t.Context(), Resume(""), hello())
	require.ErrorIs(t, err, ErrNoAudience)
	_, err = b.Run(t.Context(), goodJob())
	require.ErrorContains(t, err, "needs a Broadcaster with a Relay")
	_, err = New(always(nil), room(3, 3), WithRelay(&queue{})).Run(t.Context(), Job{})
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
		_, err = New(always(nil), store, WithRelay(&queue{}), quiet()).Run(t.Context(), j)
		if err != nil {
			require.ErrorIs(t, err, ErrTooManyHops)
		}
	})
}
