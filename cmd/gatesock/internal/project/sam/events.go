package sam

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/template"
)

// readRules reads the rules of EventBridge and the schedules of its Scheduler.
func (r *run) readRules() {
	for _, i := range r.of("AWS::Events::Rule") {
		rule := project.Rule{
			ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn"), Bus: busName(i.text("EventBusName")),
			Pattern: i.json("EventPattern"), Schedule: i.text("ScheduleExpression"), Disabled: i.text("State") == "DISABLED",
		}
		i.checkBus("EventBusName", rule.Bus)
		for _, o := range i.objects("Targets") {
			rule.Targets = append(rule.Targets, o.target(o.text("Arn")))
		}
		if rule.Pattern == nil && rule.Schedule == "" {
			i.warn("", "the rule has neither an EventPattern nor a ScheduleExpression")
			continue
		}
		r.project.Rules = append(r.project.Rules, rule)
	}
	for _, i := range r.of("AWS::Scheduler::Schedule") {
		rule := project.Rule{
			ID: i.id(), Name: i.PhysicalName(i.res), ARN: i.Attribute(i.res, "Arn"), Bus: "default",
			Schedule: i.text("ScheduleExpression"), Timezone: i.text("ScheduleExpressionTimezone"), Disabled: i.text("State") == "DISABLED",
		}
		if o, ok := i.object("Target"); ok {
			arn := o.text("Arn")
			if strings.Contains(arn, ":aws-sdk:") {
				o.warn("Arn", "schedules that call the AWS API (%s) do nothing here", quote(arn))
			}
			rule.Targets = []project.RuleTarget{o.target(arn)}
		}
		r.project.Rules = append(r.project.Rules, rule)
	}
	r.of("AWS::Scheduler::ScheduleGroup")
}

// busName returns the name in the ARN of an event bus, or the name itself.
func busName(bus string) string {
	return cmp.Or(bus[strings.LastIndexByte(bus, '/')+1:], "default")
}

func (i item) checkBus(property, name string) {
	known := slices.ContainsFunc(i.project.Buses, func(b project.Bus) bool { return b.Name == name })
	if name != "default" && !known {
		i.warn(property, "the event bus %s is not in this project", quote(name))
	}
}

// target reads the target of a rule.
func (i item) target(arn string) project.RuleTarget {
	t := project.RuleTarget{ID: cmp.Or(i.text("Id"), "Target"), ARN: arn, Input: i.json("Input"), InputPath: i.text("InputPath"), Retries: -1}
	if o, ok := i.object("InputTransformer"); ok {
		t.InputPaths, t.Template = o.textMap("InputPathsMap"), o.text("InputTemplate")
	}
	if o, ok := i.object("SqsParameters"); ok {
		t.GroupID = o.text("MessageGroupId")
	}
	if o, ok := i.object("DeadLetterConfig"); ok {
		t.DeadLetter = o.text("Arn")
	}
	if o, ok := i.object("RetryPolicy"); ok {
		t.Retries = o.number("MaximumRetryAttempts", -1, 0, 185)
	}
	return t
}

// readMappings reads the event source mappings.
func (r *run) readMappings() {
	for _, i := range r.of("AWS::Lambda::EventSourceMapping") {
		name := i.text("FunctionName")
		f := r.project.Function(name)
		if f == nil {
			i.fail("FunctionName", "the function %s is not in this project", quote(name))
			continue
		}
		i.mapping(i.id(), f.ID, "EventSourceArn")
	}
}

// mapping adds an event source mapping whose source is in a property.
func (i item) mapping(id, function, property string) {
	m := project.Mapping{ID: id, Function: function, Source: i.text(property)}
	byDefault, most := 100, 10_000
	switch p := i.project; {
	case strings.Contains(m.Source, ":sqs:"):
		byDefault = 10
		if !slices.ContainsFunc(p.Queues, func(q project.Queue) bool { return q.ARN == m.Source }) {
			i.warn(property, "the queue %s is not in this project", quote(m.Source))
			return
		}
	case strings.Contains(m.Source, ":dynamodb:"):
		n := slices.IndexFunc(p.Tables, func(t project.Table) bool { return t.ARN+"/stream/"+template.StreamLabel == m.Source })
		if n < 0 {
			i.warn(property, "the stream %s is not in this project", quote(m.Source))
			return
		}
		if p.Tables[n].StreamARN == "" {
			i.fail(property, "the table %s has no stream: it needs a StreamSpecification", p.Tables[n].ID)
			return
		}
		m.StartingPosition = cmp.Or(i.text("StartingPosition"), "LATEST")
	default:
		i.warn(property, "events of %s are not served here", quote(m.Source))
		return
	}
	m.Disabled = !i.flag("Enabled", true)
	m.BatchSize = i.number("BatchSize", byDefault, 1, most)
	m.Window = i.seconds("MaximumBatchingWindowInSeconds", 0, 0, 300)
	m.Retries = i.number("MaximumRetryAttempts", -1, -1, 10_000)
	m.MaxRecordAge = max(i.seconds("MaximumRecordAgeInSeconds", -1, -1, 604_800), 0)
	m.Bisect = i.flag("BisectBatchOnFunctionError", false)
	m.ReportItemFailures = slices.Contains(i.texts("FunctionResponseTypes"), "ReportBatchItemFailures")
	if o, ok := i.object("FilterCriteria"); ok {
		for _, filter := range o.objects("Filters") {
			if pattern := filter.json("Pattern"); pattern != nil {
				m.Filters = append(m.Filters, pattern)
			}
		}
	}
	if o, ok := i.object("DestinationConfig"); ok {
		if failure, ok := o.object("OnFailure"); ok {
			m.OnFailure = failure.text("Destination")
		}
	}
	i.project.Mappings = append(i.project.Mappings, m)
}

