package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// app prints tables of what an application is.
func (p printer) app(app *describe.App) error {
	tables := [][][]string{
		routeRows(app),
		pushRows(app),
		limitRows(app),
		callerRows(app),
		needRows(app),
		typeRows(app),
		envelopeRows(app.Envelope),
	}
	first := true
	for _, rows := range tables {
		if len(rows) < 2 { // only a head
			continue
		}
		if !first {
			_, _ = io.WriteString(p.w, "\n")
		}
		first = false
		if err := p.rows(folded(rows, maxWidth)); err != nil {
			return err
		}
	}
	return nil
}

// maxWidth is the width of a terminal that tables of descriptions fit in, if words allow it.
const maxWidth = 80

func routeRows(app *describe.App) [][]string {
	rows := [][]string{{"ROUTE", "INPUT", "OUTPUT", "GUARDS"}}
	for _, r := range app.Routes {
		rows = append(rows, []string{r.Key, inputOf(r), outputOf(r), guardsOf(r)})
	}
	return rows
}

func inputOf(r describe.Route) string {
	switch {
	case r.Raw:
		return "raw"
	case r.Input != nil && len(r.Input.Types) == 1 && shape(r.Input) == "object" && len(r.Input.Properties) == 0:
		return "-"
	case r.Input == nil && r.Codec == "custom":
		return "own codec"
	case r.Input != nil && r.Codec == "custom":
		return shape(r.Input) + ", own codec"
	case r.Input != nil:
		return shape(r.Input)
	case r.Answer == describe.AnswerAny:
		return "any"
	}
	return "-"
}

func outputOf(r describe.Route) string {
	switch r.Answer {
	case describe.AnswerNone:
		return "-"
	case describe.AnswerAck:
		if r.Raw {
			return "-"
		}
		return "no data"
	case describe.AnswerData:
		switch {
		case r.Output == nil && r.Codec == "custom":
			return "own codec"
		case r.Output == nil:
			return "unknown"
		}
		return shape(r.Output)
	case describe.AnswerMock:
		return "by the API itself"
	case describe.AnswerAny:
		return "any"
	}
	return string(r.Answer)
}

func guardsOf(r describe.Route) string {
	var all []string
	for _, g := range r.Guards {
		text := g.Name
		for _, scope := range g.Scopes {
			if !strings.Contains(g.Name, scope) {
				text += " +" + scope
			}
		}
		all = append(all, text)
	}
	return dashed(strings.Join(all, ", "))
}

func pushRows(app *describe.App) [][]string {
	rows := [][]string{{"PUSH", "DATA"}}
	for _, push := range app.Pushes {
		rows = append(rows, []string{push.Event, shape(push.Data)})
	}
	return rows
}

func limitRows(app *describe.App) [][]string {
	rows := [][]string{{"LIMIT", "FOR EACH", "ALLOWS", "ROUTES"}}
	for _, l := range app.Limits {
		allows := fmt.Sprintf("%s per second, %d at once", strconv.FormatFloat(l.Rate, 'g', -1, 64), l.Burst)
		if l.Quota > 0 {
			allows = fmt.Sprintf("%d per %s", l.Quota, l.Period)
		}
		routes := dashed(strings.Join(l.Routes, ", "))
		if l.Routes == nil {
			routes = "all"
		}
		for _, key := range slices.Sorted(maps.Keys(l.Costs)) {
			routes += fmt.Sprintf("; %s counts %d", key, l.Costs[key])
		}
		rows = append(rows, []string{l.Name, l.By, allows, routes})
	}
	return rows
}

// callerRows are what calls the application besides its routes.
func callerRows(app *describe.App) [][]string {
	rows := [][]string{{"SOURCE", "NAME"}}
	if a := app.Authorizer; a != nil {
		text := "every handshake"
		if len(a.IdentitySources) > 0 {
			text = "handshakes with " + strings.Join(a.IdentitySources, ", ")
		}
		rows = append(rows, []string{"authorizer", text})
	}
	for _, s := range app.Sources {
		text := s.Name
		switch {
		case text == "*":
			text = "any"
		case s.DetailType != "":
			text += ", " + s.DetailType
		case s.Topic != "":
			text += ", " + s.Topic
		}
		rows = append(rows, []string{s.Kind, dashed(text)})
	}
	return rows
}

func needRows(app *describe.App) [][]string {
	rows := [][]string{{"VARIABLE", "NEED", "DETAILS"}}
	for _, n := range app.Needs {
		rows = append(rows, []string{n.Variable, n.Kind, dashed(needDetails(n))})
	}
	return rows
}

func needDetails(n describe.Need) string {
	var details []string
	if t := n.Table; t != nil {
		keys := "key " + t.PartitionKey
		if t.SortKey != "" {
			keys += " and " + t.SortKey
		}
		if t.TimeToLive != "" {
			keys += ", expires by " + t.TimeToLive
		}
		details = append(details, keys)
	}
	if len(n.Topics) > 0 {
		details = append(details, "topics "+strings.Join(n.Topics, ", "))
	}
	if n.Source != "" {
		details = append(details, "read by the application itself")
	}
	switch n.Kind {
	case "metrics":
		details = append(details, "namespace "+n.Default)
	case "setting":
		switch {
		case n.Default != "":
			details = append(details, "default "+n.Default)
		case n.Optional:
			details = append(details, "optional")
		default:
			details = append(details, "required")
		}
		if n.Example != "" {
			details = append(details, "such as "+n.Example)
		}
	}
	if n.Description != "" {
		details = append(details, n.Description)
	}
	if len(n.Actions) > 0 {
		details = append(details, strings.Join(n.Actions, ", "))
	}
	return strings.Join(details, "; ")
}

// envelopeRows are the names of the members of frames, if they are not those of the protocol.
func envelopeRows(e describe.Envelope) [][]string {
	rows := [][]string{{"FRAME", "MEMBER"}}
	for _, name := range [][2]string{
		{"action", e.Action},
		{"id", e.ID},
		{"data", e.Data},
		{"error", e.Error},
		{"event", e.Event},
		{"topic", e.Topic},
		{"input", e.Input},
	} {
		if name[1] != "" && name[0] != name[1] {
			rows = append(rows, []string{name[0], name[1]})
		}
	}
	return rows
}

// dashed returns "-" for an empty cell.
func dashed(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
