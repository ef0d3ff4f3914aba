package topic

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// syncPresence adds the topics whose digest differs to out.Presence, and extends the presence of
// the connection. The topics are those that the connection is a member of and named with a digest.
func (t *Topics) syncPresence(
	ctx context.Context, c conn.Conn, topics []topicwire.SyncTopic, out *topicwire.Synced,
) error {
	var mu sync.Mutex
	errs := make([]error, len(topics))
	each(len(topics), func(i int) {
		s := presenceSync{Topics: t, conn: c, topic: topics[i].Topic, digest: topics[i].Digest}
		errs[i] = s.run(ctx)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case s.lost:
			out.Lost = append(out.Lost, s.topic)
		case s.differs:
			out.Presence = append(out.Presence, s.topic)
		}
	})
	slices.Sort(out.Lost)
	slices.Sort(out.Presence)
	return errors.Join(errs...)
}

// presenceSync compares what a client knows of a topic with its rows.
type presenceSync struct {
	*Topics
	conn     conn.Conn
	topic    string
	digest   string
	presence Presence

	lost    bool // the connection has no row: the client must subscribe again
	differs bool // the client must ask for a snapshot
}

func (s *presenceSync) run(ctx context.Context) (err error) {
	var ok bool
	if s.presence, ok = s.presenceIn(s.topic); !ok {
		return nil
	}
	if _, err := strconv.Atoi(s.digest); err == nil {
		return s.compareNumber(ctx)
	}
	m, err := s.readMembers(ctx, s.topic, s.presence, 0)
	if err != nil {
		return err
	}
	if m.crowd {
		s.differs = true
		return s.renew(ctx, nil)
	}
	ref := refOf(s.topic, s.conn.ID)
	own, found := m.find(ref)
	if s.lost = !found; found {
		if err := s.renew(ctx, &m.list[own].Row); err != nil {
			return err
		}
	}
	if m, err = s.removeGhosts(ctx, m, ref); err != nil {
		return err
	}
	s.differs = m.digest() != s.digest
	return nil
}

// compareNumber is for a client that knows the number only. If the round is over and has left
// something to announce, it is announced now.
func (s *presenceSync) compareNumber(ctx context.Context) error {
	round, err := s.roster.LastRound(ctx, s.topic)
	if err != nil {
		return err
	}
	if round.Incomplete && !s.stream && !round.Until.After(s.now()) {
		if _, m := s.announce(ctx, s.topic, s.presence, presenceChange{}); m != nil {
			round.Count = m.count
			if !m.crowd {
				round.Count = 0
			}
		}
	}
	s.differs = strconv.Itoa(round.Count) != s.digest
	return s.renew(ctx, nil)
}

// renew extends the row of the connection if that is due. own is nil if it is not known.
func (s *presenceSync) renew(ctx context.Context, own *Row) error {
	at := s.presence.expiry(s.conn, s.now())
	if own == nil {
		row, err := s.roster.GetRow(ctx, s.topic, s.conn.ID)
		if errors.Is(err, ErrAbsent) {
			s.lost = true
			return nil
		}
		if err != nil {
			return err
		}
		own = &row
	}
	if !own.ExpiresAt.Before(at.Truncate(time.Second)) {
		return nil
	}
	err := s.roster.ExtendRow(ctx, s.topic, s.conn.ID, at)
	if errors.Is(err, ErrAbsent) {
		s.lost = true
		return nil
	}
	return err
}

// maxGhosts is how many rows one sync looks at, and may remove.
const maxGhosts = 16

// removeGhosts looks at the member that follows the connection's own in the order of refs, and if
// it is not there any more, at those that follow it. It removes the rows of those whose connection
// or membership has ended without that the row was removed: the function that ended it has died, or
// the answer to it was lost. Since each member does so for the next, every row is looked at once in
// the time between two syncs, unless the member before it does not sync.
func (s *presenceSync) removeGhosts(ctx context.Context, m members, own string) (members, error) {
	ring := m.after(own)
	var ghosts []present
	for n := 1; len(ring) > 0 && len(ghosts) < maxGhosts; n = maxGhosts { // if the first is one, more may be
		next := ring[:min(n, len(ring))]
		found, err := s.ghosts(ctx, next)
		if err != nil {
			return m, err
		}
		ghosts = append(ghosts, found...)
		if len(found) < len(next) {
			break
		}
		ring = ring[len(next):]
	}
	return s.remove(ctx, m, ghosts)
}

// ghosts returns the leading members of a list that are not there any more.
func (s *presenceSync) ghosts(ctx context.Context, list []present) (found []present, err error) {
	ids := make([]string, len(list))
	for i, p := range list {
		ids[i] = p.ID
	}
	records, err := s.store.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if slices.ContainsFunc(records, func(c conn.Conn) bool { return c.ID == p.ID && belongs(p.Row, c, s.topic) }) {
			break
		}
		found = append(found, p)
	}
	return found, nil
}

// remove removes the rows of ghosts, and announces that they have left.
func (s *presenceSync) remove(ctx context.Context, m members, ghosts []present) (members, error) {
	var c presenceChange
	for _, g := range ghosts {
		err := s.roster.RemoveRow(ctx, s.topic, g.ID, g.Version)
		if errors.Is(err, ErrChanged) {
			continue
		}
		if err != nil {
			return m, err
		}
		c.gone = append(c.gone, departure(s.topic, g.Row, 0))
		m.list = slices.DeleteFunc(m.list, func(p present) bool { return p.ref == g.ref })
		m.count--
	}
	if len(c.gone) > 0 {
		s.announce(ctx, s.topic, s.presence, c)
	}
	return m, nil
}
