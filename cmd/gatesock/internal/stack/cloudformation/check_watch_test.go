package cloudformation_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/stacktest"
)

// watch checks the alarms and the dashboard: that they watch what there is, by metrics that AWS or
// the program writes, and that somebody is told.
func (c *checker) watch() {
	alarms := c.of("AWS::CloudWatch::Alarm")
	dashboards := c.of("AWS::CloudWatch::Dashboard")
	if len(alarms) == 0 {
		if topics := c.of("AWS::SNS::Topic"); len(topics)+len(dashboards) > 0 {
			c.fail("there are topics and dashboards without alarms")
		}
		return
	}
	namespace := ""
	for _, n := range c.app.Needs {
		if n.Kind == "metrics" {
			namespace = n.Default
		}
	}
	known := stacktest.Known(namespace)
	watched := map[string]int{} // by metric and what it is of
	for _, id := range alarms {
		c.alarm(id, known, watched)
	}
	c.everythingIsWatched(watched)
	if len(dashboards) != 1 {
		c.fail("there are %d dashboards", len(dashboards))
		return
	}
	for _, hold := range []bool{false, true} {
		c.dashboard(dashboards[0], hold, known, alarms)
	}
}

// everythingIsWatched checks that each function, table and queue has alarms.
func (c *checker) everythingIsWatched(watched map[string]int) {
	want := func(id string, metrics ...string) {
		for _, name := range metrics {
			if watched[name+" "+id] != 1 {
				c.fail("%s has %d alarms on %s", id, watched[name+" "+id], name)
			}
		}
	}
	want("Api", "ClientError", "ExecutionError", "IntegrationError", "IntegrationLatency", "ConnectCount")
	for _, id := range c.of("AWS::Lambda::Function") {
		want(id, "Errors", "Throttles", "ConcurrentExecutions")
	}
	for _, id := range c.of("AWS::DynamoDB::Table") {
		want(id, "ReadThrottleEvents", "WriteThrottleEvents")
	}
	for _, id := range c.of("AWS::SQS::Queue") {
		if c.property(id, "RedrivePolicy") != nil {
			want(id, "ApproximateAgeOfOldestMessage")
		} else {
			want(id, "ApproximateNumberOfMessagesVisible")
		}
	}
}

// number returns a number of a template, or the default of a parameter.
func (c *checker) number(value any) (float64, bool) {
	if name := text(value, "Ref"); name != "" {
		value = at(c.template, "Parameters", name, "Default")
	}
	switch n := value.(type) {
	case int:
		return float64(n), true
	case float64:
		return n, true
	default:
		return 0, false
	}
}

func (c *checker) alarm(id string, known map[string]string, watched map[string]int) {
	p := c.property(id)
	description := text(p, "AlarmDescription")
	if len(description) > 1024 || !strings.Contains(description, " First: ") || !section.MatchString(description) {
		c.fail("%s does not say what to do", id)
	}
	for _, actions := range []string{"AlarmActions", "OKActions"} {
		list := list(at(p, actions))
		if len(list) != 1 || !c.mayPublish(list[0]) {
			c.fail("%s has nobody to notify (%s)", id, actions)
		}
	}
	if at(p, "TreatMissingData") != "notBreaching" {
		c.fail("%s is on while nothing happens", id)
	}
	if _, ok := c.number(at(p, "Threshold")); !ok {
		c.fail("%s has no threshold", id)
	}
	periods, _ := c.number(at(p, "EvaluationPeriods"))
	if points := at(p, "DatapointsToAlarm"); points != nil {
		if n, _ := c.number(points); n < 1 || n > periods {
			c.fail("%s needs %v of %v periods", id, points, periods)
		}
	}
	check := func(m any, stat string, period any) {
		c.metric(id, m, known, watched)
		seconds, _ := c.number(period)
		longest := map[bool]float64{true: 604800, false: 86400}[seconds >= 3600]
		if seconds < 60 || periods < 1 || seconds*periods > longest {
			c.fail("%s looks at %v periods of %v seconds", id, periods, seconds)
		}
		if !statistic.MatchString(stat) {
			c.fail("%s has the statistic %q", id, stat)
		}
	}
	if queries := list(at(p, "Metrics")); queries != nil {
		c.queries(id, queries, check)
		return
	}
	percentile := text(p, "ExtendedStatistic")
	if (percentile != "") != (at(p, "EvaluateLowSampleCountPercentile") != nil) {
		c.fail("%s does not say what few samples mean", id)
	}
	check(p, text(p, "Statistic")+percentile, at(p, "Period"))
}

var (
	section   = regexp.MustCompile(` More: https://github\.com/gatesock/gatesock/blob/main/docs/operations\.md#[a-z]+alarm$`)
	statistic = regexp.MustCompile(`^(Average|Sum|Maximum|SampleCount|p99)$`)
)

