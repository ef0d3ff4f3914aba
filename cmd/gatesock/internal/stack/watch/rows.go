package watch

import (
	"fmt"
	"slices"
	"strconv"
)

// Row is a row of the dashboard.
type Row struct {
	// Title is its question, and Note what helps to answer it.
	Title, Note string
	Widgets     []Widget
}

// Widget is a widget of the dashboard. It is one of a graph (Queries), the states of alarms
// (Alarms) and a query of logs (Logs).
type Widget struct {
	// Title is its question.
	Title string
	// Width is in columns, of which there are 24.
	Width   int
	Queries []Query
	// Period is in seconds.
	Period int
	// Stacked reports whether the values are added up.
	Stacked bool
	// Unit is the label of the axis.
	Unit string
	// Lines are where alarms begin.
	Lines []Line
	// Alarms are alarms, those that always exist first.
	Alarms []Ref
	// Logs are the IDs of the functions in whose logs the query searches.
	Logs     []string
	LogQuery string
}

// Line is a horizontal line.
type Line struct {
	Label string
	Value Text
}

// rows returns the rows of the dashboard.
func (s *Service) rows(alarms []Alarm) []Row {
	return []Row{s.isItUp(alarms), s.isItFast(), s.whoIsConnected(), s.whatDoesItCost()}
}

// graph returns a graph of values of each minute.
func graph(title, unit string, queries ...Query) Widget {
	return Widget{Title: title, Width: third, Period: minute, Unit: unit, Queries: queries}
}

// Widths of widgets.
const (
	third = 8
	full  = 24
)

func (w Widget) line(label string, value Text) Widget {
	w.Lines = append(w.Lines, Line{label, value})
	return w
}

// each returns a query for each function.
func (s *Service) each(name, stat, label string) []Query {
	var list []Query
	for _, f := range s.Functions {
		list = append(list, metric(ofFunction(name, f.ID), stat).labeled(f.Name+", "+label))
	}
	return list
}

// eachObserved returns a query for each function that a condition holds for.
func (s *Service) eachObserved(name, stat, label string, holds func(Function) bool) []Query {
	var list []Query
	for _, f := range s.Functions {
		if holds(f) {
			list = append(list, metric(s.observedBy(name, f.ID), stat).labeled(f.Name+", "+label))
		}
	}
	return list
}

func all(Function) bool      { return true }
func posts(f Function) bool  { return f.Posts }
func stores(f Function) bool { return f.Stores }
func sweeps(f Function) bool { return f.Sweeps }

// streamAges returns the age of the records that functions get from streams of tables.
func (s *Service) streamAges() []Query {
	var list []Query
	for _, f := range s.Functions {
		if f.Streams {
			list = append(list, metric(ofFunction("IteratorAge", f.ID), "Maximum").labeled(f.Name+", oldest change"))
		}
	}
	return list
}

// search returns the metrics of package observe for each value of a dimension. Alarms cannot have
// it.
func (s *Service) search(name, dimension, stat string) Query {
	return Query{
		ID: "found",
		Expression: Text(fmt.Sprintf(`SEARCH('{"%s",Api,Stage,%s} MetricName="%s" Api="%s" Stage="%s"', '%s')`,
			s.Namespace, dimension, name, Ref{Kind: API}.text(), Ref{Kind: Stage}.text(), stat)),
		Label: "",
	}
}

// maxAlarms is how many alarms a widget can have (Amazon CloudWatch API Reference, "Dashboard Body
// Structure and Syntax").
const maxAlarms = 100

// states returns as many widgets as the alarms need. Each has some that always exist, because those
// that do not bring their own comma.
func states(alarms []Alarm) []Widget {
	var always, sometimes []Ref
	for _, a := range alarms {
		if a.Condition.Name == "" {
			always = append(always, Ref{AlarmARN, a.ID})
		} else {
			sometimes = append(sometimes, Ref{Entry, a.ID})
		}
	}
	n := (len(alarms) + maxAlarms - 1) / maxAlarms
	share := func(list []Ref, i int) []Ref { return list[i*len(list)/n : (i+1)*len(list)/n] }
	widgets := make([]Widget, n)
	for i := range widgets {
		widgets[i] = Widget{
			Title: "Which alarms are on?", Width: full, Alarms: slices.Concat(share(always, i), share(sometimes, i)),
		}
		if i > 0 {
			widgets[i].Title = fmt.Sprintf("Which alarms of part %d are on?", i+1)
		}
	}
	return widgets
}

