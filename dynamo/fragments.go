package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/fragment"
)

// Fragments returns the store of messages that arrive in fragments, for package fragment:
//
//	fragment.Register(router, db.Fragments())
//
// Every process of an application must use it: each fragment may arrive in another one. Pieces
// expire after 5 minutes ([fragment.Keep]). The role needs dynamodb:GetItem, PutItem, Query and
// UpdateItem.
//
// A message costs 1 write unit, and each fragment 1 and another for each kilobyte of its piece,
// with up to 100 bytes of its key; a message and each fragment 1 read unit, and another for each 4 KB. A
// message of 200 KB in 8 fragments costs 209 write units and 59 read units, $0.14 for a thousand in
// us-east-1.
//
// # Lost answers
//
// If the answer to a request is lost, the request is repeated, and its result is the same. If the
// pieces of a complete message cannot be read, the message is lost.
func (db *DB) Fragments() fragment.Store { return fragments{db.t} }

type fragments struct{ t *table.Table }

// The attributes of a message, and of a piece.
const (
	attrBegin = "b" // when the message began: Unix time in milliseconds
	attrTurn  = "g" // a random token: pieces of an earlier message with the id have another one
	attrParts = "n"
	attrBytes = "z" // of the pieces that are there
	attrThere = "i" // the indexes of the pieces that are there, a set of numbers; absent if none is
	attrLast  = "l" // a random token of the call that added the last one
	attrPiece = "d" // of a piece
)

// head is what the table knows of a message.
type head struct {
	begin        int64
	turn         string
	count, bytes int
	there        []string
	last         string
}

func (h head) isComplete() bool { return len(h.there) == h.count }

// Add implements [fragment.Store]. The head of a message is written first, with a token, then the
// piece, and then the index is added to the head. The update that makes the head complete is that of
// one call, which so gets the message.
func (s fragments) Add(ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
	message, err := s.add(ctx, p, l)
	switch {
	case err == nil:
		return message, nil
	case errors.Is(err, fragment.ErrContradiction), errors.Is(err, fragment.ErrTooLarge),
		errors.Is(err, fragment.ErrTooMany):
		return nil, err
	}
	return nil, fmt.Errorf("dynamo: add a fragment of message %.100q of connection %.100q: %w", p.Message, p.ConnectionID, err)
}

func (s fragments) add(ctx context.Context, p fragment.Piece, l fragment.Limits) ([]byte, error) {
	h, err := s.begun(ctx, p, l)
	switch {
	case err != nil:
		return nil, err
	case h.count != p.Count:
		return nil, fragment.ErrContradiction
	case h.isComplete():
		return nil, nil
	case !slices.Contains(h.there, strconv.Itoa(p.Index)) && h.bytes+len(p.Data) > l.Size:
		return nil, fragment.ErrTooLarge
	}
	if err := s.put(ctx, p, h); err != nil {
		return nil, err
	}
	isLast, err := s.note(ctx, p, l, h)
	if err != nil || !isLast {
		return nil, err
	}
	return s.join(ctx, p, h)
}

// begun returns the head of the message of a piece. If there is none, it makes one.
func (s fragments) begun(ctx context.Context, p fragment.Piece, l fragment.Limits) (head, error) {
	out, _, err := table.Do(ctx, s.t, s.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &s.t.Name, Key: s.t.FragmentHeadKey(p.ConnectionID, p.Message), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return head{}, err
	}
	if len(out.Item) > 0 {
		if h, err := decodeHead(out.Item); err != nil || !s.isForgotten(h) {
			return h, err
		}
	}
	if len(p.Data) > l.Size {
		return head{}, fragment.ErrTooLarge
	}
	n, err := s.underWay(ctx, p)
	if err != nil {
		return head{}, err
	}
	if n >= l.Messages {
		return head{}, fragment.ErrTooMany
	}
	return s.begin(ctx, p)
}

