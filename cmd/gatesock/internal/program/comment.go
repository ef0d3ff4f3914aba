package program

import (
	"cmp"
	"context"
	"go/ast"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// comment adds doc comments from the source to the types of an app that have no description. What
// has no source stays as it is.
func (s *source) comment(ctx context.Context, app *describe.App) {
	code := newCode(func(paths ...string) []listed {
		found, err := s.list(ctx, paths...)
		if err != nil {
			return nil // documents are whole without comments
		}
		return found
	})
	main := s.listed
	main.ImportPath = "main" // as package reflect calls it
	code.read(main)
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(app.Types)) {
		if t := app.Types[name]; t != nil && t.GoType != "" {
			path, _ := splitType(t.GoType)
			paths = append(paths, path)
		}
	}
	code.load(paths...)
	for _, name := range slices.Sorted(maps.Keys(app.Types)) {
		if t := app.Types[name]; t != nil && t.GoType != "" {
			code.comment(t)
		}
	}
}

// splitType splits the name of a Go type into the path of its package and its own name, without
// type arguments.
func splitType(goType string) (path, name string) {
	goType, _, _ = strings.Cut(goType, "[")
	dot := strings.LastIndexByte(goType, '.')
	if dot < 0 {
		return "", goType
	}
	return goType[:dot], goType[dot+1:]
}

// comment adds the comments of a named type to its schema.
func (c *code) comment(schema *describe.Schema) {
	t := c.find(splitType(schema.GoType))
	if t == nil {
		return
	}
	if schema.Description == "" {
		schema.Description = t.comment
	}
	c.commentMembers(schema, t.expr, t.file, nil)
}

// commentMembers adds the comments of the fields of a type to the properties of its schema.
// Embedded holds the types that it is embedded in.
func (c *code) commentMembers(schema *describe.Schema, expr ast.Expr, in *file, embedded []*typ) {
	if schema == nil || schema.Ref != "" {
		return // the type has a schema of its own
	}
	for _, s := range schema.AnyOf {
		c.commentMembers(s, expr, in, embedded)
	}
	switch e := expr.(type) {
	case *ast.ParenExpr:
		c.commentMembers(schema, e.X, in, embedded)
	case *ast.StarExpr:
		c.commentMembers(schema, e.X, in, embedded)
	case *ast.ArrayType:
		c.commentMembers(schema.Items, e.Elt, in, nil)
	case *ast.MapType:
		c.commentMembers(schema.Additional, e.Value, in, nil)
	case *ast.StructType:
		for _, field := range e.Fields.List {
			c.commentField(schema, field, in, embedded)
		}
	default:
		if t := c.resolve(expr, in); t != nil && !slices.Contains(embedded, t) {
			c.commentMembers(schema, t.expr, t.file, append(slices.Clone(embedded), t))
		}
	}
}

// commentField adds the comment of a field to its property. The members of an embedded struct are
// members of the struct itself.
func (c *code) commentField(schema *describe.Schema, field *ast.Field, in *file, embedded []*typ) {
	names, promoted := jsonNames(field)
	if promoted {
		c.commentMembers(schema, field.Type, in, embedded)
	}
	for _, name := range names {
		at := slices.IndexFunc(schema.Properties, func(p describe.Property) bool { return p.Name == name })
		if at < 0 {
			continue
		}
		p := schema.Properties[at].Schema
		if p == nil {
			continue
		}
		if p.Description == "" {
			p.Description = cmp.Or(in.text(field.Doc), in.text(field.Comment))
		}
		c.commentMembers(p, field.Type, in, nil)
	}
}
