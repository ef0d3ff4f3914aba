// Package serverless reads the files of the Serverless Framework, such as serverless.yml and
// serverless.ts, and says what they consist of.
//
// [Read] resolves the variables of a file, turns its functions and their events into the resources
// that the framework makes of them, under the same logical ids, merges what the file has under
// resources, and has package sam read the result. References between the two parts are evaluated as
// on AWS.
package serverless

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project/sam"
)

// Options are what the command line of the framework has.
type Options struct {
	// Stage and Region are those of --stage and --region. Defaults: what the file has, else "dev" and
	// "us-east-1".
	Stage, Region string
	// AccountID is the account in ARNs. Default: "123456789012".
	AccountID string
	// Options are further options of the command line, for ${opt:…}. Stage and Region need not be
	// among them.
	Options map[string]string
	// Env has the variables for ${env:…}, and for files that Node.js runs. Credentials of AWS among
	// them are left out. Default: the variables of this process.
	Env map[string]string
	// Parameters are values for ${param:…}, for parameters of the file's resources, and for what only
	// AWS knows, under the variable's own name, such as "ssm:/path/to/parameter".
	Parameters map[string]string
}

// names are the names of files, in the order in which the framework looks for them.
func names() []string {
	return []string{
		"serverless.yml", "serverless.yaml", "serverless.json",
		"serverless.js", "serverless.cjs", "serverless.mjs",
		"serverless.ts", "serverless.cts", "serverless.mts",
	}
}

