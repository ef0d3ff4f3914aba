package dev

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/intercept"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/program"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator/runtimeapi"
	"github.com/gatesock/gatesock/emulator/workbench"
	"github.com/gatesock/gatesock/internal/dynamolocal"
)

// supervisor runs an application and keeps it up to date. Its fields are those of one goroutine,
// except where they say so.
type supervisor struct {
	o    Options
	out  *Printer
	life context.Context //nolint:containedctx // of the command: a round has one that a change ends

	source    source
	variables map[string]string // of the files with variables
	asked     map[string]string // what the user was asked for
	temp      string            // a folder for binaries
	binaries  int               // how many were built

	page     *page
	watcher  *watcher
	bench    *workbench.Workbench
	requests *requests

	project   *project.Project
	programs  map[string]*goCode // by the folder of the package
	units     map[string]*unit   // by the id of the function
	apis      map[string]*apiServer
	first     *front // until an API has it
	dynamo    *dynamolocal.Server
	services  *services
	resources string // that services were made of
	proxy     *intercept.Interceptor
	ready     bool // the banner was printed

	tails   tails // what functions have printed last
	notedMu sync.Mutex
	noted   map[string]bool // what is printed once

	newProcess func(runtimeapi.Config) (process, error)
}

// goCode is a Go program that functions consist of.
type goCode struct {
	folder string
	opened *program.Opened
	inputs []program.Input
	binary string // the last good build; empty if there is none
}

// stale is what is out of date.
type stale struct {
	at       time.Time
	source   bool            // the file that describes the application, or variables
	packages map[string]bool // Go programs, by their folders
	code     map[string]bool // functions whose folder has changed, by their ids
	pages    bool
}

func (a stale) merge(b stale) stale {
	if a.at.IsZero() {
		a.at = b.at
	}
	a.source = a.source || b.source
	a.pages = a.pages || b.pages
	for _, m := range []struct {
		to   *map[string]bool
		from map[string]bool
	}{{&a.packages, b.packages}, {&a.code, b.code}} {
		if *m.to == nil {
			*m.to = map[string]bool{}
		}
		maps.Copy(*m.to, m.from)
	}
	return a
}

func (a stale) nothing() bool {
	return !a.source && len(a.packages) == 0 && len(a.code) == 0
}

// Run runs an application until ctx ends, and leaves nothing behind. It returns nil then; an error
// means that it could not begin: another gatesock dev runs for the folder, or the port is in use.
// What is wrong with the application is printed, and Run waits for it to be mended.
func Run(ctx context.Context, out *Printer, o Options) error {
	o.Domain = cmp.Or(o.Domain, "aws")
	o.Temp = cmp.Or(o.Temp, os.TempDir())
	s := &supervisor{
		o: o, out: out, asked: map[string]string{}, programs: map[string]*goCode{}, units: map[string]*unit{},
		apis: map[string]*apiServer{}, noted: map[string]bool{}, requests: newRequests(),
		newProcess: func(cfg runtimeapi.Config) (process, error) { return runtimeapi.New(cfg) },
	}
	return s.supervise(ctx)
}

