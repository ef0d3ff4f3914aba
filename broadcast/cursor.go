package broadcast

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/conn"
)

// ErrBadCursor means that the cursor passed to [Resume] was not made by a [Report], or is damaged.
var ErrBadCursor = errors.New("broadcast: malformed cursor")

// The versions of a cursor. Version 2 has excepted groups or connections to be removed, which a
// program that knows only version 1 would overlook; all other cursors are of version 1.
const (
	plainVersion  = 1
	cursorVersion = 2
)

// cursorForm is a cursor as it is written: JSON, in base64. Applications keep cursors, and queues
// hold them in jobs, so that this form only grows. A [remaining] is what it stands for.
type cursorForm struct {
	Version      int          `json:"v"`
	Members      []memberForm `json:"m,omitempty"`
	Unread       []spanForm   `json:"r,omitempty"`
	Read         []string     `json:"d,omitempty"`
	Named        []string     `json:"h,omitempty"`
	Except       []string     `json:"x,omitempty"`
	ExceptGroups []string     `json:"y,omitempty"`
	Gone         []memberForm `json:"p,omitempty"`
}

type memberForm struct {
	ID       string `json:"i"`
	Endpoint string `json:"e,omitempty"`
	Group    string `json:"g,omitempty"`
	Retried  int64  `json:"w,omitempty"` // milliseconds
}

type spanForm struct {
	Group  string      `json:"g"`
	Shard  int         `json:"s,omitempty"`
	Shards int         `json:"n,omitempty"`
	After  conn.Cursor `json:"c,omitempty"`
	Only   bool        `json:"o,omitempty"`
}

// cursor returns the cursor of what remains, empty if no message remains to be posted.
func (r remaining) cursor() string {
	if r.isServed() {
		return ""
	}
	return r.encode()
}

func (r remaining) encode() string {
	f := cursorForm{
		Version: plainVersion, Members: formsOf(r.members),
		Read: r.read, Named: r.named, Except: r.except, ExceptGroups: r.exceptGroups,
	}
	for _, s := range r.unread {
		f.Unread = append(f.Unread, spanForm{s.group, s.shard, s.shards, s.after, s.only})
	}
	for _, m := range r.gone {
		f.Gone = append(f.Gone, unserved{member: m}.form())
	}
	if len(r.exceptGroups)+len(r.gone) > 0 {
		f.Version = cursorVersion
	}
	return base64.RawURLEncoding.EncodeToString(mustMarshal(f))
}

func formsOf(members []unserved) []memberForm {
	var forms []memberForm
	for _, u := range members {
		forms = append(forms, u.form())
	}
	return forms
}

func (u unserved) form() memberForm {
	return memberForm{u.member.ID, u.member.Endpoint, u.member.group, u.retried.Milliseconds()}
}

func (f memberForm) unserved() unserved {
	retried := time.Duration(min(f.Retried, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
	return unserved{member{conn.Member{ID: f.ID, Endpoint: f.Endpoint}, f.Group}, retried}
}

// size returns about how many bytes a member takes in a cursor, before base64.
func (u unserved) size() int { return len(mustMarshal(u.form())) + 1 }

// mustMarshal encodes forms, which hold strings and numbers only.
func mustMarshal(form any) []byte {
	b, err := json.Marshal(form)
	if err != nil {
		panic(err)
	}
	return b
}

// chunks cuts members into parts of about size bytes in their encoded form.
func chunks(members []unserved, size int) iter.Seq[[]unserved] {
	return func(yield func([]unserved) bool) {
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

func parseCursor(s string) (remaining, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return remaining{}, fmt.Errorf("%w: not base64", ErrBadCursor)
	}
	var f cursorForm
	if err := json.Unmarshal(b, &f); err != nil {
		return remaining{}, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	if err := f.validate(); err != nil {
		return remaining{}, fmt.Errorf("%w: %w", ErrBadCursor, err)
	}
	r := remaining{read: f.Read, named: f.Named, except: f.Except, exceptGroups: f.ExceptGroups}
	for _, m := range f.Members {
		r.members = append(r.members, m.unserved())
	}
	for _, s := range f.Unread {
		r.unread = append(r.unread, span{s.Group, s.Shard, s.Shards, s.After, s.Only})
	}
	for _, m := range f.Gone {
		r.gone = append(r.gone, m.unserved().member)
	}
	return r, nil
}

func (f cursorForm) validate() error {
	switch {
	case f.Version < plainVersion || f.Version > cursorVersion:
		return fmt.Errorf("version %d is unknown, want %d or %d", f.Version, plainVersion, cursorVersion)
	case len(f.Members)+len(f.Unread)+len(f.Gone) == 0:
		return errors.New("cursor is empty")
	case slices.Contains(f.Read, ""), slices.Contains(f.ExceptGroups, ""):
		return errors.New("a group has an empty name")
	}
	for _, members := range [][]memberForm{f.Members, f.Gone} {
		if err := validateMembers(members); err != nil {
			return err
		}
	}
	return validateSpans(f.Unread)
}

func validateMembers(members []memberForm) error {
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		switch {
		case m.ID == "" || !utf8.ValidString(m.ID):
			return fmt.Errorf("connection ID %.100q is not valid", m.ID)
		case seen[m.ID]:
			return fmt.Errorf("connection ID %.100q appears twice", m.ID)
		case m.Retried < 0:
			return fmt.Errorf("connection ID %.100q: retry time of %d ms is negative", m.ID, m.Retried)
		}
		seen[m.ID] = true
	}
	return nil
}

func validateSpans(spans []spanForm) error {
	seen := make(map[string][]spanForm)
	for _, s := range spans {
		if slices.ContainsFunc(seen[s.Group], s.overlaps) {
			return fmt.Errorf("two parts of group %.100q overlap", s.Group)
		}
		seen[s.Group] = append(seen[s.Group], s)
		begun := s.Shard > 0 || s.After != "" || s.Only
		if s.Group == "" || s.Shard < 0 || s.Shards < 0 || s.Shard >= max(1, s.Shards) || begun && s.Shards == 0 {
			return fmt.Errorf("position in group %.100q is not valid", s.Group)
		}
	}
	return nil
}

// overlaps reports whether two parts of one group have members in common.
func (f spanForm) overlaps(o spanForm) bool {
	return f.Shard == o.Shard || !f.Only && f.Shard < o.Shard || !o.Only && o.Shard < f.Shard
}
