package table

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// MaxNamespaceBytes is the longest namespace: it is part of every partition key, which has up to
// 2,048 bytes (Amazon DynamoDB Developer Guide, "Constraints in Amazon DynamoDB").
const MaxNamespaceBytes = 255

// Prefix returns what the partition keys of a namespace begin with, and no others do. The empty
// namespace has no prefix. It fails on a namespace that is longer than [MaxNamespaceBytes],
// contains '#' or is not UTF-8.
func Prefix(namespace string) (string, error) {
	switch {
	case namespace == "":
		return "", nil
	case len(namespace) > MaxNamespaceBytes || strings.Contains(namespace, "#") || !utf8.ValidString(namespace):
		return "", fmt.Errorf("namespace %.300q is longer than %d bytes, contains '#' or is not UTF-8",
			namespace, MaxNamespaceBytes)
	}
	return "@" + namespace + "#", nil
}

// ConnectionSort is the sort key of every connection's record.
const ConnectionSort = "c"

// APIKeyPartitions is how many partitions the API keys are spread over.
const APIKeyPartitions = 16

func (t *Table) key(partition, sort string) Item {
	return Item{PartitionKey: Text(t.Prefix + partition), SortKey: Text(sort)}
}

// ConnectionPrefix returns what the partition keys of all connections' records begin with.
func (t *Table) ConnectionPrefix() string { return t.Prefix + "c#" }

// ConnectionKey returns the key of a connection's record.
func (t *Table) ConnectionKey(id string) Item { return t.key("c#"+id, ConnectionSort) }

// GroupPartition returns the partition key of one part of a group. The number comes last and has
// no '#', so that no two groups meet, whatever their names are.
func (t *Table) GroupPartition(group string, part int) types.AttributeValue {
	return Text(t.Prefix + "g#" + group + "#" + strconv.Itoa(part))
}

// MembershipKey returns the key of a connection's membership in one part of a group.
func (t *Table) MembershipKey(group string, part int, id string) Item {
	return Item{PartitionKey: t.GroupPartition(group, part), SortKey: Text(id)}
}

// SweepKey returns the key of the sweepers' progress.
func (t *Table) SweepKey() Item { return t.key("s#sweep", "s") }

// APIKeyPartition returns the partition key of API keys, for n from 0 to APIKeyPartitions-1.
func (t *Table) APIKeyPartition(n int) types.AttributeValue {
	return Text(t.Prefix + "k#" + strconv.FormatInt(int64(n), APIKeyPartitions))
}

// APIKeyKey returns the key of an API key, in the partition that a hash of its id chooses.
func (t *Table) APIKeyKey(id string) Item {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // it never fails
	return Item{PartitionKey: t.APIKeyPartition(int(h.Sum32() % APIKeyPartitions)), SortKey: Text(id)}
}

// TicketKey returns the key of a ticket with a hash.
func (t *Table) TicketKey(hash string) Item { return t.key("t#"+hash, "t") }

// RenewalKey returns the key of the renewed credentials of a connection.
func (t *Table) RenewalKey(connectionID string) Item { return t.key("a#"+connectionID, "a") }

// JobKey returns the key of what became of a job.
func (t *Table) JobKey(id string) Item { return t.key("j#"+id, "j") }

// FragmentHeadPartition returns the partition key of the messages of a connection that arrive in
// fragments.
func (t *Table) FragmentHeadPartition(connectionID string) types.AttributeValue {
	return Text(t.Prefix + "f#" + connectionID)
}

// FragmentHeadKey returns the key of what is known of a message that arrives in fragments.
func (t *Table) FragmentHeadKey(connectionID, message string) Item {
	return Item{PartitionKey: t.FragmentHeadPartition(connectionID), SortKey: Text(message)}
}

// FragmentPartition returns the partition key of the pieces of a message. The length keeps the
// messages of different connections apart, whatever their names are.
func (t *Table) FragmentPartition(connectionID, message string) types.AttributeValue {
	return Text(t.Prefix + "fp#" + strconv.Itoa(len(connectionID)) + "#" + connectionID + "#" + message)
}

// FragmentKey returns the key of a piece of a message that began under a token.
func (t *Table) FragmentKey(connectionID, message, token string, index int) Item {
	return Item{
		PartitionKey: t.FragmentPartition(connectionID, message), SortKey: Text(fmt.Sprintf("%s#%04d", token, index)),
	}
}

// BucketKey returns the key of a token bucket.
func (t *Table) BucketKey(key string) Item { return t.key("r#"+key, "b") }

