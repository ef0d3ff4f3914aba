package serverless

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
)

// Limits of what is read. The framework has none; CloudFormation accepts templates of 1 MB.
const (
	maxFile  = 4 << 20
	maxDepth = 100
	maxNodes = 200_000
)

// linesPerFile separates the files in yaml.Node.Line: the line of a node is that of its file plus
// linesPerFile times the file's index in reader.files.
const linesPerFile = 1 << 24

// reader has what the reading of a project needs.
type reader struct {
	folder   string                // of the service
	files    []string              // absolute paths; the first is the source
	trees    map[string]*yaml.Node // of files
	ctx      context.Context       //nolint:containedctx // that of Read
	options  Options
	findings []project.Finding
	said     map[string]bool // findings
	node     *nodeProcess    // nil until a file needs it
}

// short returns text of a file for a finding.
func short(s string) string { return oneline.Of(s, 120) }

// add adds a finding for a place, once.
func (r *reader) add(severity project.Severity, line int, resource, format string, args ...any) {
	f := project.Finding{Severity: severity, Resource: resource, Text: fmt.Sprintf(format, args...)}
	f.File, f.Line = r.place(line)
	key := fmt.Sprintf("%s %d %s", f.File, f.Line, f.Text)
	if r.said[key] {
		return
	}
	r.said[key] = true
	r.findings = append(r.findings, f)
}

// place returns the file and the line that the line of a node stands for.
func (r *reader) place(line int) (file string, number int) {
	index := line / linesPerFile
	if index < 0 || index >= len(r.files) {
		return r.files[0], 0
	}
	return r.files[index], line % linesPerFile
}

// relative returns a path for people, relative to the folder of the service.
func (r *reader) relative(path string) string {
	rel, err := filepath.Rel(r.folder, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return path
	}
	return filepath.ToSlash(rel)
}

// fileIndex returns the index of a file in r.files, which it adds if it is new.
func (r *reader) fileIndex(path string) int {
	if i := slices.Index(r.files, path); i >= 0 {
		return i
	}
	r.files = append(r.files, path)
	return len(r.files) - 1
}

// readFile returns the content of a file. The error of a missing file is os.ErrNotExist.
func (r *reader) readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", r.relative(path))
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, more than %d", r.relative(path), info.Size(), maxFile)
	}
	return os.ReadFile(path) //nolint:gosec // the files of the project are read on purpose
}

// tree returns the tree of a YAML or JSON file.
func (r *reader) tree(path string) (*yaml.Node, error) {
	if n, ok := r.trees[path]; ok {
		return n, nil
	}
	data, err := r.readFile(path)
	if err != nil {
		return nil, err
	}
	n, err := r.parse(data, r.fileIndex(path))
	if err != nil {
		return nil, err
	}
	r.trees[path] = n
	return n, nil
}

// parse parses YAML, of which JSON is a part. Aliases and merge keys are written out, and the short
// forms of CloudFormation's functions become long ones. If a key occurs twice, the last one counts.
func (r *reader) parse(data []byte, file int) (*yaml.Node, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	p := converter{reader: r, base: file * linesPerFile, nodes: maxNodes}
	if json.Valid(data) {
		return p.json(data)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, errors.New(strings.TrimPrefix(oneline.Of(err.Error(), 300), "yaml: "))
	}
	if document.Kind == 0 {
		return mapping(), nil
	}
	return p.convert(document.Content[0], 0)
}

// converter makes the trees of this package out of those of package yaml.
type converter struct {
	reader *reader
	base   int // of lines
	nodes  int // left
	open   []*yaml.Node
}

var errTooLarge = errors.New("the values are nested too deeply, or there are too many")

func (p *converter) convert(y *yaml.Node, depth int) (*yaml.Node, error) {
	if p.nodes--; p.nodes < 0 || depth > maxDepth {
		return nil, errTooLarge
	}
	line := p.base + y.Line
	var n *yaml.Node
	var err error
	switch y.Kind {
	case yaml.AliasNode:
		if slices.Contains(p.open, y.Alias) {
			return nil, fmt.Errorf("line %d: the anchor %s contains itself", y.Line, short(y.Value))
		}
		return p.convert(y.Alias, depth+1)
	case yaml.SequenceNode:
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: line}
		p.open = append(p.open, y)
		for _, item := range y.Content {
			c, err := p.convert(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, c)
		}
		p.open = p.open[:len(p.open)-1]
	case yaml.MappingNode:
		p.open = append(p.open, y)
		if n, err = p.mapping(y, depth); err != nil {
			return nil, err
		}
		p.open = p.open[:len(p.open)-1]
	default:
		n = scalar(y, line)
	}
	return p.tagged(y, n), nil
}

func scalar(y *yaml.Node, line int) *yaml.Node {
	n := text(y.Value)
	n.Line = line
	switch y.Tag {
	case tagNull, tagBool, tagInt, tagFloat:
		n.Tag, n.Style = y.Tag, 0
	}
	return n
}

func (p *converter) mapping(y *yaml.Node, depth int) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Line: p.base + y.Line}
	var merged []*yaml.Node
	seen := make(map[string]int, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		c, err := p.convert(value, depth+1)
		if err != nil {
			return nil, err
		}
		if key.Tag == "!!merge" {
			merged = append(merged, items(c)...)
			continue
		}
		k := text(key.Value)
		k.Line = p.base + key.Line
		if key.Kind == yaml.AliasNode {
			k.Value = key.Alias.Value
		}
		if at, ok := seen[k.Value]; ok {
			p.reader.add(project.Warning, k.Line, "", "%q occurs twice: the first one is in line %d, and this one counts. "+
				"The Serverless Framework refuses such a file.", short(k.Value), n.Content[at].Line%linesPerFile)
			n.Content[at], n.Content[at+1] = k, c
			continue
		}
		seen[k.Value] = len(n.Content)
		n.Content = append(n.Content, k, c)
	}
	for _, m := range merged {
		for i := 0; isMapping(m) && i+1 < len(m.Content); i += 2 {
			if _, ok := seen[m.Content[i].Value]; !ok {
				seen[m.Content[i].Value] = len(n.Content)
				n.Content = append(n.Content, m.Content[i], m.Content[i+1])
			}
		}
	}
	return n, nil
}

// tagged returns n as the argument of the function that the tag of y stands for.
func (p *converter) tagged(y, n *yaml.Node) *yaml.Node {
	if !strings.HasPrefix(y.Tag, "!") || strings.HasPrefix(y.Tag, "!!") {
		return n
	}
	name := strings.TrimPrefix(y.Tag, "!")
	switch name {
	case "Ref", "Condition":
	case "GetAtt":
		if isText(n) {
			id, attribute, _ := strings.Cut(n.Value, ".")
			n = list(id, attribute)
		}
		name = "Fn::GetAtt"
	case "Sub", "Join", "If", "Equals", "And", "Or", "Not", "Select", "Split", "FindInMap", "Base64", "Cidr", "GetAZs",
		"ImportValue", "Transform":
		name = "Fn::" + name
	default:
		p.reader.add(project.Warning, p.base+y.Line, "", "The tag %s is not one of CloudFormation; its value is taken as it is.",
			short(y.Tag))
		return n
	}
	long := mapping(name, n)
	long.Line, long.Content[0].Line = p.base+y.Line, p.base+y.Line
	return long
}
