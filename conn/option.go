package conn

import (
	"fmt"
	"time"

	"github.com/gatesock/gatesock"
)

// Option is an option of [Track] or of [NewMemory]. Each option names the function that takes it;
// the other one panics on it.
type Option interface{ isOption() }

type (
	trackOption  func(*tracker)
	memoryOption func(*memory)
)

func (trackOption) isOption()  {}
func (memoryOption) isOption() {}

// required panics if the parameter of an option is nil.
func required(option, parameter string, isNil bool) {
	if isNil {
		panic("conn: " + option + ": " + parameter + " must not be nil")
	}
}

// WithUser sets which user a connection of [Track] belongs to; an empty name means none. The
// default is the authorizer's [gatesock.Request.PrincipalID]. It panics if user is nil.
func WithUser(user func(*gatesock.Request) string) Option {
	required("WithUser", "user", user == nil)
	return trackOption(func(t *tracker) { t.user = user })
}

// WithAttributes sets the [Conn.Attributes] that [Track] keeps. The default is what the
// authorizer returned, each name with [AuthorizerPrefix], without the principal id and the values
// that the gateway adds. With this option authz.RestorePrincipal finds no scopes, roles or
// expiry. A handshake with an attribute whose name begins with that prefix is refused with
// [gatesock.CodeInternal]. It panics if attributes is nil.
func WithAttributes(attributes func(*gatesock.Request) map[string]string) Option {
	required("WithAttributes", "attributes", attributes == nil)
	return trackOption(func(t *tracker) { t.attributes = attributes })
}

// WithEndpoint sets where to post to a connection of [Track], if connections of several APIs
// share a store. The default is empty, which means the poster's own endpoint. It panics if
// endpoint is nil.
func WithEndpoint(endpoint func(*gatesock.Request) string) Option {
	required("WithEndpoint", "endpoint", endpoint == nil)
	return trackOption(func(t *tracker) { t.endpoint = endpoint })
}

// WithGroups sets the groups that a connection of [Track] is in from its start. It panics if
// groups is nil.
func WithGroups(groups func(*gatesock.Request) []string) Option {
	required("WithGroups", "groups", groups == nil)
	return trackOption(func(t *tracker) { t.groups = groups })
}

// WithEveryone makes [Track] add every connection to the group [Everyone].
func WithEveryone() Option { return trackOption(func(t *tracker) { t.everyone = true }) }

// WithExpiry sets when the credential of a connection of [Track] ends, in whole seconds; the zero
// time means never. The default is the "exp" of the authorizer's context. The record expires
// then, or after the time of [WithTTL] if that is earlier. It panics if expiry is nil.
func WithExpiry(expiry func(*gatesock.Request) time.Time) Option {
	required("WithExpiry", "expiry", expiry == nil)
	return trackOption(func(t *tracker) { t.expiry = expiry })
}

// WithTTL sets how long after its start the record of a connection of [Track] expires. The
// default is [DefaultTTL]. It panics if d is less than one second, the resolution of expiry.
func WithTTL(d time.Duration) Option {
	if d < time.Second {
		panic(fmt.Sprintf("conn: WithTTL: d is %v, must be at least 1s", d))
	}
	return trackOption(func(t *tracker) { t.ttl = d })
}

// WithClock sets the clock of [NewMemory]. The default is [time.Now]. The clock must be safe for
// concurrent use, and must not call the store, which may be locked. It panics if now is nil.
func WithClock(now func() time.Time) Option {
	required("WithClock", "now", now == nil)
	return memoryOption(func(m *memory) { m.now = now })
}

// WithShards sets in how many parts [NewMemory] reads a group. The default is 1. It panics if n
// is below 1.
func WithShards(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("conn: WithShards: n is %d, must be at least 1", n))
	}
	return memoryOption(func(m *memory) { m.shards = n })
}

// WithPageSize sets how many members a page of [NewMemory] has if the query sets no limit. The
// default is 256. It panics if n is below 1.
func WithPageSize(n int) Option {
	if n < 1 {
		panic(fmt.Sprintf("conn: WithPageSize: n is %d, must be at least 1", n))
	}
	return memoryOption(func(m *memory) { m.pageSize = n })
}

// WithEnded sets the function that [NewMemory] calls for each record that ends; see [EndedFunc].
// It calls it for an expired record when a later Put removes that record. It panics if f is nil.
func WithEnded(f EndedFunc) Option {
	required("WithEnded", "f", f == nil)
	return memoryOption(func(m *memory) { m.ended = f })
}
