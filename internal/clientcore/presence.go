package clientcore

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gatesock/gatesock/internal/topicwire"
)

// presence is what a client knows of the members of a topic.
type presence struct {
	refs     map[string]ref
	users    map[string]*user
	snapshot int    // numbers the snapshots
	cursor   string // of the next page
	complete bool   // there was a snapshot
	count    int
	counted  bool // the members are too many to know them
	askAt    time.Time
	asking   bool
	tries    int
}

// ref is a connection in the topic.
type ref struct {
	user    string
	as      json.RawMessage
	version int64
	here    bool
	at      time.Time // when it was not here any more
	named   int       // the number of the last snapshot during which a diff named it
	seen    int       // the number of the last snapshot that had it
}

// user is one user, with all connections. Members without a user stand for themselves.
type user struct {
	refs  int
	until time.Time // the end of the grace time
	shown bool
}

func newPresence() *presence {
	return &presence{refs: make(map[string]ref), users: make(map[string]*user)}
}

// begin notes that a snapshot is asked for.
func (p *presence) begin() {
	p.snapshot++
	p.cursor, p.askAt = "", time.Time{}
}

// digest returns the digest of the members, or their number if that is all that the client knows.
func (p *presence) digest() string {
	if p.counted {
		return strconv.Itoa(p.count)
	}
	var d topicwire.Digest
	for name, r := range p.refs {
		if r.here {
			d.Add(name, r.version)
		}
	}
	return d.String()
}

// next returns when a grace time ends, or the zero time.
func (p *presence) next() time.Time {
	var d deadline
	for _, u := range p.users {
		d.add(u.until)
	}
	return d.first
}

// membersChanged handles a diff.
func (c *Client) membersChanged(t *topic, data []byte) {
	var d topicwire.Diff
	if json.Unmarshal(data, &d) != nil {
		return
	}
	if d.Count > 0 {
		c.setCount(t, d.Count)
		return
	}
	if t.presence.counted {
		c.askMembers(t)
		return
	}
	for _, m := range d.Joined {
		c.memberJoined(t, m, true)
	}
	for _, g := range d.Left {
		c.memberLeft(t, g)
	}
	if p := t.presence; d.Digest != "" && p.complete && !p.isOpen() && p.digest() != d.Digest {
		c.askMembers(t)
	}
}

// isOpen reports whether a part of a snapshot is missing.
func (p *presence) isOpen() bool { return p.asking || p.cursor != "" }

// memberJoined applies a member of a diff, or of a snapshot.
func (c *Client) memberJoined(t *topic, m topicwire.Member, diff bool) {
	p := t.presence
	old, known := p.refs[m.Ref]
	newer := m.Version > old.version
	if !diff && old.named != p.snapshot {
		newer = !old.here || m.Version != old.version
	}
	if diff {
		old.named = p.snapshot
	} else {
		old.seen = p.snapshot
	}
	switch {
	case newer && m.Version > 0 && (known || len(p.refs) < c.cfg.MaxKeys):
		c.setRef(t, m, old)
	case known:
		p.refs[m.Ref] = old
	}
}

// setRef takes over a member, in place of what the client had for the connection.
func (c *Client) setRef(t *topic, m topicwire.Member, old ref) {
	p := t.presence
	p.refs[m.Ref] = ref{user: m.User, as: m.As, version: m.Version, here: true, named: old.named, seen: old.seen}
	if old.here && old.user == m.User {
		if u := p.user(m.Ref, m.User); u.shown && !bytes.Equal(old.as, m.As) {
			c.act(Action{Kind: Joined, Topic: t.name, User: m.User, Ref: m.Ref, As: m.As})
		}
		return
	}
	if old.here {
		c.dropRef(t, m.Ref, old, 0)
	}
	u := p.user(m.Ref, m.User)
	u.refs++
	u.until = time.Time{}
	c.show(t, m.Ref, m.User, u, m.As)
}

// memberLeft applies an end of a diff.
func (c *Client) memberLeft(t *topic, g topicwire.Gone) {
	p := t.presence
	old, known := p.refs[g.Ref]
	if known && g.Version < old.version || !known && len(p.refs) >= c.cfg.MaxKeys {
		return
	}
	left := ref{user: g.User, version: g.Version, at: c.now, named: p.snapshot}
	if old.here {
		left.user = old.user
		c.dropRef(t, g.Ref, old, ms(g.GraceMs))
	}
	p.refs[g.Ref] = left
}

// dropRef takes a connection from its user. If it was the last one, the user has left after the
// grace time.
func (c *Client) dropRef(t *topic, name string, r ref, grace time.Duration) {
	u := t.presence.user(name, r.user)
	u.refs--
	if u.refs > 0 {
		return
	}
	if grace > 0 {
		u.until = c.now.Add(grace)
		return
	}
	c.hide(t, userKey(name, r.user), u)
}

// userKey names a user, or a member without one.
func userKey(ref, name string) string {
	if name == "" {
		return "r" + ref
	}
	return "u" + name
}

func (p *presence) user(ref, name string) *user {
	key := userKey(ref, name)
	u := p.users[key]
	if u == nil {
		u = &user{}
		p.users[key] = u
	}
	return u
}

// show lets the caller know that a user is there, after the first snapshot.
func (c *Client) show(t *topic, ref, name string, u *user, as json.RawMessage) {
	if u.shown || !t.presence.complete {
		return
	}
	u.shown = true
	c.act(Action{Kind: Joined, Topic: t.name, User: name, Ref: ref, As: as})
}

// hide lets the caller know that a user has left, and forgets the user.
func (c *Client) hide(t *topic, key string, u *user) {
	delete(t.presence.users, key)
	if !u.shown {
		return
	}
	a := Action{Kind: Left, Topic: t.name, User: key[1:]}
	if key[0] == 'r' {
		a.User, a.Ref = "", key[1:]
	}
	c.act(a)
}

// tickPresence ends grace times and forgets connections that have left long ago.
func (c *Client) tickPresence(t *topic) {
	p := t.presence
	var over []string
	for key, u := range p.users {
		if due(u.until, c.now) {
			over = append(over, key)
		}
	}
	slices.Sort(over)
	for _, key := range over {
		c.hide(t, key, p.users[key])
	}
	if !p.isOpen() {
		maps.DeleteFunc(p.refs, func(_ string, r ref) bool { return !r.here && c.now.Sub(r.at) >= refKept })
	}
}
