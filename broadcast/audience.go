package broadcast

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock/conn"
)

// ErrNoAudience means that the [Audience] names neither a group nor a connection. A group without
// members is not an error.
var ErrNoAudience = errors.New("broadcast: the audience is empty")

// Audience determines the connections that a message is for. Make it with [To], [ToUser],
// [ToConnections] or [Resume], and refine it with its methods:
//
//	broadcast.To("room:1", "room:2").Except(req.ConnectionID)
//
// It is an immutable value. Each method returns a new one, and an Audience can be kept, shared and
// reused.
type Audience struct {
	groups       []string
	ids          []string
	except       []string
	exceptGroups []string
	cursor       string // of Resume
}

// To returns the audience of all members of the groups. A connection in several groups gets the
// message once. For that, a send to several groups keeps the ID of every member in memory, about
// 100 bytes each. A send to one group keeps none.
func To(groups ...string) Audience { return Audience{groups: slices.Clone(groups)} }

// ToUser returns the audience of all connections of a user.
func ToUser(user string) Audience { return To(conn.UserGroup(user)) }

// ToConnections returns the audience of single connections. A repeated ID counts once. The
// connections must be at the poster's own endpoint; the store is not asked.
func ToConnections(ids ...string) Audience { return Audience{ids: slices.Clone(ids)} }

// Resume returns the audience that a send did not reach, from its [Report.Cursor]. Of the
// connections that were members all the time, it has exactly those that were not served. It may
// have connections that joined meanwhile.
//
// Sending to it fails with [ErrNoAudience] if the cursor is empty, because nothing is left, and
// with [ErrBadCursor] if the cursor is damaged or was combined with another audience by
// [Audience.And].
//
// If the send had several groups, the groups that were read are read again, so that members of two
// of them still get the message once. There must be enough time for that. A connection that was
// served and then left one of the groups gets the message again if it is in another.
func Resume(cursor string) Audience { return Audience{cursor: cursor} }

// And returns the union of two audiences. The exceptions of either apply to both.
func (a Audience) And(b Audience) Audience {
	if a.cursor != "" || b.cursor != "" {
		return Audience{cursor: " "} // not a cursor: sending fails
	}
	return Audience{
		groups:       slices.Concat(a.groups, b.groups),
		ids:          slices.Concat(a.ids, b.ids),
		except:       slices.Concat(a.except, b.except),
		exceptGroups: slices.Concat(a.exceptGroups, b.exceptGroups),
	}
}

// Except returns the audience without single connections, such as the sender's. [Report.Audience]
// does not count them.
func (a Audience) Except(ids ...string) Audience {
	a.except = slices.Concat(a.except, ids)
	return a
}

// ExceptUser returns the audience without all connections of the users, such as the sender's on
// other devices. The costs are those of [Audience.ExceptGroups].
func (a Audience) ExceptUser(users ...string) Audience {
	groups := make([]string, len(users))
	for i, user := range users {
		groups[i] = conn.UserGroup(user)
	}
	return a.ExceptGroups(groups...)
}

// ExceptGroups returns the audience without the members of the groups. [Report.Audience] does not
// count them. Each invocation that works on the send reads the groups before its first post, and
// keeps their IDs in memory. If they cannot be read, nothing is sent.
func (a Audience) ExceptGroups(groups ...string) Audience {
	a.exceptGroups = slices.Concat(a.exceptGroups, groups)
	return a
}

// remaining returns the audience as what remains of a send that has not begun.
func (a Audience) remaining() (remaining, error) {
	if err := a.validate(); err != nil {
		return remaining{}, err
	}
	if a.cursor != "" {
		r, err := parseCursor(a.cursor)
		r.except = slices.Concat(r.except, a.except)
		r.exceptGroups = slices.Concat(r.exceptGroups, a.exceptGroups)
		return r, err
	}
	r := remaining{except: a.except, exceptGroups: distinct(a.exceptGroups)}
	for _, id := range distinct(a.ids) {
		r.members = append(r.members, unserved{member: member{Member: conn.Member{ID: id}}})
	}
	for _, g := range distinct(a.groups) {
		r.unread = append(r.unread, span{group: g})
	}
	if len(r.unread) > 0 {
		r.named = a.ids
	}
	return r, nil
}

func (a Audience) validate() error {
	switch {
	case a.cursor == "" && len(a.groups) == 0 && len(a.ids) == 0:
		return ErrNoAudience
	case slices.Contains(a.groups, ""), slices.Contains(a.exceptGroups, ""):
		return errors.New("broadcast: audience: a group has an empty name")
	case slices.Contains(a.ids, ""):
		return errors.New("broadcast: audience: a connection ID is empty")
	}
	for _, name := range slices.Concat(a.groups, a.ids, a.except, a.exceptGroups) {
		if !utf8.ValidString(name) { // a cursor could not hold it
			return fmt.Errorf("broadcast: audience: %.100q is not UTF-8", name)
		}
	}
	return nil
}

// distinct returns the strings sorted and without repeats, nil if there are none.
func distinct(s []string) []string {
	if len(s) == 0 {
		return nil
	}
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
