package template

import (
	"strconv"
	"strings"
)

// call evaluates an intrinsic function.
func (e *Evaluator) call(n, argument *node, depth int) (any, error) {
	switch n.text {
	case "Ref":
		return e.ref(n, argument.text, depth)
	case "Fn::GetAtt":
		return e.getAtt(n, argument, depth)
	case "Fn::Sub":
		return e.sub(n, argument, depth)
	case "Fn::Join":
		return e.join(n, argument, depth)
	case "Fn::If":
		return e.branch(n, argument, depth)
	case "Fn::Select":
		return e.choose(n, argument, depth)
	case "Fn::Split":
		return e.split(n, argument, depth)
	case "Fn::FindInMap":
		return e.findInMap(n, argument, depth)
	}
	return nil, n.errorf("the function %s is not supported here", shorten(n.text))
}

// arguments returns the n arguments of a function that takes a list.
func (n *node) arguments(argument *node, count int) ([]*node, error) {
	if argument.kind != list || len(argument.items) != count {
		return nil, n.errorf("%s: expected a list of %d values", n.text, count)
	}
	return argument.items, nil
}

func (e *Evaluator) join(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	separator, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	items, err := e.texts(n, args[1], depth)
	if err != nil {
		return nil, err
	}
	size := len(separator) * len(items)
	if size > e.size {
		return nil, errTooMuch
	}
	return e.sized(strings.Join(items, separator))
}

// texts evaluates a node that must be a list of texts.
func (e *Evaluator) texts(n, argument *node, depth int) ([]string, error) {
	v, err := e.eval(argument, depth)
	if err != nil {
		return nil, err
	}
	values, ok := v.([]any)
	if !ok {
		return nil, n.errorf("%s: expected a list, not %s", n.text, describe(v))
	}
	texts := make([]string, 0, len(values))
	for _, item := range values {
		s, ok := item.(string)
		if !ok {
			return nil, n.errorf("%s: expected texts in the list, not %s", n.text, describe(item))
		}
		texts = append(texts, s)
	}
	return texts, nil
}

func (e *Evaluator) choose(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	index, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	v, err := e.eval(args[1], depth)
	if err != nil {
		return nil, err
	}
	values, _ := v.([]any)
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(values) {
		return nil, n.errorf("Fn::Select: there is no element %s in %s", shorten(index), describe(v))
	}
	return values[i], nil
}

func (e *Evaluator) split(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return nil, err
	}
	separator, err := e.text(args[0], depth)
	if err != nil {
		return nil, err
	}
	text, err := e.text(args[1], depth)
	if err != nil {
		return nil, err
	}
	if separator == "" {
		return nil, n.errorf("Fn::Split: the separator must not be empty")
	}
	if e.steps -= strings.Count(text, separator); e.steps < 0 {
		return nil, errTooMuch
	}
	var parts []any
	for part := range strings.SplitSeq(text, separator) {
		parts = append(parts, part)
	}
	return parts, nil
}

func (e *Evaluator) findInMap(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 3)
	if err != nil {
		return nil, err
	}
	found := e.t.mappings
	for _, arg := range args {
		key, err := e.text(arg, depth)
		if err != nil {
			return nil, err
		}
		if found != nil {
			found = found.members[key]
		}
		if found == nil {
			return nil, n.errorf("Fn::FindInMap: there is no %s in Mappings", shorten(key))
		}
	}
	return e.eval(found, depth)
}

// sub evaluates Fn::Sub, whose argument is a text, or a text and values for it.
func (e *Evaluator) sub(n, argument *node, depth int) (any, error) {
	var values map[string]*node
	if argument.kind == list {
		args, err := n.arguments(argument, 2)
		if err != nil {
			return nil, err
		}
		argument, values = args[0], args[1].members
	}
	if argument.kind != scalar {
		return nil, n.errorf("Fn::Sub: expected text, or a list of a text and values")
	}
	if _, err := e.sized(argument.text); err != nil { // which may have to be read often
		return nil, err
	}
	var b strings.Builder
	rest := argument.text
	for {
		before, after, ok := strings.Cut(rest, "${")
		b.WriteString(before)
		if !ok {
			return e.sized(b.String())
		}
		var name string
		if name, rest, ok = strings.Cut(after, "}"); !ok {
			return nil, n.errorf("Fn::Sub: ${ without }")
		}
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			b.WriteString("${" + literal + "}")
			continue
		}
		value, err := e.substitute(n, strings.TrimSpace(name), values, depth)
		if err != nil {
			return nil, err
		}
		if b.WriteString(value); b.Len() > e.size {
			return nil, errTooMuch
		}
	}
}

// substitute returns the value of ${name} in Fn::Sub.
func (e *Evaluator) substitute(n *node, name string, values map[string]*node, depth int) (string, error) {
	if v := values[name]; v != nil {
		return e.text(v, depth)
	}
	if e.steps--; e.steps < 0 || depth > maxDepth {
		return "", errTooMuch
	}
	var v any
	var err error
	if id, attribute, ok := strings.Cut(name, "."); ok {
		v, err = e.attribute(n, id, attribute, depth)
	} else {
		v, err = e.ref(n, name, depth)
	}
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", n.errorf("Fn::Sub: ${%s} is %s, not text", shorten(name), describe(v))
	}
	return s, nil
}