func (s *supervisor) supervise(ctx context.Context) (err error) {
	s.life = ctx
	if s.source, err = s.o.find(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	key := cmp.Or(s.source.file, s.source.pkg)
	lock, err := takeLock(locksIn(s.o.Cache), key)
	if err != nil {
		return err
	}
	defer lock.release()
	if s.variables, err = s.o.variables(); err != nil {
		return fmt.Errorf("--env-file: %w", err)
	}
	if s.page, err = newPage(s.o.Pages, s.o.Folder); err != nil {
		return err
	}
	s.services = &services{late: s.late, requests: s.requests}
	if err := s.openBench(key); err != nil {
		return err
	}
	s.page.update(func(now *status) {
		now.Name, now.Seed = s.source.name(s.o.Folder), strconv.FormatUint(s.bench.Seed(), 10)
	})
	first, err := listen(ctx, s.o.Port)
	if err != nil {
		return err
	}
	defer first.Close()
	if err := lock.announce(key, "http://"+localhost(first)+"/"); err != nil {
		return err
	}
	if s.temp, err = os.MkdirTemp(s.o.Temp, "gatesock-dev-"); err != nil {
		return fmt.Errorf("cannot make a folder for what is built: %w", err)
	}
	defer func() { _ = os.RemoveAll(s.temp) }()
	if s.watcher, err = newWatcher(); err != nil {
		return fmt.Errorf("cannot watch files: %w", err)
	}
	defer s.watcher.close()
	s.proxy, err = intercept.Start(ctx, intercept.Config{
		Folder: s.o.Config, Environ: s.o.Environ, Domains: s.domains(ctx), Real: realHosts(s.o.Real),
		Host:    func(host string) http.Handler { return s.services.handlerOf(host) },
		Refused: s.refused, Distrusted: s.distrusted,
	})
	if err != nil {
		return err
	}
	s.first = s.newFront(first)
	defer s.end(ctx)
	unpublish, err := s.publish(key, localhost(first))
	if err != nil {
		return err
	}
	defer unpublish()
	s.loop(ctx)
	return nil
}

// newFront serves the page on a listener until an API runs, and the workbench.
func (s *supervisor) newFront(l net.Listener) *front {
	return newFront(s.listener(l), portOf(l), s.page, s.bench.Handler)
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// localhost returns the address of a listener for people.
func localhost(l net.Listener) string {
	return fmt.Sprintf("localhost:%d", portOf(l))
}

// loop brings everything up to date, at the beginning and after each change, until ctx ends.
func (s *supervisor) loop(ctx context.Context) {
	changes := make(chan change)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for {
			c, ok := s.watcher.next(ctx)
			if !ok {
				return
			}
			select {
			case changes <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { <-watching }()
	due := stale{at: time.Now(), source: true}
	for {
		s.now(ctx, &due, changes)
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			due = due.merge(s.classify(c))
		}
	}
}

// now does what is due. A change that comes meanwhile begins it anew, with what was due.
func (s *supervisor) now(ctx context.Context, due *stale, changes <-chan change) {
	for !due.nothing() || due.pages {
		work, cancel := context.WithCancel(ctx)
		done := make(chan bool, 1)
		go func() { done <- s.round(work, *due) }()
		var finished bool
		var more stale
		select {
		case finished = <-done:
		case c := <-changes:
			cancel()
			finished = <-done
			more = s.classify(c)
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		if finished {
			*due = more
		} else {
			*due = due.merge(more)
		}
	}
}

// classify returns what is out of date after a change.
func (s *supervisor) classify(c change) stale {
	due := stale{at: c.at, packages: map[string]bool{}, code: map[string]bool{}}
	for _, path := range c.files {
		if slices.Contains(s.sourceFiles(), path) {
			due.source = true
		}
		for folder, g := range s.programs {
			if slices.ContainsFunc(g.roots(), func(r root) bool { return r.has(path) }) {
				due.packages[folder] = true
			}
		}
		for id, u := range s.units {
			if r, ok := codeRoot(u.fn.Load()); ok && r.has(path) {
				due.code[id] = true
			}
		}
		if r, ok := s.pagesRoot(); ok && r.has(path) {
			due.pages = true
		}
	}
	return due
}

// sourceFiles are the files that describe the application.
func (s *supervisor) sourceFiles() []string {
	var all []string
	if s.project != nil {
		all = append(all, s.project.Files...)
	}
	if s.source.file != "" {
		all = append(all, s.source.file)
	}
	for _, file := range s.o.EnvFiles {
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.o.Folder, file)
		}
		all = append(all, file)
	}
	return all
}

// roots are what a Go program is built from.
func (g *goCode) roots() []root {
	var all []root
	for _, in := range g.inputs {
		all = append(all, inputRoot(in))
	}
	if len(all) == 0 {
		all = append(all, root{folder: g.folder, only: isGoFile})
	}
	return all
}

func inputRoot(in program.Input) root {
	files := map[string]bool{}
	for _, path := range in.Files {
		files[path] = true
	}
	return root{folder: in.Folder, deep: in.Embeds, only: func(path string) bool {
		return files[path] || filepath.Dir(path) == in.Folder && isGoFile(path) || in.Embeds && !isGoFile(path)
	}}
}

// isGoFile reports whether a file may be a part of a Go package.
func isGoFile(path string) bool {
	switch filepath.Ext(path) {
	case ".go", ".s", ".c", ".h", ".cc", ".cpp", ".syso":
		return !strings.HasSuffix(path, "_test.go")
	}
	return false
}

// codeRoot returns the folder with the code of a function that is not built.
func codeRoot(fn *project.Function) (root, bool) {
	if fn.Package != "" || fn.Code == "" {
		return root{}, false
	}
	if info, err := os.Stat(fn.Code); err == nil && !info.IsDir() {
		file := fn.Code
		return root{folder: filepath.Dir(file), only: func(path string) bool { return path == file }}, true
	}
	return root{folder: fn.Code, deep: true}, true
}

func (s *supervisor) pagesRoot() (root, bool) {
	if s.o.Pages == "" || strings.Contains(s.o.Pages, "://") {
		return root{}, false
	}
	folder := s.o.Pages
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(s.o.Folder, folder)
	}
	return root{folder: folder, deep: true}, true
}

// watch watches what the application consists of now.
func (s *supervisor) watch() {
	var roots []root
	for _, file := range s.sourceFiles() {
		roots = append(roots, root{folder: filepath.Dir(file), only: func(path string) bool { return path == file }})
	}
	for _, g := range s.programs {
		roots = append(roots, g.roots()...)
	}
	for _, u := range s.units {
		if r, ok := codeRoot(u.fn.Load()); ok {
			roots = append(roots, r)
		}
	}
	if r, ok := s.pagesRoot(); ok {
		roots = append(roots, r)
	}
	if err := s.watcher.set(roots); err != nil {
		s.say(warning, "not all files are watched: %v", err)
	}
}

// round does what is due once: it builds, reads, and puts the result to work. Where something
// fails, what worked before goes on. It reports whether it came to an end, which it does not if ctx
// ends before something was replaced.
func (s *supervisor) round(ctx context.Context, due stale) (finished bool) {
	if due.pages {
		s.page.update(func(now *status) { now.Pages++ })
		if due.nothing() {
			return true
		}
	}
	s.hold(due)
	if due.source && !s.readVariables() {
		s.release()
		return true
	}
	s.page.update(func(now *status) { now.State = "building" })
	next, ok := s.next(ctx, due)
	switch {
	case ctx.Err() != nil:
		return false // the next round holds what is held
	case !ok:
		s.release()
		return true
	}
	changed, applied, ok := s.apply(ctx, next, due)
	if !applied {
		return false
	}
	s.watch()
	s.release()
	if ok {
		s.page.run()
		s.announce(ctx, due, changed)
	}
	return true
}

// readVariables reads the files with variables.
func (s *supervisor) readVariables() bool {
	variables, err := s.o.variables()
	if err != nil {
		s.report(trouble{title: "--env-file: " + err.Error()})
		return false
	}
	s.variables = variables
	return true
}

// hold lets the invocations of functions wait that get new code.
func (s *supervisor) hold(due stale) {
	for id, u := range s.units {
		if fn := u.fn.Load(); due.packages[fn.Package] && fn.Package != "" || due.code[id] {
			u.gate.hold()
		}
	}
}

// release lets the invocations of functions go on that have code.
func (s *supervisor) release() {
	for _, u := range s.units {
		if u.works {
			u.gate.open()
		}
	}
}

// next returns the project as it is now. It builds a program that describes itself.
func (s *supervisor) next(ctx context.Context, due stale) (*project.Project, bool) {
	if s.source.file == "" {
		return s.describe(ctx)
	}
	if !due.source && s.project != nil {
		return s.project, true
	}
	p, err := s.read(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.watch()
			s.report(trouble{title: err.Error()})
		}
		return nil, false
	}
	return p, true
}

