package template

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
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

	lenient   *Lenient
	typed     bool            // numbers and booleans are not texts
	resource  string          // being evaluated
	property  string          // being evaluated
	reports   int             // how many problems were reported
	exhausted bool            // which was reported
	naming    map[string]bool // resources and conditions whose names are being evaluated
	placed    map[string]bool // parameters that got values of Lenient.Parameter
}

// Lenient makes an [Evaluator] go on after mistakes, and answers what only AWS knows.
type Lenient struct {
	// Report gets each problem, and a value that stands in for what could not be evaluated is used.
	Report func(Problem)
	// Parameter returns the value of a parameter that was not set and has no default here. It is
	// called once for each.
	Parameter func(Parameter) string
	// Name returns the physical name of a resource for which the template has none, or the id of an
	// API. If it is nil, that is the logical id.
	Name func(*Resource) string
	// Import returns an export of another stack, and reports whether there is one.
	Import func(name string) (any, bool)
	// Resolve returns what a dynamic reference stands for, such as "ssm:/chat/key", and reports
	// whether it is known.
	Resolve func(reference string) (string, bool)
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
		naming: map[string]bool{}, placed: map[string]bool{},
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
	e.setDefaults()
	return e, nil
}

// NewLenient returns an Evaluator that goes on after mistakes. Parameters that the template does
// not have, and values that it does not allow, are reported.
func NewLenient(t *Template, parameters map[string]string, l Lenient) *Evaluator {
	e := &Evaluator{
		t: t, parameters: maps.Clone(parameters), conditions: map[string]bool{}, steps: maxSteps, size: maxText,
		naming: map[string]bool{}, placed: map[string]bool{}, lenient: &l,
	}
	if e.parameters == nil {
		e.parameters = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if err := t.parameters[name].allows(name, parameters[name]); err != nil {
			e.report(err)
		}
	}
	e.setDefaults()
	return e
}

// HasParameter reports whether the template has a parameter.
func (t *Template) HasParameter(name string) bool { return t.parameters[name] != nil }

// report reports an error of a lenient Evaluator.
func (e *Evaluator) report(err error) {
	e.reports++
	if errors.Is(err, errTooMuch) {
		if e.exhausted {
			return
		}
		e.exhausted = true
	}
	p := problemOf(e.resource, err)
	p.Property = e.property
	e.lenient.Report(p)
}

// setDefaults sets the pseudo parameters that have no value.
func (e *Evaluator) setDefaults() {
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
	if e.lenient != nil {
		defer e.inProperty(r.ID, "")()
	}
	at := &node{}
	if e.lenient != nil {
		at.line = r.line
	}
	ok, err := e.condition(at, r.condition, 0)
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
	if e.lenient != nil {
		defer e.inProperty(r.ID, name)()
	}
	v, err := e.member(r.properties, name, 0)
	if err != nil && e.lenient != nil {
		e.report(err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s, property %s: %w", r, name, err)
	}
	return v, nil
}

// inProperty notes what is evaluated, and returns a function that notes what was before.
func (e *Evaluator) inProperty(resource, property string) func() {
	beforeResource, beforeProperty := e.resource, e.property
	e.resource, e.property = resource, property
	return func() { e.resource, e.property = beforeResource, beforeProperty }
}

// Typed is [Evaluator.Property] with numbers as json.Number and booleans as bool, as the template
// has them.
func (e *Evaluator) Typed(r *Resource, name string) (any, error) {
	before := e.typed
	e.typed = true
	defer func() { e.typed = before }()
	return e.Property(r, name)
}

// Ref returns what Ref returns for a resource.
func (e *Evaluator) Ref(r *Resource) string {
	defer e.inProperty(r.ID, "")()
	return e.known(e.name(r, 0))
}

// Attribute returns an attribute of a resource, as Fn::GetAtt does.
func (e *Evaluator) Attribute(r *Resource, name string) string {
	defer e.inProperty(r.ID, "")()
	v, err := e.attribute(&node{}, r.ID, name, 0)
	s, _ := v.(string)
	return e.known(s, err)
}

// PhysicalName returns the name of a resource on AWS.
func (e *Evaluator) PhysicalName(r *Resource) string {
	defer e.inProperty(r.ID, "")()
	return e.known(e.physical(r, 0))
}

func (e *Evaluator) known(s string, err error) string {
	if err != nil && e.lenient != nil {
		e.report(err)
	}
	return s
}

// Exports returns the outputs that other stacks can import, by the names of the exports. A name
// that cannot be evaluated is left out.
func (e *Evaluator) Exports() map[string]func() any {
	exports := map[string]func() any{}
	for _, id := range slices.Sorted(maps.Keys(e.t.outputs)) {
		output := e.t.outputs[id]
		export, value := output.members["Export"], output.members["Value"]
		if export == nil || value == nil || export.members["Name"] == nil {
			continue
		}
		if name, err := e.text(export.members["Name"], 0); err == nil {
			exports[name] = func() any {
				v, err := e.eval(value, 0)
				if err != nil {
					return nil
				}
				return v
			}
		}
	}
	return exports
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
		err := include.errorf("the function Fn::Transform is not supported here")
		if e.lenient == nil {
			return nil, err
		}
		if !e.included(n) {
			e.report(err)
		}
	}
	if m := n.members[name]; m != nil {
		return e.eval(m, depth)
	}
	return nil, nil
}

