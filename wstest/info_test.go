package wstest_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/wstest"
)

// preparing has all methods of the client of package apigw that an application needs.
type preparing interface {
	gatesock.ConnectionsAPI
	gatesock.Preparer
}

var _ = []preparing{(*apigw.Client)(nil), (*wstest.Recorder)(nil)}

// TestRecorderHasTheMethodsOfTheClient checks that the recorder has every method that an
// application may require of an apigw.Client by an interface.
func TestRecorderHasTheMethodsOfTheClient(t *testing.T) {
	t.Parallel()
	recorder := reflect.TypeFor[*wstest.Recorder]()
	for m := range reflect.TypeFor[*apigw.Client]().Methods() {
		if m.Name == "CloseIdleConnections" { // concerns the client's own sockets
			continue
		}
		own, ok := recorder.MethodByName(m.Name)
		require.True(t, ok, "a Recorder has no method %s", m.Name)
		require.Equal(t, signature(m), signature(own), m.Name)
	}
}

// signature returns the type of a method without its receiver.
func signature(m reflect.Method) string {
	text := ""
	for i := range m.Type.NumIn() {
		if i > 0 {
			text += m.Type.In(i).String() + ","
		}
	}
	for out := range m.Type.Outs() {
		text += " " + out.String()
	}
	return text
}

// TestRecorderAnswersAsTheGateway makes the same calls to the @connections API over HTTP, to a
// recorder in front of it, to a recorder in front of a gateway in memory, and to a recorder without
// a target.
func TestRecorderAnswersAsTheGateway(t *testing.T) {
	t.Parallel()
	start := time.Date(2036, 11, 23, 12, 0, 0, 123456789, time.FixedZone("", 3600))
	manual := wstest.WithConfig(func(c *emulator.Config) { c.Clock = emulator.NewManualClock(start) })
	client := func(t *testing.T) (preparing, *wstest.Server, *wstest.Client) {
		t.Helper()
		srv := wstest.NewServer(t, script(), manual)
		api, err := apigw.New(nil, srv.Endpoint)
		require.NoError(t, err)
		t.Cleanup(api.CloseIdleConnections)
		return api, srv, srv.Dial(t, wstest.WithSourceIP("192.0.2.7"), wstest.WithHeader("User-Agent", "test/1"))
	}
	type opened = func(t *testing.T) (api preparing, id string, advance func(time.Duration), exact bool)
	for name, open := range map[string]opened{
		"the client": func(t *testing.T) (preparing, string, func(time.Duration), bool) {
			api, srv, c := client(t)
			return api, c.ID(), srv.Advance, true
		},
		"a recorder before the client": func(t *testing.T) (preparing, string, func(time.Duration), bool) {
			api, srv, c := client(t)
			rec := wstest.NewRecorder()
			rec.Attach(api)
			return rec, c.ID(), srv.Advance, true
		},
		"a recorder before a gateway": func(t *testing.T) (preparing, string, func(time.Duration), bool) {
			h := wstest.New(t, script(), manual)
			c := h.Connect(wstest.WithSourceIP("192.0.2.7"), wstest.WithHeader("User-Agent", "test/1"))
			return h.Poster(), c.ID(), h.Advance, true
		},
		"a recorder before a mere Poster": func(*testing.T) (preparing, string, func(time.Duration), bool) {
			rec := wstest.NewRecorder()
			rec.Attach(struct{ gatesock.Poster }{wstest.NewRecorder()})
			return rec, "L0SM9cOFvHcCIhw=", func(time.Duration) {}, false
		},
		"a recorder alone": func(*testing.T) (preparing, string, func(time.Duration), bool) {
			return wstest.NewRecorder(), "L0SM9cOFvHcCIhw=", func(time.Duration) {}, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now().Truncate(time.Millisecond)
			api, id, advance, exact := open(t)
			advance(time.Minute)
			require.NoError(t, api.Post(t.Context(), to(id), []byte("one")))
			require.NoError(t, api.Prepare([]byte("two"), time.Minute)(t.Context(), to(id)))
			info, err := api.Info(t.Context(), to(id))
			require.NoError(t, err)
			if exact {
				connected := start.UTC().Truncate(time.Millisecond).Add(-time.Millisecond)
				want := gatesock.ConnectionInfo{
					ConnectedAt: connected, LastActiveAt: connected.Add(time.Minute + time.Millisecond),
					Identity: gatesock.Identity{SourceIP: "192.0.2.7", UserAgent: "test/1"},
				}
				require.Equal(t, want, info)
			} else {
				require.WithinRange(t, info.ConnectedAt, begun, time.Now())
				require.WithinRange(t, info.LastActiveAt, info.ConnectedAt, time.Now())
				require.Equal(t, gatesock.Identity{SourceIP: "127.0.0.1"}, info.Identity)
			}
			all := func(id string, want error) {
				t.Helper()
				info, err := api.Info(t.Context(), to(id))
				require.ErrorIs(t, err, want)
				require.Zero(t, info)
				require.ErrorIs(t, api.Post(t.Context(), to(id), []byte("x")), want)
				require.ErrorIs(t, api.Prepare([]byte("x"), time.Minute)(t.Context(), to(id)), want)
				require.ErrorIs(t, api.Disconnect(t.Context(), to(id)), want)
			}
			all("", gatesock.ErrBadConnectionID)
			require.NoError(t, api.Disconnect(t.Context(), to(id)))
			all(id, gatesock.ErrGone)
		})
	}
}

