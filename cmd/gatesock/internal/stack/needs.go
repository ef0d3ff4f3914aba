package stack

import (
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/internal/iotrule"
)

// Figures of queues.
const (
	// visibilityFactor times the function's timeout is the visibility timeout of a queue (AWS
	// Lambda Developer Guide, "Creating and configuring an Amazon SQS event source mapping").
	visibilityFactor = 6
	// receives is how often a message is received before it gets into the dead-letter queue. Jobs
	// of package async need one more than their attempts, of which there are 4 by default.
	receives     = 5
	fourteenDays = 14 * 24 * 60 * 60 // the longest retention of SQS
)

var (
	queueName  = regexp.MustCompile(`^[0-9A-Za-z_-]{1,80}$`)
	actionName = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z]+$`)
	// namespace is a namespace of CloudWatch (Amazon CloudWatch User Guide, "Metrics concepts").
	namespace     = regexp.MustCompile(`^[0-9A-Za-z._/#][0-9A-Za-z._/#:-]{0,254}$`)
	attributeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,255}$`)
)

// needs adds the resources and settings that the program finds by its environment, and the
// variables.
func (b *builder) needs() {
	seen := map[string]bool{}
	for _, n := range b.app.Needs {
		b.checkVariable(n)
		if seen[n.Variable] {
			b.fail("the description has the variable %s twice", n.Variable)
			continue
		}
		seen[n.Variable] = true
		for _, action := range n.Actions {
			if !actionName.MatchString(action) {
				b.fail("the need %s has the action %q, which is not one action of IAM", n.Variable, action)
			}
		}
		v := Variable{Name: n.Variable}
		switch n.Kind {
		case "connections":
			v.Value = Resource{Kind: Connections}
		case "table":
			v.Value = Resource{Kind: TableKind, ID: b.addTable(n)}
		case "queue":
			v.Value = Resource{Kind: QueueKind, ID: b.addQueue(n)}
		case "setting":
			v.Value = Resource{Kind: Setting, Parameter: fromVariable(n.Variable)}
		case "iot":
			b.checkTopics(n)
			v.Value = Resource{Kind: IoTKind, Parameter: fromVariable(n.Variable)}
		case "metrics":
			b.addMetrics(n)
			v.Value = Resource{Kind: Literal, Name: n.Default}
		default:
			b.fail("the description has a need of the kind %q, which this version of gatesock does not know", n.Kind)
		}
		// All functions have all variables, because all are the same program.
		for i := range b.plan.Functions {
			b.plan.Functions[i].Variables = append(b.plan.Functions[i].Variables, v)
		}
	}
}

// checkVariable adds an error for a variable that Lambda refuses (AWS Lambda Developer Guide,
// "Working with Lambda environment variables").
func (b *builder) checkVariable(n describe.Need) {
	if !variableName.MatchString(n.Variable) {
		b.fail("the variable %q must begin with a letter and have at least two letters, digits and underscores", n.Variable)
	}
	if reserved(n.Variable) {
		b.fail("the variable %s is one that Lambda sets itself: rename it", n.Variable)
	}
}

func reserved(variable string) bool {
	return strings.HasPrefix(variable, "AWS_LAMBDA_") || slices.Contains([]string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_ACCESS_KEY",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}, variable)
}

func (b *builder) addTable(n describe.Need) string {
	t := Table{ID: withSuffix(fromVariable(n.Variable), "Table"), Variable: n.Variable}
	b.claim("the table of "+n.Variable, t.ID, "")
	if n.Table == nil || n.Table.PartitionKey == "" {
		b.fail("the table of %s has no partition key in the description", n.Variable)
		return t.ID
	}
	for _, name := range []string{n.Table.PartitionKey, n.Table.SortKey, n.Table.TimeToLive} {
		if name != "" && !attributeName.MatchString(name) {
			b.fail("the table of %s has the attribute %q: use at most 255 letters, digits, underscores, hyphens and periods", n.Variable, name)
		}
	}
	t.PartitionKey, t.SortKey, t.TimeToLive = n.Table.PartitionKey, n.Table.SortKey, n.Table.TimeToLive
	if t.PartitionKey == t.SortKey {
		b.fail("the table of %s has the same partition and sort key, %q", n.Variable, t.SortKey)
	}
	t.Stream = b.hasStream(n)
	b.plan.Tables = append(b.plan.Tables, t)
	return t.ID
}

// hasStream reports whether the program reads the stream of a table. The name of the table
// is made at deployment, so the source cannot have it.
func (b *builder) hasStream(n describe.Need) bool {
	switch {
	case n.Source == "":
		return false
	case n.Source != anyName:
		b.fail(`the need %s is a table with the source %q: use "*", which is eventmux.Any`, n.Variable, n.Source)
	case !slices.Contains(b.app.Sources, describe.Source{Kind: "dynamodb", Name: anyName}):
		b.fail(`the need %s is a table whose stream the program reads by the source dynamodb "*", and it has no such source: `+
			"add eventmux.DynamoDB(eventmux.Any, handler)", n.Variable)
	}
	return true
}

// queueID returns the ID of the queue of a variable.
func queueID(variable string) string { return withSuffix(fromVariable(variable), "Queue") }

func (b *builder) addQueue(n describe.Need) string {
	q := Queue{
		ID: queueID(n.Variable), Variable: n.Variable, Receives: receives, Retention: fourteenDays,
		Visibility: visibilityFactor * defaultTimeout,
	}
	b.claim("the queue of "+n.Variable, q.ID, "", "DeadLetters")
	if n.Source != anyName {
		q.Name = lastPart(n.Source)
	}
	if q.Name != "" && !queueName.MatchString(q.Name) {
		b.fail("a standard queue cannot have the name %q: at most 80 letters, digits, hyphens and underscores are possible", q.Name)
	}
	if n.Source != "" && !slices.Contains(b.app.Sources, describe.Source{Kind: "sqs", Name: n.Source}) {
		b.fail("the need %s is a queue that the program reads by the source sqs %q, and it has no such source",
			n.Variable, n.Source)
	}
	for _, other := range b.plan.Queues {
		if q.Name != "" && q.Name == other.Name {
			b.fail("the needs %s and %s are both the queue %q: use one variable for it", other.Variable, q.Variable, q.Name)
		}
	}
	b.plan.Queues = append(b.plan.Queues, q)
	return q.ID
}

// addMetrics adds the namespace of the program's metrics. It needs no rights: the metrics are lines
// in the log of the function, from which CloudWatch reads them.
func (b *builder) addMetrics(n describe.Need) {
	switch {
	case b.namespace != "":
		b.fail("the description has two needs of the kind metrics, and one namespace is possible: %s is the second", n.Variable)
	case !namespace.MatchString(n.Default) || strings.HasPrefix(n.Default, "AWS/"):
		b.fail("the metrics of %s have the namespace %q: use at most 255 letters, digits and characters of ._-/#:, and do not begin with AWS/",
			n.Variable, n.Default)
	default:
		b.namespace = n.Default
	}
}

// checkTopics adds an error for topics of devices that a policy of IAM cannot name, or that would
// be others in it.
func (b *builder) checkTopics(n describe.Need) {
	if len(n.Topics) == 0 {
		b.fail("the need %s has no topics", n.Variable)
	}
	for _, topic := range n.Topics {
		if why := iotrule.FilterFault(topic); why != "" {
			b.fail("the need %s has the topic %q: %s", n.Variable, topic, why)
		}
		if strings.ContainsAny(topic, "*?") {
			b.fail("the need %s has the topic %q: * and ? would be wildcards in a policy of IAM", n.Variable, topic)
		}
	}
}

// inPolicy returns a topic filter of MQTT as a part of a resource of IAM. Its * stands for slashes
// too, so that it can match more than the filter.
func inPolicy(filter string) string { return strings.NewReplacer("+", "*", "#", "*").Replace(filter) }