// QuotaKey returns the key of what is used of a quota in the period that begins at start.
func (t *Table) QuotaKey(key string, start time.Time) Item {
	return t.key("r#"+key, "q#"+strconv.FormatInt(start.Unix(), 10))
}

// PlanKey returns the key of a plan. All plans are in one partition.
func (t *Table) PlanKey(name string) Item { return t.key("p#", name) }

// PlanPartition returns the partition key of all plans.
func (t *Table) PlanPartition() types.AttributeValue { return Text(t.Prefix + "p#") }

// UsagePartition returns the partition key of what was used on a day, such as 2026-01-31.
func (t *Table) UsagePartition(day string) types.AttributeValue { return Text(t.Prefix + "u#" + day) }

// UsageKey returns the key of what one name of a kind used on a day.
func (t *Table) UsageKey(day, kind, name string) Item { return t.key("u#"+day, kind+"#"+name) }

// TopicHeadKey returns the key of the item that says which epoch of a topic is the current one.
func (t *Table) TopicHeadKey(topic string) Item { return t.key("th#"+topic, "h") }

// EntryPartition returns the partition key of the entries of an epoch of a topic. The name comes
// last and an epoch has no '#', so that no two topics meet, whatever their names are. The same
// holds for the other kinds of item of a topic.
func (t *Table) EntryPartition(topic, epoch string) types.AttributeValue {
	return Text(t.Prefix + "te#" + epoch + "#" + topic)
}

// EntryKey returns the key of an entry of a topic.
func (t *Table) EntryKey(topic, epoch string, offset int64) Item {
	return Item{PartitionKey: t.EntryPartition(topic, epoch), SortKey: EntrySort(offset)}
}

// EntrySort returns the sort key of an entry: its offset in 16 digits, so that entries are in the
// order of their offsets.
func EntrySort(offset int64) types.AttributeValue { return Text(fmt.Sprintf("%016d", offset)) }

// Kinds of items of topics; see [Table.ParseTopic].
const (
	EntryKind  = "te"
	ValueKind  = "tv"
	RosterKind = "tp"
)

// ParseTopic returns the kind of an item of a topic and the topic's name by the partition key of
// the item, and for entries the epoch. It reports whether the item has one of the kinds above, in
// this namespace.
func (t *Table) ParseTopic(partition string) (kind, epoch, topic string, ok bool) {
	rest, ok := strings.CutPrefix(partition, t.Prefix)
	if !ok {
		return "", "", "", false
	}
	kind, topic, _ = strings.Cut(rest, "#")
	switch kind {
	case EntryKind:
		epoch, topic, _ = strings.Cut(topic, "#")
	case ValueKind, RosterKind:
	default:
		return "", "", "", false
	}
	return kind, epoch, topic, topic != ""
}

// PublishKeyKey returns the key of the item that notes which entry of an epoch was published with a
// key.
func (t *Table) PublishKeyKey(topic, epoch, key string) Item {
	return t.key("tk#"+epoch+"#"+topic, key)
}

// ValuePartition returns the partition key of the values of a state topic.
func (t *Table) ValuePartition(topic string) types.AttributeValue {
	return Text(t.Prefix + "tv#" + topic)
}

// ValueKey returns the key of a value of a state topic.
func (t *Table) ValueKey(topic, key string) Item { return t.key("tv#"+topic, key) }

// CounterKey returns the key of the counter of a state topic.
func (t *Table) CounterKey(topic string) Item { return t.key("tc#"+topic, "c") }

// RosterPartition returns the partition key of the presence of a topic.
func (t *Table) RosterPartition(topic string) types.AttributeValue {
	return Text(t.Prefix + "tp#" + topic)
}

// RosterKey returns the key of a connection's presence in a topic.
func (t *Table) RosterKey(topic, connectionID string) Item { return t.key("tp#"+topic, connectionID) }

// RoundKey returns the key of the item by which processes agree which of them announces the
// presence of a topic.
func (t *Table) RoundKey(topic string) Item { return t.key("ta#"+topic, "a") }

// FilterPartition returns the partition key of the filters of a state topic.
func (t *Table) FilterPartition(topic string) types.AttributeValue {
	return Text(t.Prefix + "tf#" + topic)
}

// FilterKey returns the key of a filter of a state topic.
func (t *Table) FilterKey(topic, id string) Item { return t.key("tf#"+topic, id) }

// TurnKey returns the key of the last turn to push a value to the subscribers with a filter. The ID
// of a filter has no '#'.
func (t *Table) TurnKey(topic, filter, key string) Item { return t.key("tt#"+filter+"#"+topic, key) }
