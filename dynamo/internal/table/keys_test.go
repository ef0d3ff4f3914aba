package table

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func TestPrefix(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	for namespace, want := range map[string]string{"": "", "dev": "@dev#", long: "@" + long + "#"} {
		got, err := Prefix(namespace)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"a#b", "\xff", strings.Repeat("x", 256)} {
		_, err := Prefix(bad)
		require.ErrorContains(t, err, "longer than 255 bytes, contains '#' or is not UTF-8")
	}
}

// The keys in tables that exist: they never change.
func TestKeys(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_790_000_000, 0)
	for _, namespace := range []string{"", "dev"} {
		prefix, err := Prefix(namespace)
		require.NoError(t, err)
		tab := &Table{Prefix: prefix}
		for name, c := range map[string]struct {
			key    Item
			pk, sk string
		}{
			"connection": {tab.ConnectionKey("W9="), "c#W9=", "c"},
			"membership": {tab.MembershipKey("room:1#2", 3, "W9="), "g#room:1#2#3", "W9="},
			"progress":   {tab.SweepKey(), "s#sweep", "s"},
			"API key":    {tab.APIKeyKey("k1"), "k#1", "k1"},
			"ticket":     {tab.TicketKey("h1"), "t#h1", "t"},
			"renewal":    {tab.RenewalKey("W9="), "a#W9=", "a"},
			"job":        {tab.JobKey("W9=/m#1"), "j#W9=/m#1", "j"},
			"fragments":  {tab.FragmentHeadKey("W9=", "m#1"), "f#W9=", "m#1"},
			"piece":      {tab.FragmentKey("W9=", "m#1", "T", 12), "fp#3#W9=#m#1", "T#0012"},
			"bucket":     {tab.BucketKey("messages#ann"), "r#messages#ann", "b"},
			"quota":      {tab.QuotaKey("month#ann", start), "r#month#ann", "q#1790000000"},
			"plan":       {tab.PlanKey("free"), "p#", "free"},
			"usage":      {tab.UsageKey("2026-01-31", "key", "ann#1"), "u#2026-01-31", "key#ann#1"},

			"head of a topic":  {tab.TopicHeadKey("room:1#2"), "th#room:1#2", "h"},
			"entry":            {tab.EntryKey("room:1#2", "3-X", 12), "te#3-X#room:1#2", "0000000000000012"},
			"last entry":       {tab.EntryKey("r", "3-X", 1<<53-1), "te#3-X#r", "9007199254740991"},
			"publisher's key":  {tab.PublishKeyKey("room:1#2", "3-X", "a#1"), "tk#3-X#room:1#2", "a#1"},
			"value":            {tab.ValueKey("home#1", "t#1"), "tv#home#1", "t#1"},
			"counter":          {tab.CounterKey("home#1"), "tc#home#1", "c"},
			"member presence":  {tab.RosterKey("room:1#2", "W9="), "tp#room:1#2", "W9="},
			"rounds":           {tab.RoundKey("room:1#2"), "ta#room:1#2", "a"},
			"filter of values": {tab.FilterKey("home#1", "f1"), "tf#home#1", "f1"},
		} {
			require.Equal(t, Item{"pk": Text(prefix + c.pk), "sk": Text(c.sk)}, c.key, name)
		}
		for want, got := range map[string]types.AttributeValue{
			"c#":           Text(tab.ConnectionPrefix()),
			"g#room:1#0":   tab.GroupPartition("room:1", 0),
			"k#f":          tab.APIKeyPartition(APIKeyPartitions - 1),
			"p#":           tab.PlanPartition(),
			"u#2026-01-31": tab.UsagePartition("2026-01-31"),
			"te#3-X#room":  tab.EntryPartition("room", "3-X"),
			"tv#home":      tab.ValuePartition("home"),
			"tp#room":      tab.RosterPartition("room"),
			"tf#home":      tab.FilterPartition("home"),
		} {
			require.Equal(t, Text(prefix+want), got)
		}
	}
}
