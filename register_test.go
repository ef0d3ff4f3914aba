package gatesock_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func ok(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }

func typed(context.Context, *gatesock.Request, say) error { return nil }

// looseCodec is a codec that can't be strict.
type looseCodec struct{ gatesock.Codec }

func TestWrongRegistrationsPanic(t *testing.T) {
	t.Parallel()
	var nilHandler func(context.Context, *gatesock.Request, say) error
	for _, tt := range []struct {
		name, want string // %s stands for a site in this file
		register   func(r *gatesock.Router)
	}{
		{"twice", `gatesock: route "say" at %s was registered already at %s`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed)
			gatesock.Handle(r, "say", typed)
		}},
		{"typed and untyped", `gatesock: route "say" at %s was registered already at %s`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed)
			r.Message("say", ok)
		}},
		{"two $connect", `gatesock: route "$connect" at %s was registered already at %s`, func(r *gatesock.Router) {
			r.Connect(ok)
			r.Connect(ok)
		}},
		{"empty key", `gatesock: the route key at %s is empty`, func(r *gatesock.Router) { gatesock.Handle(r, "", typed) }},
		{"reserved key", `gatesock: the route key "$connect" at %s is reserved; use Connect, Disconnect or Default`, func(r *gatesock.Router) {
			gatesock.Handle(r, "$connect", typed)
		}},
		{"reserved untyped key", `gatesock: the route key "$default" at %s is reserved; use Connect, Disconnect or Default`, func(r *gatesock.Router) {
			r.Message("$default", ok)
		}},
		{"nil typed handler", `gatesock: the handler of route "say" at %s is nil`, func(r *gatesock.Router) { gatesock.Handle(r, "say", nilHandler) }},
		{"nil handler", `gatesock: the handler of route "$default" at %s is nil`, func(r *gatesock.Router) { r.Default(nil) }},
		{"nil middleware", `gatesock: middleware 1 given to Use at %s is nil`, func(r *gatesock.Router) { r.Use(gatesock.Recover(), nil) }},
		{"nil middleware of a route", `gatesock: middleware 0 of route "say" at %s is nil`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.With(nil))
		}},
		{"strict without a strict codec", `gatesock: route "say" at %s wants strict decoding, but its codec gatesock_test.looseCodec is no StrictCodec`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.StrictDecoding(), gatesock.WithCodec(looseCodec{}))
		}},
		{"nil option", `gatesock: option 0 given to New at %s is nil`, func(*gatesock.Router) { gatesock.New(nil) }},
		{"nil route option", `gatesock: option 0 of route "say" at %s is nil`, func(r *gatesock.Router) { gatesock.Handle(r, "say", typed, nil) }},
		{"nil codec", `gatesock: WithCodec at %s got no codec`, func(*gatesock.Router) { gatesock.WithCodec(nil) }},
		{"nil logger", `gatesock: WithLogger at %s got no logger`, func(*gatesock.Router) { gatesock.WithLogger(nil) }},
		{"middleware that returns nil", `gatesock: the middleware given at %s returned nil for route "$connect"`, func(r *gatesock.Router) {
			r.Use(func(gatesock.HandlerFunc) gatesock.HandlerFunc { return nil })
			_, _ = r.Invoke(context.Background(), nil)
		}},
		{"middleware of a route that returns nil", `gatesock: the middleware given at %s returned nil for route "say"`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.With(func(gatesock.HandlerFunc) gatesock.HandlerFunc { return nil }))
			_, _ = r.Invoke(context.Background(), nil)
		}},
		{"route after the first event", `gatesock: route "say" at %s comes after the first event`, func(r *gatesock.Router) {
			_, _ = r.Invoke(context.Background(), nil)
			gatesock.Handle(r, "say", typed)
		}},
		{"middleware after the first event", `gatesock: Use at %s comes after the first event`, func(r *gatesock.Router) {
			_, _ = r.Invoke(context.Background(), nil)
			r.Use(gatesock.Recover())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				text := fmt.Sprint(recover())
				require.Regexp(t, sitePattern(tt.want), text)
			}()
			tt.register(gatesock.New())
			t.Error("no panic")
		})
	}
}

// sitePattern makes a pattern of a text in which each %s stands for a place in this file.
func sitePattern(text string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(text), "%s", `\S*/register_test\.go:\d+`) + "$"
}
