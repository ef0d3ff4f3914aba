package sam

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// The limits of a search for templates.
const (
	maxSearchDepth = 4
	maxSearchFiles = 20_000
	maxTemplate    = 1_000_000  // bytes, as CloudFormation accepts
	maxSearched    = 50_000_000 // bytes
)

// Find returns the templates in a folder that may be meant, the best first, and what there is to
// say about the choice: the source of a template comes before what was built of it, the folder's
// own before those of folders below, and the usual names before others. A cloud assembly is its
// manifest.json. The result is empty if there is none.
func Find(folder string) (files []string, findings []project.Finding) {
	s := search{folder: folder, budget: maxSearched}
	_ = filepath.WalkDir(folder, s.visit) // what cannot be read is not a template
	slices.SortStableFunc(s.found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.depth, b.depth), cmp.Compare(a.rank, b.rank),
			strings.Compare(a.path, b.path))
	})
	for _, c := range s.found {
		files = append(files, c.path)
	}
	say := func(severity project.Severity, file, text string) {
		findings = append(findings, project.Finding{Severity: severity, File: file, Text: sentence(text)})
	}
	if len(files) == 0 {
		if cdk := filepath.Join(folder, "cdk.json"); exists(cdk) {
			say(project.Failure, cdk, "this is a CDK application without cdk.out; run cdk synth first")
		}
		return nil, findings
	}
	first := s.found[0]
	if first.group == built {
		say(project.Warning, first.path, "this is what sam build has made; its source is not here")
	}
	others := map[string][]string{}
	for _, c := range s.found[1:] {
		why := "other templates are here too; give the path of the one that is meant: "
		if c.group == built {
			why = "this is the source of what sam build has made, which is not read: "
		}
		others[why] = append(others[why], c.relative)
	}
	for _, why := range sorted(others) {
		say(project.Notice, first.path, why+short(strings.Join(others[why], ", ")))
	}
	return files, findings
}

// The groups of templates, the best first.
const (
	withAPI    = iota // a WebSocket API
	withoutAPI        // no WebSocket API
	built             // by sam build
)

// The ranks of templates in a group and a folder, the best first.
const (
	usualName = iota
	assembly  // of cdk synth
	otherName
)

type candidate struct {
	path, relative     string
	group, rank, depth int
}

// search looks for templates in a folder.
type search struct {
	folder string
	files  int
	budget int // of bytes
	found  []candidate
}

func (s *search) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		if d != nil && d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	}
	relative, err := filepath.Rel(s.folder, path)
	if err != nil {
		return nil //nolint:nilerr // not below the folder
	}
	relative = filepath.ToSlash(relative)
	if d.IsDir() {
		return s.enter(relative, d.Name())
	}
	if s.files++; s.files > maxSearchFiles {
		return filepath.SkipAll
	}
	c := candidate{path: path, relative: relative, depth: strings.Count(relative, "/")}
	if s.budget >= 0 && s.rank(&c, d) {
		s.found = append(s.found, c)
	}
	return nil
}

// enter returns filepath.SkipDir for a folder in which no template of a project is.
func (s *search) enter(relative, name string) error {
	if relative == "." {
		return nil
	}
	inBuilt := relative == ".aws-sam" || strings.HasPrefix(relative, ".aws-sam/")
	switch {
	case inBuilt && relative != ".aws-sam" && relative != ".aws-sam/build":
		return filepath.SkipDir
	case inBuilt:
		return nil
	case name == "node_modules", name == "vendor", name == "dist", name == "testdata", strings.HasPrefix(name, "."),
		strings.HasPrefix(name, "asset."), strings.Count(relative, "/") >= maxSearchDepth:
		return filepath.SkipDir
	}
	return nil
}

