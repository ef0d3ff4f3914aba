package broadcast

import (
	"context"
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
	barred []string // groups whose members are excepted
	cursor string   // of Resume, which stands alone
}

// To is the audience of all members of the groups. A connection that is in several of them gets the message
// once. To know that, a Send to several groups keeps every id that it has read, at about 100 bytes each: 100 MB for a
// million members. A Send to a single group keeps none.
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
// If the audience had several groups, those that were read are read again, so that members of two of them still
// get the message once. A connection that has left one of them in between, after it was served, is met again in another
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
		barred: slices.Concat(a.barred, b.barred),
	}
}

// Except takes connections out of the audience. They are not counted in [Report.Audience].
func (a Audience) Except(ids ...string) Audience {
	a.except = slices.Concat(a.except, ids)
	return a
}

// ExceptUser takes all connections of the users out of the audience, such as those of the sender on other devices;
// see [Audience.ExceptGroups].
func (a Audience) ExceptUser(users ...string) Audience {
	groups := make([]string, len(users))
	for i, user := range users {
		groups[i] = conn.UserGroup(user)
	}
	return a.ExceptGroups(groups...)
}

// ExceptGroups takes the members of groups out of the audience. They are read before the first post, by each invocation
// that works on the send, and their ids are kept in memory meanwhile. If they can't be read nothing is sent. They are not
// counted in [Report.Audience].
func (a Audience) ExceptGroups(groups ...string) Audience {
	a.barred = slices.Concat(a.barred, groups)
	return a
}

// rest returns the audience as what is left of a send that was not begun.
func (a Audience) rest() (rest, error) {
	if err := a.check(); err != nil {
		return rest{}, err
	}
	if a.cursor != "" {
		r, err := parseCursor(a.cursor)
		r.Except = slices.Concat(r.Except, a.except)
		r.ExceptGroups = slices.Concat(r.ExceptGroups, a.barred)
		return r, err
	}
	r := rest{Except: a.except, ExceptGroups: distinct(a.barred)}
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

func (a Audience) check() error {
	switch {
	case a.cursor == "" && len(a.groups) == 0 && len(a.ids) == 0:
		return ErrNoAudience
	case slices.Contains(a.groups, ""), slices.Contains(a.barred, ""):
		return errors.New("broadcast: the audience has a group with an empty name")
	case slices.Contains(a.ids, ""):
		return errors.New("broadcast: the audience has an empty connection id")
	}
	for _, name := range slices.Concat(a.groups, a.ids, a.except, a.barred) {
		if !utf8.ValidString(name) { // A cursor could not hold it.
			return fmt.Errorf("broadcast: the audience has %.100q, which is not UTF-8", name)
		}
	}
	return nil
}

// distinct returns the strings without repeats, sorted; nil if there are none.
func distinct(s []string) []string {
	if len(s) == 0 {
		return nil
	}
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

// exclude reads the groups whose members are excepted. If it can't, nothing is sent; if there is no time for it, as where
// all is handed on at once, the next invocation reads them.
func (s *send) exclude(ctx context.Context) {
	for _, group := range s.audience.ExceptGroups {
		if s.heed(ctx); s.stopped {
			return
		}
		if err := s.excludeGroup(ctx, group); err != nil {
			if s.heed(ctx); !s.stopped {
				s.errs = append(s.errs, fmt.Errorf("broadcast: reading who is excepted: %w", err))
				s.stopped = true
			}
			return
		}
	}
}

func (s *send) excludeGroup(ctx context.Context, group string) error {
	for m, err := range conn.Members(ctx, s.store, group) {
		if err != nil {
			return err
		}
		s.members.except[m.ID] = struct{}{}
	}
	return nil
}
