package ratelimit

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// KeyFunc says whose bucket an event takes its tokens from.
type KeyFunc struct {
	// of gives a kind of names, and a name of it: those of different kinds are apart, however they are written.
	of func(req *gatesock.Request) (kind, name string)
}

// ByConnection gives each connection a bucket, for its messages: a $connect takes nothing, since the bucket of a new connection is full.
func ByConnection() KeyFunc {
	return KeyFunc{func(req *gatesock.Request) (kind, name string) {
		if req.EventType == gatesock.EventConnect {
			return "connection", ""
		}
		return "connection", req.ConnectionID
	}}
}

// ByUser gives each user a bucket, for all connections together: the principal of the authorizer. Events without one take from the
// bucket of their address, as with [BySourceIP].
func ByUser() KeyFunc {
	return KeyFunc{func(req *gatesock.Request) (kind, name string) {
		if id := req.PrincipalID(); id != "" {
			return "user", id
		}
		return bySource(req)
	}}
}

// ByAPIKey gives each API key a bucket: those of package authz/apikey, and those of the gateway. Events without one take from the bucket
// of their address, as with [BySourceIP].
func ByAPIKey() KeyFunc {
	return KeyFunc{func(req *gatesock.Request) (kind, name string) {
		if key := authz.AttributeFrom(req, authz.APIKeyAttribute); key != "" {
			return "key", key
		}
		if req.Identity.APIKeyID != "" {
			return "gateway-key", req.Identity.APIKeyID
		}
		return bySource(req)
	}}
}

// BySourceIP gives each address a bucket; of IPv6 each network of 64 bits, since a host has as many addresses in it as it likes.
// Events without an address, which the gateway does not send, share one bucket.
func BySourceIP() KeyFunc { return KeyFunc{bySource} }

func bySource(req *gatesock.Request) (kind, name string) {
	return "source", cmp.Or(network(req.Identity.SourceIP), noAddress)
}

// noAddress names all events that have no address, which take from one bucket: they do not go unlimited.
const noAddress = "unknown"

// ByRoute gives each route one bucket for all.
func ByRoute() KeyFunc {
	return KeyFunc{func(req *gatesock.Request) (kind, name string) { return "route", req.Route }}
}

// ByFunc takes the bucket that a function names, apart from those of other kinds; an empty name limits nothing. It panics if of is nil, or
// the kind is empty, longer than 64 bytes, not UTF-8 or has a ":" or a "#".
func ByFunc(kind string, of func(req *gatesock.Request) string) KeyFunc {
	if !isKind(kind) || of == nil {
		panic(fmt.Sprintf("ratelimit: By with a nil function, or with the kind %.80q, which needs 1 to 64 bytes of UTF-8 without : and #", kind))
	}
	return KeyFunc{func(req *gatesock.Request) (string, string) { return kind, of(req) }}
}

func isKind(kind string) bool {
	return kind != "" && len(kind) <= 64 && utf8.ValidString(kind) && !strings.ContainsAny(kind, ":#")
}

// network is the part of an address that its owner can't choose.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() || a.Is4In6() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}
