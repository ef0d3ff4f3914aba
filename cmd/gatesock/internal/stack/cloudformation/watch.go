package cloudformation

import (
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// refer returns what a reference is in Fn::Sub: a logical name, with the attribute that is its
// value.
func refer(r watch.Ref) string {
	switch r.Kind {
	case watch.API:
		return "Api"
	case watch.Stage:
		return "StageName"
	case watch.Region:
		return "AWS::Region"
	case watch.OfFunction:
		return r.ID + "Function"
	case watch.Log:
		return r.ID + "LogGroup"
	case watch.Queue:
		return r.ID + ".QueueName"
	case watch.DeadLetters:
		return r.ID + "DeadLetters.QueueName"
	case watch.AlarmARN:
		return r.ID + ".Arn"
	case watch.Entry:
		return r.ID + "Entry"
	default: // Table, Parameter
		return r.ID
	}
}

// inSub returns a reference in a text of Fn::Sub.
func inSub(r watch.Ref) string { return "${" + refer(r) + "}" }

// textOf returns a text with references as a value that can be between brackets.
func textOf(t watch.Text) string {
	if r, ok := t.Single(); ok {
		if name := refer(r); strings.Contains(name, ".") {
			return "!GetAtt " + name
		}
		return "!Ref " + refer(r)
	}
	if t.HasRefs() {
		return "!Sub " + inQuotes(t.Resolve(inSub))
	}
	return inQuotes(string(t))
}

// threshold returns the threshold of an alarm.
func threshold(t watch.Text) string {
	if t.HasRefs() {
		return textOf(t)
	}
	return string(t)
}

// fold breaks a text into lines of a folded scalar, for a property of a resource.
func fold(s string) string {
	const width, indent = 100, "\n        "
	var text strings.Builder
	column := len(indent) - 1
	for i, word := range strings.Fields(s) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			text.WriteString(indent)
			column = len(indent) - 1
		default:
			text.WriteByte(' ')
			column++
		}
		text.WriteString(word)
		column += len(word)
	}
	return text.String()
}

// DashboardBody returns the JSON of the dashboard for Fn::Sub, as lines of a literal scalar.
func (v view) DashboardBody() string {
	const indent = "          "
	return indent + strings.ReplaceAll(v.Watch.Body(inSub), "\n", "\n"+indent)
}

// Sometimes returns the alarms that do not always exist.
func (v view) Sometimes() []watch.Alarm {
	var list []watch.Alarm
	for _, a := range v.Watch.Alarms {
		if a.Condition.Name != "" {
			list = append(list, a)
		}
	}
	return list
}
