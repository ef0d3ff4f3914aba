package cloudwatchtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Query is a query of CloudWatch Logs Insights. It has the commands
//
//	fields NAME, EXPRESSION as NAME, …      filter CONDITION      display NAME, …
//	stats FUNCTION as NAME, … by NAME, bin(5m), …                 sort NAME desc, …      limit N
//
// In conditions there are and, or, not, =, <, <=, >, >=, "like" and =~ with a text or a regular
// expression, "in" with a list, ispresent and strcontains; in expressions + - * / and coalesce; in
// stats, of which there is one, count, count_distinct, sum, avg, min, max, pct, earliest and
// latest.
//
// There is no !=, because it is not documented what it means for a field that an event does not
// have.
type Query struct {
	steps   []step
	columns []string
	fields  []string
	sorted  bool
	limited bool
	grouped bool
}

// step is a command of a query.
type step func([]record) ([]record, error)

// Result is what a query returns.
type Result struct {
	// Columns are the names of the values in Rows.
	Columns []string
	// Rows has strings, float64s, and nil for what an event does not have.
	Rows [][]any
}

// defaultLimit is the number of rows that a query without a limit returns, and the greatest limit.
const defaultLimit = 10_000

// Fields returns the names of the fields of events that the query uses, sorted.
func (q *Query) Fields() []string {
	names := slices.Clone(q.fields)
	slices.Sort(names)
	return slices.Compact(names)
}

// Run returns what the query finds in events.
func (q *Query) Run(events []Event) (Result, error) {
	records := make([]record, len(events))
	for i, e := range events {
		records[i].Event = e
	}
	if !q.sorted && !q.grouped { // the default order of events
		slices.SortStableFunc(records, func(a, b record) int { return b.Time.Compare(a.Time) })
	}
	for _, s := range q.steps {
		var err error
		if records, err = s(records); err != nil {
			return Result{}, fmt.Errorf("cloudwatchtest: %w", err)
		}
	}
	if !q.limited {
		records = records[:min(len(records), defaultLimit)]
	}
	columns := q.columns
	if columns == nil {
		columns = []string{"@timestamp", "@message"}
	}
	result := Result{Columns: columns}
	for _, r := range records {
		var values []any
		for _, name := range columns {
			values = append(values, r.field(name))
		}
		result.Rows = append(result.Rows, values)
	}
	return result, nil
}

// Column returns the values of a column as text.
func (r Result) Column(name string) (values []string) {
	at := slices.Index(r.Columns, name)
	for _, row := range r.Rows {
		if at >= 0 {
			values = append(values, textOf(row[at]))
		}
	}
	return values
}

// String returns the result as a table for failures of tests.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.Join(r.Columns, " | "))
	for _, row := range r.Rows {
		for i, v := range row {
			if i > 0 {
				b.WriteString(" | ")
			}
			b.WriteString(textOf(v))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// record is an event with what the query has computed for it; after stats it is a group, and there
// is no event.
type record struct {
	Event
	computed map[string]any
}

func (r record) field(name string) any {
	if v, ok := r.computed[name]; ok {
		return v
	}
	return r.Event.field(name)
}

// with returns the record with one more value.
func (r record) with(name string, v any) record {
	computed := make(map[string]any, len(r.computed)+1)
	for k, v := range r.computed {
		computed[k] = v
	}
	computed[name] = v
	r.computed = computed
	return r
}

// order is a key to sort by.
type order struct {
	name       string
	descending bool
}

func sorting(keys []order) step {
	return func(records []record) ([]record, error) {
		slices.SortStableFunc(records, func(a, b record) int {
			for _, k := range keys {
				c := compareValues(a.field(k.name), b.field(k.name))
				if k.descending {
					c = -c
				}
				if c != 0 {
					return c
				}
			}
			return 0
		})
		return records, nil
	}
}

// compareValues orders numbers as such and before texts, and what is missing first.
func compareValues(a, b any) int {
	m, isNumber := numberOf(a)
	n, areNumbers := numberOf(b)
	if isNumber && areNumbers {
		return cmp.Compare(m, n)
	}
	return cmp.Or(cmp.Compare(rank(a, isNumber), rank(b, areNumbers)), strings.Compare(textOf(a), textOf(b)))
}

func rank(v any, isNumber bool) int {
	switch {
	case v == nil:
		return 0
	case isNumber:
		return 1
	}
	return 2
}
