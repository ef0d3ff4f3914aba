package cloudwatchtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// aggregate returns a value for the records of a group.
type aggregate func([]record) any

// stats parses the command stats.
func (p *parser) stats() error {
	if p.query.grouped {
		return errors.New("a second stats is not known here")
	}
	var columns []string
	values := map[string]aggregate{}
	add := func(name string) error {
		if slices.Contains(columns, name) {
			return fmt.Errorf("two columns have the name %s", name)
		}
		columns = append(columns, name)
		return nil
	}
	err := p.list(func() error {
		from := p.at
		f, err := p.aggregate()
		if err != nil {
			return err
		}
		name, _ := p.alias(from)
		values[name] = f
		return add(name)
	})
	if err != nil {
		return err
	}
	keys := map[string]func(record) any{}
	var order []string
	if p.takeWord("by") {
		err = p.list(func() error {
			from := p.at
			key, err := p.key()
			if err != nil {
				return err
			}
			name, _ := p.alias(from)
			keys[name] = key
			order = append(order, name)
			return add(name)
		})
		if err != nil {
			return err
		}
	}
	p.query.grouped, p.names = true, columns
	// Results show what they are grouped by first.
	p.query.columns = append(slices.Clone(order), columns[:len(columns)-len(order)]...)
	p.query.steps = append(p.query.steps, func(records []record) ([]record, error) {
		return group(records, order, keys, values)
	})
	return nil
}

// key parses what stats groups by: bin, or an expression.
func (p *parser) key() (func(record) any, error) {
	if !p.takeWord("bin") {
		x, err := p.expression()
		return func(r record) any { return x(r) }, err
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	t := p.next()
	if t.kind != tokenDuration {
		return nil, errors.New("bin needs a duration, such as 5m")
	}
	d, err := duration(t.text)
	if err != nil {
		return nil, err
	}
	return func(r record) any { return stamp(r.Time.Truncate(d)) }, p.expect(")")
}

// group makes one record of all that have the same keys. Without keys there is one, even of
// nothing.
func group(
	records []record, order []string, keys map[string]func(record) any, values map[string]aggregate,
) ([]record, error) {
	var groups []string
	members := map[string][]record{}
	of := map[string]map[string]any{}
	if len(order) == 0 {
		groups, of[""], members[""] = []string{""}, map[string]any{}, records
		records = nil
	}
	for _, r := range records {
		computed := map[string]any{}
		id := ""
		for _, name := range order {
			v := keys[name](r)
			if v == nil {
				return nil, fmt.Errorf("stats by %s: an event does not have it; filter with ispresent first", name)
			}
			computed[name] = v
			id += strconv.Quote(textOf(v))
		}
		if of[id] == nil {
			groups, of[id] = append(groups, id), computed
		}
		members[id] = append(members[id], r)
	}
	var made []record
	for _, id := range groups {
		for name, f := range values {
			of[id][name] = f(members[id])
		}
		made = append(made, record{computed: of[id]})
	}
	return made, nil
}

// aggregate parses a function of stats.
func (p *parser) aggregate() (aggregate, error) {
	t := p.next()
	if t.kind != tokenName || !p.takeSign("(") {
		return nil, errors.New("a function of stats is missing")
	}
	name := strings.ToLower(t.text)
	if name == "count" && p.takeSign("*") {
		return func(records []record) any { return float64(len(records)) }, p.expect(")")
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	if name == "pct" {
		return p.percentile(x)
	}
	f, err := aggregateOf(name, x)
	if err != nil {
		return nil, err
	}
	return f, p.expect(")")
}

// percentile parses the second argument of pct.
func (p *parser) percentile(x expression) (aggregate, error) {
	if err := p.expect(","); err != nil {
		return nil, err
	}
	t := p.next()
	rank, err := strconv.ParseFloat(t.text, 64)
	if t.kind != tokenNumber || err != nil || rank > 100 {
		return nil, errors.New("pct needs a number up to 100")
	}
	return ofNumbers(x, func(values []float64) float64 { return percentile(values, rank) }), p.expect(")")
}

func aggregateOf(name string, x expression) (aggregate, error) {
	switch name {
	case "count":
		return func(records []record) any { return float64(len(present(records, x))) }, nil
	case "count_distinct":
		return func(records []record) any {
			distinct := map[string]bool{}
			for _, v := range present(records, x) {
				distinct[textOf(v)] = true
			}
			return float64(len(distinct))
		}, nil
	case "sum":
		return ofNumbers(x, sum), nil
	case "avg":
		return ofNumbers(x, average), nil
	case "min":
		return ofNumbers(x, slices.Min[[]float64]), nil
	case "max":
		return ofNumbers(x, slices.Max[[]float64]), nil
	case "earliest", "latest":
		return func(records []record) any { return end(records, x, name == "latest") }, nil
	}
	return nil, fmt.Errorf("stats has no function %s that is known here", name)
}

// present returns the values that there are.
func present(records []record, x expression) (values []any) {
	for _, r := range records {
		if v := x(r); v != nil {
			values = append(values, v)
		}
	}
	return values
}

// ofNumbers returns a function of the numbers among the values; it returns nil if there are none.
func ofNumbers(x expression, f func([]float64) float64) aggregate {
	return func(records []record) any {
		var numbers []float64
		for _, v := range present(records, x) {
			if n, ok := numberOf(v); ok {
				numbers = append(numbers, n)
			}
		}
		if len(numbers) == 0 {
			return nil
		}
		return f(numbers)
	}
}

// end returns the value of the earliest or the latest record that has one.
func end(records []record, x expression, latest bool) (found any) {
	var at record
	for _, r := range records {
		v := x(r)
		if v == nil || found != nil && (latest && r.Time.Before(at.Time) || !latest && !r.Time.Before(at.Time)) {
			continue
		}
		found, at = v, r
	}
	return found
}
