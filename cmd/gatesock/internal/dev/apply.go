package dev

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/workbench"
)

// apiServer is an API with its stages behind one address.
type apiServer struct {
	front    *front // nil until the API has one
	gateways map[string]*emulator.Gateway
	stages   map[string]*workbench.Stage // of the workbench, by the names of the gateways
}

// apply puts a project to work. It reports whether it did, which it does not if ctx ends before;
// and whether something has changed, and everything runs.
func (s *supervisor) apply(ctx context.Context, p *project.Project, due stale) (changed, applied, ok bool) {
	failed := s.buildAll(ctx, p, due)
	if ctx.Err() != nil {
		return false, false, false
	}
	changed, ok = s.replace(p, due)
	if !ok && !failed && !s.ready && s.project == p && s.life.Err() == nil {
		s.announce(ctx, due, changed) // a function does not start, but clients can connect
	}
	return changed, true, ok && !failed
}

// replace lets a project take the place of the one that runs. It reports whether something has
// changed, and whether everything runs.
func (s *supervisor) replace(p *project.Project, due stale) (changed, ok bool) {
	ctx := s.life
	s.findings(p)
	s.serve(ctx, p)
	fresh := s.functions(ctx, p, due)
	if err := s.gatewaysOf(ctx, p); err != nil {
		s.report(trouble{title: err.Error()})
		return true, false
	}
	s.project = p
	s.endUnused(ctx, p)
	return len(fresh) > 0 || due.source, s.warm(ctx, fresh)
}

// buildAll builds the Go programs of a project that are out of date, and reports whether one
// failed.
func (s *supervisor) buildAll(ctx context.Context, p *project.Project, due stale) (failed bool) {
	if s.source.file == "" {
		return false // it was built to describe itself
	}
	done := map[string]bool{}
	for i := range p.Functions {
		folder := p.Functions[i].Package
		if folder == "" || done[folder] {
			continue
		}
		done[folder] = true
		g := s.code(folder)
		if g.binary != "" && !due.packages[folder] {
			continue
		}
		binary, ok := s.build(ctx, g)
		if ok {
			g.binary = binary
		}
		failed = failed || !ok
	}
	return failed
}

// findings prints what the reader noticed, each once.
func (s *supervisor) findings(p *project.Project) {
	for _, f := range slices.Concat(s.source.findings, p.Findings) {
		if s.isNew(fmt.Sprint(f)) {
			s.out.Finding(s.o.Folder, f)
		}
	}
}

// resources are the parts of a project that the services of AWS are made of.
type resources struct {
	Tables   []project.Table
	Queues   []project.Queue
	Topics   []project.Topic
	Buses    []project.Bus
	Rules    []project.Rule
	Mappings []project.Mapping
	Params   []project.Parameter
	Secrets  []project.Secret
	Async    map[string]project.Async
}

func resourcesOf(p *project.Project) string {
	r := resources{
		p.Tables, p.Queues, p.Topics, p.Buses, p.Rules, p.Mappings, p.Parameters, p.Secrets, map[string]project.Async{},
	}
	for i := range p.Functions {
		r.Async[p.Functions[i].ID] = p.Functions[i].Async
	}
	text, _ := json.Marshal(r)
	return string(text)
}

// serve starts the services of AWS, or starts them anew if their resources have changed.
func (s *supervisor) serve(ctx context.Context, p *project.Project) {
	if len(p.Tables) > 0 && s.dynamo == nil {
		s.startDynamo(ctx)
	}
	now := resourcesOf(p)
	if s.services.cloud != nil && s.resources == now {
		return
	}
	cfg := cloud.Config{
		Project: p, Invoke: s.services.invoke, Parameters: s.variables, Secrets: s.variables, Log: s.besideAPI,
		Clock: s.bench.Clock(),
	}
	if s.dynamo != nil {
		cfg.Dynamo = s.dynamo.URL
	}
	if before := s.services.setCloud(nil); before != nil {
		_ = before.Close(ctx)
	}
	c, err := cloud.Start(ctx, cfg)
	if err != nil {
		s.say(failure, "the services of AWS do not run here: %v", err)
		return
	}
	s.services.setCloud(c)
	s.resources = now
}

