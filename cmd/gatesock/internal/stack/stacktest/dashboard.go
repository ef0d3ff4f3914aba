package stacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Graphed is a metric of a dashboard, with the values of its dimensions.
type Graphed struct {
	Metric
	Values map[string]string
}

// Dashboard is what a dashboard shows.
type Dashboard struct {
	// Titles are those of the widgets that are not texts, and Texts the texts.
	Titles, Texts []string
	Metrics       []Graphed
	Alarms        []string
	Problems      []string
}

// The structure of dashboards as the Amazon CloudWatch API Reference has it in "Dashboard Body
// Structure and Syntax", as far as we use it: another member is a mistake.
type (
	dashboard struct {
		Start          string   `json:"start"`
		PeriodOverride string   `json:"periodOverride"`
		Widgets        []widget `json:"widgets"`
	}
	widget struct {
		Type       string          `json:"type"`
		X          int             `json:"x"`
		Y          int             `json:"y"`
		Width      int             `json:"width"`
		Height     int             `json:"height"`
		Properties json.RawMessage `json:"properties"`
	}
	textWidget struct {
		Markdown   string `json:"markdown"`
		Background string `json:"background"`
	}
	alarmWidget struct {
		Title  string   `json:"title"`
		Alarms []string `json:"alarms"`
	}
	logWidget struct {
		Title  string `json:"title"`
		Region string `json:"region"`
		View   string `json:"view"`
		Query  string `json:"query"`
	}
	metricWidget struct {
		Title       string              `json:"title"`
		Region      string              `json:"region"`
		Stacked     bool                `json:"stacked"`
		Period      int                 `json:"period"`
		YAxis       map[string]axis     `json:"yAxis"`
		Metrics     [][]json.RawMessage `json:"metrics"`
		Annotations struct {
			Horizontal []annotation `json:"horizontal"`
		} `json:"annotations"`
	}
	axis struct {
		Label string   `json:"label"`
		Min   *float64 `json:"min"`
	}
	annotation struct {
		Label string   `json:"label"`
		Value *float64 `json:"value"`
		Color string   `json:"color"`
	}
	rendering struct {
		Expression string `json:"expression"`
		ID         string `json:"id"`
		Label      string `json:"label"`
		Stat       string `json:"stat"`
		Visible    *bool  `json:"visible"`
	}
)

// Quotas of dashboards (Amazon CloudWatch User Guide, "CloudWatch service quotas").
const (
	maxWidgets         = 500
	maxWidgetMetrics   = 500
	maxDashboardMetric = 2500
	maxAlarms          = 100 // of an alarm widget (Dashboard Body Structure and Syntax)
)

// ReadDashboard reads the JSON of a dashboard.
func ReadDashboard(body string) *Dashboard {
	d := &Dashboard{}
	var parsed dashboard
	if err := strict([]byte(body), &parsed); err != nil {
		d.fail("it is not a dashboard: %v", err)
		return d
	}
	taken := map[[2]int]bool{}
	for _, w := range parsed.Widgets {
		d.place(w, taken)
		d.widget(w)
	}
	if len(parsed.Widgets) > maxWidgets || len(d.Metrics) > maxDashboardMetric {
		d.fail("it has %d widgets with %d metrics", len(parsed.Widgets), len(d.Metrics))
	}
	for i, title := range d.Titles {
		if !strings.HasSuffix(title, "?") || slices.Contains(d.Titles[:i], title) {
			d.fail("the title %q is not a question, or is there twice", title)
		}
	}
	return d
}

func (d *Dashboard) fail(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}

func strict(data []byte, to any) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("there is more after it")
	}
	return nil
}

// place checks that a widget is in the grid, and on no other.
func (d *Dashboard) place(w widget, taken map[[2]int]bool) {
	const columns = 24
	if w.X < 0 || w.Y < 0 || w.Width < 1 || w.Height < 1 || w.X+w.Width > columns {
		d.fail("a widget is outside of the grid: %d, %d, %d, %d", w.X, w.Y, w.Width, w.Height)
		return
	}
	for x := w.X; x < w.X+w.Width; x++ {
		for y := w.Y; y < w.Y+w.Height; y++ {
			if taken[[2]int{x, y}] {
				d.fail("two widgets are at %d, %d", x, y)
				return
			}
			taken[[2]int{x, y}] = true
		}
	}
}

