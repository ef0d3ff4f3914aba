package stack

import (
	"slices"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/stack/watch"
)

// watch adds the alarms and the dashboard.
func (b *builder) watch() {
	if b.o.NoAlarms {
		return
	}
	s := &watch.Service{Namespace: b.namespace}
	for i := range b.plan.Functions {
		s.Functions = append(s.Functions, b.watched(&b.plan.Functions[i]))
	}
	for _, t := range b.plan.Tables {
		s.Tables = append(s.Tables, t.ID)
	}
	for _, q := range b.plan.Queues {
		s.Queues = append(s.Queues, watch.WorkQueue{ID: q.ID, Visibility: q.Visibility})
	}
	b.plan.Watch = watch.New(s)
	for _, a := range b.plan.Watch.Alarms {
		b.claim("an alarm on "+a.Of, a.ID, "")
	}
}

// watched returns a function as package watch sees it.
func (b *builder) watched(f *Function) watch.Function {
	may := func(action string, kind Kind) bool {
		return slices.ContainsFunc(f.Rights, func(r Right) bool {
			return r.On.Kind == kind && (action == "" || slices.Contains(r.Actions, action))
		})
	}
	return watch.Function{
		ID: f.ID, Name: f.Name, Memory: f.Memory, ARM: f.Architecture == "arm64",
		ReservedConcurrency: f.ReservedConcurrency, IsReserved: f.IsReserved(),
		Posts:  may("", Connections),
		Stores: may("", TableKind),
		Sweeps: may(scan, TableKind) && b.hasSource(f, "schedule"),
		Streams: slices.ContainsFunc(b.plan.Sources, func(s Source) bool {
			return s.Function == f.ID && s.From.Kind == TableStream && s.From.ID != ""
		}),
	}
}

// IsReserved returns the name of the condition that the function has reserved concurrency.
func (f *Function) IsReserved() string { return f.ID + "IsReserved" }

// alarmParameters returns the parameters of the alarms, if there are any.
func (b *builder) alarmParameters() []Parameter {
	if b.plan.Watch == nil {
		return nil
	}
	const most = 1000000000
	number := func(name, value, description string, least int) Parameter {
		return Parameter{Name: name, Number: true, Default: value, Min: least, Max: most, Description: description}
	}
	list := []Parameter{
		{
			Name: watch.AlarmEmail, Pattern: "([^@ ]+@[^@ ]+)?",
			Description: "The address that gets the notifications of alarms, once it has confirmed. Empty for none.",
		},
		number(watch.AlarmLatency, "2000", "The milliseconds for which clients may wait for a function, before there is an alarm.", 1),
		number(watch.ConnectQuota, "500",
			"The account's quota of new connections per second of all WebSocket APIs in this Region (Service Quotas).", 1),
		number(watch.RequestQuota, "10000",
			"The account's quota of requests per second of all APIs in this Region (Service Quotas). It is 2500 in some Regions.", 1),
		number(watch.ConcurrencyQuota, "1000",
			"The account's quota of concurrent executions of Lambda in this Region (Service Quotas). It is less in a new account.", 1),
		number(watch.DailyBudget, "0", "The US dollars that a day may cost, before there is an alarm. 0 for no alarm.", 0),
	}
	if b.uses(watch.LiveConnectionsLimit) {
		list = append(list, number(watch.LiveConnectionsLimit, "3600000",
			"The open connections that are expected at most. AWS has no limit; 500 new ones a second are 3600000 in two hours.", 1))
	}
	if b.uses(watch.LostConnections) {
		lost := number(watch.LostConnections, "50",
			"The percent of ended connections that may end without a close frame, before there is an alarm. 100 for no alarm.", 1)
		lost.Max = 100
		list = append(list, lost)
	}
	return list
}

// uses reports whether an alarm depends on a parameter.
func (b *builder) uses(parameter string) bool {
	return slices.ContainsFunc(b.plan.Watch.Alarms, func(a watch.Alarm) bool {
		ref := watch.Ref{Kind: watch.Parameter, ID: parameter}
		return slices.Contains(a.Threshold.Refs(), ref) || slices.ContainsFunc(a.Queries, func(q watch.Query) bool {
			return slices.Contains(q.Expression.Refs(), ref)
		})
	})
}
