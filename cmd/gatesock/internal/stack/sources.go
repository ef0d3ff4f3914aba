package stack

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatesock/gatesock/describe"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/internal/iotrule"
)

// anyName is the name of a source that takes the events of every queue, topic, and so on.
const anyName = "*"

// sources adds the sources, and assigns them to functions.
func (b *builder) sources() {
	for _, s := range b.app.Sources {
		switch s.Kind {
		case "custom":
			b.plan.Custom = append(b.plan.Custom, strconv.QuoteToASCII(s.Name))
		case "http":
			b.addSource(s, Source{ID: "Http"})
		case "sqs":
			b.queueSource(s)
		case "sns":
			b.outside(s, TopicKind, "Topic")
		case "kinesis":
			b.outside(s, StreamKind, "Stream")
		case "dynamodb":
			b.tableSource(s)
		case "schedule":
			b.schedule(s)
		case "eventbridge":
			b.busSource(s)
		case "iot":
			b.deviceRule(s)
		default:
			b.fail("the description has a source of the kind %q, which this version of gatesock does not know", s.Kind)
		}
	}
}

// addSource completes a source and adds it.
func (b *builder) addSource(d describe.Source, s Source) {
	s.Kind = d.Kind
	s.Function = b.functionOf(b.sourceItems(d)...)
	b.claim("the source "+strings.TrimSuffix(d.Kind+" "+d.Name, " "), s.ID, suffixes(s)...)
	b.plan.Sources = append(b.plan.Sources, s)
}

// suffixes returns what the names of a source in a template end with.
func suffixes(s Source) []string {
	switch {
	case s.Kind == "http":
		return []string{"Url", "UrlPermission", "InvokePermission"}
	case s.Schedule != "":
		return []string{"", "Role"}
	case s.Kind == "schedule", s.Kind == "iot":
		return []string{"", "Permission"}
	case s.Kind == "sns", s.Kind == "eventbridge":
		return []string{"Source", "Permission"}
	default:
		return []string{"Source"}
	}
}

// queueSource adds a source for each queue of the stack that has the source's name, or else for a
// queue outside.
func (b *builder) queueSource(d describe.Source) {
	function := b.plan.Function(b.functionOf(b.sourceItems(d)...))
	var own bool
	for i := range b.plan.Queues {
		q := &b.plan.Queues[i]
		if b.needOf(q.Variable).Source != d.Name {
			continue
		}
		own = true
		// Not for a queue outside: Lambda refuses one whose visibility timeout, 30 seconds unless
		// its owner has chosen another, is shorter than the timeout of the function.
		if b.o.Timeout == 0 {
			function.Timeout = defaultQueueTimeout
		}
		q.Visibility = visibilityFactor * function.Timeout
		b.addSource(d, Source{ID: q.ID, From: Resource{Kind: QueueKind, ID: q.ID}})
	}
	if !own {
		b.outside(d, QueueKind, "Queue")
	}
}

// tableSource adds a source for each table of the stack that has a stream, or else for a stream
// outside.
func (b *builder) tableSource(d describe.Source) {
	var own bool
	for _, t := range b.plan.Tables {
		if d.Name != anyName || !t.Stream {
			continue
		}
		own = true
		b.addSource(d, Source{
			ID: t.ID + "Stream", From: Resource{Kind: TableStream, ID: t.ID}, Filters: topicFilters(b.needOf(t.Variable)),
		})
	}
	if !own {
		b.outside(d, TableStream, "TableStream")
	}
}

// topicFilters returns the patterns of the records that package dynamo/stream is interested in, so
// that the function is not invoked for each connection and membership: new entries and marks,
// values and presence rows, and all items of namespaces, whose names are not known. A table with
// other keys is not one of package dynamo, and has none.
func topicFilters(n describe.Need) []string {
	keys := dynamo.Need(n.Variable).Table
	if n.Table == nil || *n.Table != (describe.TableKeys{
		PartitionKey: keys.PartitionKey, SortKey: keys.SortKey, TimeToLive: keys.TimeToLive,
	}) {
		return nil
	}
	begins := func(prefix string) string {
		return `"dynamodb":{"Keys":{"` + keys.PartitionKey + `":{"S":[{"prefix":"` + prefix + `"}]}}}}`
	}
	const written = `{"eventName":["INSERT","MODIFY"],`
	return []string{written + begins("te#"), written + begins("tv#"), "{" + begins("tp#"), "{" + begins("@")}
}