// describe builds the program, and returns what it says of itself.
func (s *supervisor) describe(ctx context.Context) (*project.Project, bool) {
	g := s.code(s.source.pkg)
	binary, ok := s.build(ctx, g)
	if !ok {
		return nil, false
	}
	var environ []string
	for name, value := range s.variables {
		environ = append(environ, name+"="+value)
	}
	for name, value := range s.o.Parameters {
		environ = append(environ, name+"="+value)
	}
	app, err := g.opened.Describe(ctx, binary, environ...)
	if err != nil {
		if ctx.Err() == nil {
			s.report(troubleOf(err, g.opened.Folder()))
		}
		return nil, false
	}
	d := described{
		folder: g.folder, stage: cmp.Or(s.o.Stage, "dev"), app: app, setting: s.setting,
		name: serviceName(cmp.Or(g.opened.Module(), g.folder)),
	}
	p, err := d.project()
	if ctx.Err() != nil {
		return nil, false
	}
	if unset := (*unsetError)(nil); errors.As(err, &unset) {
		s.report(unset.trouble())
		return nil, false
	}
	if err != nil {
		s.report(trouble{title: strings.ReplaceAll(err.Error(), "stack: ", "")})
		return nil, false
	}
	g.binary = binary
	return p, true
}

// serviceName returns a name for the service in a folder.
func serviceName(folder string) string {
	parts := strings.FieldsFunc(filepath.Base(folder), func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	})
	name := strings.TrimLeft(strings.Join(parts, "-"), "0123456789-")
	return cmp.Or(name[:min(len(name), 40)], "app")
}

