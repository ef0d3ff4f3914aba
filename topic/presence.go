package topic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// The defaults and bounds of Presence.
const (
	defaultMaxMembers = 1000
	defaultInterval   = time.Second
	maxAsBytes        = 256
)

// Presence is how a topic shows who is there. The zero value has the defaults.
type Presence struct {
	// Grace is for how long clients go on to show a user whose last connection has ended, in case
	// the user comes back. The default is 0: not at all. Nothing on the server waits for it. It
	// does not apply to an unsubscribe.
	Grace time.Duration
	// Heartbeat makes a connection that ends without a trace disappear after twice this time: each
	// sync of a client renews its presence, for 1 write unit. Choose at least 6 minutes, which is
	// the longest time between two syncs. The default is 0: a connection is present until its end
	// is noticed, at the latest until its record expires.
	Heartbeat time.Duration
	// MaxMembers is up to how many connections clients are shown one by one. Above it they get the
	// number only. The default is 1,000.
	MaxMembers int
	// Interval is the shortest time between two announcements of a topic. The default is 1 second,
	// the longest is a minute. Tests set a millisecond.
	Interval time.Duration
	// As returns what others see of a client besides its user. The client asks for as, which is
	// JSON of at most 256 bytes, or nil; so is the result. The default shows what the client asks
	// for, so with it a client can pretend to be anybody in what it says there. The user is always
	// that of the connection's record. An error refuses the subscribe, like one of [Authorize].
	As func(ctx context.Context, req *gatesock.Request, topic string, as json.RawMessage) (json.RawMessage, error)
}

// presenceSettings are what the options of presence set.
type presenceSettings struct {
	roster     Roster
	presenceOf func(topic string) (Presence, bool)
	ended      *Ended
}

// WithPresence makes topics show who is there: those for which of reports true. Subscribers that
// ask for presence are in roster, which must be the same in all processes. of must be safe for
// concurrent use and return the same in all processes.
//
// Pass [Ended.Func] of the same ended to the store, so that members leave whose connection ends:
//
//	ended := topic.NewEnded()
//	store := conn.NewMemory(conn.WithEnded(ended.Func())) // or dynamo.Open with dynamo.WithEnded
//	topics := topic.New(log, store, fanout, topic.WithPresence(roster, rooms, ended))
//
// WithPresence panics if an argument is nil. [New] panics if ended.Func was not called, and if
// ended belongs to other Topics.
//
// # What is announced, and when
//
// A change is written before it is announced, and announced in a push to all subscribers. A topic
// has at most one announcement in [Presence.Interval], with all changes until then. The handler
// that announces is answered when all subscribers have been told. While others come and go, one
// subscribe in an interval is answered up to an interval later, but at most 20 seconds, because it
// waits to announce those that came meanwhile. All others are answered at once.
//
// If that process dies, the change is not announced; every client finds out at its next sync.
//
// # Cost
//
// A join and a leave cost 1 write unit each, an announcement another, and all of them some read
// units; see docs/costs.md. Each announcement is a push to every subscriber. All rows of a topic
// are in one partition of the table, which takes about 1,000 joins a second.
func WithPresence(roster Roster, of func(topic string) (Presence, bool), ended *Ended) Option {
	switch {
	case roster == nil:
		panic("topic: WithPresence: roster must not be nil")
	case of == nil:
		panic("topic: WithPresence: of must not be nil")
	case ended == nil:
		panic("topic: WithPresence: ended must not be nil: make one with NewEnded, and pass its Func to the store")
	}
	return option(func(s *settings) { s.roster, s.presenceOf, s.ended = roster, of, ended })
}

// hasPresence reports whether there is presence at all.
func (s *settings) hasPresence() bool { return s.roster != nil }

// presenceIn returns the presence of a topic, with the defaults filled in.
func (s *settings) presenceIn(topic string) (Presence, bool) {
	if !s.hasPresence() {
		return Presence{}, false
	}
	p, ok := s.presenceOf(topic)
	if p.MaxMembers <= 0 {
		p.MaxMembers = defaultMaxMembers
	}
	if p.Interval <= 0 {
		p.Interval = defaultInterval
	}
	p.Interval = min(p.Interval, maxRound)
	return p, ok
}

// enterPresence makes a connection visible in a topic that it is a member of, and returns the
// members if the topic has presence, otherwise nil. They have at most room bytes when encoded.
func (t *Topics) enterPresence(
	ctx context.Context, req *gatesock.Request, want topicwire.Subscription, c conn.Conn, room int,
) (*topicwire.Snapshot, error) {
	p, ok := t.presenceIn(want.Topic)
	if !ok || !want.Presence {
		return nil, nil
	}
	as, err := p.as(ctx, req, want)
	if err != nil {
		return nil, err
	}
	row := Row{ID: c.ID, User: c.User, As: as, ConnectedAt: c.ConnectedAt, ExpiresAt: p.expiry(c, t.now())}
	if row.Version, err = t.roster.EnterRow(ctx, want.Topic, row); err != nil {
		return nil, err
	}
	if err := t.verifyEntered(ctx, want.Topic, row); err != nil {
		return nil, err
	}
	s, err := t.enteredSnapshot(ctx, want.Topic, p, row, room)
	return &s, err
}

