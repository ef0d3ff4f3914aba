package dynamo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/cost"
	"github.com/gatesock/gatesock/topic"
)

const (
	// week is longer than an entry that is kept for a day takes to become quiet, and shorter than
	// it is stored.
	week = 8*24*time.Hour + 12*time.Hour
	// kilobyte is the data of an entry that takes a write unit.
	kilobyte = 900
)

// message is an entry with one event of some bytes, which is kept for a day.
func message(bytes int) topic.Entry {
	data := []byte(`"` + strings.Repeat("x", bytes-2) + `"`)
	return topic.Entry{Events: []topic.Event{{Name: "message", Data: data}}, Keep: 24 * time.Hour}
}

func keyedMessage(key string) topic.Entry {
	e := message(kilobyte)
	e.Key = key
	return e
}

// publisher is a process that appends, and another one. log is nil until the operation begins.
type publisher struct {
	*scene
	log, other *dynamo.Topics
}

func (p *publisher) append(log *dynamo.Topics, e topic.Entry, n int) (last topic.Position) {
	p.tb.Helper()
	for range n {
		a, err := log.Append(p.tb.Context(), room, e)
		require.NoError(p.tb, err)
		last = a.Position
	}
	return last
}

// topicOperation is an operation on the topic room, with two processes.
func topicOperation(
	name string, want units, unbilled float64, why string,
	given func(*publisher), do func(context.Context, *publisher) error,
) operation {
	var p *publisher
	return operation{
		name: name, want: want, unbilled: unbilled, why: why,
		given: func(s *scene) {
			p = &publisher{scene: s, log: s.with().db.Topics(), other: s.with().db.Topics()}
			if given != nil {
				given(p)
			}
		},
		do: func(ctx context.Context, _ *scene) error { return do(ctx, p) },
	}
}

func publishing(e topic.Entry) func(context.Context, *publisher) error {
	return func(ctx context.Context, p *publisher) error {
		_, err := p.log.Append(ctx, room, e)
		return err
	}
}

// begun is a topic that the process has appended to last.
func begun(p *publisher) { p.append(p.log, message(kilobyte), 2) }

// elsewhere is a topic that the process knows nothing of.
func elsewhere(p *publisher) { p.append(p.other, message(kilobyte), 2) }

func publishes() []operation {
	one := publishing(message(kilobyte))
	late := func(after time.Duration) func(*publisher) {
		return func(p *publisher) {
			begun(p)
			p.clock.Advance(after)
		}
	}
	overtaken := func(p *publisher) {
		begun(p)
		p.append(p.other, message(kilobyte), 1)
	}
	batch := message(80)
	for range 8 {
		batch.Events = append(batch.Events, batch.Events[0])
	}
	return []operation{
		topicOperation("900 bytes", units{1, 0}, 0, "the usual case: the process was the last one to publish to the topic, in the last 5 minutes", begun, one),
		topicOperation("9 events of 80 bytes at once", units{1, 0}, 0, "they are one entry", begun, publishing(batch)),
		topicOperation("10,000 bytes", units{10, 0}, 0, "1 for each KB", begun, publishing(message(10_000))),
		topicOperation("900 bytes, 5 minutes later", units{1, 1}, 0, "the process reads the last entry", late(5*time.Minute+time.Second), one),
		topicOperation("900 bytes, another process", units{1, 2}, 0, "it reads the head of the topic and the last entry", elsewhere, one),
		topicOperation("900 bytes, after another process", units{2, 0}, 0, "the place is taken, which costs a unit, too", overtaken, one),
		topicOperation("the next 900 bytes", units{1, 1}, 0, "after that the process reads the last entry before it writes", func(p *publisher) {
			overtaken(p)
			p.append(p.log, message(kilobyte), 1)
			p.append(p.other, message(kilobyte), 1)
		}, one),
		topicOperation("900 bytes, with a key", units{4, 0}, 0, "a transaction of 2 items, which costs twice", begun, publishing(keyedMessage("k"))),
		topicOperation("the same key again", units{4, 0}, 0, "the transaction is refused", func(p *publisher) {
			begun(p)
			p.append(p.log, keyedMessage("k"), 1)
		}, publishing(keyedMessage("k"))),
		topicOperation("the same key again, another process", units{4, 3}, 0, "refused; it reads the head, the last entry and the first one with the key", func(p *publisher) {
			p.append(p.other, keyedMessage("k"), 1)
			p.append(p.other, message(kilobyte), 1)
		}, publishing(keyedMessage("k"))),
		topicOperation("900 bytes, `PublishTx` with an item of 1 KB", units{4, 0}, 0, "2 items, twice; a key is 2 more", begun, publishingTx),
		topicOperation("the first event of a topic", units{4, 2}, 0, "a transaction of the head and the entry", nil, one),
		topicOperation("the first after more than a week", units{6, 3}, 0, "a new epoch: the head, a seal in the old epoch and the entry", late(week), one),
		topicOperation("`Roll`", units{6, 2}, 0, "the same", begun, func(ctx context.Context, p *publisher) error {
			_, err := p.log.Roll(ctx, room, message(kilobyte))
			return err
		}),
		topicOperation("`Mark`", units{1, 0}, 0, "`WithMark`, for each entry; 1 for each KB of it", begun, func(ctx context.Context, p *publisher) error {
			return p.log.Mark(ctx, room, topic.Position{Epoch: p.epoch(ctx), Offset: 2})
		}),
	}
}

