package watch

import (
	"strconv"
	"strings"
)

// Alarm is an alarm of CloudWatch. Missing data is within the threshold for each of them, so that
// an idle service raises no alarm: all metrics that alarms watch are of things that happen, and
// have no values while nothing does.
type Alarm struct {
	// ID is its name in a template. Kind is the name of its section in docs/operations.md.
	ID, Kind string
	// Of is what it watches, in words.
	Of string
	// Condition is when it exists.
	Condition Condition
	// Means and First are what it means, and what to do first.
	Means, First string
	// Queries are one metric, or metrics and an expression, which comes last.
	Queries []Query
	// Threshold is a number or a parameter. The alarm is on if a value is above it, or for AtLeast
	// equal to it, in Breaching of the latest Periods of Period seconds, or in all of them if
	// Breaching is 0.
	Threshold                  Text
	AtLeast                    bool
	Period, Periods, Breaching int
}

// Condition is that a parameter, which is a number, is not 0. The zero value always holds.
type Condition struct {
	// Name is that of the condition in CloudFormation.
	Name      string
	Parameter string
}

// operations is where the sections of alarms are.
const operations = "https://github.com/gatesock/gatesock/blob/main/docs/operations.md#"

// Description returns what a notification of the alarm says. It can have 1,024 characters (Amazon
// CloudWatch API Reference, "PutMetricAlarm").
func (a *Alarm) Description() string {
	return a.Means + " First: " + a.First + " More: " + operations + strings.ToLower(a.Kind)
}

// IsPercentile reports whether the statistic of the only metric is a percentile.
func (a *Alarm) IsPercentile() bool {
	return len(a.Queries) == 1 && strings.HasPrefix(a.Queries[0].Stat, "p")
}

// Comparison returns the comparison in words of CloudWatch.
func (a *Alarm) Comparison() string {
	if a.AtLeast {
		return "GreaterThanOrEqualToThreshold"
	}
	return "GreaterThanThreshold"
}

// minute is the period of most alarms, which is also the resolution of AWS's metrics.
const minute = 60

// simple returns an alarm on a sum, an average and so on of each minute.
func simple(id, kind, of string, q Query, threshold Text, periods int) Alarm {
	return Alarm{ID: id, Kind: kind, Of: of, Queries: []Query{q}, Threshold: threshold, Period: minute, Periods: periods}
}

// Faults of which a busy service always has some, and a quiet one only one now and then, make an
// alarm if they are more than one in a thousand in three of 15 minutes. So it is on for a schedule
// of every five minutes that always fails, and not for one user's bad luck.
const (
	faultPart    = "0.001"
	faultMinutes = 3
	ofMinutes    = 15
)

// faults returns an alarm on faults that are more than a part of all. Their number is its value.
func faults(id, kind, of string, failed Metric, part string, all ...Query) Alarm {
	queries := []Query{metric(failed, "Sum").as("failed").hidden()}
	var sum []string
	for i, q := range all {
		name := "all" + strconv.Itoa(i)
		queries = append(queries, q.as(name).hidden())
		sum = append(sum, "FILL("+name+", 0)")
	}
	tooMany := "IF(failed > " + part + " * (" + strings.Join(sum, " + ") + "), failed, 0)"
	queries = append(queries, expression(Text(tooMany), "too many"))
	return Alarm{
		ID: id, Kind: kind, Of: of, Queries: queries, Threshold: "0",
		Period: minute, Periods: ofMinutes, Breaching: faultMinutes,
	}
}

// means adds the text.
func (a Alarm) means(means, first string) Alarm {
	a.Means, a.First = means, first
	return a
}

// ofQuota returns how much of a quota per second a sum is, in percent.
func ofQuota(m Metric, quota string) []Query {
	return []Query{
		metric(m, "Sum").as("total").hidden(),
		expression("100 * total / (PERIOD(total) * "+parameter(quota)+")", "percent of "+quota),
	}
}

// ofLimit returns how much of a limit a maximum is, in percent.
func ofLimit(m Metric, limit string) []Query {
	return []Query{
		metric(m, "Maximum").as("most").hidden(),
		expression("100 * most / "+parameter(limit), "percent of "+limit),
	}
}
