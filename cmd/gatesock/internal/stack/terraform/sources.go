package terraform

import (
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
	"github.com/gatesock/gatesock/internal/iotrule"
)

func (w *writer) sources() {
	if len(w.plan.Sources) > 0 {
		w.heading("What else calls the functions", "")
	}
	for i := range w.plan.Sources {
		s := &w.plan.Sources[i]
		switch s.Kind {
		case "http":
			w.functionURL(s)
		case "sqs", "dynamodb", "kinesis":
			w.mapping(s)
		case "sns":
			w.subscription(s)
		case "eventbridge":
			w.rule(s)
		case "iot":
			w.deviceRule(s)
		case "schedule":
			w.schedule(s)
		}
	}
	w.schedulesRole()
	if len(w.plan.Custom) > 0 {
		w.file.note("What sends these events, which the program recognizes by itself, is not in this configuration:\n   " +
			strings.Join(w.plan.Custom, "\n   "))
	}
}

// of returns a reference to the function of a source.
func (w *writer) of(s *stack.Source) string { return "aws_lambda_function." + label(s.Function) }

func (w *writer) functionURL(s *stack.Source) {
	name := label(s.ID)
	w.file.comment("Anyone may call the URL: the program checks who does.")
	w.resource("aws_lambda_function_url", name, "the source http", func(b *body) {
		b.set("function_name", w.of(s)+".function_name")
		b.set("authorization_type", quote("NONE"))
	})
	w.file.comment("Function URLs since October 2025 need both permissions (AWS Lambda Developer Guide, \"Control access to Lambda " +
		"function URLs\").")
	w.resource("aws_lambda_permission", name+"_url", "the source http", func(b *body) {
		b.set("action", quote("lambda:InvokeFunctionUrl"))
		b.set("function_name", w.of(s)+".function_name")
		b.set("function_url_auth_type", quote("NONE"))
		b.set("principal", quote("*"))
	})
	w.resource("aws_lambda_permission", name+"_invoke", "the source http", func(b *body) {
		b.set("action", quote("lambda:InvokeFunction"))
		b.set("function_name", w.of(s)+".function_name")
		b.set("invoked_via_function_url", "true")
		b.set("principal", quote("*"))
	})
}

// mapping adds what reads a queue or a stream for a function.
func (w *writer) mapping(s *stack.Source) {
	own := s.From.Kind == stack.QueueKind && s.From.ID != ""
	switch {
	case own:
		w.file.comment("One message at a time: the jobs of a batch would share the time of one invocation.")
	case s.Kind == "sqs":
		w.file.comment("The queue exists elsewhere. Lambda reads it only if its visibility timeout is at least the timeout of the function.")
	default:
		w.file.comment("A record that fails again and again would hold up its shard until it expires.")
	}
	w.resource("aws_lambda_event_source_mapping", label(s.ID), "the source "+s.ID, func(b *body) {
		b.set("event_source_arn", arn(s.From))
		b.set("function_name", w.of(s)+".arn")
		if own {
			b.set("batch_size", "1")
			b.set("function_response_types", "["+quote("ReportBatchItemFailures")+"]")
		}
		if s.Kind != "sqs" {
			b.set("starting_position", quote("LATEST"))
			b.set("bisect_batch_on_function_error", "true")
			b.set("maximum_retry_attempts", "5")
		}
		if s.From.Kind == stack.TableStream && s.From.ID != "" {
			b.set("batch_size", "100")
			b.set("function_response_types", "["+quote("ReportBatchItemFailures")+"]")
		}
		filters(b, s.Filters)
		b.comment("Lambda checks at once whether the function may read it.")
		b.set("depends_on", "[aws_iam_role_policy."+label(s.Function)+"]")
	})
}

// filters adds the patterns of the records that are read.
func filters(b *body, patterns []string) {
	if len(patterns) == 0 {
		return
	}
	b.comment("Other changes do not invoke the function. Items of namespaces begin with @.")
	b.block("filter_criteria", func(b *body) {
		for _, p := range patterns {
			b.block("filter", func(b *body) { b.set("pattern", quote(p)) })
		}
	})
}

func (w *writer) subscription(s *stack.Source) {
	w.resource("aws_sns_topic_subscription", label(s.ID), "the source "+s.ID, func(b *body) {
		b.set("topic_arn", arn(s.From))
		b.set("protocol", quote("lambda"))
		b.set("endpoint", w.of(s)+".arn")
	})
	w.permission(w.plan.Function(s.Function), label(s.ID), "sns", arn(s.From), "")
}

func (w *writer) rule(s *stack.Source) {
	name, what := label(s.ID), "the source "+s.ID
	w.resource("aws_cloudwatch_event_rule", name, what, func(b *body) {
		b.set("name_prefix", text(refer("substr(var."+serviceName+", 0, 37)"), "-"))
		if s.EventSource == "*" {
			b.comment("Every event has a source that begins with nothing.")
		}
		b.set("event_pattern", "jsonencode("+object(func(b *body) {
			if s.EventSource == "*" {
				b.set("source", `[{ prefix = "" }]`)
			} else {
				b.set("source", "["+quote(s.EventSource)+"]")
			}
			if s.DetailType != "" {
				b.set("detail-type", "["+quote(s.DetailType)+"]")
			}
		})+")")
	})
	w.resource("aws_cloudwatch_event_target", name, what, func(b *body) {
		b.set("rule", "aws_cloudwatch_event_rule."+name+".name")
		b.set("arn", w.of(s)+".arn")
	})
	w.permission(w.plan.Function(s.Function), name, "events", "aws_cloudwatch_event_rule."+name+".arn", "")
}

// deviceRule adds a rule of AWS IoT.
func (w *writer) deviceRule(s *stack.Source) {
	name := label(s.ID)
	w.file.comment("The program knows the rule by a part of its SQL, and not by its name on AWS. Devices choose their topics as " +
		"far as their policies allow. AWS IoT invokes the function asynchronously: Lambda repeats what fails twice.")
	w.resource("aws_iot_topic_rule", name, "the source "+s.ID, func(b *body) {
		b.comment("Names of rules have no hyphens.")
		b.set("name", text(refer(`replace(var.`+serviceName+`, "-", "_")`), "_"+s.Rule))
		b.set("enabled", "true")
		b.set("sql", quote(s.SQL))
		b.set("sql_version", quote(iotrule.SQLVersion))
		b.block("lambda", func(b *body) { b.set("function_arn", w.of(s)+".arn") })
	})
	w.permission(w.plan.Function(s.Function), name, "iot", "aws_iot_topic_rule."+name+".arn", "")
}