// queries checks the metrics and the expression of an alarm.
func (c *checker) queries(id string, queries []any, check func(m any, stat string, period any)) {
	const most = 10
	var ids, expressions []string
	returned := 0
	for _, q := range queries {
		if at(q, "ReturnData") != false {
			returned++
		}
		if at(q, "MetricStat") == nil {
			e := at(q, "Expression")
			if sub := list(at(e, "Fn::Sub")); len(sub) > 0 {
				e = variable.ReplaceAllString(sub[0].(string), "1")
			}
			expressions = append(expressions, fmt.Sprint(e))
			continue
		}
		ids = append(ids, text(q, "Id"))
		check(at(q, "MetricStat", "Metric"), text(q, "MetricStat", "Stat"), at(q, "MetricStat", "Period"))
	}
	if len(expressions) != 1 || returned != 1 || len(ids) > most || strings.Contains(expressions[0], "SEARCH") {
		c.fail("%s has the expressions %q of %d metrics", id, expressions, len(ids))
		return
	}
	for _, used := range stacktest.IDsOf(expressions[0]) {
		if !slices.Contains(ids, used) {
			c.fail("%s has an expression with the unknown id %s", id, used)
		}
	}
}

// metric checks that a metric of an alarm exists, and that its dimensions are what they are called.
func (c *checker) metric(id string, m any, known map[string]string, watched map[string]int) {
	metric := stacktest.Metric{Namespace: text(m, "Namespace"), Name: text(m, "MetricName")}
	of := ""
	for _, d := range list(at(m, "Dimensions")) {
		name := text(d, "Name")
		metric.Dimensions = append(metric.Dimensions, name)
		value := text(d, "Value", "Ref")
		if att := list(at(d, "Value", "Fn::GetAtt")); len(att) == 2 && att[1] == "QueueName" {
			value = att[0].(string)
		}
		if literal, ok := at(d, "Value").(string); ok {
			value = literal
		}
		if !c.isDimension(name, value) {
			c.fail("%s has the dimension %s of %q", id, name, value)
		}
		if name != "Stage" && of == "" {
			of = value
		}
	}
	slices.Sort(metric.Dimensions)
	if known[metric.String()] == "" {
		c.fail("%s watches %s, which nobody writes", id, metric)
	}
	if strings.HasPrefix(metric.Namespace, "AWS/") && text(c.resources, id, "Condition") != "HasDailyBudget" {
		watched[metric.Name+" "+of]++
	}
}

// isDimension reports whether a dimension may have a value, which is the name of a resource or a
// parameter, or a string.
func (c *checker) isDimension(name, value string) bool {
	kind := text(c.resources, value, "Type")
	switch name {
	case "ApiId", "Api":
		return kind == "AWS::ApiGatewayV2::Api"
	case "Stage":
		return value == "StageName"
	case "FunctionName", "Function":
		return kind == "AWS::Lambda::Function"
	case "TableName":
		return kind == "AWS::DynamoDB::Table"
	case "QueueName":
		return kind == "AWS::SQS::Queue"
	case "Code", "CloseCode":
		return kind == "" && value != ""
	default:
		return false
	}
}

// mayPublish reports whether alarms of this account may publish to a topic.
func (c *checker) mayPublish(topic any) bool {
	if _, ok := c.refers(topic, "AWS::SNS::Topic"); !ok {
		return false
	}
	for _, id := range c.of("AWS::SNS::TopicPolicy") {
		for _, s := range list(c.property(id, "PolicyDocument", "Statement")) {
			if reflect.DeepEqual(list(c.property(id, "Topics")), []any{topic}) && reflect.DeepEqual(at(s, "Resource"), topic) &&
				text(s, "Principal", "Service") == "cloudwatch.amazonaws.com" && at(s, "Action") == "sns:Publish" &&
				reflect.DeepEqual(at(s, "Condition"), tree{"StringEquals": tree{"aws:SourceAccount": ref("AWS::AccountId")}}) {
				return true
			}
		}
	}
	return false
}

// dashboard reads the dashboard as it is if all conditions hold, or none.
func (c *checker) dashboard(id string, hold bool, known map[string]string, alarms []string) {
	sub := list(c.property(id, "DashboardBody", "Fn::Sub"))
	if len(sub) != 2 {
		c.fail("%s has no body", id)
		return
	}
	d := stacktest.ReadDashboard(c.substitute(sub[0].(string), sub[1].(tree), hold))
	for _, problem := range d.Problems {
		c.fail("%s: %s", id, problem)
	}
	for _, m := range d.Metrics {
		if known[m.String()] == "" {
			c.fail("%s shows %s, which nobody writes", id, m)
		}
		for name, value := range m.Values {
			if !c.isDimension(name, value) {
				c.fail("%s has the dimension %s of %q", id, name, value)
			}
		}
	}
	for _, alarm := range alarms {
		exists := hold || text(c.resources, alarm, "Condition") == ""
		if slices.Contains(d.Alarms, alarm+".Arn") != exists {
			c.fail("%s has the alarm %s: %v", id, alarm, !exists)
		}
	}
	const rows = 4
	if len(d.Texts) != rows {
		c.fail("%s has %d rows", id, len(d.Texts))
	}
}

// substitute does what Fn::Sub does. A reference is its own name, or the default of a parameter
// that is a number.
func (c *checker) substitute(text string, variables tree, hold bool) string {
	return variable.ReplaceAllStringFunc(text, func(token string) string {
		name := token[2 : len(token)-1]
		if value, ok := variables[name]; ok {
			branch := map[bool]int{true: 1, false: 2}[hold]
			chosen := list(at(value, "Fn::If"))[branch]
			if sub := list(at(chosen, "Fn::Sub")); len(sub) == 1 {
				return c.substitute(sub[0].(string), nil, hold)
			}
			return fmt.Sprint(chosen)
		}
		if n, ok := c.number(ref(name)); ok {
			return fmt.Sprint(n)
		}
		return strings.TrimSuffix(name, ".QueueName")
	})
}