// begin makes the head of a message, or returns that which another call has made.
func (s fragments) begin(ctx context.Context, p fragment.Piece) (head, error) {
	now := s.t.Clock()
	h := head{begin: now.UnixMilli(), turn: rand.Text(), count: p.Count}
	it := s.t.FragmentHeadKey(p.ConnectionID, p.Message)
	it[attrBegin], it[attrTurn] = table.Number(h.begin), table.Text(h.turn)
	it[attrParts], it[attrBytes] = table.Number(int64(h.count)), table.Number(0)
	it[table.Expiry] = table.Number(now.Add(fragment.Keep).Unix() + 1)
	_, _, err := table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{
		TableName: &s.t.Name, Item: it,
		ConditionExpression:                 aws.String(ifNew + " OR " + attrBegin + " < :begin"),
		ExpressionAttributeValues:           table.Item{":begin": table.Number(s.oldest())},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if there, ok := table.Refused(err); ok {
		return decodeHead(there) // of another call, or of an attempt whose answer was lost
	}
	return h, err
}

// oldest returns when the oldest message has begun that is not forgotten.
func (s fragments) oldest() int64 { return s.t.Clock().Add(-fragment.Keep).UnixMilli() }

func (s fragments) isForgotten(h head) bool { return h.begin < s.oldest() }

// underWay returns how many other messages of the connection are incomplete.
func (s fragments) underWay(ctx context.Context, p fragment.Piece) (n int, err error) {
	err = s.query(ctx, s.t.FragmentHeadPartition(p.ConnectionID), "", func(it table.Item) error {
		name, err := table.GetText(it, table.SortKey)
		if err != nil {
			return err
		}
		h, err := decodeHead(it)
		if err == nil && name != p.Message && !h.isComplete() && !s.isForgotten(h) {
			n++
		}
		return err
	})
	return n, err
}

// put writes a piece. If it is there already, it must be the same.
func (s fragments) put(ctx context.Context, p fragment.Piece, h head) error {
	it := s.t.FragmentKey(p.ConnectionID, p.Message, h.turn, p.Index)
	it[attrPiece] = table.Text(p.Data)
	it[table.Expiry] = table.Number(s.t.Clock().Add(fragment.Keep).Unix() + 1)
	_, _, err := table.Do(ctx, s.t, s.t.API.PutItem, &dynamodb.PutItemInput{
		TableName: &s.t.Name, Item: it, ConditionExpression: aws.String(ifNew),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := table.Refused(err)
	if !refused {
		return err
	}
	text, err := table.GetText(there, attrPiece)
	if err == nil && text != p.Data {
		err = fragment.ErrContradiction
	}
	return err
}

// note adds a piece to the head of its message, and reports whether it was the last one. Only one
// call has added it: the token shows whose update it was.
func (s fragments) note(ctx context.Context, p fragment.Piece, l fragment.Limits, h head) (bool, error) {
	token, index := rand.Text(), strconv.Itoa(p.Index)
	out, past, err := table.Do(ctx, s.t, s.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &s.t.Name, Key: s.t.FragmentHeadKey(p.ConnectionID, p.Message),
		UpdateExpression: aws.String("SET " + attrLast + " = :token ADD " + attrThere + " :indexes, " + attrBytes + " :bytes"),
		ConditionExpression: aws.String(attrTurn + " = :turn AND " + attrBytes + " <= :room AND " +
			"NOT contains(" + attrThere + ", :index)"),
		ExpressionAttributeValues: table.Item{
			":token": table.Text(token), ":turn": table.Text(h.turn),
			":index": &types.AttributeValueMemberN{Value: index}, ":indexes": &types.AttributeValueMemberNS{Value: []string{index}},
			":bytes": table.Number(int64(len(p.Data))), ":room": table.Number(int64(l.Size - len(p.Data))),
		},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := table.Refused(err)
	if err != nil && !refused {
		return false, err
	}
	if !refused {
		there = out.Attributes
	}
	if len(there) == 0 {
		return false, nil // the message is forgotten
	}
	now, err := decodeHead(there)
	switch {
	case err != nil:
		return false, err
	case !refused:
		return now.isComplete(), nil
	case now.turn != h.turn: // the message is forgotten, and another one has begun
		return false, nil
	case slices.Contains(now.there, index):
		return past.Lost && now.last == token && now.isComplete(), nil
	}
	return false, fragment.ErrTooLarge
}

// join reads the pieces of a complete message.
func (s fragments) join(ctx context.Context, p fragment.Piece, h head) ([]byte, error) {
	var text []byte
	n := 0
	err := s.query(ctx, s.t.FragmentPartition(p.ConnectionID, p.Message), h.turn+"#", func(it table.Item) error {
		piece, err := table.GetText(it, attrPiece)
		text = append(text, piece...)
		n++
		return err
	})
	if err == nil && n != h.count {
		err = fmt.Errorf("the table has %d of the %d pieces", n, h.count)
	}
	if err != nil {
		return nil, fmt.Errorf("the message is lost: %w", err)
	}
	return text, nil
}

// query calls f for the items of a partition whose sort keys begin with a text, in order.
func (s fragments) query(
	ctx context.Context, partition types.AttributeValue, begin string, f func(table.Item) error,
) error {
	condition, values := table.PartitionKey+" = :pk", table.Item{":pk": partition}
	if begin != "" {
		condition += " AND begins_with(" + table.SortKey + ", :begin)"
		values[":begin"] = table.Text(begin)
	}
	in := &dynamodb.QueryInput{
		TableName: &s.t.Name, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: &condition, ExpressionAttributeValues: values,
	}
	for {
		out, _, err := table.Do(ctx, s.t, s.t.API.Query, in)
		if err != nil {
			return err
		}
		for _, it := range out.Items {
			if err := f(it); err != nil {
				return err
			}
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			return nil
		}
	}
}

func decodeHead(it table.Item) (h head, err error) {
	numbers := map[string]int64{attrBegin: 0, attrParts: 0, attrBytes: 0}
	for name := range numbers {
		if numbers[name], err = table.GetNumber(it, name); err != nil {
			return head{}, err
		}
	}
	h.begin, h.count, h.bytes = numbers[attrBegin], int(numbers[attrParts]), int(numbers[attrBytes])
	if h.turn, err = table.GetText(it, attrTurn); err != nil {
		return head{}, err
	}
	if h.last, err = table.GetText(it, attrLast); err != nil {
		return head{}, err
	}
	switch v := it[attrThere].(type) {
	case nil:
	case *types.AttributeValueMemberNS:
		h.there = v.Value
	default:
		return head{}, fmt.Errorf("attribute %q is not a set of numbers but a %T", attrThere, v)
	}
	if strings.Contains(h.turn, "#") || h.turn == "" || h.count < 2 {
		return head{}, fmt.Errorf("the item is not that of a message in fragments")
	}
	return h, nil
}
