package serverless

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// addEvents adds the resources of all events but websocket.
func (s *service) addEvents() {
	for _, f := range s.functions {
		schedules, watches := 0, 0
		for _, e := range s.events(f) {
			if isFalse(e.value) {
				continue
			}
			switch e.kind {
			case "websocket", "route", "routeKey", "authorizer":
			case "sqs":
				s.addSQS(f, e)
			case "stream":
				s.addStream(f, e)
			case "sns":
				s.addSNS(f, e)
			case "schedule":
				schedules = s.addSchedule(f, e, schedules)
			case "eventBridge":
				s.addEventBridge(f, e)
			case "cloudwatchEvent":
				watches++
				s.addCloudWatchEvent(f, e, watches)
			default:
				s.ignore(f, e)
			}
		}
	}
}

// ignored is a kind of events that is not served here.
type ignored struct {
	line      int // of the first
	functions []string
}

// ignore notes an event that is not served here.
func (s *service) ignore(f lambda, e event) {
	i := s.ignored[e.kind]
	if i == nil {
		i = &ignored{line: e.key.Line}
		s.ignored[e.kind] = i
	}
	if !slices.Contains(i.functions, f.key) {
		i.functions = append(i.functions, f.key)
	}
}

// reportIgnored adds a finding for each kind of events that is not served here.
func (s *service) reportIgnored() {
	for _, kind := range slices.Sorted(maps.Keys(s.ignored)) {
		i := s.ignored[kind]
		functions := short(strings.Join(i.functions, ", "))
		switch kind {
		case "http", "httpApi", "alb", "s3", "iot", "cognitoUserPool", "kafka", "msk", "activemq", "rabbitmq", "cloudwatchLog",
			"alexaSkill", "alexaSmartHome", "cloudFront", "iotFleetProvisioning":
			s.add(project.Notice, i.line, "", "Events of the kind %s, of %s, are not served here; invoke the function through Lambda's API.",
				kind, functions)
		default:
			s.add(project.Warning, i.line, "", "The framework has no event %q; that of %s is left out.", short(kind), functions)
		}
	}
}

// sourceName returns the name in an ARN, or the logical id in a function that has one, as the
// framework uses it in logical ids.
func sourceName(n *yaml.Node, separator string) string {
	name, argument := function(n)
	switch name {
	case "":
		arn := textOf(n)
		if separator == "/" { // arn:aws:dynamodb:…:table/NAME/stream/…
			_, arn, _ = strings.Cut(arn, "/")
			arn, _, _ = strings.Cut(arn, "/")
			return arn
		}
		return arn[strings.LastIndex(arn, separator)+1:]
	case "Fn::Join":
		parts := items(argument)
		if len(parts) == 2 && len(items(parts[1])) > 0 {
			last := textOf(parts[1].Content[len(parts[1].Content)-1])
			return last[strings.LastIndexAny(last, "/:")+1:]
		}
	}
	return firstText(argument)
}

// arnIn returns the ARN of an event that is an ARN or has one, or nil after a finding.
func (s *service) arnIn(f lambda, e event) *yaml.Node {
	arn := e.value
	if isMapping(arn) {
		if name, _ := function(arn); name == "" {
			arn = get(arn, "arn")
		}
	}
	if isNull(arn) || isList(arn) || isText(arn) && !strings.HasPrefix(arn.Value, "arn:") {
		s.add(project.Failure, e.key.Line, f.id, "The event %s needs an ARN, or a function of CloudFormation that has one, such as !GetAtt.",
			e.kind)
		return nil
	}
	return arn
}

// mappingOf returns the properties that event source mappings of all kinds have.
func (s *service) mappingOf(f lambda, e event, arn *yaml.Node) *yaml.Node {
	batch := given(get(e.value, "batchSize"))
	if batch == nil {
		batch = node(10)
	}
	enabled := given(get(e.value, "enabled"))
	if enabled == nil {
		enabled = node(true)
	}
	properties := mapping("EventSourceArn", arn, "FunctionName", arnOf(f.id), "BatchSize", batch, "Enabled", enabled)
	if n := given(get(e.value, "functionResponseType")); n != nil {
		set(properties, "FunctionResponseTypes", list(n))
	}
	if patterns := get(e.value, "filterPatterns"); !isNull(patterns) {
		filters := list()
		for _, pattern := range items(patterns) {
			filters.Content = append(filters.Content, mapping("Pattern", toJSON(pattern)))
		}
		set(properties, "FilterCriteria", mapping("Filters", filters))
	}
	return properties
}

