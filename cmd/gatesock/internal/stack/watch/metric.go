package watch

// Metric is a metric of CloudWatch.
type Metric struct {
	Namespace  string
	Name       string
	Dimensions []Dimension
}

// Dimension is a dimension of a [Metric].
type Dimension struct {
	Name  string
	Value Text
}

// Query is a metric, or an expression over the metrics beside it.
type Query struct {
	// ID is the name in expressions. It is empty for a metric that is in none.
	ID     string
	Metric Metric
	// Stat is "Average", "Sum", "Maximum", or a percentile such as "p99".
	Stat string
	// Expression is set instead of Metric.
	Expression Text
	// Label is for graphs, and for expressions of alarms.
	Label string
	// Hidden reports whether a graph uses the metric in expressions only.
	Hidden bool
}

func metric(m Metric, stat string) Query { return Query{Metric: m, Stat: stat} }

// as returns a query with a name for expressions.
func (q Query) as(id string) Query {
	q.ID = id
	return q
}

func (q Query) labeled(label string) Query {
	q.Label = label
	return q
}

func (q Query) hidden() Query {
	q.Hidden = true
	return q
}

func expression(text Text, label string) Query {
	return Query{ID: "value", Expression: text, Label: label}
}

// ofAPI returns a metric of the stage of the API.
func ofAPI(name string) Metric {
	return Metric{"AWS/ApiGateway", name, []Dimension{{"ApiId", Ref{Kind: API}.text()}, {"Stage", Ref{Kind: Stage}.text()}}}
}

// ofFunction returns a metric of a function with all its versions and aliases.
func ofFunction(name, id string) Metric {
	return Metric{"AWS/Lambda", name, []Dimension{{"FunctionName", Ref{OfFunction, id}.text()}}}
}

func ofTable(name, id string) Metric {
	return Metric{"AWS/DynamoDB", name, []Dimension{{"TableName", Ref{Table, id}.text()}}}
}

func ofQueue(name, id string) Metric {
	return Metric{"AWS/SQS", name, []Dimension{{"QueueName", Ref{Queue, id}.text()}}}
}

func ofDeadLetters(name, id string) Metric {
	return Metric{"AWS/SQS", name, []Dimension{{"QueueName", Ref{DeadLetters, id}.text()}}}
}

// observed returns a metric of package observe for the stage of the API, or for a part of it.
func (s *Service) observed(name string, more ...Dimension) Metric {
	dimensions := []Dimension{{"Api", Ref{Kind: API}.text()}, {"Stage", Ref{Kind: Stage}.text()}}
	return Metric{s.Namespace, name, append(dimensions, more...)}
}

// observedBy returns a metric of package observe for a function.
func (s *Service) observedBy(name, function string) Metric {
	return Metric{s.Namespace, name, []Dimension{{"Function", Ref{OfFunction, function}.text()}}}
}
