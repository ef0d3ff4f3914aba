package topic

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/internal/topicwire"
)

const (
	// skew is by how much the clocks of two processes may differ: a round announces rows again that
	// were written so long before the round before it.
	skew = time.Second
	// forgotten is how old a row is that needs no announcement, where the round before is not
	// known.
	forgotten = time.Hour
	// roundTimeout is for how long a request about a round is tried: others announce meanwhile if
	// the roster is overloaded.
	roundTimeout = 2 * time.Second
	// waitMargin is the time that has to be left of a context after waiting for a round.
	waitMargin = 500 * time.Millisecond
	// maxPause is for how long a process waits for a round at most: the gateway waits for 29 seconds
	// for an answer, and clients for 30.
	maxPause = 20 * time.Second
)

// presenceChange is what a process has written and announces.
type presenceChange struct {
	joined []Row
	gone   []Departure
}

// announce announces a change, or leaves it to the next round. It returns the round that it has
// begun, or the one that is under way, and the members if it has read them. Failures are logged:
// clients find out at their next sync.
func (t *Topics) announce(ctx context.Context, topic string, p Presence, c presenceChange) (Round, *members) {
	if t.stream { // the handler of the stream announces what was written
		round, err := t.roster.LastRound(ctx, topic)
		t.logPresence(ctx, topic, err)
		return round, nil
	}
	return t.announceNow(ctx, topic, p, c)
}

func (t *Topics) announceNow(ctx context.Context, topic string, p Presence, c presenceChange) (Round, *members) {
	a := &announcement{Topics: t, topic: topic, presence: p, presenceChange: c}
	round, seen, err := a.run(ctx)
	t.logPresence(ctx, topic, err)
	return round, seen
}

func (t *Topics) logPresence(ctx context.Context, topic string, err error) {
	if err != nil {
		t.slog().WarnContext(ctx, "topic: a change of presence was not announced to all; clients find out when they sync",
			"topic", topic, "error", err)
	}
}

// announcement is one call of announce.
type announcement struct {
	*Topics
	topic    string
	presence Presence
	presenceChange
}

func (a *announcement) run(ctx context.Context) (Round, *members, error) {
	round, err := a.begin(ctx)
	if err == nil && !round.Begun {
		round, err = a.await(ctx, round)
	}
	if err != nil || !round.Begun {
		return round, nil, err
	}
	m, err := a.countMembers(ctx, a.topic, a.presence, round.Count > 0)
	if err != nil {
		return round, nil, err
	}
	return round, &m, a.tell(ctx, round, m)
}

// begin tries to begin a round.
func (a *announcement) begin(ctx context.Context) (Round, error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	now := a.now()
	return a.roster.BeginRound(ctx, a.topic, RoundStart{
		At: now, Until: now.Add(a.presence.Interval), Since: now.Add(-skew).UnixMicro(),
	})
}

// await leaves the change to the round after the one that is under way, and waits for it if nobody
// else does.
func (a *announcement) await(ctx context.Context, round Round) (Round, error) {
	for range maxChanged {
		d, needed := a.deferral(ctx, round)
		if !needed {
			return round, nil
		}
		wait, err := a.leave(ctx, round, d)
		switch {
		case errors.Is(err, ErrChanged):
			if round, err = a.begin(ctx); err != nil || round.Begun {
				return round, err
			}
			continue
		case err != nil || !wait:
			return round, err
		}
		a.gone = nil // the round has them
		if err := pause(ctx, round.Until.Sub(a.now())); err != nil {
			return round, err
		}
		return a.begin(ctx) // if it is another's, that one announces the change
	}
	return round, nil
}

func (a *announcement) leave(ctx context.Context, round Round, d Deferral) (wait bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	return a.roster.DeferToRound(ctx, a.topic, round.Until, d)
}

// deferral returns what is to be left to the next round, and reports whether that is anything.
func (a *announcement) deferral(ctx context.Context, round Round) (Deferral, bool) {
	d := Deferral{Wait: a.canWait(ctx, round) && !round.Waiting}
	if round.Count > 0 { // only the number is announced
		d.Incomplete = !round.Incomplete
		return d, d.Incomplete
	}
	d.Gone = a.gone
	d.Incomplete = !d.Wait && !round.Waiting && !round.Incomplete
	for _, r := range a.joined {
		if r.Version < round.Since && (d.Since == 0 || r.Version < d.Since) {
			d.Since = r.Version
		}
	}
	return d, d.Wait || d.Incomplete || d.Since > 0 || len(d.Gone) > 0
}

