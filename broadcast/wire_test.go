package broadcast

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
)

// Applications keep cursors and reports, and queues hold jobs, while programs change. All must stay
// the same byte for byte, and so must job IDs, which identify a job that ran twice. The golden
// strings here come from the first version of this package.

func TestGoldenReport(t *testing.T) {
	t.Parallel()
	rep := Report{
		ID: "i", HandedOff: []string{"a", "b"}, Cursor: "c", Audience: 1, Delivered: 2, Gone: 3, Failed: 4, Unsent: 5,
		Incomplete: true, Throttled: 6, Retries: 7, Pruned: 8, PruneFailed: 9, Slow: 10, Disconnected: 11,
		Errors: []PostError{{ConnectionID: "x", Attempts: 12, Err: errors.New("e")}},
	}
	const golden = `{"ID":"i","Handed":["a","b"],"Cursor":"c","Audience":1,"Delivered":2,"Gone":3,"Failed":4,` +
		`"Unsent":5,"Incomplete":true,"Throttled":6,"Retries":7,"Pruned":8,"PruneFailed":9,"Slow":10,` +
		`"Disconnected":11,"Errors":[{"ConnectionID":"x","Attempts":12,"Err":"e"}]}`
	text, err := json.Marshal(rep)
	require.NoError(t, err)
	require.Equal(t, golden, string(text))
	var got Report
	require.NoError(t, json.Unmarshal([]byte(golden), &got))
	require.Equal(t, rep, got)

	for i := range reflect.TypeFor[Report]().NumField() {
		require.False(t, reflect.ValueOf(rep).Field(i).IsZero(), "a field is missing in the golden report")
	}
}

func cursorOf(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func textOf(t *testing.T, cursor string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	require.NoError(t, err)
	return string(text)
}

// lobby is a store with two groups in several pages, and two shards.
func lobby() *shelf {
	page := func(ids ...string) (p []conn.Member) {
		for _, id := range ids {
			p = append(p, conn.Member{ID: id, Endpoint: map[bool]string{true: "https://far.example"}[id >= "c"]})
		}
		return p
	}
	return &shelf{shards: 2, groups: map[string][][]conn.Member{
		"room":  {page("a1", "a2"), page("b1", "b2"), page("c1", "c2"), page("d1")},
		"other": {page("a1", "e1"), page("e2")},
		"muted": {page("b2")},
	}}
}

// TestGoldenCursorsRoundTrip resumes cursors of every form with a context that has ended: the
// cursor of the report is the one that was resumed.
func TestGoldenCursorsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"v":1,"m":[{"i":"a"}]}`,
		`{"v":1,"m":[{"i":"a","e":"https://x.example","g":"room"},{"i":"\u003cé\u0000"}]}`,
		`{"v":1,"r":[{"g":"room"}]}`,
		`{"v":1,"r":[{"g":"room","s":1,"n":2,"c":"3"}]}`,
		`{"v":1,"r":[{"g":"room","n":2,"o":true},{"g":"room","s":1,"n":2,"o":true}],"x":["a","b"]}`,
		`{"v":1,"r":[{"g":"room","s":1,"n":2,"c":"3"},{"g":"zoo"}],"d":["other"],"h":["z"],"x":["q"]}`,
		`{"v":2,"r":[{"g":"room"}],"y":["muted","zoo"]}`,
		`{"v":2,"m":[{"i":"a"}],"r":[{"g":"room"},{"g":"zoo"}],"d":["other"],"h":["z"],"x":["q"],"y":["muted"],"p":[{"i":"gone","e":"https://x.example","g":"room"}]}`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		rep, err := New(always(nil), lobby(), inOrder(), quiet()).Send(ctx, Resume(cursorOf(text)), hello())
		require.ErrorIs(t, err, context.Canceled, text)
		require.Equal(t, text, textOf(t, rep.Cursor))
	}
}

// TestGoldenCursorsOfAudiences stops sends before they begin, or in the middle.
func TestGoldenCursorsOfAudiences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		to   Audience
		stop string // the connection whose post ends the send; empty: it is over before it begins
		want string
	}{
		{"one group", To("room"), "", `{"v":1,"r":[{"g":"room"}]}`},
		{"named", ToConnections("b", "a", "b").Except("a"), "", `{"v":1,"m":[{"i":"b"}],"x":["a"]}`},
		{
			"all",
			To("room", "other", "room").And(ToConnections("e1", "z")).Except("a1").ExceptGroups("muted").ExceptUser("u"), "",
			`{"v":2,"m":[{"i":"e1"},{"i":"z"}],"r":[{"g":"other"},{"g":"room"}],"h":["e1","z"],"x":["a1"],"y":["muted","user:u"]}`,
		},
		{
			"in the middle of one", To("room").Except("q"), "b1",
			`{"v":1,"m":[{"i":"b2","g":"room"}],"r":[{"g":"room","s":1,"n":2,"c":"3"}],"x":["q"]}`,
		},
		{
			"in the middle of several", To("room", "other").And(ToConnections("z", "a2")).ExceptGroups("muted"), "e1",
			`{"v":2,"m":[{"i":"e2","e":"https://far.example","g":"other"}],"r":[{"g":"room"}],"d":["other"],"h":["z","a2"],"y":["muted"]}`,
		},
		{
			"in the first of several", To("room", "other"), "e1",
			`{"v":1,"m":[{"i":"e2","e":"https://far.example","g":"other"}],"r":[{"g":"room"}],"d":["other"]}`,
		},
		{
			"in the last of several", To("room", "other").ExceptGroups("muted").And(ToConnections("z", "a2")), "b1",
			`{"v":2,"m":[{"i":"d1","e":"https://far.example","g":"room"}],"h":["z","a2"],"y":["muted"]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stop == "" {
					cancel()
				}
				p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
					if to.ConnectionID == c.stop {
						synctestWait() // lets the reader finish its page
						cancel()
						return wait(ctx, time.Hour, nil)
					}
					return nil
				})
				rep, err := New(p, lobby(), WithConcurrency(1), inOrder(), quiet()).Send(ctx, c.to, hello())
				require.ErrorIs(t, err, context.Canceled)
				require.Equal(t, c.want, textOf(t, rep.Cursor))
			})
		})
	}
}

