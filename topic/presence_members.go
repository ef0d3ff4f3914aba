package topic

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/jsonscan"
	"github.com/gatesock/gatesock/internal/topicwire"
)

// members is who is in a topic.
type members struct {
	list  []present // sorted by ref; nil if there are too many
	count int
	crowd bool // there are too many
}

// present is a connection in a topic.
type present struct {
	Row
	ref string
}

// readMembers reads who is in a topic. If it is known to have too many, crowd is their number, and
// nothing is read.
func (t *Topics) readMembers(ctx context.Context, topic string, p Presence, crowd int) (members, error) {
	if crowd > 0 {
		return members{count: crowd, crowd: true}, nil
	}
	rows, err := t.roster.ReadRows(ctx, topic, p.MaxMembers+1)
	if err != nil {
		return members{}, err
	}
	if len(rows) > p.MaxMembers {
		return members{count: len(rows), crowd: true}, nil
	}
	return newMembers(topic, rows), nil
}

// countMembers is readMembers for an announcement: it counts exactly. A topic that had too many has
// them until a tenth of MaxMembers is free, so that it does not change back and forth.
func (t *Topics) countMembers(ctx context.Context, topic string, p Presence, crowd bool) (m members, err error) {
	if !crowd {
		if m, err = t.readMembers(ctx, topic, p, 0); err != nil || !m.crowd {
			return m, err
		}
	}
	n, err := t.roster.CountRows(ctx, topic)
	if err != nil || n > p.MaxMembers-p.MaxMembers/10 {
		return members{count: n, crowd: true}, err
	}
	return t.readMembers(ctx, topic, p, 0)
}

func newMembers(topic string, rows []Row) members {
	list := make([]present, len(rows))
	for i, r := range rows {
		list[i] = present{r, refOf(topic, r.ID)}
	}
	slices.SortFunc(list, func(a, b present) int { return strings.Compare(a.ref, b.ref) })
	return members{list: list, count: len(list)}
}

// refOf returns what clients know a connection by. They cannot tell its id from it, nor the ref
// that it has in another topic.
func refOf(topic, id string) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(topic)) + ":" + topic + id))
	const bytes = 12
	return base64.RawURLEncoding.EncodeToString(sum[:bytes])
}

func departure(topic string, r Row, grace time.Duration) Departure {
	return Departure{Ref: refOf(topic, r.ID), Version: r.Version, Grace: grace.Truncate(time.Millisecond)}
}

func (p present) wire() topicwire.Member {
	return topicwire.Member{Ref: p.ref, User: p.User, As: p.As, Version: p.Version}
}

// size returns at most how many bytes a member takes in a frame.
func (p present) size() int {
	const fixed = len(`{"ref":"0123456789abcdef","user":,"as":,"version":9007199254740991},`)
	// encoding/json escapes two characters of 3 bytes that package jsonscan does not.
	longer := 3 * (strings.Count(p.User, "\u2028") + strings.Count(p.User, "\u2029"))
	return fixed + len(jsonscan.AppendString(nil, p.User)) + longer + len(p.As)
}

// digest returns the digest of all members. If there are too many, it is their number.
func (m members) digest() string {
	if m.crowd {
		return strconv.Itoa(m.count)
	}
	var d topicwire.Digest
	for _, p := range m.list {
		d.Add(p.ref, p.Version)
	}
	return d.String()
}

// find returns the index of a connection, and reports whether it is there.
func (m members) find(ref string) (int, bool) {
	return slices.BinarySearchFunc(m.list, ref, func(p present, ref string) int { return strings.Compare(p.ref, ref) })
}

// after returns the other members in the order of their refs, beginning after one.
func (m members) after(ref string) []present {
	i, found := m.find(ref)
	before := m.list[:i]
	if found {
		i++
	}
	return slices.Concat(m.list[i:], before)
}

// snapshot returns a page of at most room bytes, of the members after a cursor.
func (m members) snapshot(cursor string, room int) topicwire.Snapshot {
	s := topicwire.Snapshot{Count: m.count}
	if m.crowd {
		return s
	}
	s.Digest, s.Members = m.digest(), []topicwire.Member{}
	i, found := m.find(cursor)
	if found {
		i++
	}
	const fixed = len(`{"topic":,"count":1000000,"members":[],"digest":"1000000-00000000","cursor":"0123456789abcdef"}`)
	for room -= fixed; i < len(m.list); i++ {
		if room -= m.list[i].size(); room < 0 && len(s.Members) > 0 {
			s.Cursor = s.Members[len(s.Members)-1].Ref
			break
		}
		s.Members = append(s.Members, m.list[i].wire())
	}
	return s
}

// maxDiffBytes is about how large a push of presence is at most. The gateway meters 32 KB at a
// time.
const maxDiffBytes = 60 << 10

// diffs returns the diffs for a list of members and departures: one, or several if they are large.
func diffs(joined []present, gone []Departure) []topicwire.Diff {
	list := []topicwire.Diff{{}}
	room := maxDiffBytes
	next := func(size int) *topicwire.Diff {
		if room -= size; room < 0 {
			list = append(list, topicwire.Diff{})
			room = maxDiffBytes - size
		}
		return &list[len(list)-1]
	}
	for _, g := range gone {
		const size = len(`{"ref":"0123456789abcdef","version":9007199254740991,"graceMs":86400000},`)
		d := next(size)
		d.Left = append(d.Left, topicwire.Gone{Ref: g.Ref, Version: g.Version, GraceMs: g.Grace.Milliseconds()})
	}
	for _, p := range joined {
		d := next(p.size())
		d.Joined = append(d.Joined, p.wire())
	}
	if d := list[len(list)-1]; len(d.Joined)+len(d.Left) == 0 {
		return list[:len(list)-1]
	}
	return list
}

// presenceFrame encodes the push of a diff.
func (t *Topics) presenceFrame(topic string, d topicwire.Diff) ([]byte, error) {
	data, err := gatesock.JSON{}.Marshal(d) // which does not make < longer, as encoding/json does
	if err != nil {
		return nil, err
	}
	b := append(member([]byte{'{'}, cmp.Or(t.envelope.Event, "event")), `"presence",`...)
	b = jsonscan.AppendString(member(b, cmp.Or(t.envelope.Topic, "topic")), topic)
	b = append(member(append(b, ','), cmp.Or(t.envelope.Data, "data")), data...)
	return append(b, '}'), nil
}
