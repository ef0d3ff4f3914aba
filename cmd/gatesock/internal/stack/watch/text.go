package watch

import (
	"regexp"
	"strings"
)

// Ref is a reference to something whose name is known at deployment.
type Ref struct {
	Kind Kind
	// ID is that of a function, table, queue or alarm, or the name of a parameter. The others have
	// none.
	ID string
}

// Kind is the kind of a [Ref].
type Kind string

// The kinds of references. The value of a table, function or queue is its name, that of an alarm
// its ARN. Those with an ID are "function", "log" (the log group of a function), "table", "queue",
// "deadletters", "parameter" and "alarm".
const (
	API         Kind = "api"    // the ID of the API
	Stage       Kind = "stage"  // the name of the stage
	Region      Kind = "region" // the Region of the stack
	OfFunction  Kind = "function"
	Log         Kind = "log"
	Table       Kind = "table"
	Queue       Kind = "queue"
	DeadLetters Kind = "deadletters"
	Parameter   Kind = "parameter"
	AlarmARN    Kind = "alarm"
	// Entry is an entry of a list for an alarm with a [Condition]: a comma and the quoted ARN, or
	// nothing if the alarm does not exist.
	Entry Kind = "entry"
)

// Text is a text with references, each as @{kind:ID}.
type Text string

// text returns a reference as a Text.
func (r Ref) text() Text {
	if r.ID == "" {
		return Text("@{" + string(r.Kind) + "}")
	}
	return Text("@{" + string(r.Kind) + ":" + r.ID + "}")
}

// parameter returns the value of a parameter.
func parameter(name string) Text { return Ref{Parameter, name}.text() }

var reference = regexp.MustCompile(`@\{([a-z]+)(?::([A-Za-z0-9]+))?\}`)

// Resolve replaces the references.
func (t Text) Resolve(value func(Ref) string) string {
	return reference.ReplaceAllStringFunc(string(t), func(token string) string {
		return value(refOf(reference.FindStringSubmatch(token)))
	})
}

func refOf(match []string) Ref { return Ref{Kind(match[1]), match[2]} }

// Single returns the reference that is the whole text, and reports whether there is one.
func (t Text) Single() (Ref, bool) {
	match := reference.FindStringSubmatch(string(t))
	if match == nil || match[0] != string(t) {
		return Ref{}, false
	}
	return refOf(match), true
}

// HasRefs reports whether the text has references.
func (t Text) HasRefs() bool { return strings.Contains(string(t), "@{") }

// Refs returns the references of the text.
func (t Text) Refs() []Ref {
	var refs []Ref
	for _, match := range reference.FindAllStringSubmatch(string(t), -1) {
		refs = append(refs, refOf(match))
	}
	return refs
}
