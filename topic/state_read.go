package topic

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/internal/topicwire"
)

const (
	// recent is how old the marks of what is deleted may be when a snapshot begins for it to have
	// them, and with a filter those of what does not match: as old as pushes may be that are on
	// their way, which are dropped after 15 minutes, and a margin for clocks.
	recent = 20 * time.Minute
	// pagesAtOnce is how many pages of the store are read for one page of a client, most of which a
	// filter may leave out.
	pagesAtOnce = 4
)

// readState returns the first page of a state topic for a connection that is a member. Its encoded
// values have at most room bytes; there may be none. c is the record after the membership was
// written.
func (t *Topics) readState(
	ctx context.Context, sub topicwire.Subscription, c conn.Conn, room int,
) (topicwire.Result, error) {
	state, err := t.state(sub.Topic)
	if err != nil {
		return topicwire.Result{}, misconfigured(err)
	}
	f, err := state.filter(sub)
	if err != nil {
		return topicwire.Result{}, err
	}
	group, from := Group(sub.Topic), place{begun: t.now()}
	if !f.none() {
		from.id = filterID(f.canonical())
		group = filteredGroup(from.id, sub.Topic)
		if err := t.keepFilter(ctx, sub.Topic, KeptFilter{ID: from.id, Filter: f.canonical()}, state); err != nil {
			return topicwire.Result{}, errors.Join(err, t.undo(ctx, c.ID, group))
		}
	}
	if err := t.leaveOthers(ctx, c, c.ID, sub.Topic, group); err != nil {
		return topicwire.Result{}, err
	}
	return t.page(ctx, sub.Topic, from, f, room)
}

// undo takes back a membership, also after the end of the request.
func (t *Topics) undo(ctx context.Context, id, group string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTime)
	defer cancel()
	return t.store.Leave(ctx, id, group)
}

// keepFilter keeps a filter after its membership was written. So a publisher whose value is not in
// the snapshot that is read afterwards finds both.
func (t *Topics) keepFilter(ctx context.Context, topic string, f KeptFilter, state State) error {
	kept, err := t.values.ReadFilters(ctx, topic)
	if err != nil {
		return err
	}
	now := t.now()
	there := false
	for _, k := range kept {
		if k.ID != f.ID {
			continue
		}
		if age := now.Sub(k.Kept); age.Abs() < filterFresh {
			return nil
		}
		there = true
	}
	if limit := state.maxFilters(); !there && len(kept) >= limit && !t.dropUnused(ctx, topic, kept) {
		return gatesock.Errorf(gatesock.CodeFailedPrecondition,
			"the subscriptions to %q have %d different filters, the limit is %d: "+
				"use a filter that others use, or none, and choose among the values yourself", topic, len(kept), limit)
	}
	f.Kept, f.Nonce = now, rand.Text()
	return t.values.KeepFilter(ctx, topic, f)
}

// maxTried is how many filters one subscription looks at for one that nobody uses.
const maxTried = 8

// dropUnused removes filters that nobody uses, of some at random, and reports whether there were
// any: publishers remove only those that their values match. Failures are logged.
func (t *Topics) dropUnused(ctx context.Context, topic string, kept []KeptFilter) bool {
	now := t.now()
	idle := slices.DeleteFunc(slices.Clone(kept), func(k KeptFilter) bool { return now.Sub(k.Kept) < filterIdle })
	mathrand.Shuffle(len(idle), func(i, j int) { idle[i], idle[j] = idle[j], idle[i] })
	idle = idle[:min(len(idle), maxTried)]
	dropped := make([]bool, len(idle))
	each(len(idle), func(i int) {
		var err error
		if dropped[i], err = t.dropIfUnused(ctx, topic, idle[i]); err != nil {
			t.logFilter(ctx, topic, idle[i].ID, err)
		}
	})
	return slices.Contains(dropped, true)
}

func (t *Topics) dropIfUnused(ctx context.Context, topic string, k KeptFilter) (bool, error) {
	begun := t.now()
	for _, err := range conn.Members(ctx, t.store, filteredGroup(k.ID, topic)) {
		return false, err // it has a member, or that is not known
	}
	if t.now().Sub(begun) > filterFresh/3 {
		return false, nil
	}
	err := t.values.DropFilter(ctx, topic, k)
	return err == nil, err
}

func (t *Topics) logFilter(ctx context.Context, topic, id string, err error) {
	t.slog().WarnContext(ctx, "topic: a filter that is not used could not be removed",
		"topic", topic, "id", id, "error", err)
}

