package topicvalues

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// replacers returns the attributes with the nonces of the calls of ReplaceValue that have stored
// the value, and those before it; the last one first. StoreValue leaves them alone.
func replacers() [places]string { return [...]string{attrNonce, "o1", "o2", "o3"} }

const places = 4 // for nonces

// nobody is in place of a nonce where there is none.
const nobody = "-"

// errUncertain means that an attempt had no answer, and the item does not tell any more whether it
// was carried out.
var errUncertain = errors.New("it may have been stored: there was no answer, and others have stored other values since")

// ReplaceValue implements [topic.Values].
func (s *Store) ReplaceValue(
	ctx context.Context, name, key string, version int64, data json.RawMessage,
) (topic.Stored, error) {
	w, err := s.begin(ctx, name, key, data)
	if err != nil {
		return topic.Stored{}, err
	}
	r := &replacing{writing: w, version: version, next: version + 1, nonce: rand.Text()[:10]}
	if version == 0 {
		r.next = w.first() + 1
	}
	stored, err := r.run(ctx)
	if err != nil {
		return topic.Stored{}, fmt.Errorf("replace the value %.100q of topic %.100q: %w", key, name, err)
	}
	return stored, nil
}

// replacing is a value that is being stored in place of a version. All its attempts are alike, so
// that it does not matter which of them is carried out.
type replacing struct {
	*writing

	version int64
	next    int64 // what the version becomes
	nonce   string
}

// run makes attempts until one succeeds or is refused.
func (r *replacing) run(ctx context.Context) (topic.Stored, error) {
	for n := 1; ; n++ {
		out, err := table.Attempt(ctx, r.s.t, r.s.t.API.UpdateItem, r.update())
		if err == nil {
			before, err := beforeOf(out.Attributes)
			return topic.Stored{Version: r.next, Before: before}, err
		}
		there, refused := table.Refused(err)
		fate := table.FateOf(err)
		switch {
		case refused:
			mine, final, err := r.meet(there)
			if mine || final {
				return topic.Stored{Version: r.next, BeforeUnknown: true}, err
			}
		case fate == table.Unknown:
			r.lost = true
		case fate != table.Repeatable:
			return topic.Stored{}, r.failed(err)
		}
		switch {
		case n == table.MaxAttempts:
			return topic.Stored{}, r.failed(fmt.Errorf("%d attempts, the last: %w", n, err))
		case !refused && !r.s.t.WaitFor(ctx, n):
			return topic.Stored{}, r.failed(fmt.Errorf("no time is left for another attempt: %w", err))
		}
	}
}

func (r *replacing) update() *dynamodb.UpdateItemInput {
	values := table.Item{
		":next": table.Number(r.next), ":time": table.Number(r.now.UnixMilli()), ":now": table.Number(r.now.Unix()),
		":nonce": table.Text(r.nonce), ":nobody": table.Text(nobody),
	}
	condition := "attribute_not_exists(v) OR " + table.Expiry + " <= :now AND v < :next"
	if r.version != 0 {
		condition = "v = :version AND (attribute_not_exists(" + table.Expiry + ") OR " + table.Expiry + " > :now)"
		values[":version"] = table.Number(r.version)
	}
	var set strings.Builder
	nonces := replacers()
	set.WriteString("SET v = :next, t = :time, " + nonces[0] + " = :nonce")
	for i, name := range nonces[1:] {
		set.WriteString(", " + name + " = if_not_exists(" + nonces[i] + ", :nobody)")
	}
	if r.data == nil {
		set.WriteString(", " + table.Expiry + " = :exp REMOVE d")
		values[":exp"] = r.expiry()
	} else {
		set.WriteString(", d = :data REMOVE " + table.Expiry)
		values[":data"] = table.Text(string(r.data))
	}
	return &dynamodb.UpdateItemInput{
		TableName: &r.s.t.Name, Key: r.key,
		UpdateExpression: aws.String(set.String()), ConditionExpression: &condition,
		ExpressionAttributeValues:           values,
		ReturnValues:                        types.ReturnValueAllOld,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
}

// meet decides what it means that an attempt was refused because of an item: that an attempt before
// was carried out, that the call ends with an error, or neither, if it has to be made again.
func (r *replacing) meet(there table.Item) (mine, final bool, err error) {
	if len(there) == 0 { // a mark was removed, or an item by hand
		return false, true, r.changed(false)
	}
	oldest := ""
	for _, name := range replacers() {
		if oldest, err = table.GetText(there, name); err != nil {
			return false, true, itemError(there, err)
		}
		if oldest == r.nonce {
			return true, true, nil
		}
	}
	version, err := table.GetNumber(there, attrVersion)
	if err != nil {
		return false, true, itemError(there, err)
	}
	expires, err := table.GetNumber(there, table.Expiry)
	if r.version == 0 && !r.lost && err == nil && expires <= r.now.Unix() { // the clock of its writer was ahead
		r.next = version + 1
		return false, false, nil
	}
	// Each value that is stored has a higher version. So if a nonce has left the item, as many
	// versions were stored since as it has places.
	room := oldest == "" || oldest == nobody || version-r.next < places
	return false, true, r.changed(room)
}

// changed returns the error of a call that another has outrun. certain means that the item would
// have the nonce if an attempt had been carried out.
func (r *replacing) changed(certain bool) error {
	if r.lost && !certain {
		return errUncertain
	}
	return topic.ErrChanged
}
