package topic

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

func TestPresenceMistakesShowAtTheStart(t *testing.T) {
	t.Parallel()
	of := func(string) (Presence, bool) { return Presence{}, true }
	memory, store := NewMemory(), conn.NewMemory()
	fanout := broadcast.New(posterFunc(nil), store)
	given := NewEnded()
	given.Func()
	New(memory, store, fanout, WithPresence(memory, of, given))
	for want, f := range map[string]func(){
		"roster must not be nil": func() { WithPresence(nil, of, given) },
		"of must not be nil":     func() { WithPresence(memory, nil, given) },
		"ended must not be nil":  func() { WithPresence(memory, of, nil) },
		"pass ended.Func()":      func() { New(memory, store, fanout, WithPresence(memory, of, NewEnded())) },
		"belongs to other":       func() { New(memory, store, fanout, WithPresence(memory, of, given)) },
	} {
		func() {
			defer func() { require.Contains(t, recover(), want) }()
			f()
		}()
	}
}

// TestEndedCallsOthers checks that an application's own function is called, too.
func TestEndedCallsOthers(t *testing.T) {
	t.Parallel()
	var told []string
	other := func(_ context.Context, c conn.Conn, cause conn.EndCause) { told = append(told, c.ID+" "+string(cause)) }
	store := conn.NewMemory(conn.WithEnded(NewEnded().Func(other, nil)))
	require.NoError(t, store.Put(t.Context(), conn.Conn{ID: "c1"}))
	_, err := store.Delete(t.Context(), "c1")
	require.NoError(t, err)
	require.Equal(t, []string{"c1 deleted"}, told)
}

func TestAs(t *testing.T) {
	t.Parallel()
	own := func(_ context.Context, req *gatesock.Request, _ string, as json.RawMessage) (json.RawMessage, error) {
		switch string(as) {
		case `"mallory"`:
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "no")
		case `"long"`:
			return []byte(`"` + strings.Repeat("x", maxAsBytes) + `"`), nil
		case `"bad"`:
			return []byte("{"), nil
		}
		return json.Marshal(map[string]string{"id": req.ConnectionID})
	}
	for as, c := range map[string]struct {
		presence Presence
		want     string
		code     gatesock.Code
	}{
		``:                          {},
		` null`:                     {},
		`{ "a" : 1 }`:               {want: `{"a":1}`},
		`"` + long(254) + `"`:       {want: `"` + long(254) + `"`},
		`"` + long(255) + `"`:       {code: gatesock.CodeInvalidArgument},
		`"ann"`:                     {presence: Presence{As: own}, want: `{"id":"c1"}`},
		`"mallory"`:                 {presence: Presence{As: own}, code: gatesock.CodePermissionDenied},
		`"long"`:                    {presence: Presence{As: own}, code: gatesock.CodeInternal},
		`"bad"`:                     {presence: Presence{As: own}, code: gatesock.CodeInternal},
		`["` + long(300) + `","x"]`: {presence: Presence{As: own}, code: gatesock.CodeInvalidArgument},
	} {
		got, err := c.presence.as(t.Context(), &gatesock.Request{ConnectionID: "c1"},
			topicwire.Subscription{Topic: room, As: json.RawMessage(strings.TrimSpace(as))})
		require.Equal(t, c.want, string(got), as)
		if c.code == "" {
			require.NoError(t, err, as)
		} else {
			require.Equal(t, c.code, gatesock.CodeOf(err), as)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// TestRefusedMemberLeaves checks that a member whose right was taken away is not present any more
// when it has tried to subscribe again.
func TestRefusedMemberLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		calls := 0
		s.authorize = func(context.Context, *gatesock.Request, string) error {
			if calls++; calls > 1 {
				return gatesock.Errorf(gatesock.CodePermissionDenied, "no")
			}
			return nil
		}
		_, err := ann.subscribe(ctx)
		require.Equal(t, gatesock.CodePermissionDenied, gatesock.CodeOf(err))
		require.Empty(t, s.rows(t))
	})
}