func (s *supervisor) startDynamo(ctx context.Context) {
	o := cloud.DynamoOptions{Cache: s.o.Cache, Log: func(text string) { s.say(info, "%s", text) }}
	if s.o.Store == "dynamodb" {
		o.Data = filepath.Join(s.o.Cache, "tables", apiID(s.source.folder, s.source.name("")))
	}
	dynamo, err := cloud.StartDynamo(ctx, o)
	if err != nil {
		s.say(failure, "DynamoDB Local does not run, so requests for tables fail: %v", err)
		return
	}
	s.dynamo = dynamo
}

// functions starts the functions of a project, replaces those that have changed, and returns both.
func (s *supervisor) functions(ctx context.Context, p *project.Project, due stale) []*unit {
	var fresh []*unit
	configs := s.configs(ctx, p)
	for i := range p.Functions {
		fn := p.Functions[i]
		u, known := s.units[fn.ID]
		cfg := configs[i]
		if !known {
			u = &unit{id: fn.ID, requests: s.requests}
			u.fn.Store(&fn)
			u.gate.hold()
		}
		if len(cfg.Command) == 0 {
			if !known && !s.start(u, cfg) {
				continue
			}
			s.units[fn.ID] = u
			continue // it waits for code, or goes on with what it has
		}
		switch {
		case !known:
			if !s.start(u, cfg) {
				continue
			}
		case sameConfig(u.cfg, cfg) && !due.code[fn.ID] && u.works:
			u.fn.Store(&fn)
			continue
		default:
			if err := u.proc.Replace(cfg); err != nil {
				s.say(failure, "%s: %v", fn.ID, err)
				continue
			}
			u.cfg = cfg
		}
		u.fn.Store(&fn)
		s.units[fn.ID] = u
		u.works = true
		fresh = append(fresh, u)
	}
	s.services.setUnits(s.units)
	return fresh
}

// configs returns how the functions of a project run, in their order. Where something is missing,
// it says so, and the function has no command.
func (s *supervisor) configs(ctx context.Context, p *project.Project) []runtimeapi.Config {
	all := make([]runtimeapi.Config, len(p.Functions))
	errs := make([]error, len(p.Functions))
	var running sync.WaitGroup
	for i := range p.Functions {
		running.Go(func() { all[i], errs[i] = s.functionConfig(ctx, &p.Functions[i]) })
	}
	running.Wait()
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			s.say(failure, "%s: %v", p.Functions[i].ID, err)
		}
	}
	return all
}

// start makes the process of a unit. Without a command it is one that waits for code.
func (s *supervisor) start(u *unit, cfg runtimeapi.Config) bool {
	proc, err := s.newProcess(cfg)
	if err != nil {
		s.say(failure, "%s: %v", u.id, err)
		return false
	}
	u.proc, u.cfg = proc, cfg
	return true
}

