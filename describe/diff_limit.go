package describe

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// limits compares the limits by their names. Several of one name are compared in their order.
func (d *differ) limits() {
	for _, name := range union(d.from.Limits, d.to.Limits, func(l Limit) string { return l.Name }) {
		path := fmt.Sprintf("limit %q", name)
		a, b := limitsNamed(d.from.Limits, name), limitsNamed(d.to.Limits, name)
		for i := range max(len(a), len(b)) {
			switch {
			case i >= len(b):
				d.add(path, false, "removed")
			case i >= len(a):
				d.add(path, true, "added")
			default:
				d.limit(path, a[i], b[i])
			}
		}
	}
}

func limitsNamed(all []Limit, name string) (named []Limit) {
	for _, l := range all {
		if l.Name == name {
			named = append(named, l)
		}
	}
	return named
}

func (d *differ) limit(path string, a, b Limit) {
	if a.By != b.By || (a.Quota > 0) != (b.Quota > 0) || a.Period != b.Period {
		d.add(path, true, "counts something else: %s instead of %s", b.kind(), a.kind())
		return
	}
	lowered(d, path, "the rate", a.Rate, b.Rate)
	lowered(d, path, "the burst", a.Burst, b.Burst)
	lowered(d, path, "the quota", a.Quota, b.Quota)
	for _, key := range union(d.from.Routes, d.to.Routes, func(r Route) string { return r.Key }) {
		before, after := a.cost(key), b.cost(key)
		if before != after && find(d.from.Routes, key, Route.named) != nil {
			d.add(path, after > before, "a message on %q takes %s instead of %s", key, strconv.Itoa(after), strconv.Itoa(before))
		}
	}
}

// lowered notes a limit that is lower or higher than before.
func lowered[T cmp.Ordered](d *differ, path, what string, a, b T) {
	switch {
	case b < a:
		d.add(path, true, "%s was lowered from %v to %v", what, a, b)
	case b > a:
		d.add(path, false, "%s was raised from %v to %v", what, a, b)
	}
}

// kind returns what a limit counts, for people.
func (l Limit) kind() string {
	if l.Quota > 0 {
		return fmt.Sprintf("messages of a %s by %s", l.Period, l.By)
	}
	return "messages of a second by " + l.By
}

// cost returns the tokens that a message takes.
func (l Limit) cost(route string) int {
	if route == "$disconnect" || len(l.Routes) > 0 && !slices.Contains(l.Routes, route) {
		return 0
	}
	if cost, ok := l.Costs[route]; ok {
		return cost
	}
	return 1
}
