package client

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/gatesock/gatesock/internal/clientcore"
)

// Member is a user in a topic, or one without a name.
type Member struct {
	// User is the name of the user, or "" if it is anonymous.
	User string
	// As is what the user shows, see [WithAs]; nil if that is nothing.
	As json.RawMessage
}

// Members is who is in a topic.
type Members struct {
	// List has the members, each user once, in an order that stays the same. It is nil if there are
	// too many to know them.
	List []Member
	// Count is how many there are.
	Count int
}

// Presence shows who is in a topic, and makes the client a visible member. [Client.Presence] makes
// it. It is safe for concurrent use.
type Presence struct {
	client *Client
	topic  string

	mu      sync.Mutex
	known   bool
	current Members
	turn    int // counts the changes
	ended   bool
	err     error
	more    chan struct{} // closed when there is something new; nil if nobody waits
}

// Presence subscribes to a topic to show who is there. It does not wait for the server. Close the
// Presence when it is not needed any more.
//
// Others for the same topic share the membership: another one that shows something else, see
// [WithAs], fails with [ErrConflict]. It panics if the topic is empty.
func (c *Client) Presence(name string, opts ...PresenceOption) *Presence {
	mustName("Presence", name)
	var settings presenceSettings
	for i, o := range opts {
		mustOption("Presence", i, o == nil)
		o.applyPresence(&settings)
	}
	p := &Presence{client: c, topic: name}
	c.open(p, name, clientcore.Options{Presence: true, As: settings.as}, func(t *topic) {
		t.presences = append(t.presences, p)
		if t.members.known {
			p.set(t.members.current())
		}
	})
	return p
}

// Topic returns the name of the topic.
func (p *Presence) Topic() string { return p.topic }

// Members returns who is in the topic, and false before that is known. Do not change the list.
func (p *Presence) Members() (Members, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current, p.known
}

// Changes yields who is in the topic, when that is known, and again after each change. A loop that
// is behind gets only the last state. An error ends the iteration: a [*gatesock.Error] if the
// server refuses the subscription, now or later, [ErrClosed] if the client was closed, and that of
// ctx. After [Presence.Close] it ends without an error.
func (p *Presence) Changes(ctx context.Context) iter.Seq2[Members, error] {
	return func(yield func(Members, error) bool) {
		turn := 0
		for {
			if err := ctx.Err(); err != nil {
				yield(Members{}, err)
				return
			}
			now, next, more, err := p.after(turn)
			switch {
			case more != nil:
				select {
				case <-more:
				case <-ctx.Done():
				}
			case err != nil:
				yield(Members{}, err)
				return
			case next == turn || !yield(now, nil):
				return
			default:
				turn = next
			}
		}
	}
}

// after returns the state after a change, or a channel to wait for, or the end: the same change.
func (p *Presence) after(turn int) (now Members, next int, more <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
		return Members{}, turn, nil, p.err
	case p.turn > turn:
		return p.current, p.turn, nil, nil
	case p.more == nil:
		p.more = make(chan struct{})
	}
	return Members{}, turn, p.more, nil
}

// Close ends the presence and its iterations. The client leaves the topic if nothing else of it
// uses the topic; otherwise it stays visible. It does not wait for the server.
func (p *Presence) Close() {
	p.client.shut(p, p.topic, func(t *topic) { t.presences = without(t.presences, p) })
}

func (p *Presence) set(m Members) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known, p.current = true, m
	p.turn++
	p.wake()
}

func (p *Presence) settle(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended || err == nil {
		p.ended, p.err = true, err
	}
	p.wake()
}

func (p *Presence) wake() {
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

func (p *Presence) confirm(Position) {}

// memberList is what the machine says of the members of a topic.
type memberList struct {
	known   bool
	counted bool
	count   int
	members map[string]Member
}

func (l *memberList) change(a *clientcore.Action) {
	if l.members == nil {
		l.members = make(map[string]Member)
	}
	key := "u" + a.User
	if a.User == "" {
		key = "r" + a.Ref
	}
	l.known = true
	switch a.Kind {
	case clientcore.Joined:
		l.counted = false
		l.members[key] = Member{User: a.User, As: a.As}
	case clientcore.Left:
		delete(l.members, key)
	case clientcore.Counted:
		l.counted, l.count = true, a.Count
		clear(l.members)
	default:
	}
}

func (l *memberList) current() Members {
	if l.counted {
		return Members{Count: l.count}
	}
	m := Members{Count: len(l.members), List: make([]Member, 0, len(l.members))}
	for _, key := range slices.Sorted(maps.Keys(l.members)) {
		m.List = append(m.List, l.members[key])
	}
	return m
}
