package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo/internal/registry"
	"github.com/gatesock/gatesock/dynamo/internal/table"
)

// maxJoins is how many groups one update of a record adds: its expression has up to 4 KB (Amazon
// DynamoDB Developer Guide, "Quotas").
const maxJoins = 100

var _ conn.MultiJoiner = (*Connections)(nil)

// JoinMany makes a connection a member of several groups, and returns its record; see
// [conn.MultiJoiner]. It costs 1 write unit for each KB of the record and 1 for each group, and
// above 100 groups the record's once more for each further 100. Without groups it is a Get.
//
// It updates the record first, and then writes the memberships at the same time. If that is
// interrupted, the record names groups that may not list the connection, as after a Join; another
// call completes it.
func (cs *Connections) JoinMany(ctx context.Context, id string, groups []string) (conn.Conn, error) {
	if err := check(ctx, "connection id", id); err != nil {
		return conn.Conn{}, err
	}
	groups = slices.Clone(groups)
	slices.Sort(groups)
	groups = slices.Compact(groups)
	for _, group := range groups {
		if err := cs.checkMembership(ctx, id, group); err != nil {
			return conn.Conn{}, err
		}
	}
	if len(groups) == 0 {
		return cs.Get(ctx, id)
	}
	var r registry.Record
	for some := range slices.Chunk(groups, maxJoins) {
		var err error
		if r, err = cs.joinSome(ctx, id, some); err != nil {
			return conn.Conn{}, err
		}
	}
	return r.Conn, nil
}

// joinSome adds groups to the record, and then writes their rows, which have one version.
func (cs *Connections) joinSome(ctx context.Context, id string, groups []string) (registry.Record, error) {
	r, err := cs.enterAll(ctx, id, groups)
	if err != nil {
		return registry.Record{}, err
	}
	m := row{id: id, endpoint: r.Endpoint, expires: r.ExpiresAt.Unix(), kind: member, version: r.Next - 2}
	err = cs.t.Each(ctx, len(groups), func(i int) error { return cs.putMembership(ctx, groups[i], m) })
	if err != nil {
		return registry.Record{}, fmt.Errorf("dynamo: join %.100q to %d groups: the record names them, "+
			"but not all of them list the connection: %w", id, len(groups), err)
	}
	return r, nil
}

// enterAll is enter for several groups. It returns the new record.
func (cs *Connections) enterAll(ctx context.Context, id string, groups []string) (registry.Record, error) {
	var update strings.Builder
	update.WriteString("SET v = v + :s,seen = :now")
	names := map[string]string{"#m": registry.AttrGroups}
	for i, group := range groups {
		name := "#" + strconv.Itoa(i)
		names[name] = group
		update.WriteString(",#m." + name + " = if_not_exists(#m." + name + ",:z) + v")
	}
	out, _, err := table.Do(ctx, cs.t, cs.t.API.UpdateItem, &dynamodb.UpdateItemInput{
		TableName:                &cs.t.Name,
		Key:                      cs.t.ConnectionKey(id),
		UpdateExpression:         aws.String(update.String()),
		ConditionExpression:      aws.String("exp > :now"),
		ExpressionAttributeNames: names,
		ExpressionAttributeValues: table.Item{
			":z": table.Number(0), ":s": table.Number(2), ":now": table.Number(cs.t.Now()),
		},
		ReturnValues: types.ReturnValueAllNew,
	})
	if _, ok := table.Refused(err); ok {
		return registry.Record{}, &conn.NotFoundError{ID: id}
	}
	if table.TooLarge(err) {
		return registry.Record{}, fmt.Errorf("%w: with %d groups more, the record of connection %.100q would have more than %d bytes",
			conn.ErrInvalid, len(groups), id, maxItem)
	}
	if err != nil {
		return registry.Record{}, fmt.Errorf("dynamo: join %.100q to %d groups: %s: %w", id, len(groups),
			table.OutcomeOf(err, "the record may name the groups, which do not list the connection"), err)
	}
	r, err := registry.DecodeRecord(id, out.Attributes)
	if err != nil {
		return registry.Record{}, fmt.Errorf("dynamo: join %.100q to %d groups: %w", id, len(groups), err)
	}
	return r, nil
}