// Find returns the path of the file in a folder that [Read] reads, or "" if there is none. It may
// be a package.json with a member "serverless".
func Find(folder string) string {
	for _, name := range names() {
		file := filepath.Join(folder, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	file := filepath.Join(folder, "package.json")
	r := newReader(context.Background(), file, Options{})
	if tree, err := r.tree(file); err == nil && !isNull(get(tree, "serverless")) {
		return file
	}
	return ""
}

func newReader(ctx context.Context, file string, o Options) *reader {
	if o.Env == nil {
		o.Env = map[string]string{}
		for _, pair := range os.Environ() {
			name, value, _ := strings.Cut(pair, "=")
			o.Env[name] = value
		}
	}
	o.Env = maps.Clone(o.Env)
	maps.DeleteFunc(o.Env, func(name, _ string) bool { return isCredential(name) })
	return &reader{
		ctx: ctx, folder: filepath.Dir(file), files: []string{file}, trees: map[string]*yaml.Node{}, options: o,
		said: map[string]bool{},
	}
}

// Read reads a file that [Find] has found. It runs Node.js for files of JavaScript and TypeScript,
// which ends with ctx at the latest, and has no credentials of AWS. What is wrong in the file is
// among the project's findings; an error is returned only if there is nothing to read.
func Read(ctx context.Context, file string, o Options) (*project.Project, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	r := newReader(ctx, file, o)
	defer func() { r.node.stop() }()
	s, err := r.service()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s.project() //nolint:contextcheck // what it calls has nothing to wait for
}

// service is a service of the framework, whose variables are resolved.
type service struct {
	*resolver
	tree, provider, custom *yaml.Node

	name, stageName string
	plugins         map[string]bool
	template        *yaml.Node // of CloudFormation
	resources       *yaml.Node // of template
	code            map[string]sam.Code
	entries         map[string]string // sources of handlers that are built, by the function's logical id
	layers          map[string]string
	functions       []lambda
	ignored         map[string]*ignored // by the kind of events
	implied         map[string]bool     // resources of the framework that nobody wrote
	noRoutes        bool                // a finding has it
	programs        goPrograms
	environment     *yaml.Node // of the provider, with what plugins add
}

// service reads the source, and resolves its variables.
func (r *reader) service() (*service, error) {
	v := newResolver(r, mapping())
	root, err := v.config()
	if err != nil {
		return nil, err
	}
	if given(get(root, "service"), get(root, "provider"), get(root, "functions"), get(root, "resources")) == nil {
		return nil, errors.New("there is no configuration of a service in it")
	}
	if provider := get(root, "provider"); isText(provider) && !hasVariable(provider.Value) { // provider: aws
		set(root, "provider", mapping("name", provider))
	}
	v.root = root
	if isTrue(v.value(orNull(get(root, "useDotenv"), 0))) || strings.HasPrefix(textOf(get(root, "frameworkVersion")), "4") {
		v.loadDotenv()
	}
	for _, key := range []string{"resources", "functions"} { // lists of parts
		set(root, key, v.parts(get(root, key)))
	}
	s := &service{
		resolver: v, tree: v.resolve(root),
		code: map[string]sam.Code{}, entries: map[string]string{}, layers: map[string]string{},
		plugins: map[string]bool{}, ignored: map[string]*ignored{}, implied: map[string]bool{},
	}
	s.provider, s.custom = get(s.tree, "provider"), get(s.tree, "custom")
	s.name = textOf(get(s.tree, "service"))
	if n := at(s.tree, "service", "name"); n != nil {
		s.name = textOf(n)
	}
	if s.name == "" {
		s.name = "service"
		s.add(project.Warning, root.Line, "", "The service has no name; write service: and a name.")
	}
	s.stageName = s.stage()
	return s, nil
}

// parts returns the value of a section that may be a list of parts, which are merged.
func (v *resolver) parts(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	value := v.value(n)
	if !isList(value) {
		return value
	}
	merged := mapping()
	merged.Line = n.Line
	for _, item := range value.Content {
		item = v.resolve(item)
		switch {
		case isNull(item):
		case isMapping(item):
			merged = merge(merged, item)
		case isList(item): // a file with a list of functions
			merged = merge(merged, v.parts(item))
		default:
			v.add(project.Warning, item.Line, "", "An element of this list is not a mapping, and is left out.")
		}
	}
	return merged
}

// project returns the project.
func (s *service) project() (*project.Project, error) {
	if name := textOf(get(s.provider, "name")); name != "" && name != "aws" {
		return nil, fmt.Errorf("%s: the provider is %q; only aws has WebSocket APIs of API Gateway", s.files[0], short(name))
	}
	s.makeTemplate()
	if len(s.resources.Content) == 0 {
		p := &project.Project{Region: s.region(), AccountID: s.accountID(), StackName: s.stackName()}
		s.finish(p)
		return p, nil
	}
	data, err := yaml.Marshal(s.template)
	if err != nil {
		return nil, err
	}
	p, err := sam.FromTemplate(sam.Source{
		File: s.files[0], Files: s.files, Folder: s.folder, Template: data, StackName: s.stackName(),
		Functions: s.code, Layers: s.layers, Place: s.placeOf, HasPermissions: true,
	}, sam.Options{Parameters: s.parameters(), Region: s.region()})
	if err != nil {
		return nil, err
	}
	s.finish(p)
	return p, nil
}

// finish adds to a project what its template does not say.
func (s *service) finish(p *project.Project) {
	p.Folder, p.Source, p.Files = s.folder, s.files[0], s.files
	for _, f := range p.Findings {
		switch {
		case f.Severity == project.Notice && s.implied[f.Resource]:
		case s.noRoutes && strings.HasPrefix(f.Text, "There is no WebSocket API"):
		default:
			s.findings = append(s.findings, f)
		}
	}
	p.Findings = s.findings
	slices.SortStableFunc(p.Findings, func(a, b project.Finding) int {
		return cmp.Or(slices.Index(s.files, a.File)-slices.Index(s.files, b.File), a.Line-b.Line)
	})
	for i := range p.Functions {
		f := &p.Functions[i]
		_, f.Line = s.place(s.lineOf(f.ID, ""))
		f.Entry = s.entries[f.ID]
		f.Layers = slices.DeleteFunc(f.Layers, func(path string) bool { return !exists(path) }) // which findings name
	}
}

// makeTemplate makes the template of CloudFormation that the framework would deploy.
func (s *service) makeTemplate() {
	s.resources = mapping()
	s.readPlugins()
	s.readEnvironment()
	s.readLayers()
	s.readFunctions()
	s.addWebSockets()
	s.addEvents()
	s.addResources()
	s.addGenerated()
	s.reportIgnored()
}

func (s *service) stackName() string {
	if name := textOf(get(s.provider, "stackName")); name != "" {
		return name
	}
	return s.name + "-" + s.stageName
}

// parameters returns the values of the parameters of the template, and of exports of other stacks.
func (s *service) parameters() map[string]string {
	values := maps.Clone(s.options.Parameters)
	if values == nil {
		values = map[string]string{}
	}
	values["AWS::AccountId"] = s.accountID()
	return values
}

// placeOf returns where the files have a property of a resource.
func (s *service) placeOf(resource, property string) (file string, line int) {
	return s.place(s.lineOf(resource, property))
}

// lineOf returns the line of a property of a resource: of the property itself, or of what it is in.
func (s *service) lineOf(resource, property string) int {
	key, n := entry(s.resources, resource)
	if key == nil {
		return 0
	}
	line := max(key.Line, 0)
	if line == 0 {
		line = n.Line
	}
	if property == "" {
		return line
	}
	n = get(n, "Properties")
	for name := range strings.SplitSeq(property, ".") {
		key, n = entry(n, name)
		if key == nil {
			break
		}
		if key.Line != 0 {
			line = key.Line
		}
	}
	return line
}