// TestPresenceOfTopicsWithout checks topics without presence, and subscribers that do not ask.
func TestPresenceOfTopicsWithout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		for _, sub := range []topicwire.Subscription{{Topic: room}, {Topic: "other", Presence: true}} {
			got, err := s.subscribe(ctx, ann.request(), topicwire.Subscribe{Subscription: sub})
			require.NoError(t, err)
			require.Nil(t, got.Presence)
		}
		require.Empty(t, s.rows(t))
		_, err := s.presence(ctx, ann.request(), topicwire.Presence{Topic: "other"})
		require.Equal(t, gatesock.CodeFailedPrecondition, gatesock.CodeOf(err))
		_, err = s.Present(ctx, "other")
		require.ErrorIs(t, err, ErrInvalid)
		out, err := s.sync(ctx, ann.request(), topicwire.Sync{Topics: []topicwire.SyncTopic{{Topic: "other", Digest: "1-00000000"}}})
		require.NoError(t, err)
		require.Empty(t, out.Presence)
		must(t)(ann.disconnect(ctx, true))
	})
}

// TestStreamAnnounces checks that with WithStream only DeliverPresence announces.
func TestStreamAnnounces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{Grace: time.Second}, WithStream())
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		must(t)(ann.subscribe(ctx))
		must(t)(bob.subscribe(ctx))
		require.Empty(t, ann.received())
		row, err := s.memory.GetRow(ctx, room, "b")
		require.NoError(t, err)
		s.DeliverPresence(ctx, room, []Row{row}, nil)
		s.DeliverPresence(ctx, "other", []Row{row}, nil)
		s.agree(t, ann, bob)
		must(t)(bob.disconnect(ctx, true))
		s.DeliverPresence(ctx, room, nil, []Row{row}) // waits for the next round
		s.agree(t, ann)
		require.Equal(t, int64(1000), ann.received()[1].Left[0].GraceMs)
		must(t)(ann.sync(ctx))
	})
}

// TestPresenceOfStateTopics checks that subscribers with a filter see who is there.
func TestPresenceOfStateTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		memory := NewMemory()
		states := func(string) (State, bool) { return State{Attributes: []string{"kind"}}, true }
		s := newStage(Presence{}, WithState(memory, states))
		ann, bob := s.connect(ctx, "a", "ann"), s.connect(ctx, "b", "bob")
		sub := topicwire.Subscription{Topic: room, Presence: true, Filter: json.RawMessage(`{"where":{"kind":"x"}}`)}
		ann.ask()
		got, err := s.subscribe(ctx, ann.request(), topicwire.Subscribe{Subscription: sub})
		require.NoError(t, err)
		ann.show(*got.Presence)
		must(t)(bob.subscribe(ctx))
		s.agree(t, ann, bob)
		require.Len(t, s.rows(t), 2)
	})
}

// TestFailuresOfTheRoster checks what clients are told.
func TestFailuresOfTheRoster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newStage(Presence{})
		ann := s.connect(ctx, "a", "ann")
		must(t)(ann.subscribe(ctx))
		<-time.After(time.Minute)
		s.roster = failing{s.roster}
		_, err := ann.subscribe(ctx)
		require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
		_, err = ann.snapshot(ctx)
		require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
		_, err = ann.unsubscribe(ctx)
		require.Equal(t, gatesock.CodeUnavailable, gatesock.CodeOf(err))
	})
}

var errBroken = errors.New("the roster is not there")

// failing is a Roster that is not there.
type failing struct{ Roster }

func (failing) ReadRows(context.Context, string, int) ([]Row, error) {
	return nil, context.DeadlineExceeded
}

func (failing) EnterRow(context.Context, string, Row) (int64, error) { return 0, errBroken }

func (failing) GetRow(context.Context, string, string) (Row, error) { return Row{}, errBroken }

func (failing) LastRound(context.Context, string) (Round, error) { return Round{}, errBroken }