func (s *service) addSQS(f lambda, e event) {
	arn := s.arnIn(f, e)
	if arn == nil {
		return
	}
	properties := s.mappingOf(f, e, arn)
	set(properties, "MaximumBatchingWindowInSeconds", given(get(e.value, "maximumBatchingWindow")))
	if n := given(get(e.value, "maximumConcurrency")); n != nil {
		set(properties, "ScalingConfig", mapping("MaximumConcurrency", n))
	}
	id := normalize(f.key) + "EventSourceMappingSQS" + alphanumeric(sourceName(arn, ":"))
	s.addResource(id, "AWS::Lambda::EventSourceMapping", e.key.Line, properties)
}

func (s *service) addStream(f lambda, e event) {
	arn := s.arnIn(f, e)
	if arn == nil {
		return
	}
	kind := textOf(get(e.value, "type"))
	if parts := strings.Split(textOf(arn), ":"); kind == "" && len(parts) > 2 {
		kind = parts[2]
	}
	if kind == "kinesis" {
		s.add(project.Notice, e.key.Line, f.id, "Streams of Kinesis are not served here.")
		return
	}
	properties := s.mappingOf(f, e, arn)
	start := given(get(e.value, "startingPosition"))
	if start == nil {
		start = text("TRIM_HORIZON")
	}
	set(properties, "StartingPosition", start)
	for _, pair := range [][2]string{
		{"batchWindow", "MaximumBatchingWindowInSeconds"},
		{"maximumRetryAttempts", "MaximumRetryAttempts"},
		{"maximumRecordAgeInSeconds", "MaximumRecordAgeInSeconds"},
		{"bisectBatchOnFunctionError", "BisectBatchOnFunctionError"},
		{"parallelizationFactor", "ParallelizationFactor"},
		{"tumblingWindowInSeconds", "TumblingWindowInSeconds"},
	} {
		set(properties, pair[1], given(get(e.value, pair[0])))
	}
	if n := at(e.value, "destinations", "onFailure"); !isNull(n) {
		set(properties, "DestinationConfig", mapping("OnFailure", mapping("Destination", given(get(n, "arn"), n))))
	}
	id := normalize(f.key) + "EventSourceMapping" + upperFirst(cmp.Or(kind, "dynamodb")) + alphanumeric(sourceName(arn, "/"))
	s.addResource(id, "AWS::Lambda::EventSourceMapping", e.key.Line, properties)
}

func (s *service) addSNS(f lambda, e event) {
	arn, name := given(get(e.value, "arn")), textOf(get(e.value, "topicName"))
	switch value := textOf(e.value); {
	case strings.HasPrefix(value, "arn:"):
		arn = e.value
	case value != "":
		name = value
	}
	if fn, _ := function(e.value); fn != "" {
		arn = e.value
	}
	if arn == nil && name == "" {
		s.add(project.Failure, e.key.Line, f.id, "The event sns needs the name of a topic, or an ARN.")
		return
	}
	target := mapping("Protocol", "lambda", "Endpoint", arnOf(f.id),
		"FilterPolicy", given(get(e.value, "filterPolicy")), "FilterPolicyScope", given(get(e.value, "filterPolicyScope")))
	if dead := get(e.value, "redrivePolicy"); isMapping(dead) {
		queue := given(get(dead, "deadLetterTargetArn"))
		if id := textOf(get(dead, "deadLetterTargetRef")); id != "" {
			queue = arnOf(id)
		}
		if queue != nil {
			set(target, "RedrivePolicy", mapping("deadLetterTargetArn", queue))
		}
	}
	if arn != nil {
		name = cmp.Or(name, sourceName(arn, ":"))
	} else {
		id := "SNSTopic" + alphanumeric(name)
		if get(s.resources, id) == nil {
			s.addResource(id, "AWS::SNS::Topic", e.key.Line, mapping("TopicName", name))
		}
		arn = ref(id)
	}
	set(target, "TopicArn", arn)
	s.addResource(normalize(f.key)+"SnsSubscription"+alphanumeric(name), "AWS::SNS::Subscription", e.key.Line, target)
}

// addSchedule adds the rules of a schedule event. n is how many schedules the function has already;
// the result is how many it has then.
func (s *service) addSchedule(f lambda, e event, n int) int {
	rates := items(e.value)
	if isMapping(e.value) {
		rates = items(get(e.value, "rate"))
	}
	if len(rates) == 0 {
		s.add(project.Failure, e.key.Line, f.id, "The event schedule has no rate, such as rate(5 minutes).")
	}
	for _, rate := range rates {
		if !strings.HasPrefix(textOf(rate), "rate(") && !strings.HasPrefix(textOf(rate), "cron(") {
			if fn, _ := function(rate); fn == "" {
				s.add(project.Failure, rate.Line, f.id, "The schedule %s is neither rate(…) nor cron(…).", short(toJSON(rate)))
				continue
			}
		}
		n++
		s.addRate(f, e, rate, n)
	}
	return n
}

