package template

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/partition"
)

// Evaluator evaluates the functions of a template for one deployment.
type Evaluator struct {
	t          *Template
	parameters map[string]string
	conditions map[string]bool // that have been evaluated
	steps      int             // left
	size       int             // of texts, left
}

// The limits of an Evaluator, which no template that CloudFormation accepts comes near.
const (
	maxSteps = 200_000
	maxText  = 16 << 20
)

// The pseudo parameters, and the names of those that have a default.
const (
	Region    = "AWS::Region"
	AccountID = "AWS::AccountId"
	StackName = "AWS::StackName"
	noValue   = "AWS::NoValue"
)

// NewEvaluator returns an Evaluator with values of parameters. Values of pseudo parameters are set
// in the same way. The error names a parameter that the template does not have.
func NewEvaluator(t *Template, parameters map[string]string) (*Evaluator, error) {
	e := &Evaluator{
		t: t, parameters: maps.Clone(parameters), conditions: map[string]bool{}, steps: maxSteps, size: maxText,
	}
	if e.parameters == nil {
		e.parameters = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		p := t.parameters[name]
		if p == nil && !strings.HasPrefix(name, "AWS::") {
			return nil, fmt.Errorf("the template has no parameter %s; it has %s", shorten(name), names(t.parameters))
		}
		if err := p.allows(name, parameters[name]); err != nil {
			return nil, err
		}
	}
	e.setDefault(Region, "us-east-1")
	e.setDefault(AccountID, "123456789012")
	e.setDefault(StackName, "local")
	part, ok := partition.Of(e.parameters[Region])
	if !ok {
		part = partition.All()[0]
	}
	e.setDefault("AWS::Partition", part.ID)
	e.setDefault("AWS::URLSuffix", part.Suffix)
	e.setDefault("AWS::StackId", fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/local",
		part.ID, e.parameters[Region], e.parameters[AccountID], e.parameters[StackName]))
	return e, nil
}

func (e *Evaluator) setDefault(name, value string) {
	e.parameters[name] = cmp.Or(e.parameters[name], value)
}

// allows returns an error for a value that the parameter's AllowedValues do not have.
func (n *node) allows(name, value string) error {
	if n == nil || n.members["AllowedValues"] == nil {
		return nil
	}
	var allowed []string
	for _, v := range n.members["AllowedValues"].items {
		allowed = append(allowed, v.text)
	}
	if len(allowed) == 0 || slices.Contains(allowed, value) {
		return nil
	}
	return n.errorf("parameter %s: %q is not one of the AllowedValues %s", name, shorten(value), shorten(strings.Join(allowed, ", ")))
}

// Pseudo returns the value of a pseudo parameter, such as [Region].
func (e *Evaluator) Pseudo(name string) string { return e.parameters[name] }

// Exists reports whether the condition of a resource holds.
func (e *Evaluator) Exists(r *Resource) (bool, error) {
	if r.condition == "" {
		return true, nil
	}
	ok, err := e.condition(&node{}, r.condition, 0)
	if err != nil {
		return false, fmt.Errorf("%s: %w", r, err)
	}
	return ok, nil
}

// Resources returns the resources of a type that exist, by logical id.
func (e *Evaluator) Resources(kind string) ([]*Resource, error) {
	var list []*Resource
	for _, r := range e.t.Resources(kind) {
		ok, err := e.Exists(r)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, r)
		}
	}
	return list, nil
}

// Property returns a property of a resource: a string, a []any, a map[string]any, or nil if it is
// missing.
func (e *Evaluator) Property(r *Resource, name string) (any, error) {
	if r.properties == nil {
		return nil, nil
	}
	v, err := e.member(r.properties, name, 0)
	if err != nil {
		return nil, fmt.Errorf("%s, property %s: %w", r, name, err)
	}
	return v, nil
}

// Properties returns all properties of a resource.
func (e *Evaluator) Properties(r *Resource) (map[string]any, error) {
	if r.properties == nil {
		return nil, nil
	}
	v, err := e.eval(r.properties, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the properties are %s", r, describe(v))
	}
	return members, nil
}

// member returns a member of an object that may be the result of a function.
func (e *Evaluator) member(n *node, name string, depth int) (any, error) {
	if n.kind == function { // such as Fn::If around all properties
		v, err := e.eval(n, depth)
		if err != nil {
			return nil, err
		}
		members, _ := v.(map[string]any)
		return members[name], nil
	}
	if include := n.members["Fn::Transform"]; include != nil { // which may have more members
		return nil, include.errorf("the function Fn::Transform is not supported here")
	}
	if m := n.members[name]; m != nil {
		return e.eval(m, depth)
	}
	return nil, nil
}

var errTooMuch = errors.New("the template's functions have no end, or their results are too large")

// eval evaluates a node. The result is nil for a null and for AWS::NoValue.
func (e *Evaluator) eval(n *node, depth int) (any, error) {
	if e.steps--; e.steps < 0 || depth > maxDepth {
		return nil, errTooMuch
	}
	switch n.kind {
	case scalar:
		return n.text, nil
	case function:
		return e.call(n, n.items[0], depth+1)
	case list:
		return e.evalList(n, depth)
	case object:
		members := make(map[string]any, len(n.members))
		for _, key := range slices.Sorted(maps.Keys(n.members)) {
			v, err := e.eval(n.members[key], depth+1)
			if err != nil {
				return nil, err
			}
			if v != nil {
				members[key] = v
			}
		}
		return members, nil
	case null:
	}
	return nil, nil
}

func (e *Evaluator) evalList(n *node, depth int) ([]any, error) {
	values := make([]any, 0, len(n.items))
	for _, item := range n.items {
		v, err := e.eval(item, depth+1)
		if err != nil {
			return nil, err
		}
		if v != nil {
			values = append(values, v)
		}
	}
	return values, nil
}

// text evaluates a node that must be text.
func (e *Evaluator) text(n *node, depth int) (string, error) {
	v, err := e.eval(n, depth)
	if err != nil {
		return "", err
	}
	s, ok := v.(string)
	if !ok {
		return "", n.errorf("expected text, not %s", describe(v))
	}
	return s, nil
}

// sized returns a text that a function has made, unless all of them are too long.
func (e *Evaluator) sized(s string) (string, error) {
	if e.size -= len(s); e.size < 0 {
		return "", errTooMuch
	}
	return s, nil
}

// describe returns what a value is, for errors.
func describe(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "text"
}

// names returns the names of a section, for errors.
func names(section map[string]*node) string {
	if len(section) == 0 {
		return "none"
	}
	return shorten(strings.Join(slices.Sorted(maps.Keys(section)), ", "))
}