// readEvents reads the events of functions of SAM.
func (r *run) readEvents() {
	for _, i := range r.items("AWS::Serverless::Function") {
		f := r.project.Function(i.Attribute(i.res, "Arn"))
		events, _ := i.object("Events")
		if f == nil {
			continue
		}
		for _, name := range sorted(events.has) {
			event, ok := events.object(name)
			if !ok {
				continue
			}
			properties, _ := event.object("Properties")
			r.readEvent(event, properties, f, i.id()+name)
		}
	}
}

// readEvent reads an event of a function. id is that of what SAM makes of it.
func (r *run) readEvent(event, p item, f *project.Function, id string) {
	switch kind := event.text("Type"); kind {
	case "SQS":
		p.mapping(id, f.ID, "Queue")
	case "DynamoDB":
		p.mapping(id, f.ID, "Stream")
	case "SNS":
		r.readTopicEvent(p, f, id)
	case "EventBridgeRule", "CloudWatchEvent":
		rule := project.Rule{
			ID: id, Name: cmp.Or(p.text("RuleName"), id), Bus: busName(p.text("EventBusName")), Pattern: p.json("Pattern"), Disabled: p.disabled(),
		}
		p.checkBus("EventBusName", rule.Bus)
		r.addRule(p, rule, f)
	case "Schedule":
		r.addRule(p, project.Rule{
			ID: id, Name: cmp.Or(p.text("Name"), id), Bus: "default", Schedule: p.text("Schedule"), Disabled: p.disabled(),
		}, f)
	case "ScheduleV2":
		r.addRule(p, project.Rule{
			ID: id, Name: cmp.Or(p.text("Name"), id), Bus: "default", Schedule: p.text("ScheduleExpression"),
			Timezone: p.text("ScheduleExpressionTimezone"), Disabled: p.disabled(),
		}, f)
	case "Api", "HttpApi":
		event.notice("", "the event %s comes from a REST or an HTTP API; gatesock dev serves WebSocket APIs only", event.eventName())
	case "S3", "Cognito", "CloudWatchLogs", "IoTRule", "AlexaSkill":
		event.notice("", "the event %s comes from %s, which is not served here", event.eventName(), kind)
	case "WebSocket":
		event.fail("Type", "there is no event of the type WebSocket; write a resource AWS::Serverless::WebSocketApi with"+
			" Routes: {$default: {FunctionArn: !GetAtt %s.Arn}}", event.res.ID)
	default:
		event.warn("Type", "events of the type %s are not served here", quote(kind))
	}
}

// eventName is the name of the event.
func (i item) eventName() string { return quote(i.path[len(i.path)-1]) }

func (i item) disabled() bool { return i.text("State") == "DISABLED" || !i.flag("Enabled", true) }

func (r *run) addRule(p item, rule project.Rule, f *project.Function) {
	resource := "rule/" + rule.Name
	if rule.Bus != "default" {
		resource = "rule/" + rule.Bus + "/" + rule.Name
	}
	rule.ARN = "arn:" + p.Pseudo("AWS::Partition") + ":events:" + p.region + ":" + p.account + ":" + resource
	rule.Targets = []project.RuleTarget{p.target(f.ARN)}
	if rule.Pattern == nil && rule.Schedule == "" {
		p.fail("", "the event has neither a pattern nor a schedule")
		return
	}
	r.project.Rules = append(r.project.Rules, rule)
}

// readTopicEvent reads an event of SNS.
func (r *run) readTopicEvent(p item, f *project.Function, id string) {
	s := project.Subscription{
		Protocol: "lambda", Endpoint: f.ARN, FilterPolicy: p.json("FilterPolicy"), FilterBody: p.text("FilterPolicyScope") == "MessageBody",
	}
	if o, ok := p.object("RedrivePolicy"); ok {
		s.DeadLetter = o.text("deadLetterTargetArn")
	}
	var queue item
	switch v := p.get("SqsSubscription").(type) {
	case bool:
		if v {
			q := project.Queue{ID: id + "Queue", Name: id + "Queue", Attributes: map[string]string{}}
			q.ARN = "arn:" + p.Pseudo("AWS::Partition") + ":sqs:" + p.region + ":" + p.account + ":" + q.Name
			q.URL = "https://sqs." + p.region + "." + p.Pseudo("AWS::URLSuffix") + "/" + p.account + "/" + q.Name
			r.project.Queues = append(r.project.Queues, q)
			queue = p.in("SqsSubscription", map[string]any{"QueueArn": q.ARN})
		}
	case map[string]any:
		queue = p.in("SqsSubscription", v)
	}
	if queue.stack != nil {
		s.Protocol, s.Endpoint = "sqs", queue.text("QueueArn")
		queue.mapping(id+"EventSourceMapping", f.ID, "QueueArn")
	}
	r.subscribe(p, "Topic", p.text("Topic"), s)
}
