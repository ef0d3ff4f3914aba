package gatesock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
)

func ok(context.Context, *gatesock.Request) (*gatesock.Reply, error) { return nil, nil }

func typed(context.Context, *gatesock.Request, say) error { return nil }

// looseCodec is a codec without UnmarshalStrict.
type looseCodec struct{ gatesock.Codec }

func TestWrongRegistrationsPanic(t *testing.T) {
	t.Parallel()
	var nilHandler func(context.Context, *gatesock.Request, say) error
	for _, tt := range []struct {
		name, want string // %s stands for a site in this file
		register   func(r *gatesock.Router)
	}{
		{"twice", `gatesock: route "say" at %s is already registered at %s`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed)
			gatesock.Handle(r, "say", typed)
		}},
		{"typed and untyped", `gatesock: route "say" at %s is already registered at %s`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed)
			r.HandleFunc("say", ok)
		}},
		{"two $connect", `gatesock: route "$connect" at %s is already registered at %s`, func(r *gatesock.Router) {
			r.OnConnect(ok)
			r.OnConnect(ok)
		}},
		{"empty key", `gatesock: the route at %s: key must not be empty`, func(r *gatesock.Router) { gatesock.Handle(r, "", typed) }},
		{"reserved key", `gatesock: the route key "$connect" at %s is reserved; use OnConnect, OnDisconnect or OnDefault`, func(r *gatesock.Router) {
			gatesock.Handle(r, "$connect", typed)
		}},
		{"reserved untyped key", `gatesock: the route key "$default" at %s is reserved; use OnConnect, OnDisconnect or OnDefault`, func(r *gatesock.Router) {
			r.HandleFunc("$default", ok)
		}},
		{"nil typed handler", `gatesock: route "say" at %s: h must not be nil`, func(r *gatesock.Router) { gatesock.Handle(r, "say", nilHandler) }},
		{"nil handler", `gatesock: route "$default" at %s: h must not be nil`, func(r *gatesock.Router) { r.OnDefault(nil) }},
		{"nil middleware", `gatesock: Use at %s: middleware 1 must not be nil`, func(r *gatesock.Router) { r.Use(gatesock.Recover(), nil) }},
		{"nil middleware of a route", `gatesock: route "say" at %s: middleware 0 must not be nil`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.WithMiddleware(nil))
		}},
		{"strict without a strict codec", `gatesock: route "say" at %s has StrictDecoding, but its codec gatesock_test.looseCodec is not a StrictCodec`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.StrictDecoding(), gatesock.WithCodec(looseCodec{}))
		}},
		{"nil option", `gatesock: New at %s: option 0 must not be nil`, func(*gatesock.Router) { gatesock.New(nil) }},
		{"nil route option", `gatesock: route "say" at %s: option 0 must not be nil`, func(r *gatesock.Router) { gatesock.Handle(r, "say", typed, nil) }},
		{"nil codec", `gatesock: WithCodec at %s: c must not be nil`, func(*gatesock.Router) { gatesock.WithCodec(nil) }},
		{"nil router", `gatesock: WithOptionsOf at %s: r must not be nil`, func(*gatesock.Router) { gatesock.WithOptionsOf(nil) }},
		{"nil logger", `gatesock: WithLogger at %s: l must not be nil`, func(*gatesock.Router) { gatesock.WithLogger(nil) }},
		{"middleware that returns nil", `gatesock: the middleware at %s returned nil for route "$connect"`, func(r *gatesock.Router) {
			r.Use(func(gatesock.HandlerFunc) gatesock.HandlerFunc { return nil })
			_, _ = r.Invoke(context.Background(), nil)
		}},
		{"middleware of a route that returns nil", `gatesock: the middleware at %s returned nil for route "say"`, func(r *gatesock.Router) {
			gatesock.Handle(r, "say", typed, gatesock.WithMiddleware(func(gatesock.HandlerFunc) gatesock.HandlerFunc {
				return nil
			}))
			_, _ = r.Invoke(context.Background(), nil)
		}},
		{"nil error frame", `gatesock: WithErrorFrame at %s: encode must not be nil`, func(*gatesock.Router) { gatesock.WithErrorFrame(nil) }},
		{"a reply on a one-way route", `gatesock: route "say" at %s is OneWay, but HandleReply would send a reply; use Handle`, func(r *gatesock.Router) {
			gatesock.HandleReply(r, "say", func(context.Context, *gatesock.Request, say) (int, error) {
				return 0, nil
			}, gatesock.OneWay())
		}},
		{"one-way $connect", `gatesock: OneWay and Raw at %s are for message routes, not for $connect`, func(r *gatesock.Router) {
			r.OnConnect(ok, gatesock.OneWay())
		}},
		{"raw $disconnect", `gatesock: OneWay and Raw at %s are for message routes, not for $disconnect`, func(r *gatesock.Router) {
			r.OnDisconnect(ok, gatesock.Raw())
		}},
		{"a handler of $default without $default", `gatesock: OnDefault at %s, but the router has the option WithoutDefaultRoute`, func(*gatesock.Router) {
			gatesock.New(gatesock.WithoutDefaultRoute()).OnDefault(ok)
		}},
		{"two members of one name", `gatesock: WithEnvelope at %s: a request would have two members "id"`, func(*gatesock.Router) {
			gatesock.WithEnvelope(gatesock.Envelope{Action: "id"})
		}},
		{"error under the name of data", `gatesock: WithEnvelope at %s: a reply would have two members "data"`, func(*gatesock.Router) {
			gatesock.WithEnvelope(gatesock.Envelope{Error: "data"})
		}},
		{"topic under the name of event", `gatesock: WithEnvelope at %s: a push would have two members "event"`, func(*gatesock.Router) {
			gatesock.WithEnvelope(gatesock.Envelope{Topic: "event"})
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

// embedded is embedded by pointer, which encoding/json cannot set.
type embedded struct{ A int }

// textual decodes itself from a string, not from an object.
type textual struct{ s string }

func (t *textual) UnmarshalText(b []byte) error {
	t.s = string(b)
	return nil
}

// objectLike decodes itself from any JSON.
type objectLike []int

func (*objectLike) UnmarshalJSON([]byte) error { return nil }

// tree is recursive.
type tree struct {
	Children []tree
	Parent   *tree `json:"-"`
	Done     func()
}

func route[In any](r *gatesock.Router, opts ...gatesock.RouteOption) {
	gatesock.Handle(r, "say", func(context.Context, *gatesock.Request, In) error { return nil }, opts...)
}

func replying[Out any](r *gatesock.Router, opts ...gatesock.RouteOption) {
	gatesock.HandleReply(r, "say", func(context.Context, *gatesock.Request, say) (out Out, err error) {
		return out, nil
	}, opts...)
}

// ownChan can be decoded, although its field cannot.
type ownChan struct{ C chan int }

func (*ownChan) UnmarshalJSON([]byte) error { return nil }

// TestTypesThatCannotWork checks that types for which no message can work panic at registration. An
// empty text means that the type works.
func TestTypesThatCannotWork(t *testing.T) {
	t.Parallel()
	const (
		object    = `gatesock: route "say" at %s decodes messages, which are JSON objects, into a `
		objectEnd = `: In must be a struct, a map, any, json.RawMessage, a type with UnmarshalJSON or a pointer to one of these; see also Raw`
		leaveOut  = `; the tag json:"-" excludes a field`
	)
	for _, tt := range []struct {
		name, want string
		register   func(r *gatesock.Router)
	}{
		{"struct", "", func(r *gatesock.Router) { route[say](r) }},
		{"pointer", "", func(r *gatesock.Router) { route[*say](r) }},
		{"map of anything", "", func(r *gatesock.Router) { route[map[string]any](r) }},
		{"map of strings", "", func(r *gatesock.Router) { route[map[string]string](r) }},
		{"any", "", func(r *gatesock.Router) { route[any](r) }},
		{"raw message", "", func(r *gatesock.Router) { route[json.RawMessage](r) }},
		{"pointer to a raw message", "", func(r *gatesock.Router) { route[*json.RawMessage](r) }},
		{"type that decodes itself", "", func(r *gatesock.Router) { route[objectLike](r) }},
		{"pointer to a type that decodes itself", "", func(r *gatesock.Router) { route[*objectLike](r) }},
		{"string", object + "string" + objectEnd, func(r *gatesock.Router) { route[string](r) }},
		{"slice", object + "[]string" + objectEnd, func(r *gatesock.Router) { route[[]string](r) }},
		{"pointer to a slice", object + "*[]string" + objectEnd, func(r *gatesock.Router) { route[*[]string](r) }},
		{"number", object + "int" + objectEnd, func(r *gatesock.Router) { route[int](r) }},
		{"interface", object + "fmt.Stringer" + objectEnd, func(r *gatesock.Router) { route[fmt.Stringer](r) }},
		{"text", object + "gatesock_test.textual" + objectEnd, func(r *gatesock.Router) { route[textual](r) }},
		{"func", object + "func()" + objectEnd, func(r *gatesock.Router) { route[func()](r) }},
		{"slice on a raw route", "", func(r *gatesock.Router) { route[[]string](r, gatesock.Raw()) }},
		{"slice in a member", "", func(*gatesock.Router) {
			route[[]string](gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Input: "data"})))
		}},
		{"slice with a codec of its own", "", func(r *gatesock.Router) { route[[]string](r, gatesock.WithCodec(upperCodec{})) }},

		{"id of another type", `gatesock: route "say" at %s decodes the string "id" of every message into ID of struct { ID int }, which is of type int: give that field another name`, func(r *gatesock.Router) {
			route[struct{ ID int }](r)
		}},
		{"tagged action of another type", `gatesock: route "say" at %s decodes the string "action" of every message into Kind of *struct { Kind []string "json:\"action\"" }, which is of type []string: give that field another name`, func(r *gatesock.Router) {
			route[*struct {
				Kind []string `json:"action"`
			}](r)
		}},
		{"embedded id of another type", `gatesock: route "say" at %s decodes the string "id" of every message into ID of struct { gatesock_test.numbered }, which is of type uint8: give that field another name`, func(r *gatesock.Router) {
			route[struct{ numbered }](r)
		}},
		{"map with numbers for names", `gatesock: route "say" at %s decodes messages into a map[int]string, which cannot hold the strings "action" and "id" of a message`, func(r *gatesock.Router) {
			route[map[int]string](r)
		}},
		{"map with names that take no action", `gatesock: route "say" at %s decodes messages into a map[netip.Addr]string, which cannot hold the strings "action" and "id" of a message`, func(r *gatesock.Router) {
			route[map[netip.Addr]string](r)
		}},
		{"map with numbers for names in a member", "", func(*gatesock.Router) {
			route[map[int]string](gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Input: "data"})))
		}},
		{"func that is left out of what is encoded", `gatesock: route "say" at %s has an In, struct { F func() "json:\"f,omitzero\"" }, that JSON cannot be decoded into: In.F is a func()` + leaveOut, func(r *gatesock.Router) {
			route[struct {
				F func() `json:"f,omitzero"`
			}](r)
		}},
		{"member that decodes itself, whatever it has", "", func(r *gatesock.Router) {
			route[struct{ A ownChan }](r)
		}},
		{"embedded pointer that is left out", "", func(r *gatesock.Router) {
			route[struct {
				*numbered `json:"-"`
			}](r)
		}},
		{"hidden id of another type", "", func(r *gatesock.Router) {
			route[struct {
				numbered
				ID string
			}](r)
		}},
		{"renamed action of another type", `gatesock: route "say" at %s decodes the string "type" of every message into Type of struct { Type int }, which is of type int: give that field another name`, func(*gatesock.Router) {
			route[struct{ Type int }](gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Action: "type"})))
		}},
		{"action of another type where it is another's name", "", func(*gatesock.Router) {
			route[struct{ Action int }](gatesock.New(gatesock.WithEnvelope(gatesock.Envelope{Action: "type"})))
		}},
		{"map of numbers", `gatesock: route "say" at %s decodes messages into a map[string]int, which cannot hold the strings "action" and "id" of a message`, func(r *gatesock.Router) {
			route[map[string]int](r)
		}},
		{"strings of all kinds", "", func(r *gatesock.Router) {
			route[struct {
				ID     *textual
				Action any
			}](r)
		}},

		{"id in a string", "", func(r *gatesock.Router) {
			route[struct {
				ID     int `json:"id,string"`
				Action json.RawMessage
			}](r)
		}},

		{"func in an In", `gatesock: route "say" at %s has an In, struct { A struct { F []func() } }, that JSON cannot be decoded into: In.A.F[] is a func()` + leaveOut, func(r *gatesock.Router) {
			route[struct{ A struct{ F []func() } }](r)
		}},
		{"func in a recursive In", `gatesock: route "say" at %s has an In, gatesock_test.tree, that JSON cannot be decoded into: In.Done is a func()` + leaveOut, func(r *gatesock.Router) {
			route[tree](r)
		}},
		{"interface in an In", "", func(r *gatesock.Router) { route[struct{ Err error }](r) }},
		{"interface as an In", `gatesock: route "say" at %s has an In, error, that JSON cannot be decoded into: In is a error, an interface with methods` + leaveOut, func(r *gatesock.Router) {
			route[error](r, gatesock.Raw())
		}},
		{"keys that are no names", `gatesock: route "say" at %s has an In, struct { M map[float64]int }, that JSON cannot be decoded into: In.M is a map[float64]int, whose keys cannot be names` + leaveOut, func(r *gatesock.Router) {
			route[struct{ M map[float64]int }](r)
		}},
		{"pointer that can't be set", `gatesock: route "say" at %s has an In, struct { *gatesock_test.embedded }, that JSON cannot be decoded into: In embeds embedded, a pointer to an unexported struct` + leaveOut, func(r *gatesock.Router) {
			route[struct{ *embedded }](r)
		}},
		{"func that is left out", "", func(r *gatesock.Router) {
			route[struct {
				F func() `json:"-"`
				f func()
			}](r)
		}},
		{"func with a codec of its own", `gatesock: route "say" at %s has an In, func(), that no codec can handle`, func(r *gatesock.Router) {
			route[func()](r, gatesock.WithCodec(upperCodec{}))
		}},

		{"chan as an Out", `gatesock: route "say" at %s has an Out, chan int, that cannot be encoded as JSON: Out is a chan int` + leaveOut, func(r *gatesock.Router) {
			replying[chan int](r)
		}},
		{"complex in an Out", `gatesock: route "say" at %s has an Out, *struct { C map[string]complex128 }, that cannot be encoded as JSON: Out.C[] is a complex128` + leaveOut, func(r *gatesock.Router) {
			replying[*struct{ C map[string]complex128 }](r)
		}},
		{"chan with a codec of its own", `gatesock: route "say" at %s has an Out, chan int, that no codec can handle`, func(r *gatesock.Router) {
			replying[chan int](r, gatesock.WithCodec(upperCodec{}))
		}},
		{"any as an Out", "", func(r *gatesock.Router) { replying[any](r) }},
		{"error as an Out", "", func(r *gatesock.Router) { replying[error](r) }},
		{"func that is left out while it is nil", "", func(r *gatesock.Router) {
			replying[struct {
				F func() `json:",omitzero"`
			}](r)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.want == "" {
				tt.register(gatesock.New())
				return
			}
			defer func() { require.Regexp(t, sitePattern(tt.want), fmt.Sprint(recover())) }()
			tt.register(gatesock.New())
			t.Error("no panic")
		})
	}
}

// numbered is embedded and has an id that is a number.
type numbered struct{ ID uint8 }

// sitePattern returns a pattern for a text in which each %s is a line of this file.
func sitePattern(text string) string {
	return "^" + strings.ReplaceAll(regexp.QuoteMeta(text), "%s", `\S*/register_test\.go:\d+`) + "$"
}
