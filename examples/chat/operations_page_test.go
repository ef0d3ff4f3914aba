package chat_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/internal/cloudwatchtest"
	"github.com/gatesock/gatesock/internal/cost"
	"github.com/gatesock/gatesock/internal/template"
	"github.com/gatesock/gatesock/observe"
)

// page is docs/operations.md.
type page struct {
	text     string
	sections map[string]string // by heading
}

func readPage(t *testing.T) *page {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	p := &page{text: string(text), sections: map[string]string{}}
	for _, part := range strings.Split(p.text, "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		p.sections[heading] = body
	}
	return p
}

var queryPattern = regexp.MustCompile("(?ms)^```insights( access)?\n(.*?)^```$")

// queries returns the queries of a section: those for the log of the function, or those for the
// access log.
func (p *page) queries(t *testing.T, section string, access bool) (list []*cloudwatchtest.Query) {
	t.Helper()
	body, ok := p.sections[section]
	require.True(t, ok, "there is no section %s", section)
	for _, match := range queryPattern.FindAllStringSubmatch(body, -1) {
		if (match[1] != "") == access {
			q, err := cloudwatchtest.ParseQuery(match[2])
			require.NoError(t, err, "%s: %s", section, match[2])
			list = append(list, q)
		}
	}
	return list
}

// run runs a query of a section on the log of a function.
func (p *page) run(t *testing.T, section string, number int, log *cloudwatchtest.Log) cloudwatchtest.Result {
	t.Helper()
	queries := p.queries(t, section, false)
	require.Greater(t, len(queries), number, section)
	result, err := queries[number].Run(log.Events())
	require.NoError(t, err)
	return result
}

// stackOfTheChat is what the template of cmd/lambda says about watching.
type stackOfTheChat struct {
	alarms    map[string]cloudwatchtest.Alarm
	accessLog cloudwatchtest.Event // with all fields of the access log
	dashboard string
}

// readStack makes the template of cmd/lambda, as an operator does, and reads it for a deployment
// that is the chat in these tests, with a table.
func readStack(t *testing.T) *stackOfTheChat {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), buildCommand(t), "template", "--name", "chat", "./cmd/lambda").Output()
	require.NoError(t, err)
	parameters := map[string]string{"StageName": "local", "DailyBudget": "10", "AppReservedConcurrency": "100"}
	s := new(stackOfTheChat)
	s.alarms, err = cloudwatchtest.ReadAlarms(out, parameters, map[string]string{"Api": "localapi00", "AppFunction": "local"})
	require.NoError(t, err)
	parsed, err := template.Parse(out)
	require.NoError(t, err)
	e, err := template.NewEvaluator(parsed, parameters)
	require.NoError(t, err)
	property := func(kind, name string) any {
		resources, err := e.Resources(kind)
		require.NoError(t, err)
		require.Len(t, resources, 1)
		v, err := e.Property(resources[0], name)
		require.NoError(t, err)
		return v
	}
	settings, ok := property("AWS::ApiGatewayV2::Stage", "AccessLogSettings").(map[string]any)
	require.True(t, ok)
	s.accessLog = cloudwatchtest.NewEvent(time.Now(), fmt.Sprint(settings["Format"]))
	s.dashboard = fmt.Sprint(property("AWS::CloudWatch::Dashboard", "DashboardBody"))
	return s
}

var anchorPattern = regexp.MustCompile(`docs/operations\.md#([a-z]+)$`)

