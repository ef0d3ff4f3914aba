package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/async"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// Outcomes returns the store of what became of jobs, for package async:
//
//	jobs := async.New(queue, client, db.Outcomes())
//
// Every process of an application must use it, so that a job that the queue delivers twice is done
// once. An outcome expires 24 hours after the last call that changed it ([async.Keep]). The role
// needs dynamodb:UpdateItem.
//
// A job costs 3 write units if its result fits into a kilobyte together with its ID: one to claim
// it, one to keep the result until it is posted, and one to note that it was. Each further kilobyte
// of the result costs 2 more, and a job without a result costs 1 less. An attempt that fails costs
// 2, and a delivery of a job that is done costs 1.
//
// # Clocks and lost answers
//
// A claim ends by the clocks of the processes, so these must not differ by more than the 2 seconds
// that package async adds to it.
//
// If the answer to a request is lost, the request is repeated. The token of the claim shows that it
// is the same one: a repeated claim gets the job, and a repeated record is made.
func (db *DB) Outcomes() async.Outcomes { return outcomes{db.t} }

type outcomes struct{ t *table.Table }

// The attributes of an outcome. The number of attrSettled and attrDead is 1; a job that is not
// settled or dead does not have them.
const (
	attrToken   = "t" // of the claim; absent if none holds the job
	attrUntil   = "u" // when the claim is over: Unix time in milliseconds
	attrFrame   = "f" // binary
	attrSettled = "s"
	attrDead    = "d"
)

// Claim implements [async.Outcomes] with a conditional update.
func (s outcomes) Claim(ctx context.Context, jobID string, c async.Claim) (async.Outcome, error) {
	now := s.t.Clock()
	in := s.update(jobID,
		"SET "+attrToken+" = :token, "+attrUntil+" = :until, "+table.Expiry+" = :expiry",
		"attribute_not_exists("+attrSettled+") AND (attribute_not_exists("+attrToken+") OR "+
			attrToken+" = :token OR "+attrUntil+" <= :now)",
		table.Item{
			":token": table.Text(c.Token), ":until": table.Number(c.Until.UnixMilli()),
			":now": table.Number(now.UnixMilli()), ":expiry": keptUntil(now, c.Until),
		})
	in.ReturnValues = types.ReturnValueAllNew
	out, _, err := table.Do(ctx, s.t, s.t.API.UpdateItem, in)
	there, refused := table.Refused(err)
	if err != nil && !refused {
		return async.Outcome{}, fmt.Errorf("dynamo: claim job %.100q: %s: %w", jobID,
			table.OutcomeOf(err, "it may be claimed"), err)
	}
	if !refused {
		there = out.Attributes
	}
	outcome, err := decodeOutcome(there)
	switch {
	case err != nil:
		return async.Outcome{}, fmt.Errorf("dynamo: claim job %.100q: %w", jobID, err)
	case refused && !outcome.Settled:
		return async.Outcome{}, async.ErrClaimed
	}
	return outcome, nil
}

// Record implements [async.Outcomes]. The expiry that the claim has set is late enough, unless the
// record is made after the end of the claim.
func (s outcomes) Record(ctx context.Context, jobID, token string, o async.Outcome) error {
	set, remove, values := recording(o)
	values[":token"] = table.Text(token)
	values[":expiry"] = keptUntil(s.t.Clock(), time.Time{})
	_, _, err := table.Do(ctx, s.t, s.t.API.UpdateItem,
		s.update(jobID, expression(set, remove), heldByToken+" AND "+table.Expiry+" >= :expiry", values))
	there, refused := table.Refused(err)
	if holder, _ := table.GetText(there, attrToken); refused && holder == token {
		_, _, err = table.Do(ctx, s.t, s.t.API.UpdateItem,
			s.update(jobID, expression(append(set, table.Expiry+" = :expiry"), remove), heldByToken, values))
		_, refused = table.Refused(err)
	}
	if refused {
		return async.ErrClaimLost
	}
	if err != nil {
		return fmt.Errorf("dynamo: record the outcome of job %.100q: %s: %w", jobID,
			table.OutcomeOf(err, "it may be recorded"), err)
	}
	return nil
}

// recording returns the parts of an update expression that writes an outcome in the place of
// another, and its values.
func recording(o async.Outcome) (set, remove []string, values table.Item) {
	values = table.Item{}
	for _, a := range []struct {
		name  string
		has   bool
		value types.AttributeValue
	}{
		{attrFrame, len(o.Frame) > 0, &types.AttributeValueMemberB{Value: o.Frame}},
		{attrSettled, o.Settled, table.Number(1)},
		{attrDead, o.Dead, table.Number(1)},
	} {
		if a.has {
			set = append(set, a.name+" = :"+a.name)
			values[":"+a.name] = a.value
		} else {
			remove = append(remove, a.name)
		}
	}
	return set, remove, values
}

// expression returns an update expression.
func expression(set, remove []string) string {
	var clauses []string
	if len(set) > 0 {
		clauses = append(clauses, "SET "+strings.Join(set, ", "))
	}
	if len(remove) > 0 {
		clauses = append(clauses, "REMOVE "+strings.Join(remove, ", "))
	}
	return strings.Join(clauses, " ")
}

// Release implements [async.Outcomes].
func (s outcomes) Release(ctx context.Context, jobID, token string) error {
	_, _, err := table.Do(ctx, s.t, s.t.API.UpdateItem, s.update(jobID,
		"SET "+table.Expiry+" = :expiry REMOVE "+attrToken+", "+attrUntil, heldByToken,
		table.Item{":token": table.Text(token), ":expiry": keptUntil(s.t.Clock(), time.Time{})}))
	if _, refused := table.Refused(err); refused {
		return nil // it does not hold the job, maybe since an attempt whose answer was lost
	}
	if err != nil {
		return fmt.Errorf("dynamo: release job %.100q: %s: %w", jobID, table.OutcomeOf(err, "it may be released"), err)
	}
	return nil
}

const heldByToken = attrToken + " = :token"

func (s outcomes) update(jobID, update, condition string, values table.Item) *dynamodb.UpdateItemInput {
	return &dynamodb.UpdateItemInput{
		TableName: &s.t.Name, Key: s.t.JobKey(jobID),
		UpdateExpression: &update, ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// keptUntil returns the expiry of an outcome that was changed now, and whose claim is over at a
// time.
func keptUntil(now, claimed time.Time) types.AttributeValue {
	if claimed.After(now) {
		now = claimed
	}
	return table.Number(now.Add(async.Keep).Unix() + 1)
}

// decodeOutcome also checks the attributes of the claim: with others, nobody would get the job.
func decodeOutcome(it table.Item) (o async.Outcome, err error) {
	if o.Settled, err = getFlag(it, attrSettled); err != nil {
		return o, err
	}
	if o.Dead, err = getFlag(it, attrDead); err != nil {
		return o, err
	}
	switch v := it[attrFrame].(type) {
	case nil:
	case *types.AttributeValueMemberB:
		o.Frame = v.Value
	default:
		return o, fmt.Errorf("attribute %q is not binary but a %T", attrFrame, v)
	}
	if token, err := table.GetText(it, attrToken); err != nil || token == "" {
		return o, err
	}
	_, err = table.GetNumber(it, attrUntil)
	return o, err
}

// getFlag reads a number as whether it is not 0. An absent one is false.
func getFlag(it table.Item, name string) (bool, error) {
	if _, ok := it[name]; !ok {
		return false, nil
	}
	n, err := table.GetNumber(it, name)
	return n != 0, err
}