func (b *builder) needOf(variable string) describe.Need {
	i := slices.IndexFunc(b.app.Needs, func(n describe.Need) bool { return n.Variable == variable })
	return b.app.Needs[i]
}

// outside adds a source whose queue, topic or stream the stack does not make. Its ARN is known, or
// can be made from the name, or is a parameter.
func (b *builder) outside(d describe.Source, kind Kind, word string) {
	from := Resource{Kind: kind}
	id := withSuffix(identifier(lastPart(d.Name)), word)
	isStream := strings.Contains(d.Name, "/stream/")
	b.checkOutside(d)
	switch {
	case strings.HasPrefix(d.Name, "arn:") && (kind != TableStream || isStream):
		from.ARN = d.Name
		if isStream {
			table, _, _ := strings.Cut(d.Name, "/stream/")
			id = withSuffix(identifier(lastPart(table)), word)
		}
	case d.Name == anyName, kind == TableStream:
		from.Parameter = id + "Arn"
	default:
		from.Name = d.Name
	}
	b.addSource(d, Source{ID: id, From: from})
}

// checkOutside adds an error for the name of a source that eventmux would not accept.
func (b *builder) checkOutside(d describe.Source) {
	if d.Name != anyName && !outsideARN.MatchString(d.Name) && !resourceName.MatchString(d.Name) {
		b.fail(`the source %s has the name %q, which is neither a name nor an ARN nor "*"`, d.Kind, d.Name)
	}
}

// lastPart returns the name in an ARN or a path; other names are returned as they are.
func lastPart(name string) string {
	return name[strings.LastIndexAny(name, ":/")+1:]
}

var (
	scheduleName = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)
	resourceName = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,256}$`)
	outsideARN   = regexp.MustCompile(`^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[0-9a-zA-Z_.:/-]{1,512}$`)
)

func (b *builder) schedule(d describe.Source) {
	if strings.HasPrefix(d.Name, "arn:") {
		b.checkOutside(d)
		b.addSource(d, Source{ID: withSuffix(identifier(lastPart(d.Name)), "Schedule"), From: Resource{Kind: RuleKind, ARN: d.Name}})
		return
	}
	group, name, path := strings.Cut(d.Name, "/")
	if !path {
		group, name = "", d.Name
	}
	if name == anyName {
		name = b.plan.Name
	}
	if !scheduleName.MatchString(name) || path && !scheduleName.MatchString(group) {
		b.fail("a schedule cannot have the name %q: at most 64 letters, digits, hyphens, periods and underscores are possible, after a group and a slash",
			d.Name)
	}
	id := withSuffix(identifier(name), "Schedule")
	if group != "" && group != defaultGroup && !b.hasGroup(group) {
		b.claim("the group of schedules "+group, groupID(group), "")
	}
	b.addSource(d, Source{ID: id, Group: group, Schedule: name, Parameter: id + "Expression"})
}

// hasGroup reports whether a schedule of a group has been added.
func (b *builder) hasGroup(group string) bool {
	return slices.ContainsFunc(b.plan.Sources, func(s Source) bool { return s.Group == group })
}

func (b *builder) busSource(d describe.Source) {
	id := identifier(d.Name) + identifier(d.DetailType)
	b.addSource(d, Source{ID: withSuffix(id, "Events"), EventSource: d.Name, DetailType: d.DetailType})
}

// deviceRule adds a rule of AWS IoT.
func (b *builder) deviceRule(d describe.Source) {
	if why := iotrule.NameFault(d.Name); why != "" {
		b.fail("the source iot has the name %q: %s", d.Name, why)
	}
	if why := iotrule.FilterFault(d.Topic); why != "" {
		b.fail("the source iot %s has the topic filter %q: %s", shown(d.Name), d.Topic, why)
	}
	b.addSource(d, Source{ID: withSuffix(identifier(d.Name), "Rule"), Rule: d.Name, SQL: iotrule.SQL(d.Name, d.Topic)})
}
