package cloudwatchtest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseQuery parses a query.
func ParseQuery(text string) (*Query, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, fmt.Errorf("cloudwatchtest: %w", err)
	}
	p := &parser{tokens: tokens, query: new(Query)}
	for {
		if err := p.command(); err != nil {
			return nil, fmt.Errorf("cloudwatchtest: line %d, before %q: %w", p.peek().line, p.peek().text, err)
		}
		if p.peek().kind == tokenEnd {
			return p.query, nil
		}
		if !p.takeSign("|") {
			return nil, fmt.Errorf("cloudwatchtest: line %d: %q is not understood", p.peek().line, p.peek().text)
		}
	}
}

type parser struct {
	tokens []token
	at     int
	depth  int
	query  *Query
	names  []string // that fields or stats have made
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) takeSign(text string) bool {
	if p.peek().sign(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) takeWord(word string) bool {
	if p.peek().is(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(sign string) error {
	if !p.takeSign(sign) {
		return fmt.Errorf("a %s is missing", sign)
	}
	return nil
}

func (p *parser) command() error {
	switch {
	case p.takeWord("fields"):
		return p.fieldsCommand()
	case p.takeWord("display"):
		return p.display()
	case p.takeWord("filter"):
		return p.filter()
	case p.takeWord("stats"):
		return p.stats()
	case p.takeWord("sort"):
		return p.sort()
	case p.takeWord("limit"):
		return p.limit()
	}
	return errors.New("there is no such command here")
}

// list parses what is separated by commas.
func (p *parser) list(item func() error) error {
	for {
		if err := item(); err != nil {
			return err
		}
		if !p.takeSign(",") {
			return nil
		}
	}
}

func (p *parser) fieldsCommand() error {
	if p.query.grouped {
		return errors.New("fields after stats is not known here")
	}
	return p.list(func() error {
		from := p.at
		e, err := p.expression()
		if err != nil {
			return err
		}
		name, isName := p.alias(from)
		if !isName {
			return errors.New(`an expression needs a name: as NAME`)
		}
		p.query.columns = append(p.query.columns, name)
		if p.at == from+1 { // a field under its own name
			return nil
		}
		p.names = append(p.names, name)
		p.query.steps = append(p.query.steps, func(records []record) ([]record, error) {
			for i, r := range records {
				records[i] = r.with(name, e(r))
			}
			return records, nil
		})
		return nil
	})
}

// alias parses "as NAME" after an expression that began at a token. Without it, the name is the
// text of the expression, and isName reports whether that is the name of a field.
func (p *parser) alias(from int) (name string, isName bool) {
	end := p.at
	if p.takeWord("as") {
		if t := p.next(); t.kind == tokenName {
			return t.text, true
		}
		return "", false
	}
	for _, t := range p.tokens[from:end] {
		name += t.text
	}
	return name, end == from+1 && p.tokens[from].kind == tokenName
}

func (p *parser) display() error {
	var columns []string
	err := p.list(func() error {
		name, err := p.name()
		columns = append(columns, name)
		return err
	})
	p.query.columns = columns
	return err
}

// name parses the name of a field, or of something that fields or stats have made.
func (p *parser) name() (string, error) {
	t := p.next()
	if t.kind != tokenName {
		return "", errors.New("a name is missing")
	}
	return t.text, p.use(t.text)
}

// use notes that the query uses a name. After stats there are no fields of events.
func (p *parser) use(name string) error {
	switch {
	case slices.Contains(p.names, name):
	case p.query.grouped:
		return fmt.Errorf("stats has made no %s", name)
	default:
		p.query.fields = append(p.query.fields, name)
	}
	return nil
}

func (p *parser) filter() error {
	c, err := p.or()
	if err != nil {
		return err
	}
	p.query.steps = append(p.query.steps, func(records []record) (kept []record, err error) {
		for _, r := range records {
			if c(r) {
				kept = append(kept, r)
			}
		}
		return kept, nil
	})
	return nil
}

func (p *parser) sort() error {
	var keys []order
	err := p.list(func() error {
		from := p.at
		name := ""
		if p.tokens[p.at].kind == tokenName && p.tokens[p.at+1].sign("(") { // such as count(*)
			for p.peek().kind != tokenEnd && !p.peek().sign(")") {
				name += p.next().text
			}
			if err := p.expect(")"); err != nil {
				return err
			}
			name += ")"
			if err := p.use(name); err != nil || !slices.Contains(p.names, name) {
				return fmt.Errorf("there is no column %s", name)
			}
		} else {
			var err error
			if name, err = p.name(); err != nil {
				p.at = from
				return err
			}
		}
		key := order{name: name, descending: p.takeWord("desc")}
		if !key.descending {
			p.takeWord("asc")
		}
		keys = append(keys, key)
		return nil
	})
	p.query.sorted = true
	p.query.steps = append(p.query.steps, sorting(keys))
	return err
}

func (p *parser) limit() error {
	n, err := strconv.Atoi(p.next().text)
	if err != nil || n < 1 || n > defaultLimit || p.tokens[p.at-1].kind != tokenNumber {
		return fmt.Errorf("limit needs a number from 1 to %d", defaultLimit)
	}
	p.query.limited = true
	p.query.steps = append(p.query.steps, func(records []record) ([]record, error) {
		return records[:min(n, len(records))], nil
	})
	return nil
}

func (p *parser) or() (condition, error) {
	a, err := p.and()
	for err == nil && p.takeWord("or") {
		left := a
		var b condition
		b, err = p.and()
		a = func(r row) bool { return left(r) || b(r) }
	}
	return a, err
}

func (p *parser) and() (condition, error) {
	a, err := p.not()
	for err == nil && p.takeWord("and") {
		left := a
		var b condition
		b, err = p.not()
		a = func(r row) bool { return left(r) && b(r) }
	}
	return a, err
}

const maxDepth = 100

var errDeep = errors.New("there is too much in each other")

func (p *parser) not() (condition, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	if p.takeWord("not") {
		if !p.peek().is("ispresent") { // what it means for a field that is missing is not documented
			return nil, errors.New("not is known here before ispresent only")
		}
		c, err := p.not()
		return func(r row) bool { return !c(r) }, err
	}
	if p.takeSign("(") {
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	if p.takeWord("ispresent") {
		return p.present()
	}
	if p.takeWord("strcontains") {
		return p.strcontains()
	}
	return p.predicate()
}

func (p *parser) present() (condition, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	return func(r row) bool { return r.field(name) != nil }, p.expect(")")
}

func (p *parser) strcontains() (condition, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	part := p.next()
	if part.kind != tokenText {
		return nil, errors.New("strcontains needs a text")
	}
	return contains(x, part.text), p.expect(")")
}

// predicate parses a comparison.
func (p *parser) predicate() (condition, error) {
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	t := p.next()
	switch {
	case t.kind == tokenSign && slices.Contains([]string{"=", "<", "<=", ">", ">="}, t.text):
		y, err := p.expression()
		return compare(t.text, x, y), err
	case t.is("like"), t.sign("=~"):
		return p.pattern(x)
	case t.is("in"):
		list, err := p.values()
		return among(x, list), err
	}
	return nil, fmt.Errorf("the comparison %q is not known here", t.text)
}

func (p *parser) pattern(x expression) (condition, error) {
	t := p.next()
	switch t.kind {
	case tokenText:
		return contains(x, t.text), nil
	case tokenRegexp:
		e, err := regexp.Compile(t.text)
		if err != nil {
			return nil, err
		}
		return matches(x, e), nil
	case tokenEnd, tokenName, tokenNumber, tokenDuration, tokenSign:
	}
	return nil, errors.New("a text or a regular expression is missing")
}

// values parses a list of constants.
func (p *parser) values() (list []any, err error) {
	if err := p.expect("["); err != nil {
		return nil, err
	}
	err = p.list(func() error {
		t := p.next()
		switch t.kind {
		case tokenText:
			list = append(list, t.text)
		case tokenNumber:
			n, err := strconv.ParseFloat(t.text, 64)
			list = append(list, n)
			return err
		case tokenEnd, tokenName, tokenDuration, tokenRegexp, tokenSign:
			return errors.New("a text or a number is missing")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, p.expect("]")
}

func (p *parser) expression() (expression, error) {
	return p.operators([]string{"+", "-"}, func() (expression, error) {
		return p.operators([]string{"*", "/"}, p.operand)
	})
}

// operators parses operands with operators of one rank between them.
func (p *parser) operators(signs []string, operand func() (expression, error)) (expression, error) {
	x, err := operand()
	for err == nil && p.peek().kind == tokenSign && slices.Contains(signs, p.peek().text) {
		sign, left := p.next().text, x
		var right expression
		right, err = operand()
		x = arithmetic(sign, left, right)
	}
	return x, err
}

func (p *parser) operand() (expression, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errDeep
	}
	defer func() { p.depth-- }()
	t := p.next()
	switch {
	case t.kind == tokenNumber:
		n, err := strconv.ParseFloat(t.text, 64)
		return constant(n), err
	case t.kind == tokenText:
		return constant(t.text), nil
	case t.sign("("):
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case t.is("coalesce") && p.peek().sign("("):
		return p.coalesce()
	case t.kind == tokenName && p.peek().sign("("):
		return nil, fmt.Errorf("the function %s is not known here", t.text)
	case t.kind == tokenName:
		return field(t.text), p.use(t.text)
	}
	return nil, fmt.Errorf("%q is not a value", t.text)
}

// coalesce parses the arguments of the function that returns the first that is there.
func (p *parser) coalesce() (expression, error) {
	p.takeSign("(")
	var args []expression
	err := p.list(func() error {
		x, err := p.expression()
		args = append(args, x)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(r row) any {
		for _, x := range args {
			if v := x(r); v != nil {
				return v
			}
		}
		return nil
	}, p.expect(")")
}

// duration returns a duration such as "5m".
func duration(text string) (time.Duration, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(number)
	unit := map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[text[len(number):]]
	if err != nil || n < 1 || n > 10_000 || unit == 0 {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	return time.Duration(n) * unit, nil
}
