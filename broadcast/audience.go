package broadcast

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

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
	cursor string // of Resume, which stands alone
}

// To is the audience of all members of the groups. A connection that is in several of them gets the message
// once; telling takes memory for every id read, where a single group takes none.
func To(groups ...string) Audience { return Audience{groups: slices.Clone(groups)} }

// ToUser is the audience of all connections of a user.
func ToUser(user string) Audience { return To(conn.UserGroup(user)) }

// ToConnections is the audience of single connections, each once. The store is not asked where they are:
// posts go to the poster's own endpoint.
func ToConnections(ids ...string) Audience { return Audience{ids: slices.Clone(ids)} }

// Resume is the audience that a send did not come to, as [Report.Cursor] has it. Members that joined meanwhile may be in it or
// not; those that are members all the time are in it exactly if they were not served. It can't be joined with another
// by And.
//
// If the audience had several groups, those that were read are read again, so that who is in two of them still
// gets the message once. A connection that has left one of them in between, after it was served, is met again in another
// one, and gets the message twice. There has to be time to read those groups, or a job makes no progress.
func Resume(cursor string) Audience { return Audience{cursor: cursor} }

// And is the union of two audiences. What either excepts is excepted from both.
func (a Audience) And(b Audience) Audience {
	if a.cursor != "" || b.cursor != "" {
		return Audience{cursor: " "} // no cursor: sending to it fails
	}
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

// rest gives the audience as what is left of a send that was not begun.
func (a Audience) rest() (rest, error) {
	if a.cursor != "" {
		r, err := parseCursor(a.cursor)
		r.Except = slices.Concat(r.Except, a.except)
		return r, err
	}
	switch {
	case len(a.groups) == 0 && len(a.ids) == 0:
		return rest{}, ErrNoAudience
	case slices.Contains(a.groups, ""):
		return rest{}, errors.New("broadcast: the audience has a group with an empty name")
	case slices.Contains(a.ids, ""):
		return rest{}, errors.New("broadcast: the audience has an empty connection id")
	}
	for _, name := range slices.Concat(a.groups, a.ids, a.except) {
		if !utf8.ValidString(name) { // A cursor could not hold it.
			return rest{}, fmt.Errorf("broadcast: the audience has %q, which is not UTF-8", name)
		}
	}
	r := rest{Except: a.except}
	for _, id := range distinct(a.ids) {
		r.Members = append(r.Members, restMember{ID: id})
	}
	for _, g := range distinct(a.groups) {
		r.Read = append(r.Read, segment{Group: g})
	}
	if len(r.Read) > 0 {
		r.Had = a.ids
	}
	return r, nil
}

func distinct(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}

// members is the set of the connections to post to, as they are read.
type members struct {
	except map[string]struct{}
	seen   map[string]struct{} // nil if none can come twice
}

func (r rest) set() members {
	m := members{except: setOf(r.Except)}
	if r.several() {
		m.seen = setOf(r.Had)
	}
	return m
}

func setOf(ids []string) map[string]struct{} {
	set := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return set
}

// excepts tells if a connection was taken out of the audience.
func (m members) excepts(id string) bool {
	_, excepted := m.except[id]
	return excepted
}

// add tells if a connection that was read is to be posted to.
func (m members) add(id string) bool {
	if m.seen != nil {
		if _, again := m.seen[id]; again {
			return false
		}
		m.seen[id] = struct{}{}
	}
	return !m.excepts(id)
}