// sameConfig reports whether a function would run in the same way.
func sameConfig(a, b runtimeapi.Config) bool {
	plain := func(c runtimeapi.Config) runtimeapi.Config {
		c.InstanceEnv, c.InstanceEnd, c.Log, c.Report, c.Clock = nil, nil, nil, nil, nil
		return c
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

// functionConfig returns how a function runs. It has no command if there is no code for it.
func (s *supervisor) functionConfig(ctx context.Context, fn *project.Function) (runtimeapi.Config, error) {
	name := s.displayName(fn)
	cfg := runtimeapi.Config{
		FunctionName: fn.Name, Handler: cmp.Or(fn.Handler, "bootstrap"), Region: s.region(), AccountID: account,
		MemoryMB: fn.Memory, Timeout: fn.Timeout, Concurrency: s.concurrency(fn), NoFreeze: s.o.NoFreeze,
		Log:    func(l runtimeapi.Line) { s.line(name, l) },
		Report: func(r runtimeapi.Report) { s.reported(name, r) },
	}
	cfg.Env = s.o.baseEnv()
	if strings.HasPrefix(fn.Runtime, "nodejs") {
		// What the AWS SDK says about the Node.js of this machine is nine lines for each function.
		cfg.Env = append(cfg.Env, "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true")
	}
	for _, key := range slices.Sorted(maps.Keys(fn.Environment)) {
		cfg.Env = append(cfg.Env, key+"="+fn.Environment[key])
	}
	for _, key := range slices.Sorted(maps.Keys(s.variables)) {
		cfg.Env = append(cfg.Env, key+"="+s.variables[key])
	}
	err := s.program(ctx, fn, &cfg)
	env := cfg.Env
	//nolint:contextcheck // what an instance listens on outlives this call
	cfg.InstanceEnv = func(instance string) []string {
		all, err := s.proxy.Environ(intercept.Child{Name: instance, Env: env})
		if err != nil {
			s.say(failure, "%s: %v", name, err)
		}
		return all
	}
	cfg.InstanceEnd = s.proxy.Release
	return cfg, err
}

func (s *supervisor) region() string {
	if s.project != nil {
		return cmp.Or(s.project.Region, region)
	}
	return region
}

func (s *supervisor) concurrency(fn *project.Function) int {
	most := cmp.Or(s.o.Concurrency, 10)
	if fn.Concurrency > 0 {
		return min(most, fn.Concurrency)
	}
	return most
}

// program adds the command of a function.
func (s *supervisor) program(ctx context.Context, fn *project.Function, cfg *runtimeapi.Config) error {
	if fn.Package != "" {
		if g := s.programs[fn.Package]; g != nil && g.binary != "" {
			cfg.Command, cfg.Dir = []string{g.binary}, cmp.Or(existing(fn.Code), g.folder)
		}
		return nil
	}
	return s.managed(ctx, fn, cfg)
}

// existing returns a path if it is that of a folder.
func existing(folder string) string {
	if info, err := os.Stat(folder); err == nil && info.IsDir() {
		return folder
	}
	return ""
}

// hashed is a logical id of the CDK, which has a hash at its end.
var hashed = regexp.MustCompile(`^(.+)[0-9A-F]{8}$`)

// displayName returns what the lines of a function begin with.
func (s *supervisor) displayName(fn *project.Function) string {
	if s.source.file == "" && fn.ID == "App" {
		return "app"
	}
	if m := hashed.FindStringSubmatch(fn.ID); m != nil && strings.HasSuffix(s.source.file, ".json") {
		return m[1]
	}
	return fn.ID
}

// reported prints what a report has that nothing else says: what happened to an instance after its
// reply. An error that was the reply is in the line of the invocation.
func (s *supervisor) reported(name string, r runtimeapi.Report) {
	if s.life.Err() != nil || !r.Replied || r.Err == nil {
		return
	}
	if r.Err.Type == runtimeapi.TypeExit || r.Err.Type == runtimeapi.TypeTimeout {
		s.say(warning, "%s: after its reply to %s: %v", name, r.RequestID, r.Err)
	}
}

// warm starts the functions that are new, and reports whether all of them did.
func (s *supervisor) warm(ctx context.Context, fresh []*unit) bool {
	var running sync.WaitGroup
	errs := make([]error, len(fresh))
	for i, u := range fresh {
		s.tails.forget(s.displayName(u.fn.Load()))
		running.Go(func() { errs[i] = u.proc.Warm(ctx) })
	}
	running.Wait()
	ok := true
	for i, u := range fresh {
		if errs[i] == nil {
			continue
		}
		ok = false
		if ctx.Err() == nil {
			name := s.displayName(u.fn.Load())
			s.report(trouble{title: name + " does not start: " + plainError(errs[i]), output: s.tails.of(name), live: true})
		}
	}
	return ok
}

// failing is the handler of routes that nothing here can serve.
type failing struct{ why string }

func (f failing) Invoke(context.Context, []byte) ([]byte, error) { return nil, errors.New(f.why) }

// gatewaysOf makes the gateways of a project, or deploys to those that are there.
func (s *supervisor) gatewaysOf(ctx context.Context, p *project.Project) error {
	hosts := map[string]http.Handler{}
	for i := range p.APIs {
		api := &p.APIs[i]
		if len(api.Stages) == 0 {
			continue
		}
		server, err := s.serverOf(ctx, api, i)
		if err != nil {
			return err
		}
		h, err := s.stages(p, api, server) //nolint:contextcheck // it sends nothing yet
		if err != nil {
			return err
		}
		server.front.set(h)
		hosts[api.ID+".execute-api."+cmp.Or(p.Region, region)+"."+suffix(p.Region)] = h
		for _, stage := range api.Stages {
			for _, d := range stage.Domains {
				hosts[strings.ToLower(d.Name)] = mapped(h, d.BasePath, stage.Config.Stage)
			}
		}
	}
	s.services.setHosts(hosts)
	return nil
}

// suffix returns the domain of AWS for a Region.
func suffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// mapped returns a handler for a custom domain: what begins with the key of the mapping goes to the
// stage.
func mapped(h http.Handler, base, stage string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		if base != "" {
			path = strings.TrimPrefix(strings.TrimPrefix(path, base), "/")
		}
		inner := r.Clone(r.Context())
		inner.URL.Path, inner.URL.RawPath = "/"+stage+"/"+path, ""
		if raw := strings.TrimPrefix(r.URL.EscapedPath(), "/"); raw != strings.TrimPrefix(r.URL.Path, "/") {
			inner.URL.RawPath = "/" + stage + "/" + strings.TrimPrefix(strings.TrimPrefix(raw, base), "/")
		}
		h.ServeHTTP(w, inner)
	})
}