// enteredSnapshot announces a row and returns the members.
func (t *Topics) enteredSnapshot(
	ctx context.Context, topic string, p Presence, row Row, room int,
) (topicwire.Snapshot, error) {
	round, seen := t.announce(ctx, topic, p, presenceChange{joined: []Row{row}})
	if seen == nil {
		r, err := t.readMembers(ctx, topic, p, round.Count)
		if err != nil {
			return topicwire.Snapshot{}, err
		}
		seen = &r
	}
	return seen.snapshot("", room), nil
}

// as returns what others see of a client.
func (p *Presence) as(
	ctx context.Context, req *gatesock.Request, want topicwire.Subscription,
) (json.RawMessage, error) {
	as, err := compactAs(want.As)
	if err != nil {
		return nil, gatesock.Errorf(gatesock.CodeInvalidArgument, `"as" must be JSON of at most %d bytes`, maxAsBytes)
	}
	if p.As == nil {
		return as, nil
	}
	if as, err = p.As(ctx, req, want.Topic, as); err != nil {
		return nil, err
	}
	return compactAs(as)
}

var errAs = errors.New("topic: Presence.As returned what is not JSON, or has more than 256 bytes")

// compactAs returns JSON without spaces, and nil for null. It fails with errAs.
func compactAs(as json.RawMessage) (json.RawMessage, error) {
	if len(as) == 0 || string(as) == "null" {
		return nil, nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, as); err != nil || b.Len() > maxAsBytes {
		return nil, errAs
	}
	return b.Bytes(), nil
}

// expiry returns when the row of a connection expires.
func (p *Presence) expiry(c conn.Conn, now time.Time) time.Time {
	if p.Heartbeat <= 0 {
		return c.ExpiresAt
	}
	if at := now.Add(2 * p.Heartbeat); at.Before(c.ExpiresAt) {
		return at
	}
	return c.ExpiresAt
}

// verifyEntered takes a row back if the connection or its membership has ended meanwhile: the
// process that ended it may have looked for the row before it was there.
func (t *Topics) verifyEntered(ctx context.Context, topic string, row Row) error {
	member, err := t.isMember(ctx, topic, row)
	if member || err != nil {
		return err
	}
	if err := t.roster.RemoveRow(ctx, topic, row.ID, row.Version); err != nil && !errors.Is(err, ErrChanged) {
		return err
	}
	return &conn.NotFoundError{ID: row.ID}
}

// isMember reports whether the connection of a row is a member of the topic.
func (t *Topics) isMember(ctx context.Context, topic string, row Row) (bool, error) {
	c, err := t.store.Get(ctx, row.ID)
	if errors.Is(err, conn.ErrNotFound) {
		return false, nil
	}
	return err == nil && belongs(row, c, topic), err
}

// belongs reports whether a row is that of a connection that is a member of the topic.
func belongs(row Row, c conn.Conn, topic string) bool {
	_, member := subscribed(c)[topic]
	return member && row.ConnectedAt.Equal(c.ConnectedAt.Truncate(time.Millisecond))
}

// maxChanged is how often a row is read again because it has changed meanwhile.
const maxChanged = 3

// retire removes the row of a connection that is not a member of the topic, and returns it. ended
// is the record if it has ended: its row goes whatever the store says.
//
// The row is read before the membership: a connection that becomes a member again gets its row
// after that, with another version. So the row of a newer membership is never removed.
func (t *Topics) retire(ctx context.Context, topic, id string, ended *conn.Conn) (Row, bool, error) {
	for range maxChanged {
		row, err := t.roster.GetRow(ctx, topic, id)
		if errors.Is(err, ErrAbsent) {
			return Row{}, false, nil
		}
		if err != nil {
			return Row{}, false, err
		}
		stays := false
		if ended != nil {
			stays = row.ConnectedAt.After(ended.ConnectedAt)
		} else if stays, err = t.isMember(ctx, topic, row); err != nil {
			return Row{}, false, err
		}
		if stays {
			return Row{}, false, nil
		}
		if err = t.roster.RemoveRow(ctx, topic, id, row.Version); !errors.Is(err, ErrChanged) {
			return row, err == nil, err
		}
	}
	return Row{}, false, ErrChanged
}

// leavePresence makes a connection invisible that has unsubscribed.
func (t *Topics) leavePresence(ctx context.Context, id, topic string) error {
	p, ok := t.presenceIn(topic)
	if !ok {
		return nil
	}
	row, left, err := t.retire(ctx, topic, id, nil)
	if left {
		t.announce(ctx, topic, p, presenceChange{gone: []Departure{departure(topic, row, 0)}})
	}
	return err
}

// snapshot returns the members of a topic after a cursor. They have at most room bytes when
// encoded.
func (t *Topics) snapshot(ctx context.Context, topic, cursor string, room int) (topicwire.Snapshot, error) {
	p, ok := t.presenceIn(topic)
	if !ok {
		return topicwire.Snapshot{}, gatesock.Errorf(gatesock.CodeFailedPrecondition, "%q has no presence", topic)
	}
	round, err := t.roster.LastRound(ctx, topic)
	if err != nil {
		return topicwire.Snapshot{}, err
	}
	r, err := t.readMembers(ctx, topic, p, round.Count)
	if err != nil {
		return topicwire.Snapshot{}, err
	}
	return r.snapshot(cursor, room), nil
}
