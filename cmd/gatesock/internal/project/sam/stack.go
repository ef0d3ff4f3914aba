package sam

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/oneline"
	"github.com/gatesock/gatesock/internal/template"
)

// stack is a template that is being read.
type stack struct {
	*template.Evaluator
	*run
	template  *template.Template
	source    Source
	file      string
	folder    string
	stackName string
	region    string
	account   string
	assets    map[string]string // paths by hash, of cdk synth
	prefix    string            // of ids, if another stack has the same

	values  map[string]any // properties that were evaluated
	exports map[string]func() any
}

// run is one reading of a project.
type run struct {
	project *project.Project
	options Options
	stacks  []*stack
	seen    map[project.Finding]bool
	asked   error             // the error of Options.Ask
	values  map[string]string // the answers, by parameter
	imports int               // that are being evaluated
	handled map[string]bool   // resource types
	used    map[string]bool   // names in Options.Parameters that are not those of parameters
}

// stackSource is what is known of a stack before its template is parsed.
type stackSource struct {
	Source
	region, account string
	assets          map[string]string
}

// maxFindings is how many findings a project has. Each place in a template has few.
const maxFindings = 1000

func (r *run) add(f project.Finding) {
	f.Text = sentence(f.Text)
	if r.seen[f] {
		return
	}
	r.seen[f] = true
	if len(r.project.Findings) < maxFindings {
		r.project.Findings = append(r.project.Findings, f)
	}
}

// sentence returns a text with a capital and a full stop. A word that is not all letters, such as a
// name, stays as it is.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if first = strings.TrimRight(first, ",:"); first != "" && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// read reads stacks into a project.
func read(sources []stackSource, o Options) (*project.Project, error) {
	r := &run{
		project: &project.Project{}, options: o, seen: map[project.Finding]bool{}, values: map[string]string{},
		handled: map[string]bool{}, used: map[string]bool{},
	}
	if len(sources) > 0 {
		r.project.Source, r.project.Folder = sources[0].File, sources[0].Folder
	}
	for _, source := range sources {
		s, err := r.newStack(source)
		switch {
		case err != nil && len(sources) == 1:
			return nil, fmt.Errorf("%s: %w", source.File, err)
		case err != nil:
			f := project.Finding{Severity: project.Failure, File: source.File, Text: err.Error()}
			var syntax *template.SyntaxError
			if errors.As(err, &syntax) {
				f.Line, f.Text = syntax.Line, syntax.Text
			}
			r.add(f)
		default:
			r.stacks = append(r.stacks, s)
		}
		r.project.Files = append(r.project.Files, source.File)
		r.project.Files = append(r.project.Files, source.Files...)
	}
	slices.Sort(r.project.Files)
	r.project.Files = slices.Compact(r.project.Files)
	if len(r.stacks) == 0 {
		return nil, fmt.Errorf("%s: none of its templates can be read; the first: %s", r.project.Source, r.project.Findings[0].Text)
	}
	r.distinguish()
	for _, s := range r.stacks {
		s.start()
	}
	r.readAll()
	if r.asked != nil {
		return nil, r.asked
	}
	r.checkParameters()
	first := r.stacks[0]
	r.project.Region, r.project.AccountID, r.project.StackName = first.region, first.account, first.stackName
	slices.SortStableFunc(r.project.Findings, func(a, b project.Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return r.project, nil
}

// checkParameters warns of values that were set and that nothing uses.
func (r *run) checkParameters() {
	for _, name := range sorted(r.options.Parameters) {
		known := slices.ContainsFunc(r.stacks, func(s *stack) bool { return s.template.HasParameter(name) })
		if known || r.used[name] || strings.HasPrefix(name, "AWS::") || r.stacks[0].source.Place != nil {
			continue
		}
		var names []string
		for _, p := range r.stacks[0].template.Parameters() {
			names = append(names, p.Name)
		}
		r.stacks[0].problem(template.Problem{Text: fmt.Sprintf("the template has no parameter %s; it has %s",
			oneline.Of(name, 100), cmp.Or(oneline.Of(strings.Join(names, ", "), 300), "none"))})
	}
}

// option returns a value that was set for something that is not a parameter.
func (r *run) option(name string) (string, bool) {
	v, ok := r.options.Parameters[name]
	if ok {
		r.used[name] = true
	}
	return v, ok
}

// defaultAccount is the account of projects that name none.
const defaultAccount = "123456789012"

func (r *run) newStack(source stackSource) (*stack, error) {
	text := source.Template
	if text == nil {
		var err error
		if text, err = os.ReadFile(source.File); err != nil {
			return nil, err
		}
	}
	t, err := template.ParseLenient(text)
	if err != nil {
		return nil, err
	}
	p, folder := r.options.Parameters, cmp.Or(source.Folder, filepath.Dir(source.File))
	s := &stack{
		run: r, template: t, source: source.Source, file: source.File,
		folder:    folder,
		region:    cmp.Or(p[template.Region], r.options.Region, source.region, "us-east-1"),
		account:   cmp.Or(p[template.AccountID], source.account, defaultAccount),
		assets:    source.assets,
		values:    map[string]any{},
		stackName: cmp.Or(p[template.StackName], source.StackName, stackNameOf(filepath.Base(folder))),
	}
	for _, p := range t.Problems {
		s.problem(p)
	}
	for _, name := range t.Transforms {
		if name != template.ServerlessTransform && name != "AWS::LanguageExtensions" {
			s.problem(template.Problem{Text: fmt.Sprintf("the transform %s runs on AWS only", oneline.Of(name, 100))})
		}
	}
	return s, nil
}

// stackNameOf makes a name that a stack can have.
func stackNameOf(folder string) string {
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(folder, "-")
	name = strings.Trim(strings.TrimLeft(name, "-0123456789"), "-")
	return cmp.Or(name[:min(len(name), 60)], "local")
}

// problem adds a problem of the template as a finding.
func (s *stack) problem(p template.Problem) {
	f := project.Finding{Severity: project.Warning, File: s.file, Line: p.Line, Resource: p.Resource, Text: p.Text}
	if p.Minor {
		f.Severity = project.Notice
	}
	if p.Severe {
		f.Severity = project.Failure
	}
	if s.source.Place != nil {
		f.File, f.Line = s.place(p.Resource, p.Property)
	}
	s.add(f)
}

func (s *stack) place(resource, property string) (string, int) {
	file, line := s.source.Place(resource, property)
	return cmp.Or(file, s.file), line
}

// distinguish sets the prefixes of stacks whose resources would have the same ids.
func (r *run) distinguish() {
	count := map[string]int{}
	for _, s := range r.stacks {
		for _, res := range s.template.All() {
			count[res.ID]++
		}
	}
	for n, s := range r.stacks {
		for _, res := range s.template.All() {
			if n > 0 && count[res.ID] > 1 && res.Type != "AWS::CDK::Metadata" {
				s.prefix = s.stackName + "-"
			}
		}
	}
}

// start makes the evaluator.
func (s *stack) start() {
	known := map[string]string{}
	for _, name := range sorted(s.options.Parameters) {
		if s.template.HasParameter(name) || strings.HasPrefix(name, "AWS::") {
			known[name] = s.options.Parameters[name]
		}
	}
	known[template.Region], known[template.AccountID], known[template.StackName] = s.region, s.account, s.stackName
	s.Evaluator = template.NewLenient(s.template, known, template.Lenient{
		Report:    s.problem,
		Parameter: s.parameter,
		Name:      s.name,
		Import:    s.importValue,
		Resolve:   s.resolve,
	})
	for _, p := range s.template.Parameters() {
		if v, ok := s.options.Parameters[p.Name]; ok && p.Pattern != "" {
			if re, err := regexp.Compile("^(?:" + p.Pattern + ")$"); err == nil && !re.MatchString(v) {
				s.problem(template.Problem{Line: p.Line, Text: fmt.Sprintf("the value of the parameter %s does not match its AllowedPattern %s",
					p.Name, quote(p.Pattern))})
			}
		}
	}
}

// name returns the ID of a resource, which is its name too if the template has none for it.
func (s *stack) name(res *template.Resource) string {
	if res.Type == "AWS::ApiGatewayV2::Api" {
		return apiID(s.stackName, res.ID)
	}
	return s.prefix + res.ID
}

// apiID returns an id in the form of AWS for an API.
func apiID(stackName, logicalID string) string {
	sum := sha256.Sum256([]byte(stackName + "\x00" + logicalID))
	text := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))
	return text[:10]
}

