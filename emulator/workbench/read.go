package workbench

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/internal/record"
)

// state is what GET state answers.
type state struct {
	Instance       string               `json:"instance"`
	Name           string               `json:"name"`
	Seed           uint64               `json:"seed"`
	SeedText       string               `json:"seedText"`
	Now            time.Time            `json:"now"`
	OffsetMs       int64                `json:"offsetMs"`
	FunctionsClock string               `json:"functionsClock,omitempty"`
	Stages         []stageState         `json:"stages"`
	Faults         []faultState         `json:"faults"`
	Schedules      []Schedule           `json:"schedules"`
	Queues         []Queue              `json:"queues"`
	SourcesError   string               `json:"sourcesError,omitempty"`
	Kinds          []emulator.FaultKind `json:"kinds"`
	Groups         bool                 `json:"groups"`
	Kept           keptState            `json:"kept"`
}

type keptState struct {
	record.Kept
	Entries int `json:"entries"`
	Bytes   int `json:"bytes"`
}

type stageState struct {
	Name       string       `json:"name"`
	API        string       `json:"api"`
	Stage      string       `json:"stage"`
	URL        string       `json:"url"`
	Seed       string       `json:"seed"`
	Routes     []routeState `json:"routes"`
	Selection  string       `json:"selection"`
	Authorizer bool         `json:"authorizer"`
	Identity   []string     `json:"identity,omitempty"`
	IAM        bool         `json:"iam,omitempty"`
	APIKey     bool         `json:"apiKey,omitempty"`
}

type routeState struct {
	Key     string `json:"key"`
	Answers bool   `json:"answers"`
}

// sourcesTimeout is how long the state waits for what the program has besides its API.
const sourcesTimeout = 5 * time.Second

func (b *Workbench) getState(r *http.Request) (int, any, error) {
	return http.StatusOK, b.state(r), nil
}

func (b *Workbench) state(r *http.Request) state {
	offset := b.clock.Offset()
	s := state{
		Instance: b.instance, Name: b.cfg.Name, Seed: b.cfg.Seed, SeedText: strconv.FormatUint(b.cfg.Seed, 10),
		Now: b.clock.Now().UTC().Truncate(time.Millisecond), OffsetMs: offset.Milliseconds(),
		Stages: []stageState{}, Faults: b.faultStates(), Schedules: []Schedule{}, Queues: []Queue{},
		Kinds: emulator.FaultKinds(), Groups: b.cfg.Members != nil,
		Kept: keptState{b.record.Kept(), b.cfg.Entries, b.cfg.Bytes},
	}
	if b.cfg.MachineClock {
		s.FunctionsClock = "machine"
	}
	for _, stage := range b.snapshot() {
		if gw, err := stage.open(); err == nil {
			s.Stages = append(s.Stages, stage.state(gw, r.Host))
		}
	}
	if b.cfg.Sources != nil {
		ctx, cancel := context.WithTimeout(r.Context(), sourcesTimeout)
		defer cancel()
		var err error
		if s.Schedules, s.Queues, err = b.sources(ctx); err != nil {
			s.SourcesError = err.Error()
		}
	}
	return s
}

func (s *Stage) state(gw *emulator.Gateway, host string) stageState {
	d := gw.Deployed()
	out := stageState{
		Name: s.name, API: d.APIID, Stage: d.Stage, URL: s.address(gw, host), Seed: strconv.FormatUint(s.seed, 10),
		Selection: d.Selection, Authorizer: d.Authorizer, Identity: d.IdentitySources, IAM: d.IAM, APIKey: d.APIKey,
		Routes: []routeState{},
	}
	for _, route := range d.Routes {
		if route.Key == gatesock.RouteConnect || route.Key == gatesock.RouteDisconnect {
			continue
		}
		out.Routes = append(out.Routes, routeState{route.Key, route.NeedsResponse || route.Mock != nil})
	}
	return out
}

// address returns the address of the stage for clients.
func (s *Stage) address(gw *emulator.Gateway, host string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url != "" {
		return s.url
	}
	return "ws://" + host + gw.BasePath()
}

// defaultLimit is how many entries GET entries answers.
const defaultLimit = 1000

// entriesAnswer is what GET entries answers.
type entriesAnswer struct {
	Entries []*Entry `json:"entries"`
	First   uint64   `json:"first"` // of what is kept
	Last    uint64   `json:"last"`  // of what is kept
}

func (b *Workbench) getEntries(r *http.Request) (int, any, error) {
	after, err := number(r, "after", 0)
	if err != nil {
		return 0, nil, err
	}
	limit, err := number(r, "limit", defaultLimit)
	if err != nil {
		return 0, nil, err
	}
	if limit == 0 {
		return 0, nil, failure(http.StatusBadRequest, "limit: want a positive number.")
	}
	ids, err := b.wanted(r)
	if err != nil {
		return 0, nil, err
	}
	keep := b.filter(ids)
	answer := entriesAnswer{Entries: []*Entry{}}
	for {
		found, kept := b.record.After(after, int(min(limit, defaultLimit)))
		answer.First, answer.Last = kept.First, kept.Last
		for _, e := range found {
			after = e.Seq
			if keep(e) {
				answer.Entries = append(answer.Entries, e)
			}
			if uint64(len(answer.Entries)) == limit {
				return http.StatusOK, answer, nil
			}
		}
		if len(found) == 0 {
			return http.StatusOK, answer, nil
		}
	}
}

// filter returns which entries are about connections: those that have an id, and those of the
// request with which one of them connected. Without an id it returns all.
func (b *Workbench) filter(ids []string) func(*Entry) bool {
	if len(ids) == 0 {
		return func(*Entry) bool { return true }
	}
	connections, requests := map[string]bool{}, map[string]bool{}
	for _, id := range ids {
		connections[id] = true
		for _, s := range b.snapshot() {
			if c, ok := s.conns.get(id); ok && c.requestID != "" {
				requests[c.requestID] = true
			}
		}
	}
	return func(e *Entry) bool {
		return connections[e.ConnectionID] || e.ConnectionID == "" && e.RequestID != "" && requests[e.RequestID]
	}
}

// number returns a parameter of the address that is a number from 0.
func number(r *http.Request, name string, without uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 53)
	if err != nil {
		return 0, failure(http.StatusBadRequest, "%s=%.40q: want a number.", name, text)
	}
	return n, nil
}
