package dynamoconn

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/internal/dynamotable"
)

// The attributes of the items, beside the keys and the expiry. docs/adr/0007-table.md says why they are as they are.
const (
	attrUser        = "user"   // S, not if empty
	attrEndpoint    = "ep"     // S, may be empty in a record, not in a membership
	attrAttributes  = "attrs"  // M of S; records of earlier versions have none if it is empty
	attrGroups      = "groups" // M of N: the group's name to the membership's version
	attrConnectedAt = "at"     // N, milliseconds since 1970
	attrVersion     = "v"      // N, in a record the next version, in a membership its own
	attrNonce       = "n"      // B, tells the record of one Put from that of another
	attrGuard       = "m"      // N, seconds since 1970: until then, a row of an earlier version is to be kept out
	attrSeen        = "seen"   // N, seconds since 1970: the connection's last sign of life that was written
)

// connectionSort is the sort key of a record.
const connectionSort = "c"

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func (s *Store) connectionPrefix() string { return s.prefix + "c#" }

func (s *Store) connectionKey(id string) item {
	return item{
		dynamotable.PartitionKey: text(s.connectionPrefix() + id),
		dynamotable.SortKey:      text(connectionSort),
	}
}

// partition gives the partition key of a part of a group. The number comes last and has no '#', so no two
// groups meet, whatever their names.
func (s *Store) partition(group string, part int) string {
	return s.prefix + "g#" + group + "#" + strconv.Itoa(part)
}

func (s *Store) membershipKey(group string, part int, id string) item {
	return item{
		dynamotable.PartitionKey: text(s.partition(group, part)),
		dynamotable.SortKey:      text(id),
	}
}

// The functions below read an attribute of an item. Absence is an error, or the zero value if the attribute may be
// absent. The table is outside input: somebody may have written to it by hand.

var errAbsent = errors.New("is absent")

func getText(it item, name string) (string, error) {
	switch v := it[name].(type) {
	case nil:
		return "", nil
	case *types.AttributeValueMemberS:
		return v.Value, nil
	default:
		return "", fmt.Errorf("attribute %.100q is no string but a %T", name, v)
	}
}

func getNumber(it item, name string) (int64, error) {
	v, ok := it[name]
	if !ok {
		return 0, fmt.Errorf("attribute %.100q %w", name, errAbsent)
	}
	n, err := parseNumber(v)
	if err != nil {
		return 0, fmt.Errorf("attribute %.100q: %w", name, err)
	}
	return n, nil
}

// parseNumber reads a whole number. One above those of int64 is read as the largest of them, for a sum of versions.
func parseNumber(v types.AttributeValue) (int64, error) {
	number, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("is no number but a %T", v)
	}
	n, err := strconv.ParseInt(number.Value, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("is no whole number: %w", err)
	}
	return n, nil
}

func getMap(it item, name string) (item, error) {
	switch v := it[name].(type) {
	case nil:
		return nil, nil
	case *types.AttributeValueMemberM:
		return v.Value, nil
	default:
		return nil, fmt.Errorf("attribute %.100q is no map but a %T", name, v)
	}
}
