package topiclog

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/internal/topicwire"
	"github.com/gatesock/gatesock/topic"
)

// The attributes of items, beside the keys and the expiry. docs/adr/0025-topics.md explains them.
const (
	attrEpoch      = "e"  // S, of a head: the current epoch
	attrPrevEpoch  = "pe" // S, of a head and of the first entry of an epoch; absent if not certain
	attrPrevOffset = "po" // N, likewise
	attrNonce      = "n"  // B, of an entry: recognizes an append's own entry
	attrSeal       = "s"  // N, of an entry: 1 if it is a seal, absent otherwise
	attrNames      = "e"  // L of S, of an entry: the names of its events
	attrData       = "d"  // L of B, of an entry: the data of its events
	attrTime       = "at" // N, of an entry: when it was appended, milliseconds since 1970
	attrUntil      = "u"  // N, of an entry: until when it can be read, milliseconds since 1970
	attrOffset     = "o"  // N, of a publisher's key: the offset of the entry
	attrMark       = "m"  // N, of an entry: 1 if all its posts were made, absent otherwise
)

// head is the item that says which epoch of a topic is the current one. The zero head is that of a
// topic to which nothing was ever published.
type head struct {
	epoch string
	// prev is the position before the epoch; nil if it is not certain.
	prev *topic.Position
}

// number returns the number of an epoch, which is 0 for "".
func number(epoch string) int64 {
	n, _ := topicwire.EpochNumber(epoch)
	return n
}

// newEpoch returns an epoch of a number. Its text has 50 random bits.
func newEpoch(number int64) string { return strconv.FormatInt(number, 10) + "-" + rand.Text()[:10] }

func (l *Log) encodeHead(name string, h head) table.Item {
	it := l.t.TopicHeadKey(name)
	it[attrEpoch] = table.Text(h.epoch)
	encodePrev(it, h.prev)
	return it
}

func encodePrev(it table.Item, prev *topic.Position) {
	if prev != nil {
		it[attrPrevEpoch] = table.Text(prev.Epoch)
		it[attrPrevOffset] = table.Number(prev.Offset)
	}
}

func decodeHead(it table.Item) (h head, err error) {
	if h.epoch, err = table.GetText(it, attrEpoch); err != nil {
		return head{}, err
	}
	if number(h.epoch) < 1 {
		return head{}, fmt.Errorf("attribute %q is %.100q, which is not an epoch", attrEpoch, h.epoch)
	}
	h.prev, err = decodePrev(it)
	return h, err
}

func decodePrev(it table.Item) (*topic.Position, error) {
	if _, ok := it[attrPrevOffset]; !ok {
		return nil, nil //nolint:nilnil // nil is a previous position that is not certain
	}
	var p topic.Position
	var errs [2]error
	p.Epoch, errs[0] = table.GetText(it, attrPrevEpoch)
	p.Offset, errs[1] = table.GetNumber(it, attrPrevOffset)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("attributes %q and %q: %w", attrPrevEpoch, attrPrevOffset, err)
	}
	return &p, nil
}

// entry is an entry of an epoch: events, or the seal that ends the epoch. It is immutable.
type entry struct {
	offset int64
	seal   bool
	nonce  []byte
	events []topic.Event
	at     time.Time
	until  time.Time       // when it cannot be read any more
	exp    int64           // when DynamoDB may delete it, seconds since 1970
	prev   *topic.Position // in the first entry of an epoch
	bytes  int             // of the events' data
}

// left returns the time until DynamoDB may delete the entry.
func (e *entry) left(now time.Time) time.Duration { return time.Unix(e.exp, 0).Sub(now) }

func (e *entry) readable(now time.Time) bool { return now.Before(e.until) }

// record returns a copy of an entry, which belongs to the caller.
func (e *entry) record(epoch string) topic.Record {
	r := topic.Record{
		Position: topic.Position{Epoch: epoch, Offset: e.offset},
		Events:   slices.Clone(e.events),
		Time:     e.at,
	}
	for i := range r.Events {
		r.Events[i].Data = bytes.Clone(r.Events[i].Data)
	}
	if e.prev != nil {
		r.Prev = new(*e.prev)
	}
	return r
}

