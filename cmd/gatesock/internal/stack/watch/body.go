package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// The JSON of a dashboard (Amazon CloudWatch API Reference, "Dashboard Body Structure and Syntax").
type (
	widgetJSON struct {
		Type       string `json:"type"`
		X          int    `json:"x"`
		Y          int    `json:"y"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Properties any    `json:"properties"`
	}
	textJSON struct {
		Markdown   string `json:"markdown"`
		Background string `json:"background"`
	}
	alarmsJSON struct {
		Title  string `json:"title"`
		Alarms []Text `json:"alarms"`
	}
	logJSON struct {
		Title  string `json:"title"`
		Region Text   `json:"region"`
		View   string `json:"view"`
		Query  Text   `json:"query"`
	}
	graphJSON struct {
		Title       string     `json:"title"`
		Region      Text       `json:"region"`
		Stacked     bool       `json:"stacked,omitempty"`
		Period      int        `json:"period"`
		YAxis       axesJSON   `json:"yAxis"`
		Annotations *linesJSON `json:"annotations,omitempty"`
		Metrics     [][]any    `json:"metrics"`
	}
	axesJSON struct {
		Left axisJSON `json:"left"`
	}
	axisJSON struct {
		Label string `json:"label"`
		Min   int    `json:"min"`
	}
	linesJSON struct {
		Horizontal []lineJSON `json:"horizontal"`
	}
	lineJSON struct {
		Label string `json:"label"`
		Value Text   `json:"value"`
		Color string `json:"color"`
	}
	renderJSON struct {
		Expression Text   `json:"expression,omitempty"`
		ID         string `json:"id,omitempty"`
		Label      string `json:"label,omitempty"`
		Stat       string `json:"stat,omitempty"`
		Visible    *bool  `json:"visible,omitempty"`
	}
)

// The grid of a dashboard.
const (
	columns      = 24
	headHeight   = 2
	graphHeight  = 6
	alarmsHeight = 4
	red          = "#d62728"
)

// Body returns the JSON of the dashboard, whose references are replaced by value. The values are
// put into strings as they are, or are numbers. Each metric and each alarm has a line of its own.
func (w *Watch) Body(value func(Ref) string) string {
	var widgets []string
	y := 0
	for _, row := range w.Rows {
		widgets = append(widgets, layout(widgetJSON{"text", 0, y, columns, headHeight, textJSON{row.markdown(), "transparent"}}))
		y += headHeight
		x, height := 0, 0
		for i := range row.Widgets {
			widget := row.Widgets[i].json()
			if x+widget.Width > columns {
				y += height
				x, height = 0, 0
			}
			widget.X, widget.Y = x, y
			x += widget.Width
			height = max(height, widget.Height)
			widgets = append(widgets, layout(widget))
		}
		y += height
	}
	text := "{\n  \"start\": \"-PT6H\",\n  \"periodOverride\": \"inherit\",\n  \"widgets\": [\n" + strings.Join(widgets, ",\n") + "\n  ]\n}"
	return Text(text).Resolve(value)
}

func (r Row) markdown() string { return strings.TrimRight("# "+r.Title+"\n"+r.Note, "\n") }

func (w *Widget) json() widgetJSON {
	switch {
	case w.Alarms != nil:
		list := make([]Text, len(w.Alarms))
		for i, ref := range w.Alarms {
			list[i] = ref.text()
		}
		return widgetJSON{Type: "alarm", Width: w.Width, Height: alarmsHeight, Properties: alarmsJSON{w.Title, list}}
	case w.Logs != nil:
		var sources strings.Builder
		for _, id := range w.Logs {
			fmt.Fprintf(&sources, "SOURCE '%s' | ", Ref{Log, id}.text())
		}
		return widgetJSON{Type: "log", Width: w.Width, Height: graphHeight, Properties: logJSON{
			w.Title, Ref{Kind: Region}.text(), "table", Text(sources.String() + w.LogQuery),
		}}
	default:
		return widgetJSON{Type: "metric", Width: w.Width, Height: graphHeight, Properties: w.graph()}
	}
}

func (w *Widget) graph() graphJSON {
	g := graphJSON{
		Title: w.Title, Region: Ref{Kind: Region}.text(), Stacked: w.Stacked, Period: w.Period,
		YAxis: axesJSON{axisJSON{Label: w.Unit}},
	}
	for _, q := range w.Queries {
		g.Metrics = append(g.Metrics, q.json())
	}
	for _, line := range w.Lines {
		if g.Annotations == nil {
			g.Annotations = &linesJSON{}
		}
		g.Annotations.Horizontal = append(g.Annotations.Horizontal, lineJSON{line.Label, line.Value, red})
	}
	return g
}

func (q *Query) json() []any {
	var list []any
	if q.Expression == "" {
		list = append(list, q.Metric.Namespace, q.Metric.Name)
		for _, d := range q.Metric.Dimensions {
			list = append(list, d.Name, d.Value)
		}
	}
	r := renderJSON{Expression: q.Expression, ID: q.ID, Label: q.Label, Stat: q.Stat}
	if q.Hidden {
		r.Visible = new(bool)
	}
	return append(list, r)
}

var (
	lineOfMetric = regexp.MustCompile(`"metrics":\[(.*)\]\}\}$`)
	// quotedNumber is a number that was marshaled as a string, because it may be a reference.
	quotedNumber = regexp.MustCompile(`"value":"([^"]*)"`)
	// quotedEntry is an entry that brings its own comma and quotes.
	quotedEntry = regexp.MustCompile(`,\s*"(@\{entry:[A-Za-z0-9]+\})"`)
)

// layout returns a widget with each metric and each alarm on a line.
func layout(w widgetJSON) string {
	text := compact(w)
	switch p := w.Properties.(type) {
	case graphJSON:
		lines := make([]string, len(p.Metrics))
		for i, m := range p.Metrics {
			lines[i] = compact(m)
		}
		text = lineOfMetric.ReplaceAllLiteralString(text, "\"metrics\":[\n      "+strings.Join(lines, ",\n      ")+"\n    ]}}")
	case alarmsJSON:
		lines := make([]string, len(p.Alarms))
		for i, a := range p.Alarms {
			lines[i] = compact(a)
		}
		before, _, _ := strings.Cut(text, `"alarms":[`)
		text = before + "\"alarms\":[\n      " + strings.Join(lines, ",\n      ") + "\n    ]}}"
	}
	text = quotedNumber.ReplaceAllString(text, `"value":$1`)
	return "    " + quotedEntry.ReplaceAllString(text, "$1")
}

// compact marshals a value that cannot fail.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("watch: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
