package cloudwatchtest

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"
)

// evaluation evaluates the inputs of an alarm for one period.
type evaluation struct {
	metrics *Metrics
	alarm   Alarm
	from    time.Time
	left    int // inputs and operators to evaluate, since expressions may name each other
}

var errEndless = errors.New("the expressions have no end")

// input returns the value of a metric or an expression, or nil if there is none.
func (e *evaluation) input(id string) (*float64, error) {
	if e.left--; e.left < 0 {
		return nil, errEndless
	}
	in, ok := e.alarm.Inputs[id]
	if !ok {
		return nil, fmt.Errorf("there is no metric or expression %q", id)
	}
	if in.Expression != "" {
		p := &mathParser{text: []rune(in.Expression), evaluation: e}
		v, err := p.whole()
		if err != nil {
			return nil, fmt.Errorf("the expression %q: %w", in.Expression, err)
		}
		return v, nil
	}
	if in.Unit != "" && in.Unit != e.metrics.Unit(in.Metric) {
		return nil, nil
	}
	v, ok, err := e.metrics.Statistic(in.Metric, in.Statistic, e.from, e.alarm.Period)
	if err != nil || !ok {
		return nil, err
	}
	return &v, nil
}

// mathParser parses metric math and evaluates it on the way: numbers, ids, + - * /, parentheses,
// comparisons, and the functions IF, FILL with a number, and PERIOD. Both branches of an IF are
// evaluated. An operation on a value that is missing, and a division by zero, has no value.
type mathParser struct {
	text []rune
	at   int
	*evaluation
}

func (p *mathParser) whole() (*float64, error) {
	v, err := p.comparison()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, fmt.Errorf("%q is not understood", string(p.text[p.at:]))
	}
	return v, nil
}

// peek returns the next character that is not a space, or 0 at the end.
func (p *mathParser) peek() rune {
	for p.at < len(p.text) && unicode.IsSpace(p.text[p.at]) {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// take takes a text if it is the next one.
func (p *mathParser) take(text string) bool {
	p.peek()
	end := p.at + len(text)
	if end > len(p.text) || string(p.text[p.at:end]) != text {
		return false
	}
	p.at = end
	return true
}

func (p *mathParser) comparison() (*float64, error) {
	v, err := p.sum()
	if err != nil {
		return nil, err
	}
	for _, operator := range []string{"<=", ">=", "==", "!=", "<", ">"} {
		if p.take(operator) {
			w, err := p.sum()
			if err != nil {
				return nil, err
			}
			return compute(operator, v, w), nil
		}
	}
	return v, nil
}

func (p *mathParser) sum() (*float64, error) {
	return p.chain([]string{"+", "-"}, p.product)
}

func (p *mathParser) product() (*float64, error) {
	return p.chain([]string{"*", "/"}, p.operand)
}

// chain parses operands with operators of one rank between them.
func (p *mathParser) chain(operators []string, operand func() (*float64, error)) (*float64, error) {
	v, err := operand()
next:
	for err == nil {
		for _, operator := range operators {
			if p.take(operator) {
				var w *float64
				w, err = operand()
				v = compute(operator, v, w)
				continue next
			}
		}
		break
	}
	return v, err
}

func (p *mathParser) operand() (*float64, error) {
	if p.left--; p.left < 0 {
		return nil, errEndless
	}
	c := p.peek()
	switch {
	case p.take("-"):
		v, err := p.operand()
		zero := 0.
		return compute("-", &zero, v), err
	case p.take("("):
		v, err := p.comparison()
		if err == nil && !p.take(")") {
			err = errors.New("a ) is missing")
		}
		return v, err
	case unicode.IsDigit(c) || c == '.':
		n, err := strconv.ParseFloat(p.word(), 64)
		return &n, err
	case unicode.IsLetter(c):
		name := p.word()
		if p.take("(") {
			return p.call(name)
		}
		return p.input(name)
	}
	return nil, fmt.Errorf("an operand is missing at %q", string(p.text[p.at:]))
}

// word takes letters, digits, underscores and dots.
func (p *mathParser) word() string {
	from := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '.' {
			break
		}
		p.at++
	}
	return string(p.text[from:p.at])
}

// call evaluates a function whose name and parenthesis have been taken.
func (p *mathParser) call(name string) (*float64, error) {
	var args []*float64
	for len(args) == 0 || p.take(",") {
		v, err := p.comparison()
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	if !p.take(")") {
		return nil, errors.New("a ) is missing")
	}
	switch {
	case name == "PERIOD" && len(args) == 1:
		seconds := p.alarm.Period.Seconds()
		return &seconds, nil
	case name == "FILL" && len(args) == 2 && args[1] != nil:
		if args[0] == nil {
			return args[1], nil
		}
		return args[0], nil
	case name == "IF" && (len(args) == 2 || len(args) == 3):
		switch {
		case args[0] == nil:
			return nil, nil
		case *args[0] != 0:
			return args[1], nil
		case len(args) == 3:
			return args[2], nil
		}
		return nil, nil
	}
	return nil, fmt.Errorf("the function %s with %d arguments is not known here", name, len(args))
}

// compute returns the result of an operator, or nil if an operand is missing.
func compute(operator string, v, w *float64) *float64 {
	if v == nil || w == nil || operator == "/" && *w == 0 {
		return nil
	}
	var result float64
	switch operator {
	case "+":
		result = *v + *w
	case "-":
		result = *v - *w
	case "*":
		result = *v * *w
	case "/":
		result = *v / *w
	case "<":
		result = truth(*v < *w)
	case "<=":
		result = truth(*v <= *w)
	case ">":
		result = truth(*v > *w)
	case ">=":
		result = truth(*v >= *w)
	case "==":
		result = truth(*v == *w)
	case "!=":
		result = truth(*v != *w)
	}
	return &result
}
