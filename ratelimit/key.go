package ratelimit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// KeyFunc chooses whose bucket an event takes tokens from: the bucket of its connection, its
// user, its API key, its address or its route. The By functions return one; the zero KeyFunc is
// not valid.
type KeyFunc struct {
	// of returns a kind of names, and a name of that kind. Equal names of different kinds are
	// apart.
	of func(req *gatesock.Request) (kind, name string)
	// kind is the kind of most names, for descriptions.
	kind string
}

// Key returns the key of an event: a kind, such as "user", and a name of that kind. If the name
// is empty, the event is not limited. A name longer than 900 bytes, or not UTF-8, is returned as
// its hash, since no store could take it.
func (k KeyFunc) Key(req *gatesock.Request) (kind, name string) {
	kind, name = k.of(req)
	return kind, storable(name)
}

// IsZero reports whether k is the zero KeyFunc.
func (k KeyFunc) IsZero() bool { return k.of == nil }

// ByConnection limits the messages of each connection. A $connect is not limited: the bucket of a
// new connection is full.
func ByConnection() KeyFunc {
	return KeyFunc{kind: "connection", of: func(req *gatesock.Request) (kind, name string) {
		if req.EventType == gatesock.EventConnect {
			return "connection", ""
		}
		return "connection", req.ConnectionID
	}}
}

// ByUser limits each user, over all of their connections. The user is the principal that the
// authorizer returned. Events without a principal are limited by address, as with [BySourceIP].
func ByUser() KeyFunc {
	return KeyFunc{kind: "user", of: func(req *gatesock.Request) (kind, name string) {
		if id := req.PrincipalID(); id != "" {
			return "user", id
		}
		return bySource(req)
	}}
}

// ByAPIKey limits each API key, whether it is one of package authz/apikey or one of the
// gateway's. Events without an API key are limited by address, as with [BySourceIP].
func ByAPIKey() KeyFunc {
	return KeyFunc{kind: "key", of: func(req *gatesock.Request) (kind, name string) {
		if key := authz.AttributeFrom(req, authz.APIKeyAttribute); key != "" {
			return "key", key
		}
		if req.Identity.APIKeyID != "" {
			return "gateway-key", req.Identity.APIKeyID
		}
		return bySource(req)
	}}
}

// BySourceIP limits each address. An IPv6 address stands for its /64 network, because a host may
// use any address in it. Events without an address, which the gateway does not send, share one
// bucket.
func BySourceIP() KeyFunc { return KeyFunc{kind: "source", of: bySource} }

func bySource(req *gatesock.Request) (kind, name string) {
	return "source", cmp.Or(network(req.Identity.SourceIP), noAddress)
}

// noAddress is the name of all events without an address, so that they do not go unlimited.
const noAddress = "unknown"

// ByRoute limits each route, for all clients together.
func ByRoute() KeyFunc {
	return KeyFunc{kind: "route", of: func(req *gatesock.Request) (kind, name string) { return "route", req.Route }}
}

// ByFunc limits by a name of your own, such as a room or a tenant. The kind keeps these names
// apart from those of other functions. An event whose name is empty is not limited. It panics if
// of is nil, or if the kind is empty, longer than 64 bytes, not UTF-8, or contains ":" or "#".
func ByFunc(kind string, of func(req *gatesock.Request) string) KeyFunc {
	if of == nil {
		panic("ratelimit: ByFunc: of must not be nil")
	}
	if kind == "" || len(kind) > 64 || !utf8.ValidString(kind) || strings.ContainsAny(kind, ":#") {
		panic(fmt.Sprintf("ratelimit: ByFunc: the kind %.80q must be 1 to 64 bytes of UTF-8 without : and #", kind))
	}
	return KeyFunc{kind: kind, of: func(req *gatesock.Request) (string, string) { return kind, of(req) }}
}

// network returns the part of an address that its owner cannot choose.
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

// hashed begins the names that are hashes.
const hashed = "sha256#"

// storable returns a name as it is in a store's key: the name itself, or its hash if it is too
// long for some stores or not UTF-8. Clients choose some names, and a name that no store takes
// must not go unlimited. A name that looks like a hash is hashed too, so that no name stands for
// another.
func storable(name string) string {
	const longest = 900
	if len(name) <= longest && utf8.ValidString(name) && !strings.HasPrefix(name, hashed) {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hashed + hex.EncodeToString(sum[:])
}