// serverOf returns the server of an API. The first one has been there from the beginning.
func (s *supervisor) serverOf(ctx context.Context, api *project.API, index int) (*apiServer, error) {
	server, ok := s.apis[api.LogicalID]
	if ok {
		return server, nil
	}
	server = &apiServer{gateways: map[string]*emulator.Gateway{}, stages: map[string]*workbench.Stage{}}
	if s.first != nil {
		server.front, s.first = s.first, nil
	} else {
		port := 0
		if s.o.Port != 0 {
			port = s.o.Port + index
		}
		l, err := listen(ctx, port)
		if err != nil {
			return nil, fmt.Errorf("the API %s: %w", cmp.Or(api.Name, api.LogicalID), err)
		}
		server.front = s.newFront(l)
	}
	s.apis[api.LogicalID] = server
	return server, nil
}

// stages makes the gateways of an API, and returns the handler for all of them.
func (s *supervisor) stages(p *project.Project, api *project.API, server *apiServer) (http.Handler, error) {
	label := ""
	if len(p.APIs) > 1 {
		label = cmp.Or(api.Name, api.LogicalID)
	}
	var all []*emulator.Gateway
	paths := intercept.Paths{}
	for i := range api.Stages {
		stage := &api.Stages[i]
		name := stage.Config.Stage
		shown := s.stageOf(server, label, api.LogicalID, name)
		cfg := shown.Config(s.gatewayConfig(stage, label))
		g, ok := server.gateways[name]
		var err error
		if ok {
			err = g.Deploy(failing{"the route calls nothing"}, cfg)
		} else {
			g, err = emulator.New(failing{"the route calls nothing"}, cfg)
		}
		if err == nil {
			err = shown.Attach(g)
		}
		if err != nil {
			return nil, fmt.Errorf("the stage %s of %s: %s", name, cmp.Or(api.Name, api.LogicalID), plainError(err))
		}
		shown.ServedAt(s.clientURL(server, name))
		server.gateways[name] = g
		all = append(all, g)
		paths.Bases = append(paths.Bases, g.BasePath())
	}
	h, err := emulator.NewStages(all...)
	if err != nil {
		return nil, errors.New(plainError(err))
	}
	return paths.Handler(h), nil
}

