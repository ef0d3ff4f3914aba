package stack

import (
	"cmp"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/describe"
)

// functions adds the functions, without what depends on routes and sources.
func (b *builder) functions() {
	splits := slices.Clone(b.o.Functions)
	if b.needsDefault(splits) {
		splits = slices.Insert(splits, 0, Split{Name: DefaultFunction})
	}
	for _, split := range splits {
		f := Function{
			Name:         split.Name,
			ID:           identifier(split.Name),
			Memory:       b.o.Memory,
			Timeout:      cmp.Or(b.o.Timeout, defaultTimeout),
			Architecture: b.o.Architecture,
		}
		f.ReservedConcurrency = f.ID + "ReservedConcurrency"
		b.claim("the function "+split.Name, f.ID,
			"Function", "LogGroup", "Role", "Integration", "Permission", "Version", "Alias")
		b.plan.Functions = append(b.plan.Functions, f)
	}
	b.checkSplits()
}

// needsDefault reports whether [DefaultFunction] must be added: there is no function at all, or
// none of them has some of the routes.
func (b *builder) needsDefault(splits []Split) bool {
	if slices.ContainsFunc(splits, func(s Split) bool { return s.Name == DefaultFunction }) {
		return false
	}
	return len(splits) == 0 || slices.ContainsFunc(b.app.Routes, func(r describe.Route) bool {
		return r.Answer != describe.AnswerMock && b.splitOf(r.Key) == ""
	})
}

// splitOf returns the name of the function whose [Split] lists an item, or "".
func (b *builder) splitOf(item string) string {
	for _, split := range b.o.Functions {
		if slices.Contains(split.Routes, item) {
			return split.Name
		}
	}
	return ""
}

// functionOf returns the ID of the function of the first item that a [Split] lists. If none does,
// it is that of the default.
func (b *builder) functionOf(items ...string) string {
	for _, item := range items {
		if name := b.splitOf(item); name != "" {
			return identifier(name)
		}
	}
	if slices.ContainsFunc(b.plan.Functions, func(f Function) bool { return f.Name == DefaultFunction }) {
		return identifier(DefaultFunction)
	}
	return b.plan.Functions[0].ID
}

// checkSplits adds an error for each item of the splits that is listed twice, does not exist, or is
// not for a function.
func (b *builder) checkSplits() {
	first := map[string]string{}
	for _, split := range b.o.Functions {
		for _, item := range split.Routes {
			if other, listed := first[item]; listed {
				b.fail("%q is listed twice, for the functions %s and %s: leave it out of one", item, other, split.Name)
				continue
			}
			first[item] = split.Name
			b.checkItem(split.Name, item)
		}
	}
}

func (b *builder) checkItem(function, item string) {
	if r, ok := b.route(item); ok {
		if r.Answer == describe.AnswerMock {
			b.fail("the function %s cannot have the route %q: the API answers it without a function", function, item)
		}
		return
	}
	if b.isSource(item) {
		return
	}
	b.fail("the function %s has %q, which is neither a route nor a source of the program: there are %s", function, item,
		strings.Join(b.items(), ", "))
}

// route returns the route with a key.
func (b *builder) route(key string) (describe.Route, bool) {
	i := slices.IndexFunc(b.app.Routes, func(r describe.Route) bool { return r.Key == key })
	if i < 0 {
		return describe.Route{}, false
	}
	return b.app.Routes[i], true
}

// isSource reports whether an item of a split names a source.
func (b *builder) isSource(item string) bool {
	if b.app.Authorizer != nil && slices.Contains(b.sourceItems(describe.Source{Kind: "authorizer"}), item) {
		return true
	}
	return slices.ContainsFunc(b.app.Sources, func(s describe.Source) bool {
		return s.Kind != "custom" && slices.Contains(b.sourceItems(s), item)
	})
}

// sourceItems returns the spellings of a source in a split, the most specific first. That without a
// colon is left out if a route is spelled so.
func (b *builder) sourceItems(s describe.Source) []string {
	items := []string{s.Kind + ":" + s.Name}
	if s.Name != "" {
		items = append(items, s.Kind+":")
	}
	if _, isRoute := b.route(s.Kind); !isRoute {
		items = append(items, s.Kind)
	}
	return slices.DeleteFunc(items, func(item string) bool {
		_, isRoute := b.route(item)
		return isRoute
	})
}

// items returns everything that a split may list, for an error.
func (b *builder) items() []string {
	var list []string
	for _, r := range b.app.Routes {
		if r.Answer != describe.AnswerMock {
			list = append(list, shown(r.Key))
		}
	}
	if b.app.Authorizer != nil {
		list = append(list, "authorizer")
	}
	for _, s := range b.app.Sources {
		if s.Kind != "custom" {
			list = append(list, shown(strings.TrimSuffix(s.Kind+":"+s.Name, ":")))
		}
	}
	return list
}
