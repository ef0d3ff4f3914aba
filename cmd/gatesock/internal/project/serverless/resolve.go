package serverless

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// resolver replaces the variables of a file by their values, when they are needed.
type resolver struct {
	*reader
	root *yaml.Node // of the source, as it is

	values map[*yaml.Node]*yaml.Node // of texts with variables
	whole  map[*yaml.Node]*yaml.Node // trees that are resolved with all that is in them
	open   []*yaml.Node              // that are being resolved, for cycles
	names  []string                  // of the variables in open, for people
	steps  int                       // left
	size   int                       // of texts, left
	spent  bool                      // steps or size are used up, which a finding names
	cycles int                       // that were found
}

// Limits of a resolver, which no file comes near.
const (
	maxSteps = 2_000_000
	maxText  = 32 << 20
)

func newResolver(r *reader, root *yaml.Node) *resolver {
	return &resolver{
		reader: r, root: root, values: map[*yaml.Node]*yaml.Node{}, whole: map[*yaml.Node]*yaml.Node{},
		steps: maxSteps, size: maxText,
	}
}

// step reports whether work may go on.
func (v *resolver) step(n *yaml.Node, size int) bool {
	v.steps--
	v.size -= size
	if v.steps >= 0 && v.size >= 0 && len(v.open) < maxDepth {
		return true
	}
	if !v.spent {
		v.spent = true
		v.add(project.Failure, n.Line, "", "The values of the variables have no end, or are too large. Values are missing from here on.")
	}
	return false
}

// enter notes that a node is being resolved. It reports false for a node that already is.
func (v *resolver) enter(n *yaml.Node, name string) bool {
	if i := slices.Index(v.open, n); i >= 0 {
		v.cycles++
		names := slices.DeleteFunc(append(slices.Clone(v.names[i:]), name), func(s string) bool { return s == "" })
		names = slices.Compact(names)
		v.add(project.Failure, n.Line, "", "The variables refer to each other without end: %s.", short(strings.Join(names, " → ")))
		return false
	}
	v.open, v.names = append(v.open, n), append(v.names, name)
	return true
}

func (v *resolver) leave() {
	v.open, v.names = v.open[:len(v.open)-1], v.names[:len(v.names)-1]
}

// resolve returns a tree without variables. It never returns nil.
func (v *resolver) resolve(n *yaml.Node) *yaml.Node { return v.resolveAs(n, "") }

// resolveAs resolves a tree that a text with variables, name, stands for.
func (v *resolver) resolveAs(n *yaml.Node, name string) *yaml.Node {
	if n == nil {
		return null(0)
	}
	if done := v.whole[n]; done != nil {
		if !v.step(n, len(done.Content)) {
			return null(n.Line)
		}
		return done
	}
	if n.Kind == yaml.ScalarNode {
		value := v.value(n)
		if value != n && value.Kind != yaml.ScalarNode {
			value = v.resolveAs(value, n.Value)
		}
		return value
	}
	if !v.step(n, 0) || !v.enter(n, name) {
		return null(n.Line)
	}
	defer v.leave()
	done := &yaml.Node{Kind: n.Kind, Line: n.Line}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if key := v.value(child); key.Kind == yaml.ScalarNode { // a variable in a key is rare
				child = key
			}
			done.Content = append(done.Content, child)
			continue
		}
		done.Content = append(done.Content, v.resolve(child))
	}
	v.whole[n] = done
	return done
}

// value returns n, or the value of a text with variables, whose own members may have variables. It
// never returns nil.
func (v *resolver) value(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.ScalarNode || !hasVariable(n.Value) {
		return n
	}
	if done := v.values[n]; done != nil {
		return done
	}
	if !v.step(n, len(n.Value)) || !v.enter(n, n.Value) {
		return null(n.Line)
	}
	defer v.leave()
	parts, err := parseText(n.Value)
	if err != nil {
		v.add(project.Warning, n.Line, "", "A variable is not valid, and stays as it is: %s.", err)
	}
	value := v.join(parts, n)
	if value.Kind == yaml.ScalarNode {
		c := *value
		c.Line = n.Line // where it is used
		value = &c
	}
	v.values[n] = value
	return value
}

// join returns the value of the pieces of a text at n: the value itself if there is one piece, else
// a text.
func (v *resolver) join(parts []part, n *yaml.Node) *yaml.Node {
	if len(parts) == 1 && parts[0].variable != nil {
		cycles := v.cycles
		value, known := v.variable(parts[0].variable, n)
		switch {
		case !known:
			return text(parts[0].variable.text)
		case value == nil && cycles == v.cycles:
			v.missing(parts[0].variable, n)
		}
		return orNull(value, n.Line)
	}
	return text(v.text(parts, n))
}

