package cloudwatchtest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is an event of a log.
type Event struct {
	Time    time.Time
	Message string

	fields map[string]any // strings and numbers
}

// maxFields is how many fields of a JSON object are discovered (Amazon CloudWatch Logs User Guide,
// "Supported logs and discovered fields"). Which ones is not documented: here it is the first.
const maxFields = 200

// NewEvent returns an event, with the fields that CloudWatch discovers: @timestamp, @message, and
// the members of a message that is a JSON object. A member of an object in it has a name such as
// "error.code", an element of a list one such as "list.0". A null is left out.
func NewEvent(at time.Time, message string) Event {
	e := Event{Time: at, Message: message, fields: map[string]any{}}
	if json.Valid([]byte(message)) && strings.HasPrefix(strings.TrimSpace(message), "{") {
		decoder := json.NewDecoder(strings.NewReader(message))
		decoder.UseNumber()
		e.discover(decoder, "")
	}
	e.fields["@timestamp"], e.fields["@message"] = stamp(at), message
	return e
}

// Fields returns the names of the event's fields, sorted.
func (e Event) Fields() []string {
	var names []string
	for name := range e.fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// discover adds the fields of the next value of valid JSON, in their order.
func (e Event) discover(decoder *json.Decoder, name string) {
	t, _ := decoder.Token()
	if d, ok := t.(json.Delim); ok {
		for i := 0; decoder.More(); i++ {
			member := strconv.Itoa(i)
			if d == '{' {
				key, _ := decoder.Token()
				member, _ = key.(string)
			}
			if name != "" {
				member = name + "." + member
			}
			e.discover(decoder, member)
		}
		_, _ = decoder.Token() // the end
		return
	}
	if len(e.fields) == maxFields {
		return
	}
	switch v := t.(type) {
	case string:
		e.fields[name] = v
	case json.Number:
		if n, err := v.Float64(); err == nil {
			e.fields[name] = n
		}
	case bool:
		e.fields[name] = truth(v)
	}
}

// stamp returns a time as results of queries show it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// numberOf returns a value as a number: texts that are numbers count as such.
func numberOf(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// textOf returns a value as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
