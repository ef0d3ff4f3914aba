// Package goroutines finds the goroutines that a call has started, directly or through other
// goroutines. It marks the calling goroutine with a profiler label, which new goroutines inherit,
// and reads the labels from goroutine profiles.
//
//	set := goroutines.New("a name that no other Set has")
//	set.Do(ctx, "request 1", handle)
//	for _, g := range set.All() { // those that handle has left running
//		fmt.Println(g.Label, g.Stack)
//	}
package goroutines

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
)

// labelKey is the key of the profiler label.
const labelKey = "gatesock/wstest"

// findFunction is the name of [Set.find] in a stack.
const findFunction = "wstest/internal/goroutines.(*Set).find+"

// Set is the goroutines of the calls of [Set.Do]. It is safe for concurrent use.
type Set struct {
	name    string
	finding sync.Mutex // held by the goroutine that is in find
}

// New returns a Set. Its name distinguishes it from other Sets, and must not contain spaces.
func New(name string) *Set { return &Set{name: name} }

// Do calls f, with a label for the calling goroutine and all that it starts meanwhile.
func (s *Set) Do(ctx context.Context, label string, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(labelKey, s.name+" "+label), f)
}

// Goroutine is one or several goroutines with the same label and the same stack.
type Goroutine struct {
	Label string
	Count int
	Stack []string // "function file:line", innermost first
}

// In reports whether the name of a function in the stack contains one of the texts.
func (g Goroutine) In(functions ...string) bool {
	for _, line := range g.Stack {
		for _, f := range functions {
			if strings.Contains(line, f) {
				return true
			}
		}
	}
	return false
}

// All returns the goroutines of the Set that are running.
func (s *Set) All() []Goroutine {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil // a Buffer never fails
	}
	return s.parse(profile.Bytes())
}

// Current returns the label of the calling goroutine, and reports whether the goroutine belongs to
// the Set.
//
// A profile has no ids of goroutines, so the caller is recognized by its stack: only one goroutine
// of the Set at a time is in the function that takes the profile.
func (s *Set) Current() (label string, ok bool) {
	s.finding.Lock()
	defer s.finding.Unlock()
	return s.find()
}

//go:noinline
func (s *Set) find() (label string, ok bool) {
	for _, g := range s.All() {
		if g.In(findFunction) {
			return g.Label, true
		}
	}
	return "", false
}

// parse reads the text form of a goroutine profile. A block begins with "COUNT @ ADDRESS…" and has
// the labels in "# labels: {…}" and a line "#\tADDRESS\tFUNCTION+OFFSET\tFILE:LINE" for each frame.
func (s *Set) parse(profile []byte) []Goroutine {
	var (
		list    []Goroutine
		count   int
		current *Goroutine
	)
	lines := bufio.NewScanner(bytes.NewReader(profile))
	lines.Buffer(nil, len(profile)+1)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "# labels: "):
			if label, ok := s.label(strings.TrimPrefix(line, "# labels: ")); ok {
				list = append(list, Goroutine{Label: label, Count: count})
				current = &list[len(list)-1]
			}
		case strings.HasPrefix(line, "#"):
			if fields := strings.Fields(line); current != nil && len(fields) >= 4 {
				current.Stack = append(current.Stack, fields[2]+" "+strings.Join(fields[3:], " "))
			}
		default:
			current = nil
			if _, err := fmt.Sscanf(line, "%d @", &count); err != nil {
				count = 0
			}
		}
	}
	return list
}

// label returns the label of this Set among the labels of a goroutine.
func (s *Set) label(labels string) (string, bool) {
	var all map[string]string
	if json.Unmarshal([]byte(labels), &all) != nil {
		return "", false
	}
	return strings.CutPrefix(all[labelKey], s.name+" ")
}

// ID returns the id of the calling goroutine, as in the first line of its stack: "goroutine 7".
func ID() string {
	var line [40]byte
	id, _, _ := strings.Cut(string(line[:runtime.Stack(line[:], false)]), " [")
	return id
}
