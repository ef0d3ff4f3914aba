package broadcast

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock/conn"
)

// ErrBadCursor says that a cursor was not made by a [Report], or was damaged.
var ErrBadCursor = errors.New("broadcast: malformed cursor")

// A cursor's version is its first member, so that a later form can be told from this one. Version 2 has groups that are
// excepted, or connections to be removed, which a program that knows version 1 alone would overlook.
const (
	cursorVersion = 2
	plainVersion  = 1
)

// rest is whom a send has not come to: what a cursor says.
type rest struct {
	Version int `json:"v"`
	// Members were read and not served.
	Members []restMember `json:"m,omitempty"`
	// Read is what remains to be read, in this order.
	Read []segment `json:"r,omitempty"`
	// Done are groups that were read to their end. It is set only where a connection may be in several groups.
	Done []string `json:"d,omitempty"`
	// Had are connections that were in the audience by name: groups do not bring them in again.
	Had    []string `json:"h,omitempty"`
	Except []string `json:"x,omitempty"`
	// ExceptGroups are groups whose members are excepted, whoever they are when the send is carried on.
	ExceptGroups []string `json:"y,omitempty"`
	// Gone are connections that were served or never will be: they are gone, and remain to be removed.
	Gone []restMember `json:"p,omitempty"`
}

type restMember struct {
	ID       string `json:"i"`
	Endpoint string `json:"e,omitempty"`
	Group    string `json:"g,omitempty"`
	// Waited is for how many milliseconds it has been tried again, which the next job goes on with: a client that
	// is too slow is not to be tried from hop to hop.
	Waited int64 `json:"w,omitempty"`
}

func (m restMember) member() member {
	return member{conn.Member{ID: m.ID, Endpoint: m.Endpoint}, m.Group}
}

// segment is a part of a group that is to be read: all of it (Shards is 0), or from a place in a shard on. Only
// then keeps to this one shard.
type segment struct {
	Group  string      `json:"g"`
	Shard  int         `json:"s,omitempty"`
	Shards int         `json:"n,omitempty"` // what the place was cut for
	After  conn.Cursor `json:"c,omitempty"`
	Only   bool        `json:"o,omitempty"`

	// known: the members are not to be served, they only count as had.
	known bool
}

// overlaps tells if two segments of one group have members in common.
func (s segment) overlaps(o segment) bool {
	return s.Shard == o.Shard || !s.Only && s.Shard < o.Shard || !o.Only && o.Shard < s.Shard
}

func (r rest) empty() bool { return r.isServed() && len(r.Gone) == 0 }

// isServed reports whether nobody is left to post to.
func (r rest) isServed() bool { return len(r.Members) == 0 && len(r.Read) == 0 }

// cursor returns the text form of a rest, empty if nobody is left to post to.
func (r rest) cursor() string {
	if r.isServed() {
		return ""
	}
	return r.encode()
}

