package topiclog

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/dynamo/internal/table"
	"github.com/gatesock/gatesock/topic"
)

// attributeOf makes an attribute of any type that a foreign item may have.
func attributeOf(kind byte, value string) types.AttributeValue {
	switch kind % 9 {
	case 0:
		return &types.AttributeValueMemberS{Value: value}
	case 1:
		return &types.AttributeValueMemberN{Value: value}
	case 2:
		return &types.AttributeValueMemberB{Value: []byte(value)}
	case 3:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{table.Text(value)}}
	case 4:
		return &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberB{Value: []byte(value)}}}
	case 5:
		return &types.AttributeValueMemberL{}
	case 6:
		return &types.AttributeValueMemberNULL{Value: true}
	case 7:
		return &types.AttributeValueMemberM{Value: table.Item{value: table.Text(value)}}
	default:
		return nil
	}
}

// Nothing in the table makes the readers panic, and what they accept survives a round trip.
func FuzzDecode(f *testing.F) {
	const good = "\x00\x01\x02\x03\x04\x01\x01\x00\x01"
	f.Add([]byte(good), "0000000000000002", "1790000000", "said", "1-x")
	f.Add([]byte("\x01\x01\x02\x03\x04\x01\x01\x00\x01"), "2", "-1", "", "0-x")
	f.Add([]byte("\x00\x00\x02\x04\x03\x08\x08\x08\x08"), "0000000000000000", "1e9", "x", "1-")
	f.Fuzz(func(t *testing.T, kinds []byte, sort, number, data, epoch string) {
		kind := func(i int) byte {
			if i >= len(kinds) {
				return 8
			}
			return kinds[i]
		}
		it := table.Item{}
		for i, a := range []struct{ name, value string }{
			{table.SortKey, sort},
			{table.Expiry, number},
			{attrNonce, data},
			{attrNames, data},
			{attrData, data},
			{attrTime, number},
			{attrUntil, number},
			{attrPrevEpoch, epoch},
			{attrPrevOffset, number},
			{attrSeal, number},
		} {
			if v := attributeOf(kind(i), a.value); v != nil {
				it[a.name] = v
			}
		}
		l := newTwin().log()
		if e, err := decodeEntry(it); err == nil {
			again, err := decodeEntry(l.encodeEntry("room", "1-x", e))
			require.NoError(t, err)
			require.Equal(t, e.record("1-x"), again.record("1-x"))
			require.Equal(t, e.exp, again.exp)
			require.Equal(t, e.seal, again.seal)
			require.True(t, e.offset >= 1 && e.offset <= topic.MaxOffset)
			_ = e.left(time.Now())
		}
		if _, ok := it[attrEpoch]; ok {
			it[attrEpoch] = attributeOf(kind(3), epoch)
		}
		if h, err := decodeHead(it); err == nil {
			again, err := decodeHead(l.encodeHead("room", h))
			require.NoError(t, err)
			require.Equal(t, h, again)
			require.NoError(t, topic.Position{Epoch: h.epoch, Offset: 1}.Validate())
		}
		_ = itemError(it, nil).Error()
	})
}
