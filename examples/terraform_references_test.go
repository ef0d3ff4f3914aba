//go:build !race

package examples

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// functionsOfTerraform are those that configurations use.
func functionsOfTerraform() []string {
	return []string{
		"can", "coalesce", "contains", "filebase64sha256", "floor", "formatlist", "join", "jsonencode", "one", "regex", "replace", "substr",
	}
}

// reference is a reference in an expression: the names, with "*" for all elements of a list and "#"
// for one of them.
type reference []string

// checkReferences checks the references of a body, and remembers them.
func (c *configuration) checkReferences(from string, body *hclsyntax.Body) {
	for name, attribute := range body.Attributes {
		where := from
		if from == "locals" {
			where = "local." + name
		}
		refs, functions := references(attribute.Expr)
		for _, ref := range refs {
			c.checkReference(where, ref)
		}
		for _, f := range functions {
			if !slices.Contains(functionsOfTerraform(), f) {
				c.find("%s: there is no function %s", where, f)
			}
		}
	}
	for _, b := range body.Blocks {
		c.checkReferences(from, b.Body)
	}
}

func (c *configuration) checkReference(from string, ref reference) {
	if strings.HasPrefix(from, "var.") && len(ref) == 1 && slices.Contains([]string{"string", "number", "bool"}, ref[0]) {
		return // the type of a variable
	}
	size := 2
	if ref[0] == "data" {
		size = 3
	}
	if len(ref) < size {
		c.find("%s: %s is not a reference", from, strings.Join(ref, "."))
		return
	}
	address, rest := strings.Join(ref[:size], "."), ref[size:]
	block, ok := c.blocks[address]
	if !ok {
		c.find("%s: %s does not exist", from, address)
		return
	}
	c.uses[from] = append(c.uses[from], address)
	if typeOf(address) == "" || len(rest) == 0 {
		return // a variable, a local value, or an entry of depends_on
	}
	_, counted := block.Body.Attributes["count"]
	if counted != (rest[0] == "*" || rest[0] == "#") {
		c.find("%s: %s and its count do not fit", from, address)
		return
	}
	if counted {
		rest = rest[1:]
	}
	if len(rest) == 0 || !slices.Contains(c.schema.Types[typeOf(address)].Attributes, rest[0]) {
		c.find("%s: %s has no such attribute: %s", from, address, strings.Join(rest, "."))
	}
}

// walker collects the references and functions of an expression.
type walker struct {
	refs      []reference
	functions []string
	seen      map[hclsyntax.Node]bool
}

func references(e hclsyntax.Expression) ([]reference, []string) {
	w := &walker{seen: map[hclsyntax.Node]bool{}}
	_ = hclsyntax.Walk(e, w)
	return w.refs, w.functions
}

// Enter implements hclsyntax.Walker.
func (w *walker) Enter(node hclsyntax.Node) hcl.Diagnostics {
	switch n := node.(type) {
	case *hclsyntax.SplatExpr:
		source, ok := n.Source.(*hclsyntax.ScopeTraversalExpr)
		if !ok {
			break
		}
		w.seen[source] = true
		ref := append(names(source.Traversal), "*")
		if each, ok := n.Each.(*hclsyntax.RelativeTraversalExpr); ok {
			ref = append(ref, names(each.Traversal)...)
		}
		w.refs = append(w.refs, ref)
	case *hclsyntax.ScopeTraversalExpr:
		if !w.seen[n] {
			w.refs = append(w.refs, names(n.Traversal))
		}
	case *hclsyntax.FunctionCallExpr:
		w.functions = append(w.functions, n.Name)
	case *hclsyntax.ObjectConsKeyExpr:
		// A key that is a word is a string, not a reference.
		if hcl.ExprAsKeyword(n.Wrapped) != "" && !n.ForceNonLiteral {
			w.seen[n.Wrapped] = true
		}
	}
	return nil
}

// Exit implements hclsyntax.Walker.
func (*walker) Exit(hclsyntax.Node) hcl.Diagnostics { return nil }

// names returns the names of a traversal.
func names(t hcl.Traversal) reference {
	var ref reference
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			ref = append(ref, s.Name)
		case hcl.TraverseAttr:
			ref = append(ref, s.Name)
		default:
			ref = append(ref, "#")
		}
	}
	return ref
}

// refersTo reports whether an expression refers to an address.
func refersTo(body *hclsyntax.Body, name, address string) bool {
	attribute, ok := body.Attributes[name]
	if !ok {
		return false
	}
	refs, _ := references(attribute.Expr)
	return slices.ContainsFunc(refs, func(r reference) bool {
		return strings.HasPrefix(strings.Join(r, ".")+".", address+".")
	})
}