// synctestWait lets all other goroutines of the bubble come to rest.
func synctestWait() { <-time.After(time.Millisecond) }

// tray is a queue whose jobs can be compared: several are handed off at once, in any order.
type tray struct{ jobQueue }

func (q *tray) texts() (all []string) {
	for _, j := range q.jobs {
		all = append(all, string(j.Encode()))
	}
	slices.Sort(all)
	return all
}

// TestGoldenJobs runs a job and compares the jobs in which the rest of it is handed off.
func TestGoldenJobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cursor string
		answer error // to each post after the second; nil: it takes an hour
		want   []string
	}{
		{"time is up", `{"v":1,"r":[{"g":"room"}],"x":["q"]}`, nil, []string{
			`{"v":1,"id":"5019f0cce093892c2b7b9bdbf00e9a52","send":"root","hops":3,"cursor":"eyJ2IjoxLCJyIjpbeyJnIjoicm9vbSIsInMiOjEsIm4iOjJ9XSwieCI6WyJxIl19","frame":"eyJldmVudCI6IsOpIn0="}`,
			`{"v":1,"id":"73d0aa88cf1b8e3d7095617a96130f47","send":"root","hops":3,"cursor":"eyJ2IjoxLCJtIjpbeyJpIjoiYzIiLCJlIjoiaHR0cHM6Ly9mYXIuZXhhbXBsZSIsImciOiJyb29tIn1dfQ","frame":"eyJldmVudCI6IsOpIn0="}`,
		}},
		{"several groups", `{"v":2,"m":[{"i":"m1"},{"i":"m2"},{"i":"m3"}],"r":[{"g":"other"},{"g":"room"}],"h":["z"],"y":["muted"]}`, nil, []string{
			`{"v":1,"id":"c9720312daab7295aea2a4be794d3501","send":"root","hops":3,"cursor":"eyJ2IjoyLCJyIjpbeyJnIjoib3RoZXIiLCJzIjoxLCJuIjoyfSx7ImciOiJyb29tIn1dLCJoIjpbInoiXSwieSI6WyJtdXRlZCJdfQ","frame":"eyJldmVudCI6IsOpIn0="}`,
			`{"v":1,"id":"e99fedb00adf7998c3c34e74053223e1","send":"root","hops":3,"cursor":"eyJ2IjoxLCJtIjpbeyJpIjoiYTEiLCJnIjoib3RoZXIifSx7ImkiOiJlMSIsImUiOiJodHRwczovL2Zhci5leGFtcGxlIiwiZyI6Im90aGVyIn1dfQ","frame":"eyJldmVudCI6IsOpIn0="}`,
		}},
		{"gone", `{"v":1,"m":[{"i":"m1"},{"i":"m2"},{"i":"m3","w":100},{"i":"m4"}],"r":[{"g":"room","s":1,"n":2,"c":"3","o":true}]}`, gatesock.ErrGone, []string{
			`{"v":1,"id":"668cd141c5f12bcc44c94da4d12c43b6","send":"root","hops":3,"cursor":"eyJ2IjoyLCJwIjpbeyJpIjoibTQifSx7ImkiOiJkMSIsImUiOiJodHRwczovL2Zhci5leGFtcGxlIiwiZyI6InJvb20ifSx7ImkiOiJtMyJ9XX0","frame":"eyJldmVudCI6IsOpIn0="}`,
		}},
		{"throttled", `{"v":1,"m":[{"i":"m1"},{"i":"m2"},{"i":"m3","w":100},{"i":"m4"}]}`, gatesock.ErrThrottled, []string{
			`{"v":1,"id":"924ebff4b7503759556d5770a1bb64a8","send":"root","hops":3,"cursor":"eyJ2IjoxLCJtIjpbeyJpIjoibTMiLCJ3IjoxOTEwMH0seyJpIjoibTQiLCJ3IjoxOTAwMH1dfQ","frame":"eyJldmVudCI6IsOpIn0="}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				posts := 0
				p := posterFunc(func(ctx context.Context, _ gatesock.Target, _ []byte) error {
					switch posts++; {
					case posts <= 2:
						return nil
					case c.answer != nil:
						return c.answer
					default:
						return wait(ctx, time.Hour, nil)
					}
				})
				store := lobby()
				store.get = func(ctx context.Context, _ string) (conn.Conn, error) {
					return conn.Conn{}, wait(ctx, time.Hour, nil)
				}
				q := &tray{}
				b := New(p, store, WithRelay(q), WithConcurrency(1), WithPostTimeout(time.Hour), withJitter(fullJitter),
					inOrder(), quiet())
				job := Job{ID: "job", RootID: "root", Hops: 2, Cursor: cursorOf(c.cursor), Frame: []byte(`{"event":"é"}`)}
				_, err := b.Run(ctx, job)
				require.NoError(t, err)
				require.Equal(t, c.want, q.texts())
			})
		})
	}
}

// TestGoldenJobWithoutRetries hands off a member that was throttled where there is no time for
// retries: the job has the time since its failure.
func TestGoldenJobWithoutRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := posterFunc(func(ctx context.Context, to gatesock.Target, _ []byte) error {
			if to.ConnectionID == "m1" {
				return gatesock.ErrThrottled
			}
			return wait(ctx, 3*time.Second, nil)
		})
		q := &tray{}
		b := New(p, lobby(), WithRelay(q), WithConcurrency(1), WithRetries(5, 0), inOrder(), quiet())
		job := Job{ID: "job", RootID: "root", Hops: 2, Cursor: cursorOf(`{"v":1,"m":[{"i":"m1"},{"i":"m2"}]}`), Frame: []byte("{}")}
		rep, err := b.Run(t.Context(), job)
		require.NoError(t, err)
		require.Equal(t, 1, rep.Delivered)
		require.Len(t, q.jobs, 1)
		require.Equal(t, `{"v":1,"m":[{"i":"m1","w":3000}]}`, textOf(t, q.jobs[0].Cursor))
	})
}
