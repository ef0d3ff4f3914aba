package serverless

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// isScript reports whether Node.js runs a file.
func isScript(path string) bool {
	switch filepath.Ext(path) {
	case ".js", ".cjs", ".mjs", ".ts", ".cts", ".mts":
		return true
	}
	return false
}

// config returns the tree of the source.
func (v *resolver) config() (*yaml.Node, error) {
	path := v.files[0]
	switch {
	case filepath.Base(path) == "package.json":
		tree, err := v.tree(path)
		if err != nil {
			return nil, err
		}
		if isText(get(tree, "serverless")) { // the path of a file
			return v.tree(filepath.Join(v.folder, textOf(get(tree, "serverless"))))
		}
		return get(tree, "serverless"), nil
	case isScript(path):
		return v.run(request{Config: true, File: path}, null(0))
	}
	return v.tree(path)
}

// file returns the value at an address in a file; nil if there is none.
func (v *resolver) file(path, address string, n *yaml.Node) *yaml.Node {
	if path == "" {
		v.add(project.Warning, n.Line, "", "${file(…)} needs the path of a file.")
		return nil
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, _ := os.UserHomeDir()
		path = filepath.Join(home, rest)
	}
	path = filepath.FromSlash(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(v.folder, path)
	}
	tree, err := v.content(filepath.Clean(path), address, n)
	if err != nil {
		v.add(project.Failure, n.Line, "", "The file %s cannot be read: %s.", v.relative(path), strings.TrimSuffix(err.Error(), "."))
		return nil
	}
	if tree == nil || address == "" || isScript(path) {
		return tree
	}
	return v.follow(tree, address)
}

// content returns the tree of a file, or nil if there is no such file. Node.js follows the address
// in what it runs, since it may lead to a function.
func (v *resolver) content(path, address string, n *yaml.Node) (*yaml.Node, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	switch filepath.Ext(path) {
	case ".yml", ".yaml", ".json", ".tfstate":
		return v.tree(path)
	}
	if isScript(path) {
		return v.run(request{File: path, Address: address}, n)
	}
	if tree := v.trees[path]; tree != nil {
		return tree, nil
	}
	data, err := v.readFile(path)
	if err != nil {
		return nil, err
	}
	tree := text(string(data))
	tree.Line = v.fileIndex(path)*linesPerFile + 1
	v.trees[path] = tree
	return tree, nil
}
