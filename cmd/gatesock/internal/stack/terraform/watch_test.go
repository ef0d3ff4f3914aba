package terraform_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/cloudformation"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
)

// TestSameAlarms requires that alarms have the same metrics, thresholds and texts as in the
// template of CloudFormation.
func TestSameAlarms(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			theirs, err := cloudformation.Template(s.Plan(t))
			require.NoError(t, err)
			ours := template(t, s)
			_, alarms, ok := strings.Cut(string(theirs), "# ---- Alarms and a dashboard ----")
			require.True(t, ok)
			for key, argument := range map[string]string{
				"MetricName": "metric_name", "Namespace": "namespace", "Statistic": "statistic", "ExtendedStatistic": "extended_statistic",
				"Stat": "stat", "Period": "period", "EvaluationPeriods": "evaluation_periods", "ComparisonOperator": "comparison_operator",
				"TreatMissingData": "treat_missing_data", "Id": "id", "Label": "label",
				"EvaluateLowSampleCountPercentile": "evaluate_low_sample_count_percentiles",
			} {
				_, configuration, _ := strings.Cut(string(ours), "# ---- Alarms and a dashboard ----")
				require.Equal(t, values(alarms, `(?m)^ +(?:- )?`+key+`: "?([^"\n]+)"?$`),
					values(configuration, `(?m)^ +`+argument+` += "?([^"\n]+)"?$`), key)
			}
			require.Equal(t, values(alarms, `(?m)^      Threshold: ([0-9.]+)$`), values(string(ours), `(?m)^ +threshold += ([0-9.]+)$`))
			require.Equal(t, values(alarms, `operations\.md#(\w+)`), values(string(ours), `operations\.md#(\w+)`))
		})
	}
}

// values returns what a pattern finds in a text.
func values(text, pattern string) []string {
	var list []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, match[1])
	}
	return list
}

// interpolation is a reference in the JSON of the dashboard.
var interpolation = regexp.MustCompile(`\$\{[^}]*\}`)

// TestDashboard reads the dashboard with values for its references.
func TestDashboard(t *testing.T) {
	t.Parallel()
	for name, s := range stacktest.Services(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, after, ok := strings.Cut(string(template(t, s)), "<<-JSON\n")
			require.True(t, ok)
			body, _, ok := strings.Cut(after, "\n  JSON\n")
			require.True(t, ok)
			for _, entry := range []string{"", `, "an alarm"`} {
				d := stacktest.ReadDashboard(interpolation.ReplaceAllStringFunc(body, func(token string) string {
					switch {
					case strings.HasPrefix(token, "${join("):
						return entry
					case token == "${var.stage_name}":
						return "prod"
					case strings.HasPrefix(token, "${var."):
						return "1"
					default:
						return "name"
					}
				}))
				require.Empty(t, d.Problems)
				require.Len(t, d.Texts, 4)
				require.Equal(t, entry != "", slices.Contains(d.Alarms, "an alarm"))
			}
		})
	}
}

func TestNoAlarms(t *testing.T) {
	t.Parallel()
	options := stack.Options{Name: "chat", NoAlarms: true}
	text := string(template(t, stacktest.Service{App: stacktest.Observed(t), Options: options}))
	for _, word := range []string{"alarm", "dashboard", "aws_sns", "_quota"} {
		require.NotContains(t, text, word)
	}
	require.Regexp(t, `GATESOCK_METRICS += "gatesock"`, text)
}
