package cloudwatchtest

import (
	"regexp"
	"slices"
	"strings"
)

// row is what expressions take their fields from.
type row interface {
	// field returns a string, a float64, or nil.
	field(name string) any
}

func (e Event) field(name string) any { return e.fields[name] }

// expression returns a value of a row: a string, a float64, or nil if a field of it is missing.
type expression func(row) any

// condition reports whether it holds for a row.
type condition func(row) bool

func field(name string) expression { return func(r row) any { return r.field(name) } }

func constant(v any) expression { return func(row) any { return v } }

// compare returns the condition of a comparison. It does not hold if a side is missing. Two numbers
// are compared as such, everything else only by = as text.
func compare(operator string, x, y expression) condition {
	return func(r row) bool {
		a, b := x(r), y(r)
		if a == nil || b == nil {
			return false
		}
		m, isNumber := numberOf(a)
		n, areNumbers := numberOf(b)
		if !isNumber || !areNumbers {
			return operator == "=" && textOf(a) == textOf(b)
		}
		if operator == "=" {
			return m == n
		}
		return *compute(operator, &m, &n) == 1
	}
}

// matches returns the condition that a text matches a regular expression.
func matches(x expression, e *regexp.Regexp) condition {
	return func(r row) bool {
		v := x(r)
		return v != nil && e.MatchString(textOf(v))
	}
}

// contains returns the condition that a text has another one in it.
func contains(x expression, part string) condition {
	return func(r row) bool {
		v := x(r)
		return v != nil && strings.Contains(textOf(v), part)
	}
}

// among returns the condition that a value is one of a list.
func among(x expression, list []any) condition {
	return func(r row) bool {
		return slices.ContainsFunc(list, func(v any) bool { return compare("=", x, constant(v))(r) })
	}
}

// arithmetic returns the value of an operator for numbers.
func arithmetic(operator string, x, y expression) expression {
	return func(r row) any {
		m, ok := numberOf(x(r))
		n, also := numberOf(y(r))
		if !ok || !also {
			return nil
		}
		if v := compute(operator, &m, &n); v != nil {
			return *v
		}
		return nil
	}
}
