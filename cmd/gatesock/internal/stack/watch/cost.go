package watch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/internal/cost"
)

// maxMetrics is how many metrics an expression of an alarm can have (Amazon CloudWatch User Guide,
// "Alarm data queries").
const maxMetrics = 10

// part is a part of the cost: a metric times a price.
type part struct {
	query Query
	price float64
	words string // what it is, for people
}

// parts returns the parts of the cost, in US East. Those that usually cost most come first.
func (s *Service) parts() []part {
	prices, _ := cost.Known("us-east-1")
	price := func(item cost.Item) float64 { return prices.Items[item].Of(1) } // without discounts for quantity
	list := []part{{query: metric(ofAPI("MessageCount"), "Sum").as("messages"), price: price(cost.Messages), words: "messages"}}
	const seconds, kilobytes, milliseconds = 60, 1024, 1000
	if s.Namespace != "" {
		list = append(list, part{
			query: metric(s.observed("ConnectionDuration"), "Sum").as("connected"),
			price: price(cost.ConnectionMinutes) / seconds, words: "connection minutes",
		})
	}
	for i, f := range s.Functions {
		compute := cost.ComputeX86
		if f.ARM {
			compute = cost.ComputeARM
		}
		list = append(list, part{
			query: metric(ofFunction("Duration", f.ID), "Sum").as(fmt.Sprintf("duration%d", i)),
			price: price(compute) * float64(f.Memory) / kilobytes / milliseconds, words: "duration of " + f.Name,
		})
	}
	for i, id := range s.Tables {
		list = append(list,
			part{query: metric(ofTable("ConsumedWriteCapacityUnits", id), "Sum").as(fmt.Sprintf("writes%d", i)), price: price(cost.WriteUnits), words: "writes of " + id},
			part{query: metric(ofTable("ConsumedReadCapacityUnits", id), "Sum").as(fmt.Sprintf("reads%d", i)), price: price(cost.ReadUnits), words: "reads of " + id})
	}
	for i, f := range s.Functions {
		list = append(list, part{
			query: metric(ofFunction("Invocations", f.ID), "Sum").as(fmt.Sprintf("calls%d", i)), price: price(cost.Requests), words: "calls of " + f.Name,
		})
	}
	return list
}

// cost returns the expression of a part. Where the metric has no values, it costs nothing.
func (p part) cost() string { return decimal(p.price) + " * FILL(" + p.query.ID + ", 0)" }

// decimal returns six digits of a number without an exponent, which is not documented for metric
// math.
func decimal(x float64) string {
	const digits = 6
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits-1, 64), 64)
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// day is the period of the cost, in seconds. Alarms can have longer ones (Amazon CloudWatch API
// Reference, "PutMetricAlarm": seven days, if the period is at least an hour).
const day = 24 * 60 * 60

// costAlarm returns the alarm on the cost of a day. It counts as many parts as an alarm can have,
// and says which.
func (s *Service) costAlarm() Alarm {
	a := Alarm{
		ID: "CostAlarm", Kind: "CostAlarm", Of: "the cost of a day",
		Condition: Condition{"HasDailyBudget", DailyBudget},
		Threshold: parameter(DailyBudget), Period: day, Periods: 1,
	}
	parts := s.parts()
	counted := parts[:min(len(parts), maxMetrics)]
	var terms, words []string
	for _, p := range counted {
		a.Queries = append(a.Queries, p.query.hidden())
		terms = append(terms, p.cost())
		words = append(words, p.words)
	}
	a.Queries = append(a.Queries, expression(Text(strings.Join(terms, " + ")), "US dollars a day"))
	what := "It counts " + cut(strings.Join(words, ", "), mostWords) + "."
	if left := len(parts) - len(counted); left > 0 {
		what += fmt.Sprintf(" An alarm has ten metrics, so that %d others are left out.", left)
	}
	if s.Namespace == "" {
		what += " Connection minutes are not counted, since the program does not use package observe."
	}
	return a.means("In the last 24 hours the service has cost more than DailyBudget, estimated with the prices of US East. "+what,
		"look at the row \"What does it cost?\" of the dashboard: which part has grown, and since when?")
}

// mostWords keeps a description below the longest that is possible.
const mostWords = 400

// cut shortens a text for people.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:strings.LastIndex(s[:most], ",")] + " and so on"
}