// gatewayConfig returns the configuration of a stage, with the functions as handlers. Functions
// have their timeouts themselves, without the time that they need to start.
func (s *supervisor) gatewayConfig(stage *project.Stage, label string) emulator.Config {
	cfg := stage.Config
	cfg.IgnoreDescription = true
	cfg.FunctionTimeout = 0
	cfg.RouteTimeouts = maps.Clone(cfg.RouteTimeouts)
	for key, t := range cfg.RouteTimeouts {
		t.Function = 0
		cfg.RouteTimeouts[key] = t
	}
	cfg.Handlers = map[string]lambda.Handler{}
	for _, r := range cfg.Routes {
		if r.Mock == nil && r.Key != "" {
			cfg.Handlers[r.Key] = s.target(stage.Targets[r.Key])
		}
	}
	if stage.Authorizer != "" {
		a := emulator.Authorizer{}
		if cfg.Authorizer != nil {
			a = *cfg.Authorizer
		}
		a.Handler, a.FunctionTimeout = s.target(project.Target{Function: stage.Authorizer}), 0
		cfg.Authorizer = &a
	} else if cfg.Authorizer != nil && cfg.Authorizer.Handler == nil {
		a := *cfg.Authorizer
		a.Handler = failing{"the authorizer's function is not in the project"}
		cfg.Authorizer = &a
	}
	if s.o.Domain == "aws" && cfg.DomainName == "" {
		cfg.DomainName = cfg.APIID + ".execute-api." + cmp.Or(cfg.Region, region) + "." + suffix(cfg.Region)
	}
	cfg.Pages = s.page
	units := map[string]*unit{}
	for key, t := range stage.Targets {
		if u, ok := s.units[t.Function]; ok {
			units[key] = u
		}
	}
	cfg.Observe = func(e emulator.Event) {
		if u := units[e.Route]; u != nil {
			u.observe(&e)
		} else if e.Kind == emulator.EventDisconnected {
			for _, u := range units {
				u.gate.cancel(e.ConnectionID, "")
			}
		}
		s.out.Event(label, e)
	}
	cfg.Logger = slog.New(logHandler{out: s.out, first: s.isNew})
	return cfg
}

// target returns the handler for what a route calls.
func (s *supervisor) target(t project.Target) lambda.Handler {
	if u, ok := s.units[t.Function]; ok {
		return handler{u}
	}
	switch {
	case t.Function != "":
		return failing{"the function " + t.Function + " does not run"}
	case t.URL != "":
		h, err := emulator.NewHTTPProxy(emulator.HTTPProxy{URL: t.URL, Method: t.Method})
		if err != nil {
			return failing{plainError(err)}
		}
		return h
	}
	return failing{"the route's integration is not served here"}
}

// endUnused ends functions and stages that a project no longer has.
func (s *supervisor) endUnused(ctx context.Context, p *project.Project) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	for id, u := range s.units {
		if !slices.ContainsFunc(p.Functions, func(f project.Function) bool { return f.ID == id }) {
			delete(s.units, id)
			_ = u.proc.Close(ctx)
		}
	}
	s.services.setUnits(s.units)
	for id, server := range s.apis {
		i := slices.IndexFunc(p.APIs, func(a project.API) bool { return a.LogicalID == id })
		for name, g := range server.gateways {
			if i < 0 || !slices.ContainsFunc(p.APIs[i].Stages, func(st project.Stage) bool { return st.Config.Stage == name }) {
				s.bench.Remove(ctx, server.stages[name].Name())
				delete(server.gateways, name)
				delete(server.stages, name)
				_ = g.Shutdown(ctx)
			}
		}
		if i < 0 {
			server.front.set(s.page)
		}
	}
}