func (d *Dashboard) widget(w widget) {
	var err error
	switch w.Type {
	case "text":
		var t textWidget
		err = strict(w.Properties, &t)
		d.Texts = append(d.Texts, t.Markdown)
	case "alarm":
		var a alarmWidget
		err = strict(w.Properties, &a)
		d.Titles = append(d.Titles, a.Title)
		d.Alarms = append(d.Alarms, a.Alarms...)
		if len(a.Alarms) == 0 || len(a.Alarms) > maxAlarms {
			d.fail("%q has %d alarms", a.Title, len(a.Alarms))
		}
	case "log":
		var l logWidget
		err = strict(w.Properties, &l)
		d.Titles = append(d.Titles, l.Title)
		if l.Region == "" || l.View != "table" || !strings.HasPrefix(l.Query, "SOURCE '") {
			d.fail("%q is not a query of logs", l.Title)
		}
	case "metric":
		var m metricWidget
		err = strict(w.Properties, &m)
		d.Titles = append(d.Titles, m.Title)
		d.graph(&m)
	default:
		d.fail("there is no widget of the type %q", w.Type)
	}
	if err != nil {
		d.fail("a widget of the type %s: %v", w.Type, err)
	}
}

var color = regexp.MustCompile(`^#[0-9a-f]{6}$`)

func (d *Dashboard) graph(m *metricWidget) {
	if m.Region == "" || m.Period < 60 || m.Period%60 != 0 {
		d.fail("%q has the region %q and the period %d", m.Title, m.Region, m.Period)
	}
	if len(m.Metrics) == 0 || len(m.Metrics) > maxWidgetMetrics {
		d.fail("%q has %d metrics", m.Title, len(m.Metrics))
	}
	for _, a := range m.Annotations.Horizontal {
		if a.Value == nil || !color.MatchString(a.Color) {
			d.fail("%q has a line without a value or a color", m.Title)
		}
	}
	seen := map[string]bool{}
	var expressions []string
	for _, item := range m.Metrics {
		r := d.item(m.Title, item)
		if r.ID != "" {
			if seen[r.ID] || !queryID.MatchString(r.ID) {
				d.fail("%q has the id %q twice, or it is not one", m.Title, r.ID)
			}
			seen[r.ID] = true
		}
		if r.Expression != "" {
			expressions = append(expressions, r.Expression)
		} else if r.Stat == "" {
			d.fail("%q has a metric without a statistic", m.Title)
		}
	}
	for _, e := range expressions {
		if found, ok := searched(e); ok {
			d.Metrics = append(d.Metrics, found)
			continue
		}
		for _, id := range IDsOf(e) {
			if !seen[id] {
				d.fail("%q has an expression with the unknown id %s", m.Title, id)
			}
		}
	}
}

// item reads a metric or an expression of a graph.
func (d *Dashboard) item(title string, item []json.RawMessage) rendering {
	var r rendering
	if len(item) == 0 {
		d.fail("%q has an empty metric", title)
		return r
	}
	if err := strict(item[len(item)-1], &r); err != nil {
		d.fail("%q: %v", title, err)
		return r
	}
	if r.Expression != "" && len(item) == 1 {
		return r
	}
	words := make([]string, len(item)-1)
	for i := range words {
		if err := strict(item[i], &words[i]); err != nil {
			d.fail("%q: %v", title, err)
		}
	}
	if len(words) < 2 || len(words)%2 != 0 {
		d.fail("%q has a metric of %d words", title, len(words))
		return r
	}
	g := Graphed{Metric: Metric{Namespace: words[0], Name: words[1]}, Values: map[string]string{}}
	for i := 2; i < len(words); i += 2 {
		g.Dimensions = append(g.Dimensions, words[i])
		g.Values[words[i]] = words[i+1]
	}
	slices.Sort(g.Dimensions)
	d.Metrics = append(d.Metrics, g)
	return r
}

var (
	queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)
	search  = regexp.MustCompile(`^SEARCH\('\{"([^"]+)",([A-Za-z,]+)\} MetricName="(\w+)" Api="(\S+)" Stage="(\S+)"', '(Sum|p99)'\)$`)
	word    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// searched returns the metric that a search expression looks for.
func searched(e string) (Graphed, bool) {
	match := search.FindStringSubmatch(e)
	if match == nil {
		return Graphed{}, false
	}
	dimensions := strings.Split(match[2], ",")
	slices.Sort(dimensions)
	return Graphed{Metric{match[1], match[3], dimensions}, map[string]string{"Api": match[4], "Stage": match[5]}}, true
}

// functions are those of metric math that alarms may use (Amazon CloudWatch User Guide, "Using math
// expressions with CloudWatch metrics"). SEARCH is not among them.
func functions() []string { return []string{"FILL", "IF", "PERIOD"} }

// IDsOf returns the words of an expression that are not functions: the ids of metrics.
func IDsOf(expression string) []string {
	var ids []string
	for _, w := range word.FindAllString(expression, -1) {
		if !slices.Contains(functions(), w) {
			ids = append(ids, w)
		}
	}
	return ids
}
