package cost

import (
	"fmt"
	"math"
	"time"
)

// Traffic is what clients do, and how the application is built. [Default] has the usual values.
type Traffic struct {
	// Connections are open at any time, on average over the month.
	Connections float64
	// Minutes is how long each connection stays open.
	Minutes float64
	// Messages is how many a client sends in an hour, keep-alives aside.
	Messages float64
	// FanOut is how many connections each message is sent on to.
	FanOut float64
	// MessageSize is the size of a message in bytes, in both directions.
	MessageSize float64
	// Reply is whether a message is answered, as on all routes that are not one-way.
	Reply bool
	// KeepAlive is after how many minutes a silent client sends a keep-alive; 0 is never.
	KeepAlive float64
	// Silent is the percentage of the connections that are silent.
	Silent float64

	// Registry is whether connections are registered in DynamoDB.
	Registry bool
	// Groups is how many groups a connection is in from the beginning, beside that of its user.
	Groups float64
	// Joins is how many more groups a connection joins.
	Joins float64

	// Memory is that of the function, in MB.
	Memory float64
	// Duration is that of an invocation without its posts.
	Duration time.Duration
	// X86 is whether the function runs on x86_64 instead of arm64.
	X86 bool

	// LogBytes is what the function logs in an invocation.
	LogBytes float64
	// Metrics, Alarms and Dashboards are how many there are. An alarm counts as often as it has
	// metrics, by which it is billed.
	Metrics, Alarms, Dashboards float64
}

// Default returns traffic without clients, with the metrics that package observe has at most for
// eight routes, and the alarms that gatesock template makes for the chat.
func Default() Traffic {
	return Traffic{
		Minutes: maxMinutes, MessageSize: 512, Reply: true, KeepAlive: 9, Silent: 100,
		Registry: true, Groups: 1,
		Memory: 256, Duration: 5 * time.Millisecond,
		LogBytes: ObserveBytes + PlatformBytes, Metrics: 62, Alarms: 29, Dashboards: 1,
	}
}

// Facts about AWS; docs/gateway-facts.md, sections 8, 13 and 14.
const (
	// HoursPerMonth is a twelfth of a year of 365 days.
	HoursPerMonth = 730
	maxMinutes    = 120       // of a connection
	idleMinutes   = 10        // after which a silent connection is closed
	step          = 32 << 10  // in which messages are metered
	maxMessage    = 128 << 10 // a message
	// PostSeconds is how long a post to a connection takes.
	PostSeconds = 0.010
)

// What gatesock does and logs.
const (
	// Concurrency is how many posts of a broadcast run at once, by default.
	Concurrency = 64
	// ReplyBytes is about what an acknowledgement or a keep-alive takes.
	ReplyBytes = 64
	// ObserveBytes is about what package observe writes for an invocation. A test of that package
	// compares it with the line of a message; a connection that opens or closes has a longer one.
	ObserveBytes = 600
	// PlatformBytes is about what Lambda writes for an invocation: START, END and REPORT.
	PlatformBytes = 300
	// AccessBytes is about what API Gateway writes for an event into the access log of gatesock
	// template: 27 fields.
	AccessBytes = 800
)

// What the registry writes, reads and stores. The tests of package dynamo compare these with
// DynamoDB Local.
const (
	// RecordWrites is for the record of a connection and the row of its user, which are written
	// when it opens and deleted when it closes.
	RecordWrites = 2
	// GroupWrites is for each group of a connection, in both cases.
	GroupWrites = 1
	// JoinWrites is for a group that is joined later.
	JoinWrites = 2
	// RecordBytes and RowBytes are the sizes of a record with a group and of a row, with what
	// DynamoDB adds to each item.
	RecordBytes = 131 + ItemBytes
	RowBytes    = 51 + ItemBytes
	// ItemBytes is what DynamoDB adds to each item.
	ItemBytes = 100

	memberBytes = 49
	pageMembers = 1000
	readStep    = 4096
)

// Reading returns the read units of reading a group of n members in pages of 1,000. Each page is
// rounded up to a unit, and a full one is followed by another.
func Reading(n float64) float64 {
	pages := math.Floor(n / pageMembers)
	page := math.Ceil(pageMembers * memberBytes / float64(readStep))
	return pages*page + math.Max(1, math.Ceil((n-pages*pageMembers)*memberBytes/readStep))
}

// Invalid is the error about a number of [Traffic] that is out of range.
type Invalid struct {
	// Name is that of the flag of gatesock cost.
	Name string
	// Want is the range in words.
	Want string
	// Have is the number; that of a duration is in seconds.
	Have float64
}

func (i *Invalid) Error() string {
	have := fmt.Sprint(i.Have)
	if i.Name == "duration" {
		have = time.Duration(i.Have * float64(time.Second)).String()
	}
	return fmt.Sprintf("%s: %s is out of range: want %s", i.Name, have, i.Want)
}

// Bounds of what is counted. They are far above the quotas of an account, and keep the sums exact
// to a cent.
const (
	maxConnections = 100 * million
	maxMessages    = 100_000 // an hour
	maxFanOut      = 10 * million
	maxGroups      = 1000
	maxBytes       = 1 << 20
	maxCount       = 10 * million
	minMemory      = 128
	maxMemory      = 10_240
	maxDuration    = 900 // seconds
)

// validate returns an [Invalid] for the first number that is out of range.
func (t Traffic) validate() error {
	for _, c := range []struct {
		name        string
		have        float64
		least, most float64
		want        string
	}{
		{"connections", t.Connections, 0, maxConnections, "0 to 100000000"},
		{"minutes", t.Minutes, 1, maxMinutes, "1 to 120: API Gateway closes a connection after 2 hours"},
		{"messages", t.Messages, 0, maxMessages, "0 to 100000 an hour"},
		{"fan-out", t.FanOut, 0, maxFanOut, "0 to 10000000"},
		{"message-size", t.MessageSize, 1, maxMessage, "1 to 131072 bytes: API Gateway takes no larger message"},
		{"keep-alive", t.KeepAlive, 0, math.Nextafter(idleMinutes, 0), "0 for none, or less than 10 minutes: " +
			"API Gateway closes a connection that is silent for that long"},
		{"silent", t.Silent, 0, 100, "0 to 100 percent"},
		{"groups", t.Groups, 0, maxGroups, "0 to 1000"},
		{"joins", t.Joins, 0, maxGroups, "0 to 1000"},
		{"memory", t.Memory, minMemory, maxMemory, "128 to 10240 MB"},
		{"duration", t.Duration.Seconds(), 0.001, maxDuration, "1ms to 15m"},
		{"log-bytes", t.LogBytes, 0, maxBytes, "0 to 1048576 bytes"},
		{"metrics", t.Metrics, 0, maxCount, "0 to 10000000"},
		{"alarms", t.Alarms, 0, maxCount, "0 to 10000000"},
		{"dashboards", t.Dashboards, 0, maxCount, "0 to 10000000"},
	} {
		if !within(c.have, c.least, c.most) {
			return &Invalid{c.name, c.want, c.have}
		}
	}
	if t.KeepAlive != 0 && t.KeepAlive < 0.1 {
		return &Invalid{"keep-alive", "0 for none, or at least 0.1 minutes", t.KeepAlive}
	}
	return nil
}
