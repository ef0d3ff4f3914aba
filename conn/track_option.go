package conn

import (
	"time"

	"github.com/gatesock/gatesock"
)

// TrackOption is an option of [Track].
type TrackOption interface{ applyTrack(*tracker) }

type trackOption func(*tracker)

func (o trackOption) applyTrack(t *tracker) { o(t) }

// WithUser says who is connected; empty is nobody in particular. The default is the authorizer's
// [gatesock.Request.PrincipalID].
func WithUser(user func(*gatesock.Request) string) TrackOption {
	return trackOption(func(t *tracker) { t.user = user })
}

// WithAttributes says what to keep in [Conn.Attributes] in place of what the authorizer returned, which by default is kept
// under names with [AuthorizerPrefix], without the principal id and what the gateway adds. authz.RestorePrincipal then knows no
// scopes, roles or expiry of the principal. A handshake with an attribute whose own name has that prefix is refused with
// [gatesock.CodeInternal].
func WithAttributes(attributes func(*gatesock.Request) map[string]string) TrackOption {
	return trackOption(func(t *tracker) { t.attributes = attributes })
}

// WithEndpoint says where to post to the connection, for a store that connections of several APIs share. By
// default the endpoint is empty: the poster's own.
func WithEndpoint(endpoint func(*gatesock.Request) string) TrackOption {
	return trackOption(func(t *tracker) { t.endpoint = endpoint })
}

// WithGroups names groups that a connection is in from its beginning.
func WithGroups(groups func(*gatesock.Request) []string) TrackOption {
	return trackOption(func(t *tracker) { t.groups = groups })
}

// WithEveryone makes every connection a member of [Everyone].
func WithEveryone() TrackOption {
	return trackOption(func(t *tracker) { t.everyone = true })
}

// WithExpiry says when the credential of a connection ends, in place of what the authorizer's context says, in whole seconds; the
// rest is cut off. The zero time is never. The record expires then, or after what [WithTTL] says if that is earlier.
func WithExpiry(expiry func(*gatesock.Request) time.Time) TrackOption {
	return trackOption(func(t *tracker) { t.expiry = expiry })
}

// WithTTL sets how long after the connection's beginning its record expires; the default is [DefaultTTL]. It
// panics if d is less than a second, which is as exact as expiry is.
func WithTTL(d time.Duration) TrackOption {
	if d < time.Second {
		panic("conn: WithTTL with less than a second")
	}
	return trackOption(func(t *tracker) { t.ttl = d })
}
