package stream

import (
	"context"
	"errors"
	"time"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/dynamo/internal/topiclog"
	"github.com/gatesock/gatesock/dynamo/internal/topicrow"
	"github.com/gatesock/gatesock/dynamo/internal/topicvalues"
	"github.com/gatesock/gatesock/topic"
)

// jobName names a job: for values it has the key.
type jobName struct{ kind, topic, key string }

// job is what is to be done in order: the entries of a topic, the changes of a value, or the
// changes of presence in a topic.
type job struct {
	jobName

	records []int // by their places in the batch
	entries []topic.Record

	value  topic.Value
	stored topic.Stored

	present map[string]presence // by connection
}

// presence is what became of a connection: it has the row, or has left and had it.
type presence struct {
	row  topic.Row
	left bool
}

// maxValueAge is how old a value can be that is still pushed; see [topic.Topics.DeliverValue].
const maxValueAge = 5 * time.Minute

// readRecord adds what a record says to the job that it belongs to.
func (b *batch) readRecord(i int) error {
	r := &b.records[i]
	kind, epoch, name, ok := b.table.ParseTopic(r.Change.Keys.text(table.PartitionKey))
	if !ok || b.isDone(r.ID) {
		return nil
	}
	if err := r.checkView(); err != nil {
		return err
	}
	switch {
	case kind == table.EntryKind && r.Name != removed:
		return b.readEntry(i, name, epoch)
	case kind == table.EntryKind || !b.topics.UsesStream():
		return nil // entries that expire; values and presence that their publishers push
	case kind == table.ValueKind && r.Name != removed:
		return b.readValue(i, name)
	case kind == table.RosterKind:
		return b.readRow(i, name)
	}
	return nil
}

// job returns the job with a name, with a record added to it.
func (b *batch) job(i int, name jobName) *job {
	j := b.byName[name]
	if j == nil {
		j = &job{jobName: name}
		b.byName[name] = j
		b.jobs = append(b.jobs, j)
	}
	j.records = append(j.records, i)
	b.state[i] = open
	return j
}

func (b *batch) readEntry(i int, name, epoch string) error {
	it, err := b.records[i].Change.New.item()
	if err != nil {
		return err
	}
	e, err := topiclog.Decode(it, epoch)
	if err != nil {
		return err
	}
	if e.Marked {
		b.marked[topic.At{Topic: name, Position: e.Position}] = true
	}
	if e.Seal || b.records[i].Name != inserted {
		return nil
	}
	j := b.job(i, jobName{kind: table.EntryKind, topic: name})
	j.entries = append(j.entries, e.Record)
	return nil
}

// readValue puts the changes of one value together: only the last one counts.
func (b *batch) readValue(i int, name string) error {
	it, err := b.records[i].Change.New.item()
	if err != nil {
		return err
	}
	v, err := topicvalues.Decode(it)
	if err != nil {
		return err
	}
	before, err := b.before(i)
	if err != nil {
		return err
	}
	j := b.job(i, jobName{table.ValueKind, name, v.Key})
	if len(j.records) == 1 {
		j.stored.Before = before.Data
	}
	j.value, j.stored.Version = v, v.Version
	return nil
}

// before returns the value that a record says was replaced; the zero Value if there was none.
func (b *batch) before(i int) (topic.Value, error) {
	old := b.records[i].Change.Old
	if len(old) == 0 {
		return topic.Value{}, nil
	}
	it, err := old.item()
	if err != nil {
		return topic.Value{}, err
	}
	return topicvalues.Decode(it)
}

// readRow puts the changes of one connection together.
func (b *batch) readRow(i int, name string) error {
	change := &b.records[i].Change
	before, had, err := row(change.Old)
	if err != nil {
		return err
	}
	now, has, err := row(change.New)
	if err != nil {
		return err
	}
	if !had && !has || had && has && before.Version == now.Version {
		return nil // it was extended
	}
	j := b.job(i, jobName{kind: table.RosterKind, topic: name})
	if j.present == nil {
		j.present = make(map[string]presence)
	}
	if has {
		j.present[now.ID] = presence{row: now}
	} else {
		j.present[before.ID] = presence{row: before, left: true}
	}
	return nil
}

func row(m image) (r topic.Row, ok bool, err error) {
	if len(m) == 0 {
		return topic.Row{}, false, nil
	}
	it, err := m.item()
	if err != nil {
		return topic.Row{}, false, err
	}
	r, err = topicrow.Decode(it)
	return r, err == nil, err
}

// run does a job as far as there is time, and says so in the states of its records.
func (j *job) run(ctx context.Context, b *batch) {
	switch {
	case !left(ctx):
	case j.kind == table.EntryKind:
		j.deliverEntries(ctx, b)
	case j.kind == table.ValueKind:
		_, err := b.topics.DeliverValue(ctx, j.topic, j.value, j.stored)
		if err != nil && b.table.Clock().Sub(j.value.Time) > maxValueAge {
			b.slog().WarnContext(ctx, "stream: a value is too old to be pushed", "topic", j.topic, "error", err)
			err = nil
		}
		j.settle(ctx, b, j.records, err)
	default:
		j.deliverPresence(ctx, b)
		b.settled(j.records)
	}
}

// deliverEntries pushes entries one after the other, until one fails.
func (j *job) deliverEntries(ctx context.Context, b *batch) {
	for i, r := range j.entries {
		at := j.records[i]
		if b.state[at] != open {
			continue
		}
		if !left(ctx) {
			return
		}
		_, err := b.topics.Deliver(ctx, j.topic, r)
		if !j.settle(ctx, b, j.records[i:i+1], err) {
			return
		}
	}
}

func (j *job) deliverPresence(ctx context.Context, b *batch) {
	var joined, left []topic.Row
	for _, p := range j.present {
		if p.left {
			left = append(left, p.row)
		} else {
			joined = append(joined, p.row)
		}
	}
	b.topics.DeliverPresence(ctx, j.topic, joined, left)
}

// settle sets the states of records, and reports whether they are done. Posts that have failed do
// not count: their clients find out by the next push or sync.
func (j *job) settle(ctx context.Context, b *batch, records []int, err error) bool {
	switch {
	case errors.Is(err, topic.ErrInvalid):
		b.slog().WarnContext(ctx, "stream: records cannot be pushed, and are ignored",
			"topic", j.topic, "records", len(records), "error", err)
	case err != nil:
		b.slog().WarnContext(ctx, "stream: records were not pushed, and come again",
			"topic", j.topic, "records", len(records), "error", err)
		return false
	}
	b.settled(records)
	return true
}

func (b *batch) settled(records []int) {
	for _, i := range records {
		b.state[i] = done
	}
}
