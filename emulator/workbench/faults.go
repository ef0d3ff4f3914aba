package workbench

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// faultList are the faults that were added by requests.
type faultList struct {
	adding sync.Mutex // held while faults are added or removed

	mu   sync.Mutex // never held while the gateway is called, which may report a fault
	last int
	list []*addedFault
}

// addedFault is a fault that was added by a request, to one stage or to all.
type addedFault struct {
	id     string
	stage  string // "": all
	spec   emulator.FaultSpec
	json   json.RawMessage
	text   string
	remove map[*Stage]func()

	happened int
}

// faultState is a fault as state has it.
type faultState struct {
	ID       string          `json:"id"`
	Stage    string          `json:"stage"`
	Spec     json.RawMessage `json:"spec"`
	Text     string          `json:"text"`
	Happened int             `json:"happened"`
}

// faultStates returns the faults, the first first.
func (b *Workbench) faultStates() []faultState {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	out := make([]faultState, 0, len(b.faults.list))
	for _, f := range b.faults.list {
		out = append(out, faultState{f.id, f.stage, f.json, f.text, f.happened})
	}
	return out
}

// postFault adds a fault to a stage, or to all of them, now and later.
func (b *Workbench) postFault(r *http.Request) (int, any, error) {
	f, err := decodeFault(r)
	if err != nil {
		return 0, nil, err
	}
	b.faults.adding.Lock()
	defer b.faults.adding.Unlock()
	faults, err := b.resolve(f)
	if err != nil {
		return 0, nil, err
	}
	b.faults.mu.Lock()
	b.faults.last++
	f.id = strconv.Itoa(b.faults.last)
	b.faults.list = append(b.faults.list, f)
	b.faults.mu.Unlock()
	// Before the fault is added, since it may happen at once.
	b.add(&Entry{Kind: entry.FaultAdded, Stage: f.stage, Fault: f.text, Spec: f.json, FaultID: f.id, By: b.who(r)})
	for _, at := range faults {
		f.addTo(at.stage, at.faults)
	}
	b.changed()
	return http.StatusCreated, struct {
		ID string `json:"id"`
	}{f.id}, nil
}

// decodeFault returns the fault that a request describes.
func decodeFault(r *http.Request) (*addedFault, error) {
	members := map[string]json.RawMessage{}
	if err := decode(r, &members); err != nil {
		return nil, err
	}
	f := &addedFault{remove: map[*Stage]func(){}}
	if text, ok := members["stage"]; ok {
		if err := json.Unmarshal(text, &f.stage); err != nil {
			return nil, failure(http.StatusBadRequest, "stage: %.60s: want a text.", text)
		}
		delete(members, "stage")
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &f.spec); err != nil {
		return nil, faultProblem(err)
	}
	if f.json, err = json.Marshal(f.spec); err != nil {
		return nil, err
	}
	return f, nil
}

// faultProblem returns the error of a request for a fault that can't be.
func faultProblem(err error) error {
	return failure(http.StatusBadRequest, "%s.", strings.TrimPrefix(err.Error(), "emulator: fault: "))
}

// stageFaults are the faults that are added to a stage.
type stageFaults struct {
	stage  *Stage
	faults []emulator.Fault
}

// resolve returns the faults for each stage that they are for. Those of connections are for the
// stages that have them.
func (b *Workbench) resolve(f *addedFault) ([]stageFaults, error) {
	stages, err := b.stagesOf(f)
	if err != nil {
		return nil, err
	}
	var out []stageFaults
	for _, s := range stages {
		spec, err := s.resolve(f.spec)
		if err != nil {
			return nil, err
		}
		if len(f.spec.Connections) > 0 && len(spec.Connections) == 0 {
			continue // of other stages
		}
		faults, err := spec.Faults()
		if err != nil {
			return nil, faultProblem(err)
		}
		out = append(out, stageFaults{s, faults})
	}
	if f.text, err = textOf(f.spec); err != nil {
		return nil, err
	}
	return out, b.allOpen(f, out)
}

// textOf describes a fault in one line, with its connections as they were given.
func textOf(spec emulator.FaultSpec) (string, error) {
	of := spec.Connections
	spec.Connections = nil
	faults, err := spec.Faults()
	switch {
	case err != nil:
		return "", faultProblem(err)
	case len(faults) > 1:
		return spec.Fault, nil
	}
	return faults[0].For(of...).String(), nil
}

// stagesOf returns the stages that a fault is for.
func (b *Workbench) stagesOf(f *addedFault) ([]*Stage, error) {
	stages := b.snapshot()
	if f.stage != "" {
		s, err := b.stageOf(f.stage)
		return []*Stage{s}, err
	}
	if len(stages) > 1 && slices.ContainsFunc(f.spec.Connections, isNumber) {
		return nil, failure(http.StatusBadRequest, "stage: missing; each stage counts its connections from #1.")
	}
	return stages, nil
}

func isNumber(connection string) bool { return strings.HasPrefix(connection, "#") }