func (s *Service) isItUp(alarms []Alarm) Row {
	row := Row{Title: "Is it up?", Note: "The text of an alarm says what to do first.", Widgets: append(states(alarms),
		graph("Do messages and handshakes fail?", "part of all",
			metric(ofAPI("ClientError"), "Average").labeled("refused by API Gateway"),
			metric(ofAPI("ExecutionError"), "Average").labeled("function not called, or crashed"),
			metric(ofAPI("IntegrationError"), "Average").labeled("answered with 4XX or 5XX")).line("alarm", errorRate),
		graph("Do functions fail?", "invocations", append(s.each("Errors", "Sum", "failed"), s.each("Throttles", "Sum", "throttled")...)...),
	)}
	if s.Namespace != "" {
		row.Widgets = append(row.Widgets,
			graph("Do clients get in?", "handshakes",
				metric(s.observed("ConnectionsOpened"), "Sum").labeled("accepted"),
				metric(s.observed("ConnectionsRefused"), "Sum").labeled("refused by the program")),
			graph("Which errors do clients get?", "errors", s.search("Errors", "Code", "Sum")))
		queries := slices.Concat(s.eachObserved("PostsFailed", "Sum", "failed", posts), s.eachObserved("PostsThrottled", "Sum", "throttled", posts),
			s.eachObserved("FanOutUnreached", "Sum", "members not reached", posts))
		if len(queries) > 0 {
			row.Widgets = append(row.Widgets, graph("Do posts arrive?", "posts", queries...))
		}
	}
	if len(s.Queues) > 0 {
		var age, dead []Query
		waits := graph("How long does work wait?", "seconds")
		for _, q := range s.Queues {
			id := q.ID
			waits = waits.line("alarm of "+id, Text(strconv.Itoa(q.age())))
			age = append(age, metric(ofQueue("ApproximateAgeOfOldestMessage", id), "Maximum").labeled(id))
			dead = append(dead, metric(ofDeadLetters("ApproximateNumberOfMessagesVisible", id), "Maximum").labeled(id))
		}
		waits.Queries = age
		row.Widgets = append(row.Widgets,
			waits,
			graph("Which work was given up?", "messages", dead...))
	}
	if ages := s.streamAges(); len(ages) > 0 {
		row.Widgets = append(row.Widgets, graph("How late do functions get changes of tables?", "milliseconds", ages...).line("alarm", streamAge))
	}
	if s.Namespace != "" {
		row.Widgets = append(row.Widgets, Widget{
			Title: "What was logged as an error?", Width: full, Logs: ids(s.Functions),
			LogQuery: "fields @timestamp, message, route, code, connectionId, requestId\n| filter level = \"ERROR\"\n| sort @timestamp desc\n| limit 20",
		})
	}
	return row
}

func ids(functions []Function) []string {
	var list []string
	for _, f := range functions {
		list = append(list, f.ID)
	}
	return list
}

