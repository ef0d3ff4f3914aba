package topiclog

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// ending is an epoch that is about to end, as the table has it.
type ending struct {
	head head
	// last is the last entry that is there; nil if there is none.
	last *entry
}

// roll ends the epoch, if there is one, and begins another with the entry. If it is not forced and
// an entry can follow the last one, it does nothing. It returns nil if another append was faster.
func (a *appending) roll(ctx context.Context, forced bool) (*topic.Appended, error) {
	if a.refusals > 2 {
		if err := a.pause(ctx); err != nil {
			return nil, err
		}
	}
	a.l.cache.forget(a.name)
	end, err := a.readEnding(ctx, forced)
	if err != nil {
		return nil, err
	}
	if end.last != nil && (end.last.seal || !forced && a.l.mayFollow(end.last)) {
		a.refusals++
		return nil, nil //nolint:nilnil // nil is another step
	}
	return a.begins(ctx, end, forced)
}

// readEnding reads the head item and the last entry. An item that is not an entry still has an
// offset, which is all that a forced roll needs.
func (a *appending) readEnding(ctx context.Context, forced bool) (end ending, err error) {
	if end.head, err = a.l.readHead(ctx, a.name); err != nil || end.head.epoch == "" {
		return end, err
	}
	seen := a.l.instant()
	it, err := a.l.newestItem(ctx, a.name, end.head.epoch)
	if err != nil || it == nil {
		return end, err
	}
	last, err := decodeEntry(it)
	if err != nil && forced {
		sort, _ := table.GetText(it, table.SortKey)
		last = new(entry)
		last.offset, err = parseOffset(sort)
	}
	if err != nil {
		return end, itemError(it, err)
	}
	if !forced && a.l.mayFollow(last) {
		a.learn(end.head.epoch, last, seen)
	}
	end.last = last
	return end, nil
}

// begins begins an epoch. The head item must still name the old epoch, and the place of the seal
// must be empty. The random epoch makes the first entry recognizable as this append's.
func (a *appending) begins(ctx context.Context, end ending, forced bool) (*topic.Appended, error) {
	next := head{epoch: newEpoch(a.nextNumber(end, forced)), prev: a.prev(end, forced)}
	e := a.follow(nil)
	e.prev = next.prev
	tx := a.transact(next.epoch, e, a.endings(end, next, e)...)
	seen := a.l.instant()
	lost, err := a.sendTx(ctx, tx, func() (time.Time, bool) { return a.l.soonAfter(a.stepped) })
	if err == nil {
		return a.done(next.epoch, e, seen), nil
	}
	reasons, ok := table.Canceled(err)
	if !ok {
		return nil, ignoreAgain(err)
	}
	if mine, err := a.isMine(ctx, next.epoch, e, reasons, tx, lost); mine || err != nil {
		return a.doneIf(mine, next.epoch, e, seen), err
	}
	for _, r := range reasons[:tx.entry] {
		if r.Refused {
			a.refusals++
			return nil, nil //nolint:nilnil // nil is another step
		}
	}
	return nil, a.canceled(tx, lost, err)
}

// endings returns the writes that end an epoch. The seal is at the first place if no entry is
// there: either all have been deleted, or a transaction that begins the epoch is being carried out,
// and the head can be read already and the entry not yet. Then the seal meets the entry.
func (a *appending) endings(end ending, next head, first *entry) []types.TransactWriteItem {
	condition, values := absent, table.Item(nil)
	if end.head.epoch != "" {
		condition, values = attrEpoch+" = :epoch", table.Item{":epoch": table.Text(end.head.epoch)}
	}
	writes := []types.TransactWriteItem{a.l.t.PutIf(a.l.encodeHead(a.name, next), condition, values)}
	seal := &entry{offset: 1, seal: true, nonce: a.nonce, exp: first.exp}
	if end.last != nil {
		seal.offset, seal.exp = end.last.offset+1, max(first.exp, end.last.exp)
	}
	if end.head.epoch != "" && seal.offset <= topic.MaxOffset {
		writes = append(writes, a.l.t.PutIf(a.l.encodeEntry(a.name, end.head.epoch, seal), absent, nil))
	}
	return writes
}

// nextNumber returns the number of the next epoch. A forced roll takes the time, so that its number
// is higher than those that a restored table has forgotten.
func (a *appending) nextNumber(end ending, forced bool) int64 {
	next := number(end.head.epoch) + 1
	if forced {
		next = max(next, a.at.Unix())
	}
	return next
}

// prev returns the position before the next epoch: the last one, if it is certain that none was
// deleted after it; offset 0, if what was there has expired; nil, if the subscribers are to be
// told.
func (a *appending) prev(end ending, forced bool) *topic.Position {
	switch {
	case forced:
		return nil
	case end.last != nil && end.last.left(a.l.t.Clock()) >= skew:
		return &topic.Position{Epoch: end.head.epoch, Offset: end.last.offset}
	default:
		return &topic.Position{Epoch: end.head.epoch}
	}
}
