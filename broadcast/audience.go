package broadcast

import (
	"errors"
	"slices"

	"github.com/gatesock/gatesock/conn"
)

// ErrNoAudience says that the [Audience] names no group and no connection. A group without members is not an error.
var ErrNoAudience = errors.New("broadcast: the audience is empty")

// Audience says whom a message is for. It is an immutable value: each method returns a new one, and an
// Audience may be kept, shared and used again.
type Audience struct {
	groups []string
	ids    []string
	except []string
}

// To is the audience of all members of the groups. A connection that is in several of them gets the message
// once; telling takes memory for every id read, where a single group takes none.
func To(groups ...string) Audience { return Audience{groups: slices.Clone(groups)} }

// ToUser is the audience of all connections of a user.
func ToUser(user string) Audience { return To(conn.UserGroup(user)) }

// ToConnections is the audience of single connections, each once. The store is not asked where they are:
// posts go to the poster's own endpoint.
func ToConnections(ids ...string) Audience { return Audience{ids: slices.Clone(ids)} }

// And is the union of two audiences. What either excepts is excepted from both.
func (a Audience) And(b Audience) Audience {
	return Audience{
		groups: slices.Concat(a.groups, b.groups),
		ids:    slices.Concat(a.ids, b.ids),
		except: slices.Concat(a.except, b.except),
	}
}

// Except takes connections out of the audience. They are not counted in [Report.Audience].
func (a Audience) Except(ids ...string) Audience {
	a.except = slices.Concat(a.except, ids)
	return a
}

func (a Audience) check() error {
	switch {
	case len(a.groups) == 0 && len(a.ids) == 0:
		return ErrNoAudience
	case slices.Contains(a.groups, ""):
		return errors.New("broadcast: the audience has a group with an empty name")
	case slices.Contains(a.ids, ""):
		return errors.New("broadcast: the audience has an empty connection id")
	}
	return nil
}

// distinctGroups gives each group once.
func (a Audience) distinctGroups() []string {
	g := slices.Clone(a.groups)
	slices.Sort(g)
	return slices.Compact(g)
}

// members is the set of the connections to post to, as they are read.
type members struct {
	except map[string]struct{}
	seen   map[string]struct{} // nil if none can come twice
}

func (a Audience) members() members {
	m := members{except: make(map[string]struct{}, len(a.except))}
	for _, id := range a.except {
		m.except[id] = struct{}{}
	}
	if len(a.ids) > 1 || len(a.groups)+len(a.ids) > 1 {
		m.seen = make(map[string]struct{}, len(a.ids))
	}
	return m
}

// add tells if a connection that was read is to be posted to.
func (m members) add(id string) bool {
	if _, excepted := m.except[id]; excepted {
		return false
	}
	if m.seen == nil {
		return true
	}
	if _, again := m.seen[id]; again {
		return false
	}
	m.seen[id] = struct{}{}
	return true
}
