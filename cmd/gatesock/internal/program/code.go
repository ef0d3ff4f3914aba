package program

import (
	"cmp"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// code is the source of packages, by their paths.
type code struct {
	list     func(paths ...string) []listed
	packages map[string]map[string]*typ // nil for a package without source
}

// typ is the declaration of a type.
type typ struct {
	comment string
	expr    ast.Expr
	file    *file
}

// file is what the types of a file have in common.
type file struct {
	path    string            // of the package
	imports map[string]string // paths by name
}

func newCode(list func(paths ...string) []listed) *code {
	return &code{list, map[string]map[string]*typ{}}
}

// load reads the packages that have not been read.
func (c *code) load(paths ...string) {
	var missing []string
	for _, path := range paths {
		if _, ok := c.packages[path]; !ok && path != "" {
			missing = append(missing, path)
			c.packages[path] = nil
		}
	}
	if len(missing) == 0 {
		return
	}
	for _, one := range c.list(missing...) {
		c.read(one)
	}
}

// read reads a package. A file that cannot be read or parsed counts as far as it can be.
func (c *code) read(p listed) {
	types := map[string]*typ{}
	for _, name := range append(p.GoFiles, p.CgoFiles...) {
		const mode = parser.ParseComments | parser.SkipObjectResolution
		parsed, _ := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, mode)
		if parsed == nil {
			continue
		}
		in := &file{p.ImportPath, importsOf(parsed)}
		for _, declaration := range parsed.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.TYPE {
				continue
			}
			for _, spec := range group.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok {
					text := cmp.Or(in.text(s.Doc), in.text(s.Comment))
					if !group.Lparen.IsValid() {
						text = cmp.Or(text, in.text(group.Doc))
					}
					types[s.Name.Name] = &typ{text, s.Type, in}
				}
			}
		}
	}
	c.packages[p.ImportPath] = types
}

// importsOf returns the imports of a file by the names that it most likely calls them.
func importsOf(parsed *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		imports[nameOf(path)] = path
		if spec.Name != nil {
			imports[spec.Name.Name] = path
		}
	}
	return imports
}

// nameOf returns the name that a package with a path most likely has.
func nameOf(imported string) string {
	folder, name := path.Split(imported)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" && folder != "" {
		_, name = path.Split(strings.TrimSuffix(folder, "/"))
	}
	name, _, _ = strings.Cut(name, ".") // as in gopkg.in/yaml.v3
	return name
}

// find returns the declaration of a type, or nil.
func (c *code) find(path, name string) *typ {
	c.load(path)
	return c.packages[path][name]
}

// resolve returns the declaration of the named type in an expression, or nil.
func (c *code) resolve(expr ast.Expr, in *file) *typ {
	switch e := expr.(type) {
	case *ast.Ident:
		return c.find(in.path, e.Name)
	case *ast.IndexExpr:
		return c.resolve(e.X, in)
	case *ast.IndexListExpr:
		return c.resolve(e.X, in)
	case *ast.SelectorExpr:
		if name, ok := e.X.(*ast.Ident); ok {
			return c.find(in.imports[name.Name], e.Sel.Name)
		}
	}
	return nil
}

// jsonNames returns the names that encoding/json has for the fields of a declaration. It reports
// whether the members of the field are promoted instead, because it is embedded without a name.
func jsonNames(field *ast.Field) (names []string, promoted bool) {
	tag := ""
	if field.Tag != nil {
		text, _ := strconv.Unquote(field.Tag.Value)
		tag = reflect.StructTag(text).Get("json")
	}
	name, _, _ := strings.Cut(tag, ",")
	switch {
	case tag == "-":
		return nil, false
	case name != "":
		return []string{name}, false
	case len(field.Names) == 0:
		return nil, true
	}
	for _, n := range field.Names {
		if n.IsExported() {
			names = append(names, n.Name)
		}
	}
	return names, false
}

// text returns a comment of the file with each paragraph as one line.
func (f *file) text(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	p := comment.Parser{ // which leaves out the brackets of links
		LookupPackage: func(name string) (string, bool) {
			path, ok := f.imports[name]
			return cmp.Or(path, name), ok || strings.Contains(name, "/")
		},
		LookupSym: func(_, _ string) bool { return true },
	}
	printer := comment.Printer{TextWidth: -1}
	return strings.TrimSpace(string(printer.Text(p.Parse(group.Text()))))
}