func (s *Service) isItFast() Row {
	quota := func(m Metric, stat, id, formula, label string) []Query {
		return []Query{
			metric(m, stat).as(id).hidden(),
			{ID: id + "part", Expression: Text(formula), Label: label},
		}
	}
	row := Row{Title: "Is it fast?", Note: "p99: one of a hundred takes longer.", Widgets: []Widget{
		graph("How long do clients wait for functions?", "milliseconds",
			metric(ofAPI("IntegrationLatency"), "p50").labeled("p50"),
			metric(ofAPI("IntegrationLatency"), "p99").labeled("p99")).line("alarm", parameter(AlarmLatency)),
		graph("How long do functions run?", "milliseconds", append(s.each("Duration", "p50", "p50"), s.each("Duration", "p99", "p99")...)...),
		graph("How near are the quotas?", "percent", slices.Concat(
			quota(ofAPI("ConnectCount"), "Sum", "connects", "100 * connects / (PERIOD(connects) * "+string(parameter(ConnectQuota))+")", "new connections"),
			quota(ofAPI("MessageCount"), "Sum", "messages", "100 * messages / (PERIOD(messages) * "+string(parameter(RequestQuota))+")", "messages and posts"),
			quota(Metric{Namespace: "AWS/Lambda", Name: "ClaimedAccountConcurrency"}, "Maximum", "claimed",
				"100 * claimed / "+string(parameter(ConcurrencyQuota)), "concurrency of the account"))...).line("alarm", quotaPart),
	}}
	if len(s.Tables) > 0 {
		var queries []Query
		for _, id := range s.Tables {
			queries = append(queries,
				metric(ofTable("ReadThrottleEvents", id), "Sum").labeled(id+", reads"),
				metric(ofTable("WriteThrottleEvents", id), "Sum").labeled(id+", writes"))
		}
		row.Widgets = append(row.Widgets, graph("Does DynamoDB refuse requests?", "requests", queries...))
	}
	if s.Namespace == "" {
		return row
	}
	row.Widgets = append(row.Widgets, graph("Which route is slow?", "milliseconds, p99", s.search("Duration", "Route", "p99")))
	for _, w := range []Widget{
		graph("How long do requests to tables take?", "milliseconds", slices.Concat(
			s.eachObserved("StoreLatency", "p50", "p50", stores), s.eachObserved("StoreLatency", "p99", "p99", stores))...),
		graph("How long do broadcasts take?", "milliseconds", slices.Concat(
			s.eachObserved("FanOutDuration", "p50", "p50", posts), s.eachObserved("FanOutDuration", "p99", "p99", posts))...),
		graph("How many invocations wait for a new environment?", "invocations", s.eachObserved("ColdStarts", "Sum", "new", all)...),
	} {
		if len(w.Queries) > 0 {
			row.Widgets = append(row.Widgets, w)
		}
	}
	return row
}

func (s *Service) whoIsConnected() Row {
	row := Row{Title: "Who is connected?"}
	live := s.eachObserved("LiveConnections", "Maximum", "connections", sweeps)
	if s.Namespace != "" && len(live) > 0 {
		now := graph("How many connections are open?", "connections", live...)
		now.Period = fiveMinutes
		row.Note = "The sweeper counts open connections each time that it runs."
		row.Widgets = append(row.Widgets, now)
	}
	row.Widgets = append(row.Widgets,
		graph("How many connections are new each minute?", "connections", metric(ofAPI("ConnectCount"), "Sum").labeled("new")),
		graph("How many messages are there each minute?", "messages", metric(ofAPI("MessageCount"), "Sum").labeled("both directions")))
	if s.Namespace == "" {
		return row
	}
	row.Widgets = append(row.Widgets,
		graph("Why do connections end?", "closes by code", s.search("ConnectionsClosed", "CloseCode", "Sum")),
		graph("How long do connections last?", "seconds",
			metric(s.observed("ConnectionDuration"), "p50").labeled("p50"),
			metric(s.observed("ConnectionDuration"), "p99").labeled("p99")),
		graph("How many messages are above a limit?", "messages",
			metric(s.observed("Messages"), "Sum").labeled("messages of clients"),
			metric(s.observed("RateLimited"), "Sum").labeled("above a limit")))
	return row
}

// whatDoesItCost shows what a day would cost if all of it were like the hour, since the range of
// the dashboard may be shorter than a day.
func (s *Service) whatDoesItCost() Row {
	const hour, hours = 3600, 24
	w := Widget{Title: "What would a day cost at this rate, and what most?", Width: full, Period: hour, Unit: "US dollars a day", Stacked: true}
	for _, p := range s.parts() {
		w.Queries = append(w.Queries, p.query.hidden(), Query{
			ID: p.query.ID + "cost", Expression: Text(fmt.Sprintf("%d * %s", hours, p.cost())), Label: p.words,
		})
	}
	note := "An estimate with the prices of US East, without logs, traffic and CloudWatch."
	if s.Namespace == "" {
		note += " Connection minutes are not in it: they need package observe."
	}
	return Row{Title: "What does it cost?", Note: note, Widgets: []Widget{w.line("DailyBudget", parameter(DailyBudget))}}
}