// Each alarm of the template has a section with all parts, to which its text leads, and each query
// works on the log that it is for: it parses, and finds its fields.
func checkPage(t *testing.T, p *page, s *stackOfTheChat, seen []cloudwatchtest.Event) {
	t.Helper()
	anchors := map[string]string{}
	for heading := range p.sections {
		anchors[strings.ToLower(heading)] = heading
	}
	require.Greater(t, len(s.alarms), 20)
	chats := map[string]bool{} // sections of the chat's alarms
	for id, alarm := range s.alarms {
		match := anchorPattern.FindStringSubmatch(alarm.Description)
		require.NotNil(t, match, "%s: %s", id, alarm.Description)
		heading, ok := anchors[match[1]]
		require.True(t, ok, "%s leads to #%s, which docs/operations.md does not have", id, match[1])
		chats[heading] = true
		require.True(t, strings.HasSuffix(id, heading) || heading == "QueueAgeAlarm", "%s leads to %s", id, heading)
		for _, part := range []string{"**Meaning.** ", "**First look.** ", "**Likely causes.**", "**Mend.** "} {
			require.Contains(t, p.sections[heading], part, heading)
		}
		require.Contains(t, p.text, "](#"+match[1]+")", "the table of contents")
	}
	fields := fieldsOf(seen)
	access := fieldsOf([]cloudwatchtest.Event{s.accessLog})
	require.Contains(t, access, "authorizerError")
	for _, section := range slices.Sorted(maps.Keys(p.sections)) {
		for _, q := range p.queries(t, section, false) {
			if chats[section] || !strings.HasSuffix(section, "Alarm") { // the chat does not log what it does not have
				require.Subset(t, fields, q.Fields(), section)
			}
			_, err := q.Run(seen)
			require.NoError(t, err, section)
		}
		for _, q := range p.queries(t, section, true) {
			require.Subset(t, access, q.Fields(), section)
			_, err := q.Run([]cloudwatchtest.Event{s.accessLog})
			require.NoError(t, err, section)
		}
	}
	require.Equal(t, strings.Count(p.text, "```insights"), len(queryPattern.FindAllString(p.text, -1)))
}

func fieldsOf(events []cloudwatchtest.Event) (names []string) {
	for _, e := range events {
		names = append(names, e.Fields()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var logWidgetPattern = regexp.MustCompile(`"query":\s*("(?:[^"\\]|\\.)*")`)

// checkDashboard checks the queries of the dashboard's widgets.
func checkDashboard(t *testing.T, dashboard string, seen []cloudwatchtest.Event) {
	t.Helper()
	widgets := logWidgetPattern.FindAllStringSubmatch(dashboard, -1)
	require.NotEmpty(t, widgets)
	for _, w := range widgets {
		text, err := strconv.Unquote(w[1])
		require.NoError(t, err)
		for strings.HasPrefix(text, "SOURCE ") {
			_, text, _ = strings.Cut(text, "|")
			text = strings.TrimSpace(text)
		}
		q, err := cloudwatchtest.ParseQuery(text)
		require.NoError(t, err, text)
		require.Subset(t, fieldsOf(seen), q.Fields(), text)
		result, err := q.Run(seen)
		require.NoError(t, err, text)
		require.NotEmpty(t, result.Rows, text)
	}
}

// The page has the metrics that there are, and what their line costs.
func checkFigures(t *testing.T, p *page, s *stackOfTheChat, seen []cloudwatchtest.Event) {
	t.Helper()
	table := p.sections["What there is"]
	for _, m := range observe.Metrics() {
		require.Contains(t, table, "`"+m.Name+"`")
	}
	var bytes, messages int
	for _, e := range seen {
		if slices.Contains(e.Fields(), "Messages") {
			bytes += len(e.Message) + 1
			messages++
		}
	}
	match := regexp.MustCompile(`about (\d+) bytes \| \$([0-9.]+) for a million messages`).FindStringSubmatch(p.text)
	require.NotNil(t, match)
	stated, err := strconv.Atoi(match[1])
	require.NoError(t, err)
	require.InEpsilon(t, float64(bytes)/float64(messages), stated, 0.15, "%d bytes for %d messages", bytes, messages)
	prices, ok := cost.Known("us-east-1")
	require.True(t, ok)
	require.Equal(t, fmt.Sprintf("%.2f", prices.Items[cost.Logs].Of(float64(stated)*1e6)), match[2])

	// What gatesock cost takes for the alarms of an application.
	metrics := 0
	for id, alarm := range s.alarms {
		if id != "CostAlarm" { // only with a budget
			metrics += len(alarm.Metrics())
		}
	}
	require.InDelta(t, metrics, cost.Default().Alarms, 0, "each metric of an alarm is paid for")
}
