package gatesock_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func open(next gatesock.HandlerFunc) gatesock.HandlerFunc { return next }

func ignore(context.Context, *gatesock.Request, struct{}) error { return nil }

func TestGuards(t *testing.T) {
	t.Parallel()
	closed := gatesock.WithGuard("nobody", func(gatesock.HandlerFunc) gatesock.HandlerFunc {
		return func(context.Context, *gatesock.Request) (*gatesock.Reply, error) {
			return nil, gatesock.Errorf(gatesock.CodePermissionDenied, "nobody may")
		}
	})
	r := gatesock.New(gatesock.DenyByDefault())
	gatesock.Handle(r, "open", ignore, gatesock.WithGuard("public", open))
	gatesock.Handle(r, "closed", ignore, gatesock.WithGuard("public", open), closed)
	in := reflect.TypeFor[struct{}]()
	require.Equal(t, []gatesock.Route{
		{Key: "$connect"},
		{Key: "$default", NeedsResponse: true},
		{Key: "$disconnect"},
		{Key: "closed", NeedsResponse: true, In: in, JSON: true, Guards: []gatesock.Guard{{Name: "public"}, {Name: "nobody"}}},
		{Key: "open", NeedsResponse: true, In: in, JSON: true, Guards: []gatesock.Guard{{Name: "public"}}},
	}, r.Describe().Routes)
	r.Describe().Routes[3].Guards[0].Name = "changed"
	require.Equal(t, "public", r.Describe().Routes[3].Guards[0].Name)
	r.Freeze()
	for _, f := range []func(){func() { gatesock.WithGuard("", open) }, func() { gatesock.WithGuard("x", nil) }} {
		require.Panics(t, f)
	}
}

func TestRoutesWithoutGuard(t *testing.T) {
	t.Parallel()
	r := gatesock.New(gatesock.DenyByDefault())
	r.OnConnect(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	gatesock.Handle(r, "guarded", ignore, gatesock.WithGuard("public", open))
	gatesock.Handle(r, "b", ignore)
	r.OnDefault(func(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil })
	for _, start := range []func(){r.Freeze, func() { _, _ = r.Invoke(t.Context(), nil) }} {
		func() {
			defer func() {
				require.Regexp(t, `^gatesock: DenyByDefault requires a guard, but these routes have none: "\$default" at \S+guard_test.go:\d+, "b" at \S+guard_test.go:\d+$`, recover())
			}()
			start()
		}()
	}
}
