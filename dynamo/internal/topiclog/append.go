package topiclog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// Append implements [topic.Log].
func (l *Log) Append(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return l.append(ctx, name, e, (*appending).step, nil)
}

// AppendTx is Append in one transaction with the items of the caller, whose conditions may cancel
// it: see [CanceledError].
func (l *Log) AppendTx(
	ctx context.Context, name string, e topic.Entry, items []types.TransactWriteItem,
) (topic.Appended, error) {
	if len(items) > MaxItems {
		return topic.Appended{}, fmt.Errorf("%w: %d items: the most in a transaction with an entry is %d",
			topic.ErrInvalid, len(items), MaxItems)
	}
	return l.append(ctx, name, e, (*appending).step, items)
}

// MaxItems is how many items of the caller fit in a transaction with an entry: the entry may have a
// key, and begin an epoch, which writes the head item and a seal.
const MaxItems = table.MaxTransactItems - 4

// Roll implements [topic.Log].
func (l *Log) Roll(ctx context.Context, name string, e topic.Entry) (topic.Appended, error) {
	return l.append(ctx, name, e, func(a *appending, ctx context.Context) (*topic.Appended, error) {
		return a.roll(ctx, true)
	}, nil)
}

// append takes steps until one of them has a result or fails.
func (l *Log) append(
	ctx context.Context, name string, e topic.Entry,
	step func(*appending, context.Context) (*topic.Appended, error), items []types.TransactWriteItem,
) (topic.Appended, error) {
	if err := l.check(ctx, name, &e); err != nil {
		return topic.Appended{}, err
	}
	end, err := l.turns.take(ctx, name)
	if err != nil {
		return topic.Appended{}, err
	}
	defer end()
	a := l.begin(name, e, items)
	for {
		a.stepped = l.instant()
		a.at = a.stepped.clock.UTC().Truncate(time.Millisecond)
		result, err := step(a, ctx)
		if err != nil {
			return topic.Appended{}, err
		}
		if result != nil {
			l.cache.contest(name, a.refusals > 0 || a.others)
			return *result, nil
		}
	}
}

// appending is one call of Append.
type appending struct {
	l     *Log
	name  string
	key   string
	keep  time.Duration
	items []types.TransactWriteItem // of the caller
	// events and nonce are in each attempt, whatever its offset.
	events []topic.Event
	nonce  []byte
	at     time.Time // of the step
	began  instant
	// stepped is when the step began.
	stepped instant

	refusals int  // how many times another append or roll has been faster
	others   bool // others have appended since what the process knew
	late     bool // DynamoDB has refused a signature because of its time
}

// begin copies what the entry refers to, since the cache keeps it.
func (l *Log) begin(name string, e topic.Entry, items []types.TransactWriteItem) *appending {
	a := &appending{
		l: l, name: name, key: e.Key, keep: e.Keep, items: items,
		events: slices.Clone(e.Events), nonce: make([]byte, 8), began: l.instant(),
	}
	_, _ = rand.Read(a.nonce) // it never fails
	for i := range a.events {
		a.events[i].Data = bytes.Clone(a.events[i].Data)
	}
	return a
}

// place is where the next entry goes: after the last one of an epoch.
type place struct {
	epoch string
	last  *entry
	seen  instant // when last was in the table
}

// step appends the entry after the last one, or begins an epoch with it. It returns nil if another
// append was faster.
func (a *appending) step(ctx context.Context) (*topic.Appended, error) {
	p, ok, err := a.find(ctx)
	if err != nil {
		return nil, err
	}
	if !ok {
		return a.roll(ctx, false)
	}
	return a.put(ctx, p)
}

// find returns the place that the process knows, if it may be used, or reads it. It returns false
// if no entry can follow.
func (a *appending) find(ctx context.Context) (place, bool, error) {
	known := a.l.cache.get(a.name)
	p := place{known.epoch, known.last(), known.seen}
	fresh := p.last != nil && a.l.instant().since(p.seen) <= patience
	switch {
	case a.refusals > 2:
		if err := a.pause(ctx); err != nil {
			return place{}, false, err
		}
	case a.refusals > 0 && fresh, !known.contested && fresh && a.l.mayFollow(p.last):
		return p, a.l.mayFollow(p.last), nil
	}
	read, ok, err := a.read(ctx, p.epoch)
	a.others = a.others || ok && p.last != nil && (read.epoch != p.epoch || read.last.offset != p.last.offset)
	return read, ok, err
}

// pause waits, since others have been faster again and again. It fails if they have been for 5
// minutes, or if no time is left.
func (a *appending) pause(ctx context.Context) error {
	if a.l.instant().since(a.began) > patience {
		return a.failed(false, fmt.Errorf("others were faster for %v", patience))
	}
	if !a.l.t.WaitFor(ctx, min(a.refusals-2, longestWait)) {
		return a.failed(false, noTime(ctx, errors.New("others were faster each time")))
	}
	return nil
}

// mayFollow reports whether a put after an entry may be signed now.
func (l *Log) mayFollow(last *entry) bool { return !last.seal && last.left(l.t.Clock()) >= quiet }

