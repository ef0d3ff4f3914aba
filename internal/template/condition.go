package template

import (
	"errors"
	"strconv"
)

// branch evaluates Fn::If.
func (e *Evaluator) branch(n, argument *node, depth int) (any, error) {
	args, err := n.arguments(argument, 3)
	if err != nil {
		return nil, err
	}
	ok, err := e.condition(n, args[0].text, depth)
	if err != nil {
		return nil, err
	}
	if ok {
		return e.eval(args[1], depth)
	}
	return e.eval(args[2], depth)
}

// condition returns the value of a condition of the template. n is where it is named.
func (e *Evaluator) condition(n *node, name string, depth int) (bool, error) {
	if ok, known := e.conditions[name]; known {
		return ok, nil
	}
	c := e.t.conditions[name]
	var ok bool
	var err error
	switch cycle := "Conditions: " + name; {
	case c == nil:
		err = n.errorf("there is no condition %q; the template has %s", shorten(name), names(e.t.conditions))
	case e.naming[cycle] && e.lenient != nil:
		err = n.errorf("the condition %s depends on itself", shorten(name))
	default:
		e.naming[cycle] = true
		ok, err = e.test(c, depth+1)
		delete(e.naming, cycle)
	}
	if err != nil && e.lenient != nil && !errors.Is(err, errTooMuch) {
		e.report(err)
		ok, err = false, nil
	}
	if err == nil {
		e.conditions[name] = ok
	}
	return ok, err
}

// test evaluates an expression of a condition.
func (e *Evaluator) test(n *node, depth int) (bool, error) {
	if e.steps--; e.steps < 0 || depth > maxDepth {
		return false, errTooMuch
	}
	if n.kind == object && len(n.members) == 1 && n.members["Condition"] != nil {
		return e.condition(n, n.members["Condition"].text, depth)
	}
	if n.kind == scalar {
		if ok, err := strconv.ParseBool(n.text); err == nil {
			return ok, nil
		}
	}
	if n.kind != function {
		return false, n.errorf("expected a condition")
	}
	argument := n.items[0]
	switch n.text {
	case "Condition":
		return e.condition(n, argument.text, depth)
	case "Fn::Equals":
		return e.equal(n, argument, depth)
	case "Fn::Not":
		args, err := n.arguments(argument, 1)
		if err != nil {
			return false, err
		}
		ok, err := e.test(args[0], depth+1)
		return !ok, err
	case "Fn::And", "Fn::Or":
		return e.combine(n.text == "Fn::And", argument, depth)
	}
	return false, n.errorf("the function %s is not supported in conditions", shorten(n.text))
}

// combine evaluates Fn::And, or Fn::Or if all is false.
func (e *Evaluator) combine(all bool, argument *node, depth int) (bool, error) {
	if argument.kind != list || len(argument.items) == 0 {
		return false, argument.errorf("expected a list of conditions")
	}
	for _, item := range argument.items {
		if ok, err := e.test(item, depth+1); err != nil || ok != all {
			return ok, err
		}
	}
	return all, nil
}

func (e *Evaluator) equal(n, argument *node, depth int) (bool, error) {
	args, err := n.arguments(argument, 2)
	if err != nil {
		return false, err
	}
	a, err := e.text(args[0], depth)
	if err != nil {
		return false, err
	}
	b, err := e.text(args[1], depth)
	return a == b, err
}
