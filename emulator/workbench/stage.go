package workbench

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/emulator"
)

// Stage is a gateway of a workbench. It is safe for concurrent use.
type Stage struct {
	b      *Workbench
	name   string
	seed   uint64
	faults *emulator.Faults
	conns  *connections

	mu      sync.Mutex
	gateway *emulator.Gateway // nil before Attach
	url     string
	removed bool
	clients map[*client]struct{}
}

// Stage returns the stage with a name, which it makes if there is none. The name is what the page
// calls it, such as "dev", or "chat/dev" if there are several APIs. It panics for an empty name.
func (b *Workbench) Stage(name string) *Stage {
	if name == "" {
		panic("workbench: Stage: the name must not be empty")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.stages {
		if s.name == name {
			return s
		}
	}
	s := &Stage{b: b, name: name, seed: b.seedOf(name), conns: newConnections(), clients: map[*client]struct{}{}}
	b.stages = append(slices.Clip(b.stages), s)
	return s
}

// seedOf returns the seed of a stage: that of the workbench for the first, and another one for each
// other, since gateways with the same seed could draw the same connection ids.
func (b *Workbench) seedOf(name string) uint64 {
	if len(b.stages) == 0 {
		return b.cfg.Seed
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %s", b.cfg.Seed, name) // never fails
	return h.Sum64() >> 11
}

// Remove forgets a stage, for a program whose stages change while it runs. What was recorded stays.
// It closes the clients that were opened on the page. It does nothing for a name that no stage has.
func (b *Workbench) Remove(ctx context.Context, name string) {
	b.mu.Lock()
	i := slices.IndexFunc(b.stages, func(s *Stage) bool { return s.name == name })
	if i < 0 {
		b.mu.Unlock()
		return
	}
	s := b.stages[i]
	b.stages = slices.Delete(slices.Clone(b.stages), i, i+1)
	b.mu.Unlock()
	s.mu.Lock()
	s.removed = true
	s.mu.Unlock()
	s.closeClients(ctx)
	b.disinherit(s)
	b.changed()
}

// Config returns the configuration of a gateway of this stage: cfg with the clock of the workbench,
// the stage's faults, an Observe that records and calls that of cfg, and Pages that serve the
// workbench and otherwise those of cfg. Warnings of the gateway are recorded and go to the Logger
// of cfg as well. If cfg has Faults, those are the stage's, whatever the seed of the workbench is.
//
// Use it for [emulator.New] and for each [emulator.Gateway.Deploy]: faults, clock and connections
// stay. It panics if cfg has a Clock other than that of the workbench, and if another configuration
// of the stage had other Faults.
func (s *Stage) Config(cfg emulator.Config) emulator.Config {
	if cfg.Clock != nil && cfg.Clock != emulator.Clock(s.b.clock) {
		panic("workbench: Stage.Config: the Clock must be that of the workbench; see Workbench.Clock")
	}
	cfg.Clock = s.b.clock
	cfg.Faults = s.useFaults(cfg.Faults)
	cfg.Observe = s.observer(cfg.Observe)
	cfg.Pages = s.b.Handler(cfg.Pages)
	cfg.Logger = slog.New(s.b.gatewayLog(cfg.Logger))
	return cfg
}

// useFaults returns the faults of the stage, which are the given ones if it has none yet.
func (s *Stage) useFaults(f *emulator.Faults) *emulator.Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.faults != nil && f != nil && f != s.faults:
		panic("workbench: Stage.Config: the Faults can't change")
	case s.faults != nil:
		return s.faults
	case f == nil:
		f = emulator.NewFaults(s.seed)
	}
	s.faults = f
	f.OnFault(s.struck)
	return f
}

// ownFaults returns the faults of the stage, or nil before the first Config.
func (s *Stage) ownFaults() *emulator.Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// Attach shows a gateway that was made with the stage's configuration. A gateway that was attached
// before is replaced. The error is for a gateway whose paths are those of the workbench. It panics
// if the gateway is nil or has another configuration.
func (s *Stage) Attach(gw *emulator.Gateway) error {
	if gw == nil {
		panic("workbench: Stage.Attach: the gateway must not be nil")
	}
	if base := strings.ToLower(gw.BasePath() + "/"); strings.HasPrefix(base, path) {
		return fmt.Errorf("workbench: a stage or base path can't be called %q, since the workbench is served there",
			strings.Trim(path, "/"))
	}
	s.mu.Lock()
	if gw.Faults() != s.faults {
		s.mu.Unlock()
		panic("workbench: Stage.Attach: make the gateway with the configuration that Stage.Config returns")
	}
	s.gateway = gw
	s.mu.Unlock()
	s.b.inherit(s)
	s.b.changed()
	return nil
}

// ServedAt sets the address of the stage for clients, such as that of [emulator.Server.URLOf], for
// programs that serve several APIs at ports of their own. Default: the host at which the page was
// requested.
func (s *Stage) ServedAt(url string) {
	s.mu.Lock()
	s.url = url
	s.mu.Unlock()
	s.b.changed()
}

// Name returns the name of the stage.
func (s *Stage) Name() string { return s.name }

// open returns the gateway of the stage, or an error if it has none.
func (s *Stage) open() (*emulator.Gateway, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gateway == nil {
		return nil, errors.New("the stage does not run yet")
	}
	return s.gateway, nil
}

// Handler returns a handler that serves the workbench at /_gatesock/ and passes other requests to
// next, which may be nil. Use it in front of a server of your own, and for a gateway whose paths
// are all of the API ([emulator.Config.CustomDomain] without a BasePath), which asks no Pages.
func (b *Workbench) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == strings.TrimSuffix(path, "/") || strings.HasPrefix(r.URL.Path, path):
			b.handler.ServeHTTP(w, r)
		case next != nil:
			next.ServeHTTP(w, r)
		default:
			writeForbidden(w)
		}
	})
}

// writeForbidden answers a request outside the API as a gateway without pages does.
func writeForbidden(w http.ResponseWriter) {
	w.Header().Set("x-amzn-ErrorType", "ForbiddenException")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"message":"Forbidden"}`))
}