// canWait reports whether there is time to wait for the end of a round. Those of a topic with too
// many members are long, and nobody waits for them: the next change or sync begins one.
func (a *announcement) canWait(ctx context.Context, round Round) bool {
	d := round.Until.Sub(a.now())
	deadline, ok := ctx.Deadline()
	return round.Count == 0 && d <= min(a.presence.Interval, maxPause) && (!ok || time.Until(deadline) > d+waitMargin)
}

// pause waits, or returns the error of a context that ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tell pushes what a round has to announce.
func (a *announcement) tell(ctx context.Context, round Round, m members) error {
	if m.crowd || round.Count > 0 {
		return a.tellNumber(ctx, round, m)
	}
	since := max(round.Since, a.now().Add(-forgotten).UnixMicro())
	var joined []present
	for _, p := range m.list {
		if p.Version >= since || a.hasJoined(p.Row) {
			joined = append(joined, p)
		}
	}
	list := diffs(joined, append(slices.Clone(round.Gone), a.gone...))
	if round.Incomplete {
		if len(list) == 0 {
			list = append(list, topicwire.Diff{})
		}
		list[len(list)-1].Digest = m.digest()
	}
	return a.push(ctx, list)
}

func (a *announcement) hasJoined(row Row) bool {
	return slices.ContainsFunc(a.joined, func(r Row) bool { return r.ID == row.ID })
}

// tellNumber announces how many there are, if there are too many to tell more, or that there are
// not too many any more. The larger the topic, the longer is its round, so that the posts for
// presence do not grow with it.
func (a *announcement) tellNumber(ctx context.Context, round Round, m members) error {
	to, d := Settlement{Until: round.Until}, topicwire.Diff{Digest: m.digest()}
	if m.crowd {
		d = topicwire.Diff{Count: m.count}
		longer := time.Duration(m.count/a.presence.MaxMembers) * a.presence.Interval
		to = Settlement{Until: round.Until.Add(min(longer, maxRound-a.presence.Interval)), Count: m.count}
	}
	if err := a.roster.SettleRound(ctx, a.topic, round.Until, to); err != nil && !errors.Is(err, ErrChanged) {
		return err
	}
	return a.push(ctx, []topicwire.Diff{d})
}

func (a *announcement) push(ctx context.Context, list []topicwire.Diff) error {
	if len(list) == 0 {
		return nil
	}
	groups, err := a.groupsOfTopic(ctx, a.topic)
	if err != nil {
		return err
	}
	for _, d := range list {
		frame, err := a.presenceFrame(a.topic, d)
		if err != nil {
			return err
		}
		if _, err := a.fanout.SendFrame(ctx, broadcast.To(groups...), frame); err != nil {
			return err
		}
	}
	return nil
}

// groupsOfTopic returns the groups of the subscribers of a topic, with filters and without.
func (t *Topics) groupsOfTopic(ctx context.Context, topic string) ([]string, error) {
	groups := []string{Group(topic)}
	if !t.isState(topic) {
		return groups, nil
	}
	filters, err := t.values.ReadFilters(ctx, topic)
	for _, f := range filters {
		groups = append(groups, filteredGroup(f.ID, topic))
	}
	return groups, err
}

// DeliverPresence announces rows that are already written: it is for handlers of the roster's own
// stream of changes, see [WithStream]. It waits for the topic's round if another one is under way,
// for at most [Presence.Interval]; so collect the changes of a topic. It does nothing in a topic
// without presence. Failures are logged.
func (t *Topics) DeliverPresence(ctx context.Context, topic string, joined, left []Row) {
	p, ok := t.presenceIn(topic)
	if !ok {
		return
	}
	c := presenceChange{joined: joined}
	for _, r := range left {
		c.gone = append(c.gone, departure(topic, r, p.Grace))
	}
	t.announceNow(ctx, topic, p, c)
}