// parameter returns the value of a parameter that has none.
func (s *stack) parameter(p template.Parameter) string {
	if v, ok := s.run.values[p.Name]; ok {
		return v
	}
	if s.options.Ask != nil && s.asked == nil {
		v, err := s.options.Ask(p.Name, p.Description)
		if err == nil {
			s.run.values[p.Name] = v
			return v
		}
		s.asked = err
	}
	v := placeholder(p)
	s.run.values[p.Name] = v
	why := "has no default"
	if p.Stored {
		why = "is in Systems Manager, as " + oneline.Of(p.Default, 100)
	}
	s.problem(template.Problem{Line: p.Line, Text: fmt.Sprintf("the parameter %s %s; it is %s here", oneline.Of(p.Name, 100), why, quote(v))})
	return v
}

// placeholder returns a value that a parameter allows.
func placeholder(p template.Parameter) string {
	if len(p.Allowed) > 0 {
		return p.Allowed[0]
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(p.Name))
	candidates := []string{
		name, "local", "Local", "dev", "a", "A", "1", "10", "100", "localhost", "local-1", "http://localhost", "https://localhost",
		"arn:aws:iam::123456789012:role/local", "me@localhost.localdomain", strings.Repeat("a", 8), strings.Repeat("a1", 16),
	}
	if strings.Contains(p.Type, "Number") {
		candidates = []string{"1", "10", "100", "0"}
	}
	pattern, err := regexp.Compile("^(?:" + p.Pattern + ")$")
	if p.Pattern == "" || err != nil {
		return candidates[0]
	}
	if n := slices.IndexFunc(candidates, pattern.MatchString); n >= 0 {
		return candidates[n]
	}
	return candidates[0]
}