func TestRecorderFaultsMeetEveryCall(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	boom := errors.New("boom")
	rec.Fail("a", boom)
	info, err := rec.Info(t.Context(), to("a"))
	require.ErrorIs(t, err, boom)
	require.EqualError(t, err, `wstest: info of "a": boom`)
	require.Zero(t, info)
	rec.ClearFaults()
	require.NoError(t, rec.Disconnect(t.Context(), to("a")))
	require.ErrorIs(t, rec.Post(t.Context(), to("a"), nil), gatesock.ErrGone)
	require.NoError(t, rec.Post(t.Context(), to("b"), nil))
	rec.Reset()
	require.NoError(t, rec.Post(t.Context(), to("a"), nil))
	rec.Forbid()
	_, err = rec.Info(t.Context(), to("a"))
	require.ErrorIs(t, err, gatesock.ErrForbidden)
}

func TestPreparedPostsHaveATimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := wstest.NewRecorder()
		rec.Slow("a", 3*time.Second)
		begun := time.Now()
		require.ErrorIs(t, rec.Prepare([]byte("x"), time.Second)(t.Context(), to("a")), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))
		require.NoError(t, rec.Prepare([]byte("x"), 0)(t.Context(), to("a")))
		require.Equal(t, 4*time.Second, time.Since(begun))
		posts := rec.PostsTo("a")
		require.Len(t, posts, 2)
		require.ErrorIs(t, posts[0].Err, context.DeadlineExceeded)
	})
}

// TestInfoAfterAPostThatFails checks that a failed post does not count as activity.
func TestInfoAfterAPostThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec := wstest.NewRecorder()
		require.NoError(t, rec.Post(t.Context(), to("a"), nil))
		before, err := rec.Info(t.Context(), to("a"))
		require.NoError(t, err)
		<-time.After(time.Second)
		rec.Throttle("a", 1)
		require.ErrorIs(t, rec.Post(t.Context(), to("a"), nil), gatesock.ErrThrottled)
		after, err := rec.Info(t.Context(), to("a"))
		require.NoError(t, err)
		require.Equal(t, before, after)
	})
}

// TestLateInfoFailsTheTest has a handler that calls Info after it has returned. Lambda would freeze
// it.
func TestLateInfoFailsTheTest(t *testing.T) {
	t.Parallel()
	failures := runFake(t, func(ft *fakeTB) {
		rec := wstest.NewRecorder()
		var kept context.Context
		r := gatesock.New()
		gatesock.Handle(r, "keep", func(ctx context.Context, _ *gatesock.Request, _ struct{}) error {
			kept = ctx
			return nil
		})
		c := wstest.New(ft, r, wstest.WithPoster(rec)).Connect()
		c.Request("keep", nil).ExpectAck()
		_, err := rec.Info(kept, to(c.ID()))
		require.ErrorContains(t, err, "wstest: info of")
		require.ErrorContains(t, rec.Disconnect(kept, to(c.ID())), "wstest: disconnect")
	})
	require.Len(t, failures, 2)
	require.Regexp(t, `a request for the info of "\S+" was made after .* had returned`, failures[0])
	require.Regexp(t, `a disconnection of "\S+" was made after .* had returned`, failures[1])
}

// TestTooLargeForAClosedConnection checks that a recorder without a target checks the size before
// the connection, like the gateway.
func TestTooLargeForAClosedConnection(t *testing.T) {
	t.Parallel()
	rec := wstest.NewRecorder()
	require.NoError(t, rec.Disconnect(t.Context(), to("a")))
	large := make([]byte, gatesock.MaxMessageSize+1)
	require.ErrorIs(t, rec.Post(t.Context(), to("a"), large), gatesock.ErrTooLarge)
	require.ErrorIs(t, rec.Post(t.Context(), to(""), large), gatesock.ErrTooLarge)
	require.ErrorIs(t, rec.Post(t.Context(), to("a"), nil), gatesock.ErrGone)
	require.ErrorIs(t, rec.Post(t.Context(), to(""), nil), gatesock.ErrBadConnectionID)
	require.ErrorIs(t, rec.Disconnect(t.Context(), to("a")), gatesock.ErrGone)
}
