package stack

import (
	"slices"

	"github.com/gatesock/gatesock/describe"
)

// The actions that rights tell apart: the only one of a table, and the only one of a queue.
const (
	scan = "dynamodb:Scan"
	hide = "sqs:ChangeMessageVisibility"
)

// rights adds the rights that each function needs, as far as the description has them. What a
// function uses is not described, only what the program uses. So all functions may use the tables,
// with these exceptions. If there are schedules, only their functions may scan, which is the work
// of the sweeper. And a function that is nothing but the authorizer may not use @connections and
// queues. Only the function that receives the messages of a queue may say when they are received
// again.
func (b *builder) rights() {
	for i := range b.plan.Functions {
		f := &b.plan.Functions[i]
		for _, v := range f.Variables {
			n := b.needOf(v.Name)
			actions := b.actions(f, n)
			for _, on := range resources(n, v.Value) {
				if len(actions) > 0 {
					f.allow(actions, on)
				}
			}
		}
		for _, s := range b.plan.Sources {
			if actions := reading(s.Kind); s.Function == f.ID && actions != nil {
				f.allow(actions, s.From)
			}
		}
		f.RecursiveLoop = b.readsWhatItSends(f)
	}
}

// resources returns what the rights of a need are on: the value of its variable, or the topics to
// which the program publishes.
func resources(n describe.Need, value Resource) []Resource {
	if n.Kind != "iot" {
		return []Resource{value}
	}
	var list []Resource
	for _, topic := range n.Topics {
		list = append(list, Resource{Kind: DeviceTopic, Name: inPolicy(topic)})
	}
	return list
}

// allow adds actions to the right on a resource.
func (f *Function) allow(actions []string, on Resource) {
	i := slices.IndexFunc(f.Rights, func(r Right) bool { return r.On == on })
	if i < 0 {
		i = len(f.Rights)
		f.Rights = append(f.Rights, Right{On: on})
	}
	all := slices.Concat(f.Rights[i].Actions, actions)
	slices.Sort(all)
	f.Rights[i].Actions = slices.Compact(all)
}

// actions returns what a function may do with a need.
func (b *builder) actions(f *Function, n describe.Need) []string {
	onlyAuthorizer := f.Authorizer && len(f.Routes) == 0 && !b.hasSource(f, "")
	if n.Kind == "setting" || onlyAuthorizer && n.Kind != "table" {
		return nil
	}
	actions := slices.Compact(slices.Sorted(slices.Values(n.Actions)))
	if len(b.plan.SourcesOf("schedule")) > 0 && !b.hasSource(f, "schedule") {
		actions = slices.DeleteFunc(actions, func(action string) bool { return action == scan })
	}
	if n.Kind == "queue" && !b.receives(f, n) {
		actions = slices.DeleteFunc(actions, func(action string) bool { return action == hide })
	}
	return actions
}

// receives reports whether a function receives the messages of the queue of a need.
func (b *builder) receives(f *Function, n describe.Need) bool {
	return slices.ContainsFunc(b.plan.Sources, func(s Source) bool {
		return s.Function == f.ID && s.From == Resource{Kind: QueueKind, ID: queueID(n.Variable)}
	})
}

// hasSource reports whether a function has a source of a kind, or any source for "".
func (b *builder) hasSource(f *Function, kind string) bool {
	return slices.ContainsFunc(b.plan.Sources, func(s Source) bool {
		return s.Function == f.ID && (kind == "" || s.Kind == kind)
	})
}

// reading returns the actions that Lambda needs to read a source for a function. It is nil for
// sources that call the function.
func reading(kind string) []string {
	switch kind {
	case "sqs":
		return []string{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
	case "dynamodb":
		return []string{
			"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
		}
	case "kinesis":
		return []string{
			"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
			"kinesis:GetShardIterator", "kinesis:ListShards",
		}
	default:
		return nil
	}
}

func (b *builder) readsWhatItSends(f *Function) bool {
	sends := func(queue string) bool {
		return slices.ContainsFunc(f.Rights, func(r Right) bool {
			return r.On.Kind == QueueKind && r.On.ID == queue && slices.Contains(r.Actions, "sqs:SendMessage")
		})
	}
	return slices.ContainsFunc(b.plan.Sources, func(s Source) bool {
		return s.Function == f.ID && s.From.Kind == QueueKind && s.From.ID != "" && sends(s.From.ID)
	})
}
