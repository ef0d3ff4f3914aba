package broadcast

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gatesock/gatesock/conn"
)

// ErrBadCursor says that a cursor was not made by a [Report], or was damaged.
var ErrBadCursor = errors.New("broadcast: malformed cursor")

// cursorVersion is the first member of every cursor, so that a later form can be told from this one.
const cursorVersion = 1

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
}

type restMember struct {
	ID       string `json:"i"`
	Endpoint string `json:"e,omitempty"`
	Group    string `json:"g,omitempty"`
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

func (r rest) empty() bool { return len(r.Members) == 0 && len(r.Read) == 0 }

func (r rest) cursor() string {
	if r.empty() {
		return ""
	}
	r.Version = cursorVersion
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
	if r.Version != cursorVersion {
		return rest{}, fmt.Errorf("%w: it is of version %d, this program knows %d", ErrBadCursor, r.Version, cursorVersion)
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
	had := make(map[string]bool, len(r.Members))
	for _, m := range r.Members {
		if m.ID == "" || !utf8.ValidString(m.ID) {
			return fmt.Errorf("connection id %q is not valid", m.ID)
		}
		if had[m.ID] {
			return fmt.Errorf("connection id %q is in it twice", m.ID)
		}
		had[m.ID] = true
	}
	if slices.Contains(r.Done, "") {
		return errors.New("it has a group without a name")
	}
	read := make(map[string][]segment)
	for _, s := range r.Read {
		if slices.ContainsFunc(read[s.Group], s.overlaps) {
			return fmt.Errorf("it has a part of group %q twice", s.Group)
		}
		read[s.Group] = append(read[s.Group], s)
		begun := s.Shard > 0 || s.After != "" || s.Only
		if s.Group == "" || s.Shard < 0 || s.Shards < 0 || s.Shard >= max(1, s.Shards) || begun && s.Shards == 0 {
			return fmt.Errorf("it has no valid place in group %q", s.Group)
		}
	}
	return nil
}

// several tells if a connection can come up more than once.
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
	for len(r.Members) > 0 {
		n, bytes := 0, 0
		for n < len(r.Members) && (n == 0 || bytes < size) {
			m := r.Members[n]
			bytes += len(m.ID) + len(m.Endpoint) + len(m.Group) + 16
			n++
		}
		all = append(all, rest{Members: r.Members[:n]})
		r.Members = r.Members[n:]
	}
	switch {
	case len(r.Read) == 0:
	case r.several():
		all = append(all, rest{Read: r.Read, Done: r.Done, Had: r.Had, Except: r.Except})
	default:
		for _, s := range r.Read {
			all = append(all, rest{Read: []segment{s}, Except: r.Except})
		}
	}
	return all
}

// join puts parts together again.
func join(parts []rest) rest {
	var r rest
	for _, p := range parts {
		r.Members = slices.Concat(r.Members, p.Members)
		r.Read = slices.Concat(r.Read, p.Read)
		if len(p.Read) > 0 {
			r.Done, r.Had, r.Except = p.Done, p.Had, p.Except
		}
	}
	return r
}