// maxImports is how deep exports may depend on each other.
const maxImports = 20

// importValue returns an export of another stack.
func (s *stack) importValue(name string) (any, bool) {
	if v, ok := s.option(name); ok {
		return v, true
	}
	if s.imports > maxImports {
		return nil, false
	}
	s.imports++
	defer func() { s.imports-- }()
	for _, other := range s.stacks {
		if other == s {
			continue
		}
		if other.exports == nil {
			other.exports = map[string]func() any{} // for a name that depends on itself
			other.exports = other.Exports()
		}
		if value := other.exports[name]; value != nil {
			v := value()
			return v, v != nil
		}
	}
	return nil, false
}

// resolve returns what a dynamic reference stands for: a value that was set, or that of a resource.
func (s *stack) resolve(reference string) (string, bool) {
	service, rest, _ := strings.Cut(reference, ":")
	if v, ok := s.option(rest); ok {
		return v, true
	}
	if service == "secretsmanager" {
		return s.secret(rest)
	}
	name, _, _ := strings.Cut(rest, ":") // before a version
	if v, ok := s.option(name); ok {
		return v, true
	}
	if s.imports > maxImports {
		return "", false
	}
	s.imports++
	defer func() { s.imports-- }()
	for _, other := range s.stacks {
		for _, res := range other.template.Resources("AWS::SSM::Parameter") {
			if i := other.item(res); i.text("Name") == name && name != "" {
				return i.text("Value"), true
			}
		}
	}
	return "", false
}

// secret returns the value of a secret, or a member of it: "name:SecretString:member".
func (s *stack) secret(reference string) (string, bool) {
	name, member, _ := strings.Cut(reference, ":SecretString")
	member, _, _ = strings.Cut(strings.TrimPrefix(member, ":"), ":") // before a stage and a version
	value, ok := s.option(name)
	for _, secret := range s.project.Secrets {
		if !ok && (secret.Name == name || secret.ARN == name) {
			value, ok = secret.Value, true
		}
	}
	if !ok || member == "" {
		return value, ok
	}
	var members map[string]any
	if json.Unmarshal([]byte(value), &members) != nil {
		return "", false
	}
	return template.AsText(members[member])
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// of returns the resources of types that exist, in all stacks, and notes that the types are read.
func (r *run) of(kinds ...string) []item {
	for _, kind := range kinds {
		r.handled[kind] = true
	}
	return r.items(kinds...)
}

// items returns the resources of types that exist, in all stacks.
func (r *run) items(kinds ...string) []item {
	var list []item
	for _, kind := range kinds {
		for _, s := range r.stacks {
			resources, _ := s.Resources(kind) // a lenient evaluator reports
			for _, res := range resources {
				list = append(list, s.item(res))
			}
		}
	}
	return list
}

// readAll reads everything of the stacks.
func (r *run) readAll() {
	r.readTables()
	r.readQueues()
	r.readTopics()
	r.readBuses()
	r.readStored()
	r.readFunctions()
	r.readRules()
	r.readMappings()
	r.readEvents()
	r.readAPIs()
	r.noticeOthers()
}

// noticeOthers adds a finding for each type of resources that was not read.
func (r *run) noticeOthers() {
	for _, s := range r.stacks {
		byType := map[string][]*template.Resource{}
		for _, res := range s.template.All() {
			if ok, _ := s.Exists(res); ok && !r.handled[res.Type] {
				byType[res.Type] = append(byType[res.Type], res)
			}
		}
		for _, kind := range sorted(byType) {
			severity, text := noticeOf(kind)
			if text == "" {
				continue
			}
			ids := make([]string, len(byType[kind]))
			for n, res := range byType[kind] {
				ids[n] = res.ID
			}
			s.item(byType[kind][0]).report(severity, "", "%s: %s (%s)", oneline.Of(kind, 100), text, oneline.Of(strings.Join(ids, ", "), 200))
		}
	}
}

// noticeOf returns what happens to resources of a type; "" if nobody needs to know.
func noticeOf(kind string) (project.Severity, string) {
	switch kind {
	case "AWS::CDK::Metadata", "AWS::ApiGatewayV2::Deployment":
		return project.Notice, ""
	case "AWS::CloudFormation::Stack", "AWS::Serverless::Application":
		return project.Warning, "nested stacks are not read; give gatesock dev their template"
	case "AWS::CloudFormation::CustomResource":
		return project.Warning, "custom resources do not run here"
	case "AWS::StepFunctions::StateMachine", "AWS::Serverless::StateMachine", "AWS::Kinesis::Stream", "AWS::Pipes::Pipe", "AWS::IoT::TopicRule":
		return project.Warning, "not served here"
	case "AWS::ApiGateway::RestApi", "AWS::Serverless::Api", "AWS::Serverless::HttpApi", "AWS::AppSync::GraphQLApi", "AWS::Lambda::Url":
		return project.Notice, "not served here: gatesock dev has WebSocket APIs only"
	}
	if strings.HasPrefix(kind, "Custom::") {
		return project.Warning, "custom resources do not run here"
	}
	return project.Notice, "ignored here"
}