// code returns the program of a package.
func (s *supervisor) code(folder string) *goCode {
	g, ok := s.programs[folder]
	if !ok {
		g = &goCode{folder: folder}
		s.programs[folder] = g
	}
	return g
}

// missingVariable is the advice for a program that ends before it has described itself: --parameter
// and --env-file set what the program declares.
const missingVariable = "declare it with gatesock.Setting or as another gatesock.Need, and read it with its method Value"

// build compiles a program, and returns the path of the binary. Where that fails, it prints why.
func (s *supervisor) build(ctx context.Context, g *goCode) (string, bool) {
	if g.opened == nil {
		opened, err := program.Program{Package: g.folder, Folder: s.source.folder, Advice: missingVariable}.Open(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.watch()
				s.report(troubleOf(err, g.folder))
			}
			return "", false
		}
		g.opened = opened
		g.folder = opened.Folder()
		if s.source.file == "" && s.source.pkg != g.folder {
			delete(s.programs, s.source.pkg)
			s.source.pkg = g.folder
			s.programs[g.folder] = g
		}
	}
	if g.inputs == nil {
		s.lookAt(ctx, g)
		s.watch()
	}
	if g.binary == "" {
		s.say(info, "building %s", s.nameOf(g.folder))
	}
	s.binaries++
	binary := filepath.Join(s.temp, fmt.Sprintf("%s-%d.exe", filepath.Base(g.folder), s.binaries))
	if err := g.opened.Build(ctx, binary); err != nil {
		if ctx.Err() == nil {
			t := troubleOf(err, g.opened.Folder())
			if len(t.problems) > 0 {
				t.title = s.nameOf(g.folder) + " does not build"
			}
			s.report(t)
		}
		return "", false
	}
	return binary, true
}

// nameOf returns a folder as the user would call it.
func (s *supervisor) nameOf(folder string) string { return source{pkg: folder}.name(s.o.Folder) }

// lookAt finds out what a program is built from. Without an answer, its own folder is watched.
func (s *supervisor) lookAt(ctx context.Context, g *goCode) {
	inputs, err := g.opened.Inputs(ctx)
	if err != nil {
		return
	}
	g.inputs = inputs
	for _, in := range inputs {
		s.watcher.know(in.Files)
	}
}

// report prints and shows why something does not run.
func (s *supervisor) report(t trouble) {
	shown := t
	if t.live {
		shown.output = "" // its lines are in the terminal already
	}
	s.out.trouble(s.o.Folder, shown)
	working := slices.ContainsFunc(slices.Collect(maps.Values(s.units)), func(u *unit) bool { return u.works })
	goesOn := working && !t.live
	s.page.fail(s.o.Folder, t, goesOn)
	s.bench.Note(failure, t.text(s.o.Folder))
	if goesOn {
		s.say(info, "the last good build goes on")
	} else {
		s.say(info, "waiting for a change")
	}
}