func (s *service) addRate(f lambda, e event, rate *yaml.Node, n int) {
	state := "ENABLED"
	if isFalse(get(e.value, "enabled")) {
		state = "DISABLED"
	}
	target := mapping("Arn", arnOf(f.id), "Id", f.key+"Schedule")
	s.addInput(target, e.value, f)
	properties := mapping("Name", given(get(e.value, "name")), "ScheduleExpression", rate, "State", state)
	if textOf(get(e.value, "method")) != "scheduler" {
		set(properties, "Targets", list(target))
		s.addResource(fmt.Sprintf("%sEventsRuleSchedule%d", normalize(f.key), n), "AWS::Events::Rule", e.key.Line, properties)
		return
	}
	set(properties, "ScheduleExpressionTimezone", given(get(e.value, "timezone")))
	set(properties, "FlexibleTimeWindow", mapping("Mode", "OFF"))
	set(properties, "Target", mapping("Arn", arnOf(f.id), "Input", get(target, "Input")))
	s.addResource(fmt.Sprintf("%sSchedulerSchedule%d", normalize(f.key), n), "AWS::Scheduler::Schedule", e.key.Line, properties)
}

// addInput sets the input of a target of a rule.
func (s *service) addInput(target, n *yaml.Node, f lambda) {
	input := given(get(n, "input"))
	if isMapping(input) {
		input = node(toJSON(input))
	}
	set(target, "Input", input)
	set(target, "InputPath", given(get(n, "inputPath")))
	if t := get(n, "inputTransformer"); isMapping(t) {
		set(target, "InputTransformer", mapping(
			"InputTemplate", given(get(t, "inputTemplate")), "InputPathsMap", given(get(t, "inputPathsMap"))))
	}
	if len(target.Content) > 6 {
		s.add(project.Warning, n.Line, f.id, "An event takes one of input, inputPath and inputTransformer.")
	}
}

func (s *service) addEventBridge(f lambda, e event) {
	pattern, schedule := given(get(e.value, "pattern")), given(get(e.value, "schedule"))
	if pattern == nil && schedule == nil {
		s.add(project.Failure, e.key.Line, f.id, "The event eventBridge needs a pattern or a schedule.")
		return
	}
	bus := given(get(e.value, "eventBus"))
	if name := textOf(bus); name != "" && name != "default" && !strings.HasPrefix(name, "arn:") {
		s.addResource(normalize(name)+"EventBridgeEventBus", "AWS::Events::EventBus", bus.Line, mapping("Name", name))
	}
	state := "ENABLED"
	if isFalse(get(e.value, "enabled")) {
		state = "DISABLED"
	}
	functionName := cmp.Or(textOf(get(f.node, "name")), s.name+"-"+s.stageName+"-"+f.key)
	name := fmt.Sprintf("%s-rule-%d", functionName, e.index)
	target := mapping("Arn", arnOf(f.id), "Id", cmp.Or(textOf(get(e.value, "name")), name)+"-target")
	s.addInput(target, e.value, f)
	if n := get(e.value, "retryPolicy"); isMapping(n) {
		set(target, "RetryPolicy", mapping("MaximumEventAgeInSeconds", given(get(n, "maximumEventAge")),
			"MaximumRetryAttempts", given(get(n, "maximumRetryAttempts"))))
	}
	if n := given(get(e.value, "deadLetterQueueArn")); n != nil {
		set(target, "DeadLetterConfig", mapping("Arn", n))
	}
	s.addResource(alphanumeric(name)+"EventBridgeRule", "AWS::Events::Rule", e.key.Line, mapping(
		"Name", cmp.Or(textOf(get(e.value, "name")), name), "EventBusName", bus, "EventPattern", pattern,
		"ScheduleExpression", schedule, "State", state, "Targets", list(target)))
}

func (s *service) addCloudWatchEvent(f lambda, e event, n int) {
	pattern := given(get(e.value, "event"))
	if pattern == nil {
		s.add(project.Failure, e.key.Line, f.id, "The event cloudwatchEvent needs a pattern under event.")
		return
	}
	state := "ENABLED"
	if isFalse(get(e.value, "enabled")) {
		state = "DISABLED"
	}
	target := mapping("Arn", arnOf(f.id), "Id", f.key+"CloudWatchEvent")
	s.addInput(target, e.value, f)
	s.addResource(fmt.Sprintf("%sEventsRuleCloudWatchEvent%d", normalize(f.key), n), "AWS::Events::Rule", e.key.Line, mapping(
		"Name", given(get(e.value, "name")), "EventPattern", pattern, "State", state, "Targets", list(target)))
}