func publishingTx(ctx context.Context, p *publisher) error {
	it := key("o#1", "o")
	it["data"] = text(strings.Repeat("x", kilobyte))
	item := types.TransactWriteItem{Put: &types.Put{TableName: &p.table, Item: it}}
	_, err := p.log.Tx(item).Append(ctx, room, message(kilobyte))
	return err
}

func (p *publisher) epoch(ctx context.Context) string {
	ctx = offTheBill(ctx)
	page, err := p.other.Read(ctx, topic.Query{Topic: room})
	require.NoError(p.tb, err)
	p.meter.Take()
	return page.Head.Epoch
}

// reading returns an operation that reads after a position, and requires a number of entries.
func reading(since *topic.Position, want int) func(context.Context, *publisher) error {
	return func(ctx context.Context, p *publisher) error {
		q := topic.Query{Topic: room, Since: since}
		if since != nil && since.Epoch == "" {
			q.Since = nil // of a first subscription
		}
		page, err := p.log.Read(ctx, q)
		if err == nil && (len(page.Entries) != want || page.Lost != "") {
			err = fmt.Errorf("%d entries, lost %q", len(page.Entries), page.Lost)
		}
		return err
	}
}

func subscriptions() []operation {
	at := new(topic.Position)
	missed := func(n int) func(*publisher) {
		return func(p *publisher) {
			*at = p.append(p.other, message(kilobyte), 1)
			p.append(p.other, message(kilobyte), n)
		}
	}
	again := func(n int) func(*publisher) {
		return func(p *publisher) {
			missed(n)(p)
			require.NoError(p.tb, reading(at, n)(p.tb.Context(), p))
		}
	}
	return []operation{
		topicOperation("nothing missed", units{0, 1}, 1, "the usual case: the process asks for what follows the entries that it knows", again(0), reading(at, 0)),
		topicOperation("nothing missed, a process that has just begun", units{0, 1}, 0, "it reads the subscriber's last entry, and what follows", missed(0), reading(at, 0)),
		topicOperation("the first subscription, a process that has just begun", units{0, 2}, 0, "it reads the head of the topic and the last entry", missed(0), reading(nil, 0)),
		topicOperation("nothing missed, the last entry is more than a week old", units{0, 2}, 1, "another epoch may have begun: it reads the head, too", func(p *publisher) {
			again(0)(p)
			p.clock.Advance(week)
		}, reading(at, 0)),
		topicOperation("100 events of 900 bytes missed", units{0, 25}, 0, "1 for each 4 KB; once for each process", missed(100), reading(at, 100)),
		topicOperation("the next subscriber that missed them", units{0, 1}, 1, "the process has kept the entries", again(100), reading(at, 100)),
		topicOperation("`Moved` for 10 topics, as `sync` asks", units{0, 10}, 10, "the next entry of each, which is not there; the record of the connection is 1 more", func(p *publisher) {
			missed(0)(p)
		}, moved(at, false)),
		topicOperation("the same, if all are more than a week old", units{0, 20}, 10, "what follows each position, and the heads", func(p *publisher) {
			missed(0)(p)
		}, moved(at, true)),
	}
}

// moved asks for ten topics of which one process has appended to each.
func moved(at *topic.Position, quiet bool) func(context.Context, *publisher) error {
	return func(ctx context.Context, p *publisher) error {
		var all []topic.At
		for i := range 10 {
			name := fmt.Sprint(room, i)
			a, err := p.other.Append(offTheBill(ctx), name, message(kilobyte))
			if err != nil {
				return err
			}
			all = append(all, topic.At{Topic: name, Position: a.Position, Quiet: quiet})
		}
		p.meter.Take()
		_, err := p.log.Moved(ctx, all)
		return err
	}
}

// joinMany are the memberships of subscriptions to many topics.
func joinMany() []operation {
	joining := func(n int) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			groups := make([]string, n)
			for i := range groups {
				groups[i] = topic.Group(fmt.Sprintf("room:%02d", i))
			}
			_, err := s.JoinMany(ctx, id, groups)
			return err
		}
	}
	return []operation{
		{name: "`JoinMany` of 10 topics", given: inRoom, do: joining(10), want: units{11, 0}, why: "the record once, and 10 rows"},
		{name: "`JoinMany` of 100 topics", given: inRoom, do: joining(100), want: units{103, 0}, why: "the record has 3 KB then"},
	}
}

// entrySizes are the bytes of the items of a topic.
type entrySizes struct{ Head, Entry, Seal, Key int }

// EntryBytes is what an entry takes, with the 100 bytes that DynamoDB adds to each item.
func (s entrySizes) EntryBytes() float64 { return float64(s.Entry + cost.ItemBytes) }

// topicSizes measures items of the topic room, with the data of an event of 100 bytes.
func topicSizes(t *testing.T) entrySizes {
	t.Helper()
	s := newScene(t)
	p := &publisher{scene: s, log: s.db.Topics(), other: s.db.Topics()}
	e := message(100)
	e.Key = "0123456789abcdef"
	p.append(p.log, message(100), 1)
	at := p.append(p.log, e, 1)
	item := func(partition, sort string) int {
		size, err := s.meter.Size(t.Context(), &s.table, key(partition, sort))
		require.NoError(t, err)
		return size
	}
	sizes := entrySizes{
		Head: item("th#"+room, "h"), Entry: item("te#"+at.Epoch+"#"+room, sortOf(2)), Key: item("tk#"+at.Epoch+"#"+room, e.Key),
	}
	_, err := p.log.Roll(t.Context(), room, message(100))
	require.NoError(t, err)
	sizes.Seal = item("te#"+at.Epoch+"#"+room, sortOf(3))
	return sizes
}