// say prints a sentence, which the workbench has as well if something is wrong.
func (s *supervisor) say(kind, format string, args ...any) {
	s.out.Say(kind, format, args...)
	if (kind == warning || kind == failure) && s.bench != nil {
		s.bench.Note(kind, fmt.Sprintf(format, args...))
	}
}

// announce prints that everything runs.
func (s *supervisor) announce(ctx context.Context, due stale, changed bool) {
	if !s.ready {
		s.ready = true
		b := s.bannerOf()
		s.page.update(func(now *status) {
			now.Addresses = b.addresses
			if len(b.addresses) > 0 {
				now.Try = b.addresses[0].try()
			}
		})
		s.out.banner(b)
		if s.o.Ready != nil {
			s.o.Ready(b.addresses)
		}
	} else if changed {
		addresses := s.addresses()
		s.page.update(func(now *status) { now.Reloads, now.Addresses = now.Reloads+1, addresses })
		s.say(good, "reloaded in %s", took(time.Since(due.at)))
		s.bench.Note("reload", "reloaded in "+took(time.Since(due.at)))
	}
	for folder := range due.packages { // imports may have changed
		if g := s.programs[folder]; g != nil && ctx.Err() == nil {
			s.lookAt(ctx, g)
		}
	}
	s.watch()
}

// end ends everything that was started.
func (s *supervisor) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if s.o.Hurry != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-s.o.Hurry:
				cancel()
			case <-stop:
			}
		}()
	}
	for _, u := range s.units {
		u.gate.open() // nobody waits any longer
	}
	s.page.close()
	wrong := []error{s.bench.Close(ctx)} // its clients, while there is somebody to learn of their end
	if s.first != nil {
		s.first.close(ctx)
	}
	for _, key := range slices.Sorted(maps.Keys(s.apis)) {
		wrong = append(wrong, s.apis[key].close(ctx))
	}
	if c := s.services.setCloud(nil); c != nil {
		wrong = append(wrong, c.Close(ctx))
	}
	for _, u := range s.units {
		wrong = append(wrong, u.proc.Close(ctx))
	}
	wrong = append(wrong, s.proxy.Close(ctx))
	if s.dynamo != nil {
		s.dynamo.Close()
	}
	if err := errors.Join(wrong...); err != nil && ctx.Err() == nil {
		s.say(warning, "%v", err)
	}
}

// domains returns the custom domains of the APIs, as far as they are known at the beginning.
func (s *supervisor) domains(ctx context.Context) []string {
	if s.source.file == "" {
		return nil
	}
	p, err := s.read(ctx)
	if err != nil {
		return nil // round says so
	}
	var all []string
	for _, api := range p.APIs {
		for _, stage := range api.Stages {
			for _, d := range stage.Domains {
				all = append(all, d.Name)
			}
		}
	}
	return all
}

// listener returns a listener for TLS and plain text, or for TLS alone.
func (s *supervisor) listener(l net.Listener) net.Listener {
	if s.o.TLS {
		return tls.NewListener(l, s.proxy.TLSConfig())
	}
	return s.proxy.Listen(l)
}

// late reports a request that left after a reply.
func (s *supervisor) late(u *unit, requestID, what string) {
	s.say(warning, "%s: %s left after the reply of %s: on AWS it leaves with a later event, or never; wait for it before you return",
		s.displayName(u.fn.Load()), cmp.Or(what, "a call"), requestID)
}

func (s *supervisor) refused(host, who string) {
	s.say(warning, "%s wanted to call %s, which is not served here: it got an error (--real allows a real service)", who, host)
}

func (s *supervisor) distrusted(host, who string) {
	s.say(warning, "%s does not trust the certificate of this machine, so its calls to %s fail: "+
		"with --domain local the address in events is one without TLS", who, host)
}

// realHosts returns the hosts of services that may really be called.
func realHosts(services []string) []string {
	var all []string
	for _, name := range services {
		if strings.Contains(name, ".") {
			all = append(all, name)
			continue
		}
		for _, r := range []string{"us-east-1"} {
			all = append(all, name+"."+r+".amazonaws.com")
		}
		all = append(all, name+".amazonaws.com")
	}
	return all
}