// close ends the gateways and the server of an API.
func (a *apiServer) close(ctx context.Context) error {
	var wrong []error
	for _, g := range a.gateways {
		wrong = append(wrong, g.Shutdown(ctx))
	}
	a.front.close(ctx)
	return errors.Join(wrong...)
}

// clientURL returns the address of a stage for clients.
func (s *supervisor) clientURL(server *apiServer, stage string) string {
	scheme := "ws"
	if s.o.TLS {
		scheme = "wss"
	}
	return fmt.Sprintf("%s://localhost:%d/%s", scheme, server.front.port, stage)
}

// addresses returns where the stages are.
func (s *supervisor) addresses() []Address {
	var all []Address
	for i := range s.project.APIs {
		api := &s.project.APIs[i]
		server, ok := s.apis[api.LogicalID]
		if !ok {
			continue
		}
		for j := range api.Stages {
			stage := &api.Stages[j]
			host := fmt.Sprintf("localhost:%d", server.front.port)
			a := Address{
				API: cmp.Or(api.Name, api.LogicalID), Stage: stage.Config.Stage, Routes: routesOf(stage),
				TLS: "wss://" + host + "/" + stage.Config.Stage, Page: "https://" + host + "/",
			}
			if stage.Authorizer != "" {
				a.Authorizer = stage.Authorizer
				if fn := s.project.Function(stage.Authorizer); fn != nil {
					a.Authorizer = s.displayName(fn)
				}
			}
			if c := stage.Config.Authorizer; c != nil {
				a.Identity = c.IdentitySources
			}
			if !s.o.TLS {
				a.URL, a.Page = "ws://"+host+"/"+stage.Config.Stage, "http://"+host+"/"
			}
			all = append(all, a)
		}
	}
	return all
}

func (s *supervisor) bannerOf() banner {
	b := banner{
		name: s.source.name(s.o.Folder), addresses: s.addresses(), watching: s.watcher.count(),
		seed: strconv.FormatUint(s.bench.Seed(), 10),
	}
	if len(b.addresses) > 0 {
		b.workbench = s.bench.URL(b.addresses[0].Page)
	}
	for i := range s.project.Functions {
		b.functions = append(b.functions, s.displayName(&s.project.Functions[i]))
	}
	p := s.project
	for _, t := range p.Tables {
		b.services = append(b.services, "table "+t.Name)
	}
	for _, q := range p.Queues {
		b.services = append(b.services, "queue "+q.Name)
	}
	for _, t := range p.Topics {
		b.services = append(b.services, "topic "+t.Name)
	}
	for _, r := range p.Rules {
		b.services = append(b.services, "rule "+r.Name)
	}
	return b
}

// logHandler prints the warnings of a gateway.
type logHandler struct {
	slog.Handler
	out   *Printer
	first func(text string) bool // reports whether a text is new
}

// dropped is a record that each message of a route may cause. It is printed once for each route.
const dropped = "a response was dropped: the route has no route response"

// Enabled reports whether a record is a warning.
func (h logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle prints a record, unless an event says the same.
func (h logHandler) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case "a frame was dropped", "the authorizer failed", "the invocation failed":
		return nil
	}
	text := strings.TrimPrefix(r.Message, "emulator: ")
	r.Attrs(func(a slog.Attr) bool {
		if r.Message != dropped || a.Key == "routeKey" {
			text += fmt.Sprintf("  %s=%s", a.Key, a.Value)
		}
		return true
	})
	if r.Message == dropped && !h.first(text) {
		return nil
	}
	h.out.Say(warning, "%s", text)
	return nil
}

// WithAttrs returns the handler itself: a gateway has no such loggers.
func (h logHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup returns the handler itself.
func (h logHandler) WithGroup(string) slog.Handler { return h }
