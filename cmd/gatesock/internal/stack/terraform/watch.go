package terraform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// alarmLabel returns the name of the resource of an alarm.
func alarmLabel(id string) string { return label(strings.TrimSuffix(id, "Alarm")) }

// watched returns a reference of the alarms and the dashboard.
func watched(r watch.Ref) string {
	switch r.Kind {
	case watch.API:
		return apiID
	case watch.Stage:
		return stageName
	case watch.Region:
		return region
	case watch.OfFunction:
		return "aws_lambda_function." + label(r.ID) + ".function_name"
	case watch.Log:
		return "aws_cloudwatch_log_group." + label(r.ID) + ".name"
	case watch.Table:
		return "aws_dynamodb_table." + label(r.ID) + ".name"
	case watch.Queue:
		return "aws_sqs_queue." + label(r.ID) + ".name"
	case watch.DeadLetters:
		return "aws_sqs_queue." + label(r.ID) + "_dead_letters.name"
	case watch.AlarmARN:
		return "aws_cloudwatch_metric_alarm." + alarmLabel(r.ID) + ".arn"
	case watch.Entry:
		return `join("", formatlist(", \"%s\"", aws_cloudwatch_metric_alarm.` + alarmLabel(r.ID) + "[*].arn))"
	default: // Parameter
		return "var." + variable(r.ID)
	}
}

// inLiteral returns a reference in a literal.
func inLiteral(r watch.Ref) string { return refer(watched(r)) }

// textOf returns a text with references as an expression.
func textOf(t watch.Text) string {
	if r, ok := t.Single(); ok {
		return watched(r)
	}
	return `"` + t.Resolve(inLiteral) + `"`
}

// alarms adds the alarms, the topic that they notify, and the dashboard.
func (w *writer) alarms() {
	if w.plan.Watch == nil {
		return
	}
	w.heading("Alarms and a dashboard", fmt.Sprintf("In US East, a metric of an alarm costs $0.10 a month, and the alarms have %d; the "+
		"dashboard costs $3. An account has 10 metrics and 3 dashboards of at most 50 metrics free of charge. To leave all of it out, use "+
		"gatesock template --no-alarms.", w.plan.Watch.AlarmMetrics()))
	w.topic()
	w.file.note("Missing data is within each threshold: nothing has happened then. The topic is also told when an alarm ends.")
	for i := range w.plan.Watch.Alarms {
		a := &w.plan.Watch.Alarms[i]
		w.resource("aws_cloudwatch_metric_alarm", alarmLabel(a.ID), "an alarm on "+a.Of, func(b *body) { alarm(b, a) })
	}
	w.file.comment("Dashboards belong to the account and all of its Regions, so the name has the Region.")
	w.resource("aws_cloudwatch_dashboard", "dashboard", "the dashboard", func(b *body) {
		b.set("dashboard_name", text(refer("var."+serviceName), "-", refer(region)))
		b.set("dashboard_body", "<<-JSON\n"+w.plan.Watch.Body(inLiteral)+"\nJSON")
	})
}

// topic adds the topic of the alarms.
func (w *writer) topic() {
	const what, topic = "the topic of the alarms", "aws_sns_topic.alarms.arn"
	w.file.comment("It is not encrypted with a key of KMS: CloudWatch may not use the key alias/aws/sns, and the texts of the alarms are " +
		"those of this file.")
	w.resource("aws_sns_topic", "alarms", what, func(b *body) {
		b.set("name", named("-alarms"))
		b.set("display_name", "var."+serviceName)
	})
	w.resource("aws_sns_topic_policy", "alarms", what, func(b *body) {
		b.set("arn", topic)
		b.set("policy", "data.aws_iam_policy_document.for_alarms.json")
	})
	w.file.comment("Only alarms of this account may publish.")
	w.resource("data.aws_iam_policy_document", "for_alarms", what, func(b *body) {
		b.block("statement", func(b *body) {
			b.set("actions", "["+quote("sns:Publish")+"]")
			b.set("resources", "["+topic+"]")
			b.block("principals", func(b *body) {
				b.set("type", quote("Service"))
				b.set("identifiers", "["+quote("cloudwatch.amazonaws.com")+"]")
			})
			b.block("condition", func(b *body) {
				b.set("test", quote("StringEquals"))
				b.set("variable", quote("aws:SourceAccount"))
				b.set("values", "["+account+"]")
			})
		})
	})
	w.file.comment("SNS sends a link to the address, by which the subscription is confirmed.")
	w.resource("aws_sns_topic_subscription", "alarm_email", "the subscription of alarms", func(b *body) {
		email := "var." + variable(watch.AlarmEmail)
		b.set("count", email+` == "" ? 0 : 1`)
		b.set("topic_arn", topic)
		b.set("protocol", quote("email"))
		b.set("endpoint", email)
	})
}

// alarm adds the contents of an alarm.
func alarm(b *body, a *watch.Alarm) {
	if a.Condition.Name != "" {
		b.set("count", "var."+variable(a.Condition.Parameter)+" == 0 ? 0 : 1")
	}
	b.set("alarm_name", named("-"+hyphenated(strings.TrimSuffix(a.ID, "Alarm"))))
	b.set("alarm_description", quote(a.Description()))
	if q := a.Queries[0]; len(a.Queries) == 1 {
		series(b, q, a.Period, a.IsPercentile())
		if a.IsPercentile() {
			b.comment("Also with few values: 99 % of them are at most the largest.")
			b.set("evaluate_low_sample_count_percentiles", quote("evaluate"))
		}
	}
	b.set("comparison_operator", quote(a.Comparison()))
	threshold := string(a.Threshold)
	if a.Threshold.HasRefs() {
		threshold = textOf(a.Threshold)
	}
	b.set("threshold", threshold)
	b.set("evaluation_periods", strconv.Itoa(a.Periods))
	if a.Breaching > 0 {
		b.set("datapoints_to_alarm", strconv.Itoa(a.Breaching))
	}
	b.set("treat_missing_data", quote("notBreaching"))
	b.set("alarm_actions", "[aws_sns_topic.alarms.arn]")
	b.set("ok_actions", "[aws_sns_topic.alarms.arn]")
	if len(a.Queries) > 1 {
		for _, q := range a.Queries {
			b.block("metric_query", func(b *body) { query(b, q, a.Period) })
		}
	}
}

// series adds the metric of an alarm that has one.
func series(b *body, q watch.Query, period int, isPercentile bool) {
	b.set("namespace", quote(q.Metric.Namespace))
	b.set("metric_name", quote(q.Metric.Name))
	if isPercentile {
		b.set("extended_statistic", quote(q.Stat))
	} else {
		b.set("statistic", quote(q.Stat))
	}
	b.set("period", strconv.Itoa(period))
	dimensions(b, q.Metric.Dimensions)
}

func dimensions(b *body, list []watch.Dimension) {
	if len(list) == 0 {
		return
	}
	b.set("dimensions", object(func(b *body) {
		for _, d := range list {
			b.set(d.Name, textOf(d.Value))
		}
	}))
}

// query adds one of the metrics and expressions of an alarm.
func query(b *body, q watch.Query, period int) {
	b.set("id", quote(q.ID))
	if q.Expression != "" {
		b.set("expression", textOf(q.Expression))
		b.set("label", quote(q.Label))
		b.set("return_data", "true")
		return
	}
	b.block("metric", func(b *body) {
		b.set("namespace", quote(q.Metric.Namespace))
		b.set("metric_name", quote(q.Metric.Name))
		b.set("stat", quote(q.Stat))
		b.set("period", strconv.Itoa(period))
		dimensions(b, q.Metric.Dimensions)
	})
}