func (l *Log) encodeEntry(name, epoch string, e *entry) table.Item {
	it := l.t.EntryKey(name, epoch, e.offset)
	it[table.Expiry] = table.Number(e.exp)
	it[attrNonce] = &types.AttributeValueMemberB{Value: e.nonce}
	if e.seal {
		it[attrSeal] = table.Number(1)
		return it
	}
	names := make([]types.AttributeValue, len(e.events))
	data := make([]types.AttributeValue, len(e.events))
	for i, event := range e.events {
		names[i] = table.Text(event.Name)
		data[i] = &types.AttributeValueMemberB{Value: event.Data}
	}
	it[attrNames] = &types.AttributeValueMemberL{Value: names}
	it[attrData] = &types.AttributeValueMemberL{Value: data}
	it[attrTime] = table.Number(e.at.UnixMilli())
	it[attrUntil] = table.Number(e.until.UnixMilli())
	encodePrev(it, e.prev)
	return it
}

// decodeEntry reads the item of an entry.
func decodeEntry(it table.Item) (*entry, error) {
	e, err := decodePlace(it)
	if err != nil || e.seal {
		return e, err
	}
	var errs [4]error
	var at, until int64
	at, errs[0] = table.GetNumber(it, attrTime)
	until, errs[1] = table.GetNumber(it, attrUntil)
	e.prev, errs[2] = decodePrev(it)
	e.events, errs[3] = decodeEvents(it)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("the item is not an entry: %w", err)
	}
	e.at, e.until = time.UnixMilli(at).UTC(), time.UnixMilli(until)
	for _, event := range e.events {
		e.bytes += len(event.Data)
	}
	return e, nil
}

// decodePlace reads what an entry and a seal have.
func decodePlace(it table.Item) (*entry, error) {
	e := new(entry)
	var errs [3]error
	var sort string
	sort, errs[0] = table.GetText(it, table.SortKey)
	e.exp, errs[1] = table.GetNumber(it, table.Expiry)
	e.offset, errs[2] = parseOffset(sort)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("the item is not an entry: %w", err)
	}
	_, e.seal = it[attrSeal]
	if nonce, ok := it[attrNonce].(*types.AttributeValueMemberB); ok {
		e.nonce = nonce.Value
	}
	return e, nil
}

func parseOffset(sort string) (int64, error) {
	n, err := strconv.ParseInt(sort, 10, 64)
	if err != nil || len(sort) != offsetDigits || n < 1 || n > topic.MaxOffset {
		return 0, fmt.Errorf("its sort key %.100q is not an offset of %d digits", sort, offsetDigits)
	}
	return n, nil
}

const offsetDigits = 16

func decodeEvents(it table.Item) ([]topic.Event, error) {
	names, namesOK := it[attrNames].(*types.AttributeValueMemberL)
	data, dataOK := it[attrData].(*types.AttributeValueMemberL)
	if !namesOK || !dataOK || len(names.Value) != len(data.Value) || len(names.Value) == 0 {
		return nil, fmt.Errorf("attributes %q and %q are not lists of the same length", attrNames, attrData)
	}
	events := make([]topic.Event, len(names.Value))
	for i := range events {
		name, nameOK := names.Value[i].(*types.AttributeValueMemberS)
		value, valueOK := data.Value[i].(*types.AttributeValueMemberB)
		if !nameOK || !valueOK {
			return nil, fmt.Errorf("element %d of attribute %q is not a string, or of %q not binary", i, attrNames, attrData)
		}
		events[i] = topic.Event{Name: name.Value, Data: value.Value}
	}
	return events, nil
}

// itemError is the error of an item that has another form than the package's. It says which item it
// is, so that it can be deleted.
func itemError(it table.Item, err error) error {
	partition, _ := table.GetText(it, table.PartitionKey)
	sort, _ := table.GetText(it, table.SortKey)
	return fmt.Errorf("item with %s %.200q and %s %.100q: %w",
		table.PartitionKey, partition, table.SortKey, sort, err)
}
