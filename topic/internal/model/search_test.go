//go:build !race

package model

import (
	"fmt"
	"slices"
	"strings"
)

// step is what happens between two states: a format with up to three numbers. It is formatted only
// in the story of a violation.
type step struct {
	format  string
	a, b, c uint8
}

func (s step) String() string {
	n := strings.Count(s.format, "%")
	return fmt.Sprintf(s.format, []any{s.a, s.b, s.c}[:n]...)
}

// system is a model: its states, the steps between them, and what must not be.
type system[S comparable] struct {
	begin S
	// next calls visit for each step that is possible in a state. bad is how the step breaks a rule;
	// the search does not go on behind it.
	next func(from S, visit func(to S, bad string, what step))
	// atRest returns how a state in which everything is done breaks a rule; nil if there are no such
	// rules.
	atRest func(S) string
}

// result is what a search has found.
type result struct {
	states, steps int
	limited       bool                // the limit was reached: not all states were visited
	stories       map[string][]string // for each rule that is broken, the shortest story
}

func (r result) String() string {
	return fmt.Sprintf("%d states, %d steps, limited %v, broken %q", r.states, r.steps, r.limited, r.broken())
}

// broken returns the rules that are broken.
func (r result) broken() []string {
	var rules []string
	for rule := range r.stories {
		rules = append(rules, rule)
	}
	slices.Sort(rules)
	return rules
}

// search is a search under way. The states are in the order in which they were found.
type search[S comparable] struct {
	system[S]
	result

	seen   map[S]int32 // the state from which it was found first, -1 for the begin
	queue  []S
	limit  int
	wanted []string
}

// run visits all states, at most limit. If rules are wanted, it ends when all of them were found to
// be broken.
func run[S comparable](sys system[S], limit int, wanted ...string) result {
	s := &search[S]{system: sys, seen: map[S]int32{sys.begin: -1}, queue: []S{sys.begin}, limit: limit, wanted: wanted}
	s.stories = make(map[string][]string)
	for i := 0; i < len(s.queue) && !s.ended(); i++ {
		s.visit(i)
	}
	s.states = len(s.queue)
	return s.result
}

func (s *search[S]) ended() bool {
	if len(s.wanted) == 0 {
		return false
	}
	return !slices.ContainsFunc(s.wanted, func(rule string) bool { return s.stories[rule] == nil })
}

func (s *search[S]) visit(i int) {
	from := s.queue[i]
	if s.atRest != nil {
		if bad := s.atRest(from); bad != "" {
			s.broken(bad, from)
		}
	}
	s.next(from, func(to S, bad string, what step) {
		s.steps++
		if bad != "" {
			s.broken(bad, from, what)
			return
		}
		if _, ok := s.seen[to]; ok {
			return
		}
		if s.limited = s.limited || len(s.queue) >= s.limit; s.limited {
			return
		}
		s.seen[to] = int32(i)
		s.queue = append(s.queue, to)
	})
}

// broken notes the first story for a rule, which ends with a state and what happens then.
func (s *search[S]) broken(rule string, at S, then ...step) {
	if s.stories[rule] != nil {
		return
	}
	story := []string{}
	for _, what := range then {
		story = append(story, what.String())
	}
	for i := s.seen[at]; i >= 0; i = s.seen[at] {
		from := s.queue[i]
		story = append(story, s.between(from, at))
		at = from
	}
	slices.Reverse(story)
	s.stories[rule] = story
}

// between returns the step from one state to another.
func (s *search[S]) between(from, to S) (text string) {
	s.next(from, func(state S, bad string, what step) {
		if state == to && bad == "" && text == "" {
			text = what.String()
		}
	})
	return text
}