// read reads the last entry, of the known epoch or else of the current one.
func (a *appending) read(ctx context.Context, epoch string) (p place, ok bool, err error) {
	if epoch == "" {
		h, err := a.l.readHead(ctx, a.name)
		if err != nil || h.epoch == "" {
			return place{}, false, err
		}
		epoch = h.epoch
	}
	seen := a.l.instant()
	it, err := a.l.newestItem(ctx, a.name, epoch)
	if err != nil || it == nil {
		return place{}, false, err
	}
	last, err := decodeEntry(it)
	if err != nil {
		return place{}, false, itemError(it, err)
	}
	a.learn(epoch, last, seen)
	return place{epoch, last, seen}, a.l.mayFollow(last), nil
}

// learn adds an entry to what the process knows. After a seal the epoch is not known.
func (a *appending) learn(epoch string, e *entry, seen instant) {
	if e.seal {
		a.l.cache.forget(a.name)
		return
	}
	a.l.cache.join(a.name, epoch, []*entry{e}, seen)
}

// follow returns the entry that follows another one, or nil.
func (a *appending) follow(last *entry) *entry {
	e := &entry{offset: 1, nonce: a.nonce, events: a.events, at: a.at, until: a.at.Add(a.keep)}
	for _, event := range e.events {
		e.bytes += len(event.Data)
	}
	if last != nil {
		e.offset = last.offset + 1
		if last.until.After(e.until) {
			e.until = last.until
		}
	}
	e.exp = expiry(e.until, last)
	return e
}

// expiry returns the expiry of an entry that can be read until a time. It is not before that of the
// entry before it.
func expiry(until time.Time, last *entry) int64 {
	exp := until.Add(Spare + time.Second - 1).Unix()
	if last != nil {
		exp = max(exp, last.exp)
	}
	return exp
}

// put appends the entry after the last one.
func (a *appending) put(ctx context.Context, p place) (*topic.Appended, error) {
	if p.last.offset == topic.MaxOffset {
		return a.roll(ctx, true)
	}
	e := a.follow(p.last)
	allowed := func() (time.Time, bool) {
		// The time of the entry must not be an old one: it says until when the entry can be read.
		soon, ok := a.l.soonAfter(a.stepped)
		until, lives := a.l.signedUntil(p.last)
		return earlier(soon, until), ok && lives
	}
	seen := a.l.instant()
	if a.key == "" && a.items == nil {
		return a.putItem(ctx, p.epoch, e, seen, allowed)
	}
	return a.putTx(ctx, p.epoch, e, seen, allowed)
}

// signedUntil returns until when, by the process's clock, a put after an entry may be signed, and
// reports whether it may be now. The time that is checked is the time that is signed; no clocks of
// different processes are compared.
func (l *Log) signedUntil(last *entry) (time.Time, bool) {
	now := l.instant()
	spare := last.left(now.clock) - quiet
	return now.process.Round(0).Add(min(spare, patience)), spare >= 0
}

// soonAfter returns until when, by the process's clock, a write may be signed that relies on what
// was read after a moment, and reports whether it may be now.
func (l *Log) soonAfter(read instant) (time.Time, bool) {
	now := l.instant()
	left := patience - now.since(read)
	return now.process.Round(0).Add(left), left >= 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// putItem appends the entry with a single put.
func (a *appending) putItem(
	ctx context.Context, epoch string, e *entry, seen instant, allowed func() (time.Time, bool),
) (*topic.Appended, error) {
	in := &dynamodb.PutItemInput{
		TableName: &a.l.t.Name, Item: a.l.encodeEntry(a.name, epoch, e),
		ConditionExpression:                 aws.String(absent),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	_, err := a.send(ctx, allowed, func(ctx context.Context, until time.Time) error {
		put := func(
			ctx context.Context, in *dynamodb.PutItemInput, opts ...func(*dynamodb.Options),
		) (*dynamodb.PutItemOutput, error) {
			return a.l.t.API.PutItem(ctx, in, append(opts, table.SignedUntil(until))...)
		}
		_, err := table.Attempt(ctx, a.l.t, put, in)
		return err
	})
	if met, ok := table.Refused(err); ok {
		return a.met(epoch, e, met)
	}
	if err != nil {
		return nil, ignoreAgain(err)
	}
	return a.done(epoch, e, seen), nil
}

// absent is the condition that there is no item.
const absent = "attribute_not_exists(pk)"

// met judges the item at the offset of an entry that was refused: it is the entry itself, which an
// attempt has written whose answer was lost, or that of another append, or a seal.
func (a *appending) met(epoch string, e *entry, it table.Item) (*topic.Appended, error) {
	seen := a.l.instant()
	there, err := decodeEntry(it)
	if err != nil {
		return nil, itemError(it, err)
	}
	if bytes.Equal(there.nonce, a.nonce) {
		return a.done(epoch, e, seen), nil
	}
	a.refusals++
	a.learn(epoch, there, seen)
	return nil, nil //nolint:nilnil // nil is another step
}

// done returns the result for an entry that is in the table.
func (a *appending) done(epoch string, e *entry, seen instant) *topic.Appended {
	a.learn(epoch, e, seen)
	return &topic.Appended{Record: e.record(epoch)}
}