// nested returns the value of a source that is a variable; nil if it has none.
func (v *resolver) nested(parts []part, n *yaml.Node) *yaml.Node {
	if len(parts) == 1 && parts[0].variable != nil {
		value, _ := v.variable(parts[0].variable, n)
		return value
	}
	return text(v.text(parts, n))
}

// text returns the text that pieces make.
func (v *resolver) text(parts []part, n *yaml.Node) string {
	var b strings.Builder
	for _, p := range parts {
		if p.variable == nil {
			b.WriteString(p.literal)
			continue
		}
		value, known := v.variable(p.variable, n)
		switch {
		case !known:
			b.WriteString(p.variable.text)
		case value == nil:
			v.missing(p.variable, n)
		case value.Kind != yaml.ScalarNode:
			v.add(project.Warning, n.Line, "", "%s is not text, but is part of one; it is left out.", short(p.variable.text))
		default:
			b.WriteString(textOf(value))
		}
		if !v.step(n, b.Len()) {
			break
		}
	}
	return b.String()
}

// missing adds a finding for a variable without a value.
func (v *resolver) missing(variable *variable, n *yaml.Node) {
	if v.spent {
		return
	}
	hint := ""
	if len(variable.sources) > 0 {
		switch s := variable.sources[0]; s.kind {
		case "env":
			hint = " Set it in the environment, or in a file for --env-file."
		case "opt":
			hint = " Give it as an option, or write a default after a comma."
		case "param":
			hint = " Give it by --parameter."
		case "file":
			hint = " Is the file there?"
		}
	}
	v.add(project.Warning, n.Line, "", "%s has no value.%s", short(variable.text), hint)
}

// variable returns the value of a variable; nil if it has none. It reports false for a variable
// that is to stay as it is.
func (v *resolver) variable(variable *variable, n *yaml.Node) (value *yaml.Node, known bool) {
	if !v.step(n, 0) {
		return nil, true
	}
	var unknown string
	for i, s := range variable.sources {
		switch {
		case s.literal != nil:
			if s.bare {
				v.add(project.Warning, n.Line, "", "The default %s in %s needs quotes; it is taken as text.",
					short(s.literal.Value), short(variable.text))
			}
			value = s.literal
		case s.kind == "":
			value = v.nested(s.nested, n)
		default:
			last := i == len(variable.sources)-1
			if value, known = v.source(s, n, variable, last); !known {
				unknown = cmp.Or(unknown, s.kind)
			}
		}
		if value != nil {
			if value = v.value(value); !isNull(value) {
				return value, true
			}
		}
	}
	if unknown != "" {
		v.add(project.Warning, n.Line, "", "There is no source %q of variables here, so %s stays as it is; is it of a plugin?",
			short(unknown), short(variable.text))
		return nil, false
	}
	if last := variable.sources[len(variable.sources)-1]; last.literal != nil { // null on purpose
		return null(n.Line), true
	}
	return nil, true
}

// source returns the value of a source; nil if it has none. It reports false for a kind that is not
// known here.
func (v *resolver) source(s source, n *yaml.Node, variable *variable, last bool) (*yaml.Node, bool) {
	address := v.text(s.address, n)
	var params []string
	for _, p := range s.params {
		params = append(params, v.text(p, n))
	}
	first := ""
	if len(params) > 0 {
		first = strings.TrimSpace(params[0])
	}
	switch s.kind {
	case "self":
		return v.self(address), true
	case "opt":
		return v.option(address), true
	case "env":
		return v.env(address), true
	case "sls":
		switch address {
		case "stage":
			return text(v.stage()), true
		case "instanceId":
			return text("local"), true
		}
	case "param":
		return v.param(address), true
	case "file":
		return v.file(first, address, n), true
	case "strToBool":
		return v.bool(first, n), true
	case "aws":
		switch address {
		case "accountId":
			return text(v.accountID()), true
		case "region":
			return text(v.region()), true
		}
	case "cf", "ssm", "s3", "output", "state", "secretsmanager", "terraform", "vault", "doppler", "azure":
		return v.remote(s, first, address, n, variable, last), true
	}
	return nil, false
}

