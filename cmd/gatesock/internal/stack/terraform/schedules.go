package terraform

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack"
)

const (
	// schedulesSuffix ends the name of the role of schedules. No function can have such a name.
	schedulesSuffix = ".schedules"
	// defaultGroup is the group of schedules that every account has.
	defaultGroup = "default"
)

// schedule adds a schedule, or what one needs that exists elsewhere.
func (w *writer) schedule(s *stack.Source) {
	switch {
	case strings.Contains(s.From.ARN, ":events:"):
		w.permission(w.plan.Function(s.Function), label(s.ID), "events", quote(s.From.ARN), "")
		return
	case s.From.ARN != "":
		w.file.note("The schedule " + s.From.ARN + " exists elsewhere: its role must allow lambda:InvokeFunction on the function " +
			w.of(s) + ".")
		return
	}
	w.group(s)
	w.file.comment("It has no input: the program recognizes the event of EventBridge Scheduler.")
	w.resource("aws_scheduler_schedule", label(s.ID), "the schedule "+s.Schedule, func(b *body) {
		b.set("name", quote(s.Schedule))
		b.set("group_name", group(s)+".name")
		if s.Group == defaultGroup {
			b.items[len(b.items)-1].value = quote(defaultGroup)
		}
		b.set("schedule_expression", "var."+variable(s.Parameter))
		b.block("flexible_time_window", func(b *body) { b.set("mode", quote("OFF")) })
		b.block("target", func(b *body) {
			b.set("arn", w.of(s)+".arn")
			b.set("role_arn", "aws_iam_role.for_schedules.arn")
			b.comment("What failed is done by the next run.")
			b.block("retry_policy", func(b *body) { b.set("maximum_retry_attempts", "0") })
		})
	})
}

// group returns a reference to the group of a schedule.
func group(s *stack.Source) string {
	name := "schedules"
	if s.Group != "" {
		name = "group_" + strings.ReplaceAll(s.Group, ".", "-")
	}
	return "aws_scheduler_schedule_group." + name
}

// group adds the group of a schedule, if it is the first one in it.
func (w *writer) group(s *stack.Source) {
	if s.Group == defaultGroup || s != w.firstOf(s.Group) {
		return
	}
	name := "var." + serviceName
	if s.Group == "" {
		w.file.comment("The program knows schedules by their names. A group of their own lets several deployments in one Region " +
			"have such schedules.")
	} else {
		name = quote(s.Group)
	}
	kind, what, _ := strings.Cut(group(s), ".")
	w.resource(kind, what, "the group of the schedule "+s.Schedule, func(b *body) { b.set("name", name) })
}

// firstOf returns the first schedule of a group.
func (w *writer) firstOf(group string) *stack.Source {
	i := slices.IndexFunc(w.plan.Sources, func(s stack.Source) bool { return s.Schedule != "" && s.Group == group })
	return &w.plan.Sources[i]
}

// schedulesRole adds the role by which EventBridge Scheduler invokes functions, if there are
// schedules.
func (w *writer) schedulesRole() {
	var groups, functions []string
	for i := range w.plan.Sources {
		s := &w.plan.Sources[i]
		if s.Schedule == "" {
			continue
		}
		arn := group(s) + ".arn"
		if s.Group == defaultGroup {
			arn = text("arn:", refer(partition), ":scheduler:", refer(region), ":", refer(account), ":schedule-group/default")
		}
		groups = appendNew(groups, arn)
		functions = appendNew(functions, w.of(s)+".arn")
	}
	if groups == nil {
		return
	}
	w.file.comment("EventBridge Scheduler takes this role, for schedules of these groups only.")
	w.trust("for_schedules", "scheduler", groups)
	const what = "the role of schedules"
	w.resource("aws_iam_role", "for_schedules", what, func(b *body) {
		b.set("name", named(schedulesSuffix))
		b.set("assume_role_policy", "data.aws_iam_policy_document.for_schedules.json")
	})
	w.resource("aws_iam_role_policy", "for_schedules", what, func(b *body) {
		b.set("name", quote("invoke"))
		b.set("role", "aws_iam_role.for_schedules.id")
		b.set("policy", "data.aws_iam_policy_document.invoke_by_schedules.json")
	})
	w.resource("data.aws_iam_policy_document", "invoke_by_schedules", what, func(b *body) {
		b.block("statement", func(b *body) {
			b.set("actions", "["+quote("lambda:InvokeFunction")+"]")
			b.set("resources", list(functions...))
		})
	})
}

func appendNew(values []string, value string) []string {
	if slices.Contains(values, value) {
		return values
	}
	return append(values, value)
}
