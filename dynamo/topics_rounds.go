package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// The attributes of the item of a topic's rounds. Times are Unix times in microseconds.
const (
	attrRoundUntil      = "t"
	attrRoundSince      = "s"
	attrRoundCount      = "n"
	attrRoundWaiting    = "w" // how many have asked to wait
	attrRoundGone       = "g" // a list of texts: ref, version and grace in milliseconds
	attrRoundIncomplete = "i"
)

const (
	// roundLife is for how long a round is kept after its end.
	roundLife = 24 * time.Hour
	// longestRound is how much later than now a round can end.
	longestRound = time.Minute
	// maxDepartures is how many departures are left to a round. They have about 4 KB.
	maxDepartures = 100
)

// BeginRound begins a round of announcements; see [topic.Rounds]. It costs 1 write unit, and more
// if much was left to the round.
func (ts *Topics) BeginRound(ctx context.Context, name string, s topic.RoundStart) (topic.Round, error) {
	if err := validateTopicName(name); err != nil {
		return topic.Round{}, err
	}
	if err := s.Validate(); err != nil {
		return topic.Round{}, err
	}
	until := s.Until.UnixMicro()
	out, past, err := table.Do(ctx, ts.t, ts.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &ts.t.Name, Key: ts.t.RoundKey(name),
		UpdateExpression:    aws.String("SET t = :until, s = :since, " + table.Expiry + " = :exp REMOVE w, g, i"),
		ConditionExpression: aws.String("attribute_not_exists(t) OR t <= :at OR t > :wrong"),
		ExpressionAttributeValues: table.Item{
			":until": table.Number(until), ":since": table.Number(s.Since), ":at": table.Number(s.At.UnixMicro()),
			":wrong": table.Number(s.At.Add(longestRound).UnixMicro()), ":exp": roundExpiry(s.Until),
		},
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := table.Refused(err)
	if err != nil && !refused {
		return topic.Round{}, rosterError("begin a round", err)
	}
	if !refused {
		there = out.Attributes
	}
	r, err := decodeRound(there)
	if err != nil {
		return topic.Round{}, rosterError("begin a round", err)
	}
	lost := refused && past.Lost && r.Until.UnixMicro() == until
	if !refused || lost {
		// If the answer was lost, what was left to the round is lost as well.
		r.Begun, r.Waiting, r.Until, r.Incomplete = true, false, time.UnixMicro(until).UTC(), r.Incomplete || lost
	}
	return r, nil
}

// LastRound returns the last round of a topic; see [topic.Rounds]. It costs 1 read unit.
func (ts *Topics) LastRound(ctx context.Context, name string) (topic.Round, error) {
	if err := validateTopicName(name); err != nil {
		return topic.Round{}, err
	}
	out, _, err := table.Do(ctx, ts.t, ts.t.API.GetItem, &dynamodb.GetItemInput{
		TableName: &ts.t.Name, Key: ts.t.RoundKey(name), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return topic.Round{}, rosterError("read a round", err)
	}
	r, err := decodeRound(out.Item)
	if err != nil {
		return topic.Round{}, rosterError("read a round", err)
	}
	return r, nil
}

// DeferToRound leaves changes to the next round; see [topic.Rounds]. It costs 1 write unit for each
// KB that is left already, and one more attempt if a row is older than what the round announces.
func (ts *Topics) DeferToRound(
	ctx context.Context, name string, until time.Time, d topic.Deferral,
) (wait bool, err error) {
	if err := validateTopicName(name); err != nil {
		return false, err
	}
	for range maxRowConflicts {
		out, past, err := table.Do(ctx, ts.t, ts.t.API.UpdateItem, ts.deferral(name, until, d))
		there, refused := table.Refused(err)
		if err != nil && !refused {
			return false, rosterError("leave a change to the next round", err)
		}
		if !refused {
			waiting, _ := table.GetNumber(out.Attributes, attrRoundWaiting)
			return d.Wait && (waiting == 1 || past.Lost), nil // two that wait do no harm
		}
		r, err := decodeRound(there)
		if err != nil {
			return false, rosterError("leave a change to the next round", err)
		}
		if len(there) == 0 || r.Until.UnixMicro() != until.UnixMicro() {
			return false, topic.ErrChanged
		}
		if d.Since >= r.Since {
			d.Since = 0
		}
		if room := maxDepartures - len(r.Gone); room < len(d.Gone) {
			d.Gone, d.Incomplete = d.Gone[:max(0, room)], true
		}
	}
	return false, errors.New("dynamo: leave a change to the next round: other calls have interfered each time")
}

// deferral returns the request for a deferral.
func (ts *Topics) deferral(name string, until time.Time, d topic.Deferral) *dynamodb.UpdateItemInput {
	values := table.Item{":until": table.Number(until.UnixMicro())}
	// The expiry is set again so that there is always something to set.
	set, condition := "SET "+table.Expiry+" = :exp", "t = :until"
	values[":exp"] = roundExpiry(until)
	if d.Since > 0 {
		set, condition = set+", s = :since", condition+" AND s > :since"
		values[":since"] = table.Number(d.Since)
	}
	if len(d.Gone) > 0 {
		set += ", g = list_append(if_not_exists(g, :none), :gone)"
		condition += " AND (attribute_not_exists(g) OR size(g) <= :room)"
		values[":none"], values[":gone"] = &types.AttributeValueMemberL{}, departures(d.Gone)
		values[":room"] = table.Number(int64(maxDepartures - len(d.Gone)))
	}
	if d.Incomplete {
		set += ", i = :one"
	}
	if d.Wait {
		set += " ADD w :one"
	}
	if d.Incomplete || d.Wait {
		values[":one"] = table.Number(1)
	}
	return &dynamodb.UpdateItemInput{
		TableName: &ts.t.Name, Key: ts.t.RoundKey(name),
		UpdateExpression: &set, ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValues:                        types.ReturnValueUpdatedNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// SettleRound sets the end and the count of a round; see [topic.Rounds]. It costs 1 write unit.
func (ts *Topics) SettleRound(ctx context.Context, name string, until time.Time, to topic.Settlement) error {
	if err := validateTopicName(name); err != nil {
		return err
	}
	_, past, err := table.Do(ctx, ts.t, ts.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName: &ts.t.Name, Key: ts.t.RoundKey(name),
		UpdateExpression:    aws.String("SET t = :next, n = :n, " + table.Expiry + " = :exp"),
		ConditionExpression: aws.String("t = :until"),
		ExpressionAttributeValues: table.Item{
			":until": table.Number(until.UnixMicro()), ":next": table.Number(to.Until.UnixMicro()),
			":n": table.Number(int64(to.Count)), ":exp": roundExpiry(to.Until),
		},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	there, refused := table.Refused(err)
	if !refused {
		return rosterError("settle a round", err)
	}
	r, err := decodeRound(there)
	if err == nil && past.Lost && r.Until.UnixMicro() == to.Until.UnixMicro() && r.Count == to.Count {
		return nil // the lost attempt has done it
	}
	return topic.ErrChanged
}

func roundExpiry(until time.Time) types.AttributeValue {
	return table.Number(until.Add(roundLife).Unix())
}

func departures(gone []topic.Departure) types.AttributeValue {
	list := &types.AttributeValueMemberL{}
	for _, g := range gone {
		list.Value = append(list.Value, table.Text(fmt.Sprintf("%s %d %d", g.Ref, g.Version, g.Grace.Milliseconds())))
	}
	return list
}

// decodeRound reads the item of a topic's rounds. An absent one is the zero Round.
func decodeRound(it table.Item) (r topic.Round, err error) {
	if len(it) == 0 {
		return topic.Round{}, nil
	}
	until, err := table.GetNumber(it, attrRoundUntil)
	if err != nil {
		return topic.Round{}, err
	}
	r.Until = time.UnixMicro(until).UTC()
	if r.Since, err = table.GetNumber(it, attrRoundSince); err != nil {
		return topic.Round{}, err
	}
	if _, ok := it[attrRoundCount]; ok {
		count, err := table.GetNumber(it, attrRoundCount)
		if err != nil {
			return topic.Round{}, err
		}
		r.Count = int(count)
	}
	_, r.Waiting = it[attrRoundWaiting]
	_, r.Incomplete = it[attrRoundIncomplete]
	r.Gone, err = decodeDepartures(it[attrRoundGone])
	return r, err
}

func decodeDepartures(v types.AttributeValue) (gone []topic.Departure, err error) {
	list, ok := v.(*types.AttributeValueMemberL)
	if !ok {
		return nil, nil
	}
	for _, v := range list.Value {
		text, _ := v.(*types.AttributeValueMemberS)
		if text == nil {
			return nil, fmt.Errorf("attribute %q has an element that is not a string but a %T", attrRoundGone, v)
		}
		g, err := parseDeparture(text.Value)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", attrRoundGone, err)
		}
		gone = append(gone, g)
	}
	return gone, nil
}

func parseDeparture(text string) (topic.Departure, error) {
	parts := strings.Split(text, " ")
	const fields = 3
	if len(parts) != fields {
		return topic.Departure{}, fmt.Errorf("%.100q does not have 3 fields", text)
	}
	version, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return topic.Departure{}, err
	}
	grace, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return topic.Departure{}, err
	}
	return topic.Departure{Ref: parts[0], Version: version, Grace: time.Duration(grace) * time.Millisecond}, nil
}
