package describe

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// check returns an error that names the first place of the description that is wrong.
func (a *App) check() error {
	if err := a.Envelope.check(); err != nil {
		return err
	}
	if a.Routes == nil {
		return errors.New(`it has no "routes"`)
	}
	seen := make(map[string]bool)
	for i, r := range a.Routes {
		if r.Key == "" {
			return fmt.Errorf("routes[%d] has no key", i)
		}
		if seen[r.Key] {
			return fmt.Errorf("there are two routes %q", r.Key)
		}
		seen[r.Key] = true
		if err := a.checkRoute(r); err != nil {
			return fmt.Errorf("the route %q: %w", r.Key, err)
		}
	}
	if err := a.checkPushes(); err != nil {
		return err
	}
	if err := a.checkTypes(); err != nil {
		return err
	}
	if err := a.checkLimits(); err != nil {
		return err
	}
	if err := a.checkSources(); err != nil {
		return err
	}
	return a.checkNeeds()
}

func (a *App) checkTypes() error {
	for _, name := range slices.Sorted(maps.Keys(a.Types)) {
		if a.Types[name] == nil {
			return fmt.Errorf("the type %q is null", name)
		}
		if err := a.checkSchema(a.Types[name]); err != nil {
			return fmt.Errorf("the type %q: %w", name, err)
		}
	}
	ends := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(a.Types)) {
		if !a.ends(a.Types[name], ends, map[string]bool{name: true}) {
			return fmt.Errorf("the type %q is defined by itself", name)
		}
	}
	return nil
}

// ends reports whether the references that a schema consists of lead to a schema of another kind.
// known are types that do, and open those that are being followed.
func (a *App) ends(s *Schema, known, open map[string]bool) bool {
	if name := s.Name(); name != "" && !known[name] {
		if open[name] {
			return false
		}
		open[name] = true
		if !a.ends(a.Types[name], known, open) {
			return false
		}
		delete(open, name)
		known[name] = true
	}
	return !slices.ContainsFunc(s.AnyOf, func(one *Schema) bool { return !a.ends(one, known, open) })
}

func (e Envelope) check() error {
	for _, m := range []struct{ member, name string }{
		{"action", e.Action},
		{"id", e.ID},
		{"data", e.Data},
		{"error", e.Error},
		{"event", e.Event},
		{"topic", e.Topic},
	} {
		if m.name == "" {
			return fmt.Errorf("the envelope has no name for %q", m.member)
		}
	}
	return nil
}

func (a *App) checkRoute(r Route) error {
	switch r.Answer {
	case AnswerNone, AnswerAck, AnswerData, AnswerAny, AnswerMock:
	default:
		return fmt.Errorf("the answer %q is not one of none, ack, data, any and mock", r.Answer)
	}
	switch {
	case (r.Answer == AnswerMock) != (r.Mock != ""):
		return errors.New(`a route with the answer mock, and no other, has a member "mock"`)
	case !slices.Contains([]string{"", "json", "custom"}, r.Codec):
		return fmt.Errorf("the codec %q is neither json nor custom", r.Codec)
	}
	for i, g := range r.Guards {
		if g.Name == "" {
			return fmt.Errorf("guards[%d] has no name", i)
		}
	}
	if err := a.checkSchema(r.Input); err != nil {
		return fmt.Errorf("the input: %w", err)
	}
	if err := a.checkSchema(r.Output); err != nil {
		return fmt.Errorf("the output: %w", err)
	}
	return nil
}

func (a *App) checkPushes() error {
	seen := make(map[string]bool)
	for i, p := range a.Pushes {
		switch {
		case p.Event == "":
			return fmt.Errorf("pushes[%d] has no event", i)
		case seen[p.Event]:
			return fmt.Errorf("there are two pushes %q", p.Event)
		case p.Data == nil:
			return fmt.Errorf("the push %q has no data", p.Event)
		}
		seen[p.Event] = true
		if err := a.checkSchema(p.Data); err != nil {
			return fmt.Errorf("the push %q: %w", p.Event, err)
		}
	}
	return nil
}

// checkSchema returns an error if a schema, or one in it, refers to a type that does not exist, or
// has a type that JSON does not have.
func (a *App) checkSchema(s *Schema) error {
	if s == nil {
		return nil
	}
	if s.Ref != "" && (s.Name() == "" || a.Types[s.Name()] == nil) {
		return fmt.Errorf("it refers to %s, which does not exist", s.Ref)
	}
	for _, t := range s.Types {
		if !slices.Contains([]string{"object", "array", "string", "number", "integer", "boolean", "null"}, t) {
			return fmt.Errorf("JSON has no type %q", t)
		}
	}
	for _, p := range s.Properties {
		if err := a.checkSchema(p.Schema); err != nil {
			return fmt.Errorf("the property %q: %w", p.Name, err)
		}
	}
	if slices.Contains(s.AnyOf, nil) {
		return errors.New("an alternative is null")
	}
	for _, one := range slices.Concat(s.AnyOf, []*Schema{s.Items, s.Additional}) {
		if err := a.checkSchema(one); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) checkLimits() error {
	for i, l := range a.Limits {
		isRate, isQuota := l.Rate > 0 && l.Burst > 0, l.Quota > 0
		switch {
		case l.Name == "" || l.By == "":
			return fmt.Errorf(`limits[%d] has no "name" or no "by"`, i)
		case isRate == isQuota:
			return fmt.Errorf("the limit %q has neither a rate and a burst, nor a quota", l.Name)
		case isQuota && !slices.Contains([]string{"day", "week", "month"}, l.Period):
			return fmt.Errorf("the limit %q has the period %q, which is not one of day, week and month", l.Name, l.Period)
		}
	}
	return nil
}

func (a *App) checkSources() error {
	kinds := []string{"http", "sqs", "sns", "dynamodb", "kinesis", "schedule", "eventbridge", "iot", "custom"}
	for i, s := range a.Sources {
		if !slices.Contains(kinds, s.Kind) {
			return fmt.Errorf("sources[%d] has the unknown kind %q", i, s.Kind)
		}
		if s.Name == "" && s.Kind != "http" && s.Kind != "custom" {
			return fmt.Errorf("sources[%d], of the kind %s, has no name", i, s.Kind)
		}
		if (s.Kind == "iot") != (s.Topic != "") {
			return fmt.Errorf(`sources[%d]: a source of the kind iot, and no other, has a member "topic"`, i)
		}
	}
	return nil
}

func (a *App) checkNeeds() error {
	seen := make(map[string]bool)
	for i, n := range a.Needs {
		switch {
		case n.Variable == "":
			return fmt.Errorf("needs[%d] has no variable", i)
		case seen[n.Variable]:
			return fmt.Errorf("there are two needs with the variable %s", n.Variable)
		case !slices.Contains([]string{"connections", "table", "queue", "metrics", "iot", "setting"}, n.Kind):
			return fmt.Errorf("the need %s has the unknown kind %q", n.Variable, n.Kind)
		case (n.Kind == "table") != (n.Table != nil):
			return fmt.Errorf(`the need %s: a table, and no other need, has a member "table"`, n.Variable)
		case (n.Kind == "iot") != (len(n.Topics) > 0):
			return fmt.Errorf(`the need %s: a need of the kind iot, and no other, has a member "topics"`, n.Variable)
		case n.Table != nil && n.Table.PartitionKey == "":
			return fmt.Errorf("the need %s: the table has no partition key", n.Variable)
		}
		seen[n.Variable] = true
	}
	return nil
}
