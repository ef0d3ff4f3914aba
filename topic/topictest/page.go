package topictest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// checkPage returns an error for a page that cannot be the answer to a query.
func checkPage(q topic.Query, p topic.Page) error {
	return errors.Join(
		p.Position.Validate(), p.Head.Validate(), checkEntries(p.Entries), checkBounds(q, p),
		checkLost(q, p), checkEnds(q, p))
}

func checkEntries(entries []topic.Record) error {
	for i, r := range entries {
		switch {
		case len(r.Events) == 0:
			return fmt.Errorf("the entry at %s has no events", text(r.Position))
		case i > 0 && (r.Epoch != entries[i-1].Epoch || r.Offset != entries[i-1].Offset+1):
			return fmt.Errorf("%s follows %s", text(r.Position), text(entries[i-1].Position))
		case r.Prev != nil && r.Offset != 1:
			return fmt.Errorf("the entry at %s has Prev", text(r.Position))
		}
	}
	return nil
}

func checkBounds(q topic.Query, p topic.Page) error {
	n, first := len(p.Entries), first(p)
	switch {
	case q.Limit > 0 && n > q.Limit:
		return fmt.Errorf("it has %d entries", n)
	case q.Bytes > 0 && n > 1 && size(p.Entries) > q.Bytes:
		return fmt.Errorf("it has %d bytes", size(p.Entries))
	case q.Keep > 0 && n > 0 && first.Offset <= p.Head.Offset-int64(q.Keep):
		return fmt.Errorf("%s is older than the newest %d", text(first), q.Keep)
	case p.More && n == 0:
		return errors.New("it has no entries although there are more")
	}
	return nil
}

func checkLost(q topic.Query, p topic.Page) error {
	switch {
	case p.Lost == "":
	case q.Since == nil:
		return errors.New("it has Lost and the query has no Since")
	case !slices.Contains([]topic.Lost{topic.LostHistory, topic.LostEpoch, topic.LostAhead}, p.Lost):
		return fmt.Errorf("its Lost is %q, which is not one of the reasons", p.Lost)
	}
	return nil
}

// checkEnds checks where a page begins and ends.
func checkEnds(q topic.Query, p topic.Page) error {
	n := len(p.Entries)
	want := p.Head
	switch {
	case q.Before != nil:
		return checkBefore(*q.Before, p)
	case n > 0:
		want = p.Entries[n-1].Position
	case q.Since != nil && p.Lost == "":
		want = *q.Since
	}
	if p.Position != want {
		return fmt.Errorf("its position should be %s", text(want))
	}
	if p.More != (p.Position != p.Head) || p.Head.Epoch != p.Position.Epoch {
		return errors.New("its More does not fit its position and the head")
	}
	if n == 0 {
		return nil
	}
	newest := p.Head.Offset - p.Entries[0].Offset + 1
	if (q.Since == nil || p.Lost != "") && newest > int64(q.Newest) {
		return fmt.Errorf("it begins with the last but %d entries", newest-1)
	}
	if q.Since != nil && p.Lost == "" && !isNext(*q.Since, p.Entries[0]) {
		return errors.New("it does not follow Since")
	}
	return nil
}

func checkBefore(before topic.Position, p topic.Page) error {
	n := len(p.Entries)
	want := before
	if n > 0 {
		want = first(p)
		newest := p.Entries[n-1].Position
		isNearest := newest.Offset == before.Offset-1 || newest == p.Head && newest.Offset < before.Offset
		if newest.Epoch != before.Epoch || !isNearest {
			return fmt.Errorf("it ends with %s", text(newest))
		}
	}
	if p.Position != want {
		return fmt.Errorf("its position should be %s", text(want))
	}
	return nil
}

// isNext reports whether a record follows a position.
func isNext(p topic.Position, r topic.Record) bool {
	if r.Epoch == p.Epoch {
		return r.Offset == p.Offset+1
	}
	return r.Offset == 1 && r.Prev != nil && *r.Prev == p
}

func first(p topic.Page) topic.Position {
	if len(p.Entries) == 0 {
		return topic.Position{}
	}
	return p.Entries[0].Position
}

func size(entries []topic.Record) (n int) {
	for _, r := range entries {
		for _, e := range r.Events {
			n += len(e.Data)
		}
	}
	return n
}

// number is that of an epoch; -1 if it is not an epoch.
func number(epoch string) int64 {
	n, ok := topicwire.EpochNumber(epoch)
	if !ok {
		return -1
	}
	return n
}

func sameEvents(a, b []topic.Event) bool {
	return slices.EqualFunc(a, b, func(a, b topic.Event) bool {
		return a.Name == b.Name && bytes.Equal(a.Data, b.Data)
	})
}

func sameRecord(a, b topic.Record) bool {
	samePrev := a.Prev == b.Prev || a.Prev != nil && b.Prev != nil && *a.Prev == *b.Prev
	return a.Position == b.Position && sameEvents(a.Events, b.Events) && a.Time.Equal(b.Time) && samePrev
}

func sameRecords(a, b []topic.Record) bool { return slices.EqualFunc(a, b, sameRecord) }

func text(p topic.Position) string { return fmt.Sprintf("(%s, %d)", p.Epoch, p.Offset) }

func textOf(p *topic.Position) string {
	if p == nil {
		return "nil"
	}
	return text(*p)
}

func texts(events []topic.Event) string {
	var list []string
	for _, e := range events {
		list = append(list, fmt.Sprintf("%.40q: %.60s", e.Name, e.Data))
	}
	return strings.Join(list, ", ")
}

func recordsText(records []topic.Record) string {
	var b strings.Builder
	for i, r := range records {
		if i == 12 {
			fmt.Fprintf(&b, "\t… (%d entries)\n", len(records))
			break
		}
		fmt.Fprintf(&b, "\t%s after %s at %v: %s\n", text(r.Position), textOf(r.Prev), r.Time, texts(r.Events))
	}
	return b.String()
}

func queryText(q topic.Query) string {
	return fmt.Sprintf("%.40q (since %s, before %s, newest %d, limit %d, bytes %d, keep %d)",
		q.Topic, textOf(q.Since), textOf(q.Before), q.Newest, q.Limit, q.Bytes, q.Keep)
}

func pageText(p topic.Page) string {
	return fmt.Sprintf("position %s, head %s, more %v, lost %q, quiet %v, %d entries\n%s",
		text(p.Position), text(p.Head), p.More, p.Lost, p.Quiet, len(p.Entries), recordsText(p.Entries))
}