// rank sets the group and the rank of a file, and reports whether it is a template.
func (s *search) rank(c *candidate, d fs.DirEntry) bool {
	name := d.Name()
	ext := filepath.Ext(name)
	if name == "manifest.json" && isAssembly(c.path) {
		c.group, c.rank = withAPI, assembly
		return !strings.HasPrefix(filepath.Base(filepath.Dir(c.path)), "assembly-") // a part of another one
	}
	if ext != ".yaml" && ext != ".yml" && ext != ".json" || strings.HasSuffix(name, ".template.json") ||
		strings.HasPrefix(name, "package") || strings.HasPrefix(name, "serverless.") {
		return false
	}
	info, err := d.Info()
	if err != nil || info.Size() > maxTemplate {
		return false
	}
	s.budget -= int(info.Size())
	text, err := os.ReadFile(c.path)
	if err != nil {
		return false
	}
	has := func(word string) bool { return bytes.Contains(text, []byte(word)) }
	if c.group = withoutAPI; has("WEBSOCKET") || has("AWS::Serverless::WebSocketApi") {
		c.group = withAPI
	}
	switch {
	case strings.HasPrefix(c.relative, ".aws-sam/"):
		c.group = built
		return c.relative == ".aws-sam/build/template.yaml"
	case strings.HasPrefix(name, "template.") || strings.HasPrefix(name, "sam."):
		return has("Resources") || c.depth == 0 // it may be broken
	}
	c.rank = otherName
	return has("Resources") && (has("AWS::ApiGatewayV2::") || has("AWS::Serverless"))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// manifest is the part of a cloud assembly's manifest.json that is read.
type manifest struct {
	Artifacts map[string]struct {
		Type        string
		Environment string
		Properties  struct {
			TemplateFile, StackName, DirectoryName string
		}
	}
}

func isAssembly(path string) bool {
	text, err := os.ReadFile(path)
	return err == nil && bytes.Contains(text, []byte("aws:cloudformation:stack")) || bytes.Contains(text, []byte("cdk:cloud-assembly"))
}

// Read reads a template: a file of SAM or CloudFormation, a template of a cloud assembly, or with a
// cloud assembly's folder (cdk.out) or its manifest.json all its stacks. The error says what to do:
// it is for a file that cannot be read or is not a template, and for Options.Ask.
func Read(file string, o Options) (*project.Project, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if isFolder(file) {
		if file = filepath.Join(file, "manifest.json"); !exists(file) {
			return nil, fmt.Errorf("%s: there is no manifest.json, as cdk synth makes one; give the path of a template", filepath.Dir(file))
		}
	}
	folder := filepath.Dir(file)
	if filepath.Base(file) == "manifest.json" && isAssembly(file) {
		return readAssembly(file, o)
	}
	s := stackSource{Source: Source{File: file, Folder: folder}}
	if name, ok := strings.CutSuffix(file, ".template.json"); ok {
		s.StackName = filepath.Base(name)
		s.assets = readAssets(name+".assets.json", nil)
	}
	return read([]stackSource{s}, o)
}

func readAssembly(file string, o Options) (*project.Project, error) {
	sources, files, err := stacksOf(file, 0)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("%s: the cloud assembly has no stacks", file)
	}
	inRegion := func(s stackSource) bool { return s.region == "" || s.region == o.Region }
	if o.Region != "" && slices.ContainsFunc(sources, func(s stackSource) bool { return s.region == o.Region }) {
		sources = slices.DeleteFunc(sources, func(s stackSource) bool { return !inRegion(s) })
	}
	for _, s := range sources { // stacks without a region of their own go where others are
		for n := range sources {
			sources[n].region = cmp.Or(sources[n].region, s.region)
			sources[n].account = cmp.Or(sources[n].account, s.account)
		}
	}
	p, err := read(sources, o)
	if err != nil {
		return nil, err
	}
	p.Source, p.Folder = file, filepath.Dir(file)
	p.Files = append(p.Files, files...)
	slices.Sort(p.Files)
	return p, nil
}

// maxAssemblies is how deep cloud assemblies may be nested.
const maxAssemblies = 5

// stacksOf returns the stacks of a cloud assembly, and the files that say so.
func stacksOf(file string, depth int) (sources []stackSource, files []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, nil, fmt.Errorf("%s: not the manifest of a cloud assembly: %w", file, err)
	}
	folder := filepath.Dir(file)
	files = []string{file}
	for _, id := range sorted(m.Artifacts) {
		artifact := m.Artifacts[id]
		switch artifact.Type {
		case "cdk:cloud-assembly":
			nested := filepath.Join(folder, artifact.Properties.DirectoryName, "manifest.json")
			if depth >= maxAssemblies || nested == file {
				return nil, nil, fmt.Errorf("%s: cloud assemblies are nested more than %d times", file, maxAssemblies)
			}
			more, moreFiles, err := stacksOf(nested, depth+1)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			sources, files = append(sources, more...), append(files, moreFiles...)
		case "aws:cloudformation:stack":
			template := filepath.Join(folder, cmp.Or(artifact.Properties.TemplateFile, id+".template.json"))
			name := cmp.Or(artifact.Properties.StackName, id)
			s := stackSource{Source: Source{File: template, Folder: folder, StackName: name}}
			if account, region, ok := strings.Cut(strings.TrimPrefix(artifact.Environment, "aws://"), "/"); ok {
				if account != "unknown-account" {
					s.account = account
				}
				if region != "unknown-region" {
					s.region = region
				}
			}
			s.assets = readAssets(strings.TrimSuffix(template, ".template.json")+".assets.json", &s.Files)
			sources = append(sources, s)
		}
	}
	return sources, files, nil
}

// readAssets returns the paths of the assets in a file that cdk synth has made, by hash. If it is
// there, it is added to files.
func readAssets(file string, files *[]string) map[string]string {
	var list struct {
		Files map[string]struct {
			Source struct{ Path string }
		}
	}
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &list) != nil {
		return nil
	}
	if files != nil {
		*files = append(*files, file)
	}
	paths := map[string]string{}
	for hash, asset := range list.Files {
		path := filepath.FromSlash(asset.Source.Path)
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		paths[hash] = path
	}
	return paths
}