// self returns the value at an address in the source.
func (v *resolver) self(address string) *yaml.Node {
	if address == "" {
		return v.root
	}
	if value := v.follow(v.root, address); value != nil {
		if name := get(value, "name"); address == "service" && name != nil { // service: {name: …} of old versions
			return v.value(name)
		}
		return value
	}
	switch address { // which the framework sets
	case "provider.stage":
		return text(v.stage())
	case "provider.region":
		return text(v.region())
	}
	return nil
}

// follow returns the value at an address in a tree; nil if there is none.
func (v *resolver) follow(n *yaml.Node, address string) *yaml.Node {
	n = v.value(n)
	for key := range strings.SplitSeq(address, ".") {
		switch {
		case isMapping(n):
			n = get(n, key)
		case isList(n):
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(n.Content) {
				return nil
			}
			n = n.Content[i]
		default:
			return nil
		}
		if n == nil || !v.step(n, 0) {
			return nil
		}
		n = v.value(n)
	}
	return n
}

// stage returns the stage: of the command line, of the file, or "dev".
func (v *resolver) stage() string {
	return cmp.Or(v.options.Stage, v.options.Options["stage"], v.options.Options["s"], v.fixed("stage"), "dev")
}

// region returns the region: of the command line, of the file, or "us-east-1".
func (v *resolver) region() string {
	return cmp.Or(v.options.Region, v.options.Options["region"], v.options.Options["r"], v.fixed("region"), "us-east-1")
}

func (v *resolver) accountID() string { return cmp.Or(v.options.AccountID, "123456789012") }

// fixed returns a text of the provider.
func (v *resolver) fixed(key string) string {
	provider := v.follow(v.root, "provider")
	if n := get(provider, key); n != nil {
		return textOf(v.value(n))
	}
	return ""
}

// option returns an option of the command line, or all for an empty address.
func (v *resolver) option(address string) *yaml.Node {
	switch {
	case address == "":
		all := mapping()
		for _, key := range sortedKeys(v.options.Options) {
			set(all, key, text(v.options.Options[key]))
		}
		for key, value := range map[string]string{"stage": v.options.Stage, "region": v.options.Region} {
			if value != "" {
				set(all, key, text(value))
			}
		}
		return all
	case address == "stage" && v.options.Stage != "":
		return text(v.options.Stage)
	case address == "region" && v.options.Region != "":
		return text(v.options.Region)
	}
	if value, ok := v.options.Options[address]; ok {
		return text(value)
	}
	return nil
}

// env returns a variable of the environment.
func (v *resolver) env(name string) *yaml.Node {
	if value, ok := v.options.Env[name]; ok {
		return text(value)
	}
	return nil
}

// param returns a parameter: of the command line, of the stage, or of all stages. Version 4 of the
// framework has them under stages, the versions before under params.
func (v *resolver) param(name string) *yaml.Node {
	if value, ok := v.options.Parameters[name]; ok {
		return text(value)
	}
	for _, stage := range []string{v.stage(), "default"} {
		if n := get(v.follow(v.root, "params"), stage); n != nil {
			if value := get(v.value(n), name); value != nil {
				return v.value(value)
			}
		}
		if n := get(v.follow(v.root, "stages"), stage); n != nil {
			if n = get(v.value(n), "params"); n != nil {
				if value := get(v.value(n), name); value != nil {
					return v.value(value)
				}
			}
		}
	}
	return nil
}

func (v *resolver) bool(s string, n *yaml.Node) *yaml.Node {
	switch strings.ToLower(s) {
	case "true", "1":
		return literal(tagBool, "true")
	case "false", "0":
		return literal(tagBool, "false")
	}
	v.add(project.Warning, n.Line, "", "strToBool takes true, false, 1 or 0, not %q; it is false now.", short(s))
	return literal(tagBool, "false")
}

// remote returns the value of something that only AWS knows: the one that was given, or nil if the
// variable has another source, or else a placeholder.
func (v *resolver) remote(s source, param, address string, n *yaml.Node, variable *variable, last bool) *yaml.Node {
	name := s.kind + ":" + address
	if param != "" {
		name = fmt.Sprintf("%s(%s):%s", s.kind, param, address)
	}
	for _, key := range []string{name, s.kind + ":" + address, variable.text} {
		if value, ok := v.options.Parameters[key]; ok {
			return text(value)
		}
	}
	if !last {
		return nil
	}
	v.add(project.Warning, n.Line, "", "The value of %s is on AWS and not known here, so it is the text %q. "+
		"Set it by --parameter '%s=…', or write a default after a comma.", short(variable.text), short(name), short(name))
	return text(name)
}
