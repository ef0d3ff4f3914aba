package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/describe"
)

// sourceFinding adds a finding about an event source.
func (x *examination) sourceFinding(level Level, check, subject, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartSources, Check: check, Subjects: []string{subject},
		Problem: problem, Effect: effect, Fix: fix,
	})
}

// examineSources reads and checks how events reach the application beside the API.
func (x *examination) examineSources(ctx context.Context) error {
	for _, s := range x.app.Sources {
		var err error
		switch s.Kind {
		case "sqs":
			err = x.examineQueueSource(ctx, s)
		case "dynamodb":
			err = x.examineTableSource(ctx, s)
		case "kinesis":
			err = x.examineStreamSource(ctx, s)
		case "sns":
			x.checkCaller(s, "sns.amazonaws.com")
		case "eventbridge":
			x.checkCaller(s, "events.amazonaws.com")
		case "iot":
			x.checkCaller(s, "iot.amazonaws.com")
		}
		if err != nil {
			return err
		}
	}
	return x.readNeeds(ctx) // of the functions that only an event source invokes
}

// examineQueueSource examines the event source mappings of the queues that a source stands for.
func (x *examination) examineQueueSource(ctx context.Context, s describe.Source) error {
	var arns []string
	if isARN(s.Name) {
		arns = append(arns, s.Name)
	}
	for _, url := range sortedKeys(x.queues) {
		q := x.queues[url]
		if q.arn() != "" && x.feeds(q, s.Name) && !slices.Contains(arns, q.arn()) {
			arns = append(arns, q.arn())
		}
	}
	if f := x.anyFunction(); len(arns) == 0 && s.Name != "*" && f != nil {
		arns = append(arns, fmt.Sprintf("arn:%s:sqs:%s:%s:%s", f.partition, f.region, f.account, s.Name))
	}
	if len(arns) == 0 {
		x.report.leaveOut(
			fmt.Sprintf("the event source mapping of the queue %s: no variable of the functions names the queue", s.Name),
		)
	}
	for _, arn := range arns {
		mappings, err := x.examineMappings(ctx, arn, "the queue "+queueName(arn))
		if err != nil {
			return err
		}
		for _, m := range mappings {
			if err := x.examineQueueMapping(ctx, arn, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// feeds reports whether a source of a name has the messages of a queue.
func (x *examination) feeds(q *queue, name string) bool {
	if name == q.arn() || name == queueName(q.arn()) {
		return true
	}
	return slices.ContainsFunc(x.app.Needs, func(n describe.Need) bool {
		return n.Kind == string(gatesock.NeedQueue) && n.Source == name && slices.Contains(
			x.values(n, x.target.Queues), q.url,
		)
	})
}

// examineQueueMapping examines the function that an event source mapping invokes for a queue.
func (x *examination) examineQueueMapping(
	ctx context.Context, arn string, m types.EventSourceMappingConfiguration,
) error {
	f, err := x.consumer(ctx, m)
	if err != nil || f == nil {
		return err
	}
	for _, url := range sortedKeys(x.queues) {
		q := x.queues[url]
		if q.arn() != arn {
			continue
		}
		q.consumers = append(q.consumers, f)
		if !x.isConsumed(q) {
			continue
		}
		x.checkJobMapping(arn, m)
		if err := x.examineLoop(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// checkJobMapping checks the event source mapping of a queue of jobs that the application sends to
// itself; see package sqsrelay. What another queue needs depends on its messages.
func (x *examination) checkJobMapping(arn string, m types.EventSourceMappingConfiguration) {
	subject := "the queue " + queueName(arn)
	if n := aws.ToInt32(m.BatchSize); n > 1 {
		x.sourceFinding(Warning, "batch-size", subject, fmt.Sprintf("the event source mapping has a batch size of %d", n),
			"The jobs of a batch share the time of one invocation; those without any are received in vain, until they are dead letters.",
			"Set BatchSize: 1.")
	}
	if !slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures) {
		x.sourceFinding(Error, "item-failures", subject, "the event source mapping does not have ReportBatchItemFailures",
			"Lambda deletes jobs that failed: members do not get the message.", "Set FunctionResponseTypes: [ReportBatchItemFailures].")
	}
}

// consumer returns the function of an event source mapping.
func (x *examination) consumer(ctx context.Context, m types.EventSourceMappingConfiguration) (*function, error) {
	name, ok := parseFunctionARN(aws.ToString(m.FunctionArn))
	if !ok || !x.isOwn(name) {
		return nil, nil //nolint:nilnil // a mapping without a function of the application has nothing to examine
	}
	f, err := x.function(ctx, name)
	if err != nil {
		return nil, err
	}
	f.consumes = true
	return f, nil
}

// examineLoop checks that Lambda lets a function go on that sends messages to the queue it reads.
func (x *examination) examineLoop(ctx context.Context, f *function) error {
	if f.loops || f.state == absent {
		return nil
	}
	f.loops = true
	on := question{PartFunctions, "lambda:GetFunctionRecursionConfig", "the loop detection of the function " + f.name}
	get := x.clients.Functions.GetFunctionRecursionConfig
	out, s, err := ask(ctx, x.report, on, get, &lambda.GetFunctionRecursionConfigInput{
		FunctionName: &f.name,
	})
	if err != nil || s != present || out.RecursiveLoop == types.RecursiveLoopAllow {
		return err
	}
	x.functionFinding(f, Warning, "recursion", "Lambda stops a function that hands on its own jobs after about 16 invocations",
		"A send with more hops than that (broadcast.WithMaxHops) ends in the dead-letter queue.",
		"Set RecursiveLoop: Allow; the relay's own limit of hops ends loops.")
	return nil
}

// examineMappings reads and checks the event source mappings of a source.
func (x *examination) examineMappings(ctx context.Context, arn, subject string) (
	[]types.EventSourceMappingConfiguration, error,
) {
	on := question{PartSources, "lambda:ListEventSourceMappings", "the event source mappings of " + subject}
	all, s, err := askAll(ctx, x.report, on, func(ctx context.Context, token *string) (
		[]types.EventSourceMappingConfiguration, *string, error,
	) {
		out, err := x.clients.Functions.ListEventSourceMappings(
			ctx, &lambda.ListEventSourceMappingsInput{EventSourceArn: &arn, Marker: token},
		)
		if err != nil {
			return nil, nil, err
		}
		return out.EventSourceMappings, out.NextMarker, nil
	})
	if err != nil || s == unread {
		return nil, err
	}
	if len(all) == 0 {
		x.sourceFinding(Error, "mapping-missing", subject, "no function gets its events: there is no event source mapping",
			"What is sent there stays there.", "Add an AWS::Lambda::EventSourceMapping for the application's function.")
	}
	for _, m := range all {
		x.checkMapping(subject, m)
	}
	return all, nil
}

func (x *examination) checkMapping(subject string, m types.EventSourceMappingConfiguration) {
	if state := aws.ToString(m.State); state == "Disabled" || state == "Disabling" {
		x.sourceFinding(Error, "mapping-disabled", subject, "its event source mapping is disabled", "What is sent there stays there.",
			"aws lambda update-event-source-mapping --enabled --uuid "+aws.ToString(m.UUID))
	}
	if result := aws.ToString(m.LastProcessingResult); strings.HasPrefix(result, "PROBLEM") {
		x.sourceFinding(Warning, "mapping-problem", subject, "its event source mapping has a problem: "+oneLine(result),
			"Events may be late or lost.", "Correct what the text names; see the function's log too.")
	}
	name, ok := parseFunctionARN(aws.ToString(m.FunctionArn))
	if ok && !x.isOwn(name) {
		x.sourceFinding(Warning, "mapping-function", subject, "another function gets its events: "+name.String(),
			"The application does not get them, or not all of them.", "Delete the mapping, or name the function with --function.")
	}
}

// examineTableSource examines the stream of a table.
func (x *examination) examineTableSource(ctx context.Context, s describe.Source) error {
	names := []string{s.Name}
	if table, ok := tableOfStream(s.Name); ok {
		names = []string{table}
	}
	if s.Name == "*" {
		names = sortedKeys(x.tables)
	}
	for _, name := range names {
		if err := x.readTable(ctx, name); err != nil {
			return err
		}
		t := x.tables[name].table
		if t == nil {
			continue
		}
		spec, arn := t.StreamSpecification, aws.ToString(t.LatestStreamArn)
		if spec == nil || !aws.ToBool(spec.StreamEnabled) || arn == "" {
			x.tableFinding(name, Error, "stream", "the table has no stream, and the application handles its changes",
				"The application does not learn of changes.", "Set StreamSpecification, and add an event source mapping for the stream.")
			continue
		}
		if err := x.examineStream(ctx, arn, "the stream of the table "+name); err != nil {
			return err
		}
	}
	return nil
}

// examineStream examines the event source mappings of a stream, and the functions that they call.
func (x *examination) examineStream(ctx context.Context, arn, subject string) error {
	mappings, err := x.examineMappings(ctx, arn, subject)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		if _, err := x.consumer(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// tableOfStream returns the table of the ARN of a stream or a table.
func tableOfStream(arn string) (string, bool) {
	_, rest, ok := strings.Cut(arn, ":table/")
	if !ok || !isARN(arn) {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, name != ""
}

// examineStreamSource examines the event source mapping of a Kinesis stream.
func (x *examination) examineStreamSource(ctx context.Context, s describe.Source) error {
	arn := s.Name
	if !isARN(arn) {
		f := x.anyFunction()
		if f == nil || s.Name == "*" {
			x.report.leaveOut("the event source mapping of the Kinesis stream " + s.Name)
			return nil
		}
		arn = fmt.Sprintf("arn:%s:kinesis:%s:%s:stream/%s", f.partition, f.region, f.account, s.Name)
	}
	return x.examineStream(ctx, arn, "the stream "+s.Name)
}

// anyFunction returns a function whose account is known, nil if there is none.
func (x *examination) anyFunction() *function {
	for _, name := range sortedKeys(x.functions) {
		if f := x.functions[name]; f.account != "" {
			return f
		}
	}
	return nil
}

// checkCaller checks that a service may invoke a function of the application.
func (x *examination) checkCaller(s describe.Source, service string) {
	source := ""
	if isARN(s.Name) {
		source = s.Name
	}
	if ok, known := x.mayInvoke(service, source); ok || !known {
		if !known {
			x.report.leaveOut(fmt.Sprintf("whether %s may call the function for %s", service, s.Name))
		}
		return
	}
	x.sourceFinding(Error, "source-permission", s.Kind+" "+s.Name, "no policy of the functions lets "+service+" call them",
		"The application does not get its events.", "Add an AWS::Lambda::Permission for "+service+", with the source's ARN as SourceArn.")
}
