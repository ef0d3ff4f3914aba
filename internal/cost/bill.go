package cost

import (
	"fmt"
	"math"
	"time"
)

// Bill is what an application costs in a month.
type Bill struct {
	Parts []Part `json:"parts"`
	// Dollars is the sum of the parts.
	Dollars float64 `json:"dollars"`
	// Assumptions are what the bill rests on, in sentences.
	Assumptions []string `json:"assumptions"`
	Prices      Prices   `json:"prices"`
}

// Part is one line of a bill.
type Part struct {
	Service  string  `json:"service"`
	Name     string  `json:"name"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Item     Item    `json:"item"`
	Dollars  float64 `json:"dollars"`
}

// maxQuantity is the largest quantity in a month for which a cent is still exact.
const maxQuantity = 1e17

// Of returns the bill of a month. The error is an [Invalid] if a number is out of range.
func Of(t Traffic, p Prices) (Bill, error) {
	if err := t.validate(); err != nil {
		return Bill{}, err
	}
	if err := p.validate(); err != nil {
		return Bill{}, err
	}
	b := Bill{Parts: t.parts(), Assumptions: t.assumptions(p), Prices: p}
	totals := map[Item]float64{}
	for _, part := range b.Parts {
		totals[part.Item] += part.Quantity
	}
	for i := range b.Parts {
		part := &b.Parts[i]
		if part.Quantity > maxQuantity {
			return Bill{}, fmt.Errorf("%s, %s: %.3g %s a month are more than can be computed",
				part.Service, part.Name, part.Quantity, part.Unit)
		}
		if part.Quantity > 0 { // Parts of one item share its tiers.
			part.Dollars = p.Items[part.Item].Of(totals[part.Item]) * (part.Quantity / totals[part.Item])
		}
		b.Dollars += part.Dollars
	}
	return b, nil
}

// month is the traffic of a month.
type month struct {
	opened, received, posts, replies, keepAlives float64
	invocations, seconds                         float64
}

func (t Traffic) month() month {
	m := month{
		opened:   t.Connections * HoursPerMonth * 60 / t.Minutes,
		received: t.Connections * HoursPerMonth * t.Messages,
	}
	m.posts = m.received * t.FanOut
	if t.Reply {
		m.replies = m.received
	}
	m.keepAlives = m.opened * t.Silent / 100 * t.keepAlives()
	m.invocations = 2*m.opened + m.received
	billed := (t.Duration + time.Millisecond - 1).Truncate(time.Millisecond)
	m.seconds = m.invocations*billed.Seconds() + m.received*math.Ceil(t.FanOut/Concurrency)*PostSeconds
	return m
}

// keepAlives returns how many a silent client sends while its connection is open.
func (t Traffic) keepAlives() float64 {
	if t.KeepAlive == 0 {
		return 0
	}
	return math.Floor(t.Minutes / t.KeepAlive)
}

// metered returns how many messages API Gateway meters for one of this size.
func metered(size float64) float64 { return math.Ceil(size / step) }

func (t Traffic) parts() []Part {
	m, size := t.month(), metered(t.MessageSize)
	compute := ComputeARM
	if t.X86 {
		compute = ComputeX86
	}
	const gatewayName, lambda, dynamo, watch = "API Gateway", "Lambda", "DynamoDB", "CloudWatch"
	parts := []Part{
		{Service: gatewayName, Name: "open connections", Item: ConnectionMinutes, Quantity: t.Connections * HoursPerMonth * 60, Unit: "minutes"},
		{Service: gatewayName, Name: "messages in", Item: Messages, Quantity: m.received * size, Unit: "messages"},
		{Service: gatewayName, Name: "replies", Item: Messages, Quantity: m.replies, Unit: "messages"},
		{Service: gatewayName, Name: "messages out", Item: Messages, Quantity: m.posts * size, Unit: "messages"},
		{Service: gatewayName, Name: "keep-alives", Item: Messages, Quantity: m.keepAlives, Unit: "messages"},
		{Service: gatewayName, Name: "replies to keep-alives", Item: Messages, Quantity: m.keepAlives, Unit: "messages"},
		{
			Service: gatewayName, Name: "data to the internet", Item: DataOut, Unit: "bytes",
			Quantity: m.posts*t.MessageSize + (m.replies+m.keepAlives)*ReplyBytes,
		},
		{Service: lambda, Name: "invocations", Item: Requests, Quantity: m.invocations, Unit: "requests"},
		{Service: lambda, Name: "memory and time", Item: compute, Quantity: m.seconds * t.Memory / 1024, Unit: "GB-seconds"},
	}
	if t.Registry {
		parts = append(parts, []Part{
			{Service: dynamo, Name: "connects and disconnects", Item: WriteUnits, Quantity: m.opened * t.trackWrites(), Unit: "write units"},
			{Service: dynamo, Name: "joins", Item: WriteUnits, Quantity: m.opened * t.Joins * (JoinWrites + GroupWrites), Unit: "write units"},
			{Service: dynamo, Name: "readings of groups", Item: ReadUnits, Quantity: t.readings(m), Unit: "read units"},
			{
				Service: dynamo, Name: "storage", Item: Storage, Unit: "bytes",
				Quantity: t.Connections * (RecordBytes + RowBytes*(1+t.Groups+t.Joins)),
			},
		}...)
	}
	return append(parts, []Part{
		{Service: watch, Name: "logs of the function", Item: Logs, Quantity: m.invocations * t.LogBytes, Unit: "bytes"},
		{Service: watch, Name: "access log", Item: Logs, Quantity: (m.invocations + m.keepAlives) * AccessBytes, Unit: "bytes"},
		{Service: watch, Name: "custom metrics", Item: Metrics, Quantity: t.Metrics, Unit: "metrics"},
		{Service: watch, Name: "alarms", Item: Alarms, Quantity: t.Alarms, Unit: "metrics"},
		{Service: watch, Name: "dashboards", Item: Dashboards, Quantity: t.Dashboards, Unit: "dashboards"},
	}...)
}

// trackWrites returns the write units of a connection that opens and closes.
func (t Traffic) trackWrites() float64 { return 2 * (RecordWrites + GroupWrites*t.Groups) }

// readings returns the read units of the groups that messages are sent on to.
func (t Traffic) readings(m month) float64 {
	if t.FanOut == 0 {
		return 0
	}
	return m.received * Reading(t.FanOut)
}