// resolve returns a spec with the ids of the connections that this stage has.
func (s *Stage) resolve(spec emulator.FaultSpec) (emulator.FaultSpec, error) {
	gw, err := s.open()
	if err != nil {
		return spec, nil //nolint:nilerr // the stage gets its faults when it runs
	}
	spec, err = gw.ResolveFault(spec)
	if err != nil {
		return spec, faultProblem(err)
	}
	spec.Connections = slices.DeleteFunc(slices.Clone(spec.Connections), func(id string) bool {
		_, open := gw.Session(id)
		return !open
	})
	return spec, nil
}

// allOpen returns an error if a connection of a fault is open in no stage.
func (b *Workbench) allOpen(f *addedFault, at []stageFaults) error {
	for _, id := range f.spec.Connections {
		if isNumber(id) && len(at) > 0 {
			continue // resolve has found it
		}
		if !slices.ContainsFunc(at, func(s stageFaults) bool { return s.stage.has(id) }) {
			return failure(http.StatusNotFound, "connections: %.60q is not open.", id)
		}
	}
	return nil
}

// has reports whether a connection is open.
func (s *Stage) has(id string) bool {
	gw, err := s.open()
	if err != nil {
		return false
	}
	_, open := gw.Session(id)
	return open
}

// addTo adds the faults to a stage. One without a configuration gets them when it runs.
func (f *addedFault) addTo(s *Stage, faults []emulator.Fault) {
	to := s.ownFaults()
	if to == nil {
		return
	}
	labeled := make([]emulator.Fault, len(faults))
	for i, fault := range faults {
		labeled[i] = fault.Labeled(f.id)
	}
	f.remove[s] = to.Add(labeled...)
}

// inherit adds the faults that are for all stages, or for one of this name, to a stage that begins
// to run.
func (b *Workbench) inherit(s *Stage) {
	b.faults.adding.Lock()
	defer b.faults.adding.Unlock()
	b.faults.mu.Lock()
	list := slices.Clone(b.faults.list)
	b.faults.mu.Unlock()
	for _, f := range list {
		if f.remove[s] != nil || f.stage != "" && f.stage != s.name || len(f.spec.Connections) > 0 {
			continue
		}
		if faults, err := f.spec.Faults(); err == nil {
			f.addTo(s, faults)
		}
	}
}

// disinherit forgets a stage that is removed.
func (b *Workbench) disinherit(s *Stage) {
	b.faults.adding.Lock()
	defer b.faults.adding.Unlock()
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	for _, f := range b.faults.list {
		delete(f.remove, s)
	}
}

// deleteFault removes a fault.
func (b *Workbench) deleteFault(r *http.Request) (int, any, error) {
	id := r.PathValue("id")
	if b.removeFaults(b.who(r), func(f *addedFault) bool { return f.id == id }) == 0 {
		return 0, nil, failure(http.StatusNotFound, "There is no fault %.40q. GET %sapi/state lists them.", id, path)
	}
	return http.StatusOK, struct{}{}, nil
}

// deleteFaults removes all faults, those of the program too.
func (b *Workbench) deleteFaults(r *http.Request) (int, any, error) {
	removed := b.removeFaults(b.who(r), func(*addedFault) bool { return true })
	for _, s := range b.snapshot() {
		if f := s.ownFaults(); f != nil {
			f.Clear()
		}
	}
	return http.StatusOK, struct {
		Removed int `json:"removed"`
	}{removed}, nil
}

// removeFaults removes the faults for which is returns true, and returns how many those were.
func (b *Workbench) removeFaults(by string, is func(*addedFault) bool) int {
	b.faults.adding.Lock()
	defer b.faults.adding.Unlock()
	var removed []*addedFault
	b.faults.mu.Lock()
	b.faults.list = slices.DeleteFunc(b.faults.list, func(f *addedFault) bool {
		if !is(f) {
			return false
		}
		removed = append(removed, f)
		return true
	})
	b.faults.mu.Unlock()
	for _, f := range removed {
		for _, remove := range f.remove {
			remove()
		}
		b.add(&Entry{Kind: entry.FaultRemoved, Stage: f.stage, Fault: f.text, Spec: f.json, FaultID: f.id, By: by})
	}
	if len(removed) > 0 {
		b.changed()
	}
	return len(removed)
}

// struck records a fault that has happened. The gateway waits for it.
func (s *Stage) struck(e emulator.FaultEvent) {
	text, spec := s.b.faults.count(e.Label)
	if spec == nil { // the program's own, or removed
		text = e.Fault.String()
		spec, _ = json.Marshal(e.Fault.Spec()) // a spec of a fault is valid
	}
	s.b.add(&Entry{
		Kind: entry.Fault, Time: e.Time, Stage: s.name, Connection: e.Number, ConnectionID: e.ConnectionID,
		RequestID: e.RequestID, Route: e.Route, Fault: text, Spec: spec, FaultID: e.Label,
		DelayMs: milliseconds(e.Delay), Call: e.Call,
	})
}

// count counts that a fault has happened, and returns what it is, or "" and nil.
func (l *faultList) count(id string) (text string, spec json.RawMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.list {
		if f.id == id {
			f.happened++
			return f.text, f.json
		}
	}
	return "", nil
}
