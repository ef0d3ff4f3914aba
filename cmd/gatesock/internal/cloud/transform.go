package cloud

import (
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/template"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// input returns what a target of a rule gets for an event: its own input, a part of the event, a
// template filled in, or the event.
func (c *Cloud) input(r *rule, t project.RuleTarget, event map[string]any) ([]byte, error) {
	switch {
	case len(t.Input) > 0:
		return t.Input, nil
	case t.InputPath != "":
		v, _, err := template.Value(event, t.InputPath)
		if err != nil {
			return nil, err
		}
		return mustJSON(v), nil
	case t.Template != "":
		return c.fill(r, t, event)
	}
	return mustJSON(event), nil
}

// fill replaces the names in angle brackets of a template with the values of an event.
func (c *Cloud) fill(r *rule, t project.RuleTarget, event map[string]any) ([]byte, error) {
	values := map[string]any{
		"aws.events.rule-arn": r.ARN, "aws.events.rule-name": r.Name,
		"aws.events.event.ingestion-time": c.clock.Now().UTC().Format(time.RFC3339), "aws.events.event.json": event,
	}
	without := make(map[string]any)
	for name, v := range event {
		if name != "detail" {
			without[name] = v
		}
	}
	values["aws.events.event"] = without
	for name, path := range t.InputPaths {
		v, found, err := template.Value(event, path)
		if err != nil {
			return nil, err
		}
		if found {
			values[name] = v
		} else {
			values[name] = ""
		}
	}
	return template.Fill(t.Template, values)
}
