package ratelimit

import (
	"net/netip"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// Key says whose bucket an event takes its tokens from.
type Key struct {
	kind string
	of   func(req *gatesock.Request) string
}

// ByConnection gives each connection a bucket, for its messages: a $connect takes nothing, since the bucket of a new connection is full.
func ByConnection() Key {
	return Key{"connection", func(req *gatesock.Request) string {
		if req.EventType == gatesock.EventConnect {
			return ""
		}
		return req.ConnectionID
	}}
}

// ByUser gives each user a bucket, for all connections together: the principal of the authorizer. Events without one take from the
// bucket of their address, as with [BySource].
func ByUser() Key {
	return Key{"user", func(req *gatesock.Request) string {
		if id := req.PrincipalID(); id != "" {
			return id
		}
		return "@" + network(req.Identity.SourceIP)
	}}
}

// ByAPIKey gives each API key a bucket: those of package authz/apikey, and those of the gateway. Events without one take from the bucket
// of their address, as with [BySource].
func ByAPIKey() Key {
	return Key{"key", func(req *gatesock.Request) string {
		switch key := authz.AttributeOf(req, authz.APIKeyAttribute); {
		case key != "":
			return key
		case req.Identity.APIKeyID != "":
			return "gateway:" + req.Identity.APIKeyID
		}
		return "@" + network(req.Identity.SourceIP)
	}}
}

// BySource gives each address a bucket; of IPv6 each network of 64 bits, since a host has as many addresses in it as it likes.
func BySource() Key {
	return Key{"source", func(req *gatesock.Request) string { return network(req.Identity.SourceIP) }}
}

// ByRoute gives each route one bucket for all.
func ByRoute() Key {
	return Key{"route", func(req *gatesock.Request) string { return req.HandledBy }}
}

// By takes the bucket that a function names, apart from those of other kinds; an empty name limits nothing. It panics if of is nil or
// the kind is empty.
func By(kind string, of func(req *gatesock.Request) string) Key {
	if kind == "" || of == nil {
		panic("ratelimit: By without a kind or with a nil function")
	}
	return Key{kind, of}
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
