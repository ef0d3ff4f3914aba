//go:build !race

package examples

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
)

// providerSchema is the part of the schema of the provider hashicorp/aws that configurations use,
// by the type of a resource, or of a data source after "data.". It was read from the bindings of
// the provider's version that npm has as @cdktn/provider-aws.
type providerSchema struct {
	Version string
	Types   map[string]struct {
		Arguments  map[string]argument
		Attributes []string
	}
}

// argument is an argument of a resource, or a block if it has arguments of its own.
type argument struct {
	Type     string // "string", "number", "bool", "list" or "map"
	Required bool
	Block    map[string]argument
}

func readSchema(t *testing.T) *providerSchema {
	t.Helper()
	data, err := os.ReadFile("testdata/terraform-aws.json")
	require.NoError(t, err)
	var s providerSchema
	require.NoError(t, json.Unmarshal(data, &s))
	return &s
}

// configuration is a configuration of Terraform under test.
type configuration struct {
	schema *providerSchema
	body   *hclsyntax.Body
	// blocks are the variables, local values, resources and data sources, by the address that
	// references begin with.
	blocks map[string]*hclsyntax.Block
	// uses are the addresses that the expressions of an address refer to.
	uses     map[string][]string
	findings []string
}

// checkConfiguration returns what is wrong with a configuration, as far as it can be known without
// Terraform and AWS.
func checkConfiguration(schema *providerSchema, text []byte) []string {
	file, diags := hclsyntax.ParseConfig(text, "main.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return []string{diags.Error()}
	}
	c := &configuration{
		schema: schema, body: file.Body.(*hclsyntax.Body),
		blocks: map[string]*hclsyntax.Block{}, uses: map[string][]string{},
	}
	c.declare()
	for address, b := range c.blocks {
		c.checkBlock(address, b)
	}
	for _, b := range c.body.Blocks {
		if b.Type == "output" || b.Type == "locals" {
			c.checkReferences(b.Type, b.Body)
		}
	}
	c.checkUses()
	c.checkCycles()
	c.checkGateway()
	c.checkRights()
	slices.Sort(c.findings)
	return c.findings
}

func (c *configuration) find(format string, args ...any) {
	c.findings = append(c.findings, fmt.Sprintf(format, args...))
}

// declare finds what the configuration declares.
func (c *configuration) declare() {
	seen := map[string]bool{}
	for _, b := range c.body.Blocks {
		key := b.Type + "." + strings.Join(b.Labels, ".")
		if seen[key] {
			c.find("%s is declared twice", key)
		}
		seen[key] = true
		switch b.Type {
		case "variable":
			c.blocks["var."+b.Labels[0]] = b
		case "resource":
			c.blocks[strings.Join(b.Labels, ".")] = b
		case "data":
			c.blocks["data."+strings.Join(b.Labels, ".")] = b
		case "locals":
			for name := range b.Body.Attributes {
				c.blocks["local."+name] = nil
			}
		case "terraform", "output":
		default:
			c.find("%s is not a block of configurations", b.Type)
		}
	}
}

// typeOf returns the type of a resource or a data source, as schemas spell it, and "" for others.
func typeOf(address string) string {
	switch parts := strings.Split(address, "."); parts[0] {
	case "var", "local":
		return ""
	case "data":
		return "data." + parts[1]
	default:
		return parts[0]
	}
}

// checkBlock checks a block against the schema, and its references.
func (c *configuration) checkBlock(address string, b *hclsyntax.Block) {
	if b == nil {
		return
	}
	c.checkReferences(address, b.Body)
	kind := typeOf(address)
	if kind == "" {
		return
	}
	s, ok := c.schema.Types[kind]
	if !ok {
		c.find("%s: the schema has no %s", address, kind)
		return
	}
	c.checkArguments(address, b.Body, s.Arguments, true)
}

// checkArguments checks the arguments and blocks of a body.
func (c *configuration) checkArguments(where string, body *hclsyntax.Body, schema map[string]argument, outermost bool) {
	has := map[string]bool{}
	meta := func(name string, names ...string) bool { return outermost && slices.Contains(names, name) }
	for name, attribute := range body.Attributes {
		has[name] = true
		switch a, ok := schema[name]; {
		case meta(name, "count", "depends_on"):
		case !ok || a.Block != nil:
			c.find("%s: the schema has no argument %s", where, name)
		case !a.fits(attribute.Expr):
			c.find("%s: %s is not a %s", where, name, a.Type)
		}
	}
	for _, b := range body.Blocks {
		has[b.Type] = true
		a, ok := schema[b.Type]
		switch {
		case meta(b.Type, "lifecycle"):
		case !ok || a.Block == nil:
			c.find("%s: the schema has no block %s", where, b.Type)
		default:
			c.checkArguments(where+"."+b.Type, b.Body, a.Block, false)
		}
	}
	for name, a := range schema {
		if a.Required && !has[name] {
			c.find("%s: %s is missing", where, name)
		}
	}
}

// fits reports whether an expression may be a value of the argument. Expressions with references
// always may.
func (a argument) fits(e hclsyntax.Expression) bool {
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		return true
	}
	switch t := v.Type(); a.Type {
	case "list":
		return t.IsTupleType()
	case "map":
		return t.IsObjectType()
	default:
		return t.FriendlyName() == a.Type
	}
}

// checkUses finds variables and data sources that nothing refers to.
func (c *configuration) checkUses() {
	used := map[string]bool{}
	for from, list := range c.uses {
		for _, to := range list {
			used[to] = used[to] || from != to
		}
	}
	for address := range c.blocks {
		declared := strings.HasPrefix(address, "var.") || strings.HasPrefix(address, "data.") || strings.HasPrefix(address, "local.")
		if declared && !used[address] {
			c.find("%s is not used", address)
		}
	}
}

// checkCycles finds resources that need each other.
func (c *configuration) checkCycles() {
	const entered, left = 1, 2
	state := map[string]int{}
	var visit func(address string) bool
	visit = func(address string) bool {
		if state[address] != 0 {
			return state[address] == entered
		}
		state[address] = entered
		for _, next := range c.uses[address] {
			if next != address && visit(next) {
				return true
			}
		}
		state[address] = left
		return false
	}
	for _, address := range slices.Sorted(maps.Keys(c.blocks)) {
		if visit(address) {
			c.find("%s needs itself", address)
			return
		}
	}
}