// included reports whether an object with Fn::Transform was reported, and notes that it is.
func (e *Evaluator) included(n *node) bool {
	key := fmt.Sprintf("%p", n)
	known := e.placed[key]
	e.placed[key] = true
	return known
}

var errTooMuch = errors.New("the template's functions have no end, or their results are too large")

// eval evaluates a node. The result is nil for a null and for AWS::NoValue.
func (e *Evaluator) eval(n *node, depth int) (any, error) {
	if e.steps--; e.steps < 0 || depth > maxDepth {
		return nil, errTooMuch
	}
	switch n.kind {
	case scalar:
		return e.evalScalar(n)
	case function:
		v, err := e.call(n, n.items[0], depth+1)
		if err != nil && e.lenient != nil && !errors.Is(err, errTooMuch) {
			e.report(err)
			return placeholder(n), nil
		}
		return v, err
	case list:
		return e.evalList(n, depth)
	case object:
		members := make(map[string]any, len(n.members))
		for _, key := range slices.Sorted(maps.Keys(n.members)) {
			if key == "Fn::Transform" && e.lenient != nil {
				e.report(n.members[key].errorf("the function Fn::Transform is not supported here"))
				continue
			}
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

func (e *Evaluator) evalScalar(n *node) (any, error) {
	if e.lenient == nil {
		return n.text, nil
	}
	if e.typed && n.bare {
		if ok, err := strconv.ParseBool(n.text); err == nil && len(n.text) > 1 {
			return ok, nil
		}
		if json.Valid([]byte(n.text)) {
			return json.Number(n.text), nil
		}
	}
	return e.resolve(n, n.text)
}

// resolve replaces the dynamic references in a text.
func (e *Evaluator) resolve(n *node, text string) (string, error) {
	if e.lenient == nil {
		return text, nil
	}
	const open = "{{resolve:"
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, open)
		reference, rest, closed := strings.Cut(after, "}}")
		if !ok || !closed {
			b.WriteString(text)
			return e.sized(b.String())
		}
		b.WriteString(before)
		value, known := "", false
		if e.lenient.Resolve != nil {
			value, known = e.lenient.Resolve(reference)
		}
		if !known {
			e.report(n.errorf("{{resolve:%s}} is known on AWS only; it is empty here, unless the parameter %s is set",
				shorten(reference), shorten(reference[strings.IndexByte(reference, ':')+1:])))
		}
		b.WriteString(value)
		text = rest
	}
}

// placeholder returns what stands in for a function that could not be evaluated.
func placeholder(n *node) any {
	argument := n.items[0]
	switch {
	case n.text == "Fn::GetAtt" && len(argument.items) == 2:
		return argument.items[0].text + "." + argument.items[1].text
	case n.text == "Ref", n.text == "Fn::GetAtt", n.text == "Fn::ImportValue" && argument.kind == scalar:
		return argument.text
	}
	return nil
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
	before := e.reports
	v, err := e.eval(n, depth)
	if err != nil || v == nil && e.reports > before {
		return "", err
	}
	s, ok := AsText(v)
	if !ok {
		return "", n.errorf("expected text, not %s", describe(v))
	}
	return s, nil
}

// AsText returns a value as text, and reports whether it is text, a number or a boolean.
func AsText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
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