func (r rest) encode() string {
	r.Version = plainVersion
	if len(r.ExceptGroups)+len(r.Gone) > 0 {
		r.Version = cursorVersion
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and integers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseCursor(s string) (rest, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return rest{}, fmt.Errorf("%w: it is not base64", ErrBadCursor)
	}
	var r rest
	if err := json.Unmarshal(b, &r); err != nil {
		return rest{}, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	if r.Version < plainVersion || r.Version > cursorVersion {
		return rest{}, fmt.Errorf("%w: it is of version %d, this program knows %d and %d", ErrBadCursor, r.Version, plainVersion, cursorVersion)
	}
	if err := r.check(); err != nil {
		return rest{}, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	return r, nil
}

func (r rest) check() error {
	if r.empty() {
		return errors.New("it has nobody in it")
	}
	for _, members := range [][]restMember{r.Members, r.Gone} {
		if err := checkMembers(members); err != nil {
			return err
		}
	}
	if slices.Contains(r.Done, "") || slices.Contains(r.ExceptGroups, "") {
		return errors.New("it has a group without a name")
	}
	read := make(map[string][]segment)
	for _, s := range r.Read {
		if slices.ContainsFunc(read[s.Group], s.overlaps) {
			return fmt.Errorf("it has a part of group %.100q twice", s.Group)
		}
		read[s.Group] = append(read[s.Group], s)
		begun := s.Shard > 0 || s.After != "" || s.Only
		if s.Group == "" || s.Shard < 0 || s.Shards < 0 || s.Shard >= max(1, s.Shards) || begun && s.Shards == 0 {
			return fmt.Errorf("it has no valid place in group %.100q", s.Group)
		}
	}
	return nil
}

func checkMembers(members []restMember) error {
	had := make(map[string]bool, len(members))
	for _, m := range members {
		if m.ID == "" || !utf8.ValidString(m.ID) {
			return fmt.Errorf("connection id %.100q is not valid", m.ID)
		}
		if had[m.ID] {
			return fmt.Errorf("connection id %.100q is in it twice", m.ID)
		}
		if m.Waited < 0 {
			return fmt.Errorf("connection id %.100q has waited for %d ms", m.ID, m.Waited)
		}
		had[m.ID] = true
	}
	return nil
}

// several reports whether a connection can come up more than once.
func (r rest) several() bool {
	if len(r.Done)+len(r.Had) > 0 {
		return len(r.Read) > 0
	}
	for _, s := range r.Read {
		if s.Group != r.Read[0].Group {
			return true
		}
	}
	return false
}

// plan is what is to be read, with the groups that must be read again to know who had the message.
func (r rest) plan() []segment {
	if !r.several() {
		return r.Read
	}
	plan := make([]segment, 0, len(r.Done)+len(r.Read)+1)
	for _, g := range r.Done {
		plan = append(plan, segment{Group: g, known: true})
	}
	for i, s := range r.Read {
		plan = append(plan, s)
		if s.Shards > 0 && i < len(r.Read)-1 {
			plan = append(plan, segment{Group: s.Group, known: true})
		}
	}
	return plan
}

// parts cuts the rest into what can be served by itself: the members in parts of about so many bytes, and
// what is to be read, segment by segment unless a connection may be in several of them.
func (r rest) parts(size int) []rest {
	var all []rest
	for part := range chunks(r.Members, size) {
		all = append(all, rest{Members: part})
	}
	for part := range chunks(r.Gone, size) {
		all = append(all, rest{Gone: part})
	}
	read := rest{Except: r.Except, ExceptGroups: r.ExceptGroups}
	switch {
	case len(r.Read) == 0:
	case r.several():
		read.Read, read.Done, read.Had = r.Read, r.Done, r.Had
		all = append(all, read)
	default:
		for i := range r.Read {
			read.Read = r.Read[i : i+1]
			all = append(all, read)
		}
	}
	return all
}

// chunks cuts members into parts of about so many bytes in their encoded form.
func chunks(members []restMember, size int) iter.Seq[[]restMember] {
	return func(yield func([]restMember) bool) {
		for len(members) > 0 {
			n, bytes := 0, 0
			for n < len(members) && (n == 0 || bytes < size) {
				bytes += members[n].size()
				n++
			}
			if !yield(members[:n]) {
				return
			}
			members = members[n:]
		}
	}
}

// size returns the length of a member in a cursor, before base64. Names may need escapes, six bytes for one.
func (m restMember) size() int {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings
	}
	return len(b) + 1
}

// join puts parts together again.
func join(parts []rest) rest {
	var r rest
	for _, p := range parts {
		r.Members = slices.Concat(r.Members, p.Members)
		r.Gone = slices.Concat(r.Gone, p.Gone)
		r.Read = slices.Concat(r.Read, p.Read)
		if len(p.Read) > 0 {
			r.Done, r.Had, r.Except, r.ExceptGroups = p.Done, p.Had, p.Except, p.ExceptGroups
		}
	}
	return r
}
