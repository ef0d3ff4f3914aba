package clienttest

import (
	"slices"
	"testing"
)

// shrink returns a shorter list of choices with which a world breaks the same promise, by the first
// words of the failure, and that world. It takes choices away, and makes them smaller, for as long
// as that helps.
func shrink(t *testing.T, clients maker, o outcome, tries int) outcome {
	t.Helper()
	s := &shrinking{t: t, clients: clients, best: o, kind: kindOf(o.failure), left: tries}
	s.best.made = trimmed(s.best.made)
	for before := -1; before != s.size() && s.left > 0; {
		before = s.size()
		for n := max(1, len(s.best.made)/2); n >= 1; n /= 2 {
			s.without(n)
		}
		s.smaller()
	}
	return s.best
}

type shrinking struct {
	t       *testing.T
	clients maker
	best    outcome
	kind    string
	left    int
}

// kindOf returns what a failure is about, without names and numbers.
func kindOf(failure string) string {
	kept := make([]byte, 0, len(failure))
	for i := range len(failure) {
		if c := failure[i]; c >= 'a' && c <= 'z' || c == ' ' {
			kept = append(kept, c)
		}
	}
	return string(kept[:min(len(kept), 24)])
}

func (s *shrinking) size() int {
	n := 1000 * len(s.best.made)
	for _, c := range s.best.made {
		n += c
	}
	return n
}

// try keeps a list if the world still breaks the promise with it.
func (s *shrinking) try(list []int) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	o := simulate(s.t, s.clients, s.best.seed, &choices{list: list})
	if o.failure == "" || kindOf(o.failure) != s.kind {
		return false
	}
	o.made = trimmed(o.made[:min(len(o.made), len(list))])
	if len(o.made) > len(s.best.made) {
		return false
	}
	s.best = o
	return true
}

// trimmed drops the calm choices at the end, which are made anyway.
func trimmed(list []int) []int {
	for len(list) > 0 && list[len(list)-1] == 0 {
		list = list[:len(list)-1]
	}
	return list
}

// without takes n choices away at a time.
func (s *shrinking) without(n int) {
	for i := len(s.best.made) - n; i >= 0; i -= n {
		if i+n > len(s.best.made) {
			continue
		}
		if !s.try(slices.Delete(slices.Clone(s.best.made), i, i+n)) && n > 1 {
			calm := slices.Clone(s.best.made)
			clear(calm[i : i+n])
			if !slices.Equal(calm, s.best.made) {
				s.try(calm)
			}
		}
	}
}

// smaller makes single choices calm, or calmer.
func (s *shrinking) smaller() {
	for i := 0; i < len(s.best.made); i++ {
		for _, c := range []int{0, s.best.made[i] / 2, s.best.made[i] - 1} {
			if i < len(s.best.made) && c >= 0 && c < s.best.made[i] {
				list := slices.Clone(s.best.made)
				list[i] = c
				if s.try(list) {
					break
				}
			}
		}
	}
}