// pageState returns a page of a state topic.
func (t *Topics) pageState(
	ctx context.Context, in topicwire.History, c conn.Conn, room int,
) (topicwire.Result, error) {
	if in.Since != nil || in.Before != nil {
		return topicwire.Result{}, gatesock.Errorf(gatesock.CodeInvalidArgument,
			`"since" and "before" are for event topics, and %q is a state topic`, in.Topic)
	}
	id, ok := filterOf(c, in.Topic)
	from := place{id: id, begun: t.now()}
	if in.Cursor != "" {
		var err error
		if from, err = parseCursor(in.Cursor); err != nil {
			return topicwire.Result{}, gatesock.Errorf(gatesock.CodeInvalidArgument,
				`"cursor" is not one of this topic`).WithCause(err)
		}
	}
	if !ok || from.id != id {
		return topicwire.Result{}, resubscribe(in.Topic)
	}
	f, err := t.keptFilter(ctx, in.Topic, id)
	if err != nil {
		return topicwire.Result{}, err
	}
	r, err := t.page(ctx, in.Topic, from, f, room)
	if in.Cursor != "" {
		r.Counter = 0 // that of the first page counts
	}
	if err == nil && r.Cursor != "" && r.Cursor == in.Cursor { // somebody wrote to the store by hand
		return topicwire.Result{}, gatesock.Errorf(gatesock.CodeInternal, "a value after %.60q is too large", from.after)
	}
	return r, err
}

func resubscribe(topic string) error {
	return gatesock.Errorf(gatesock.CodeFailedPrecondition,
		"the subscription to %q has another filter by now, or has ended; subscribe again", topic)
}

// filterOf returns the ID of the filter with which a connection is a member of a topic; "" without.
func filterOf(c conn.Conn, topic string) (id string, ok bool) {
	for _, g := range c.Groups {
		if g == Group(topic) {
			return "", true
		}
		if fid, name, filtered := parseFilteredGroup(g); filtered && name == topic {
			id, ok = fid, true
		}
	}
	return id, ok
}

// keptFilter returns the filter of a subscription by its ID.
func (t *Topics) keptFilter(ctx context.Context, topic, id string) (filter, error) {
	if id == "" {
		return filter{}, nil
	}
	kept, err := t.values.ReadFilters(ctx, topic)
	if err != nil {
		return filter{}, err
	}
	for _, k := range kept {
		if k.ID == id {
			return t.parsed.get(k.Filter)
		}
	}
	return filter{}, resubscribe(topic)
}

// page returns the values after a place, of which at most room bytes. It reads the counter before
// the values, so that a snapshot has every value that its counter counts.
func (t *Topics) page(ctx context.Context, topic string, at place, f filter, room int) (topicwire.Result, error) {
	counters, err := t.values.Counters(ctx, []string{topic})
	if err != nil {
		return topicwire.Result{}, err
	}
	r := topicwire.Result{Topic: topic, State: true, Counter: counters[0], Values: []topicwire.Value{}}
	p := &filling{result: &r, place: at, filter: f, room: room}
	for n := 1; ; n++ {
		page, err := t.readPage(ctx, pageKey{topic, p.after, max(1, room)}, counters[0])
		if err != nil {
			return topicwire.Result{}, err
		}
		full := p.add(page.Values)
		if !full && !page.More {
			return r, nil
		}
		if full || n == pagesAtOnce || p.room < room/4 { // another page would mostly find no room
			r.Cursor = p.cursor()
			return r, nil
		}
	}
}

// filling is a page of a client that is being filled.
type filling struct {
	place

	result *topicwire.Result
	filter filter
	room   int // bytes
}

// add adds the values that match, and marks, and reports whether one has found no room.
func (p *filling) add(values []Value) (full bool) {
	names, from := p.filter.attributes(), p.begun.Add(-recent)
	for _, v := range values {
		w, size := topicwire.Value{}, 0
		matches := p.filter.matches(attributesOf(v.Data, names))
		taken := matches || v.Time.After(from)
		if taken {
			w = wireValue(v, matches)
			size = valueSize(v.Key, w.Data)
		}
		if size+cursorSize(v.Key) > p.room {
			return true
		}
		if p.room -= size; taken {
			p.result.Values = append(p.result.Values, w)
		}
		p.after = v.Key
	}
	return false
}

// cursorSize returns how much more than a result has room for anyway, see resultOverhead, a cursor
// takes that names a key.
func cursorSize(key string) int {
	const spare = 200
	return max(0, base64.RawURLEncoding.EncodedLen(filterIDBytes+len(key)+16)-spare)
}

// place is a place among the values, for a subscription with a filter.
type place struct {
	id    string    // of the filter
	begun time.Time // when the snapshot began, in whole seconds
	after string    // a key
}

// cursor returns the text of a place. It is never empty.
func (p place) cursor() string {
	text := p.id + ":" + strconv.FormatInt(p.begun.Unix(), 36) + ":" + p.after
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// parseCursor parses what cursor returned.
func parseCursor(s string) (p place, err error) {
	if len(s) > maxCursor {
		return place{}, errCursor
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return place{}, errCursor
	}
	id, rest, _ := strings.Cut(string(text), ":")
	begun, after, ok := strings.Cut(rest, ":")
	seconds, err := strconv.ParseInt(begun, 36, 64)
	if !ok || err != nil || len(id) != 0 && len(id) != filterIDBytes || after != "" && ValidateKey(after) != nil {
		return place{}, errCursor
	}
	return place{id, time.Unix(seconds, 0), after}, nil
}
