package authz

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gatesock/gatesock"
)

// The errors of an [Authenticator]. Wrap them in a text that describes what is wrong: it is logged,
// and the client does not learn it.
var (
	// ErrUnauthenticated means that a credential is missing or invalid: 401.
	ErrUnauthenticated = errors.New("authz: not authenticated")
	// ErrNoCredential means that the handshake has no credential of the kind that an Authenticator
	// checks. It is an ErrUnauthenticated; [Any] goes on to the next Authenticator.
	ErrNoCredential = fmt.Errorf("%w: no credential", ErrUnauthenticated)
	// ErrForbidden means that the client is known and may not connect: 403.
	ErrForbidden = errors.New("authz: forbidden")
)

// Handshake is a connection that is about to open.
type Handshake struct {
	ConnectionID string
	// RouteKey is "$connect".
	RouteKey string
	// APIID, Stage and DomainName name the API that the client connects to, as in [gatesock.Request].
	APIID, Stage, DomainName string
	// Time is when API Gateway received the handshake, in UTC.
	Time time.Time
	// Header and Query are those of the HTTP request. The keys of Header are canonical.
	Header http.Header
	Query  url.Values
	// StageVariables are the variables of the stage; nil if it has none.
	StageVariables map[string]string
	// Identity is what API Gateway itself knows about the client.
	Identity gatesock.Identity
}

// Authenticator decides about a handshake. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the principal of a handshake. An [ErrUnauthenticated] refuses it with 401,
	// an [ErrForbidden] with 403. Any other error is internal: 500.
	//
	// A [gatesock.Error] refuses the handshake with the status of its code, such as 429. An
	// [Authorizer] can answer with 401, 403 and 500 only: it answers with 401 for
	// gatesock.CodeUnauthenticated, 500 for statuses from 500 on, and 403 for all others.
	//
	// An Authenticator that does not identify the client, such as [Origins], returns a Principal
	// without an ID. The handshake is refused with 401 unless another one of [All] returns an ID.
	Authenticate(ctx context.Context, h *Handshake) (Principal, error)
}

// AuthenticatorFunc is an [Authenticator] that is a function.
type AuthenticatorFunc func(ctx context.Context, h *Handshake) (Principal, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, h *Handshake) (Principal, error) {
	return f(ctx, h)
}

// Verifier verifies a token, regardless of where in the handshake it was. Package authz/jwtauth has
// one for JWTs, and package authz/apikey one for API keys. It is safe for concurrent use.
type Verifier interface {
	// Verify returns the principal of a token. Its errors are those of [Authenticator]. A token of
	// another kind than the Verifier's is an [ErrNoCredential].
	Verify(ctx context.Context, token string) (Principal, error)
}

// VerifierFunc is a [Verifier] that is a function.
type VerifierFunc func(ctx context.Context, token string) (Principal, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, token string) (Principal, error) {
	return f(ctx, token)
}

// PrefixIDs returns a Verifier of the same tokens that puts a prefix before the ids of their
// principals. All authenticators of an API share one namespace: without prefixes, the user "7" of
// an identity provider and the owner "7" of an API key are the same principal. They share a
// conn.UserGroup, receive each other's messages, and use up each other's limits.
//
//	authz.Any(
//		authz.Bearer(authz.PrefixIDs("user:", tokens)),
//		authz.Bearer(authz.PrefixIDs("key:", keys), authz.Header("X-Api-Key")),
//	)
//
// If one of several verifiers has no prefix, its ids must not begin with the prefix of another.
// Give the Verifier that PrefixIDs returns to [WithRenewals] too. It panics if the prefix is empty
// or v is nil.
func PrefixIDs(prefix string, v Verifier) Verifier {
	if prefix == "" || v == nil {
		panic("authz: PrefixIDs: the prefix must not be empty, and the Verifier must not be nil")
	}
	return VerifierFunc(func(ctx context.Context, token string) (Principal, error) {
		p, err := v.Verify(ctx, token)
		if err == nil && p.ID != "" {
			p.ID = prefix + p.ID
		}
		return p, err
	})
}

// All returns an Authenticator that asks several in order. A handshake needs the consent of each.
// Those that return a principal must return the same ID. The result has the scopes, roles and
// attributes of all, and expires with the first of them. It panics without an Authenticator, and if
// one is nil.
func All(authenticators ...Authenticator) Authenticator {
	checkAuthenticators("All", authenticators)
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		var all Principal
		for _, a := range authenticators {
			p, err := a.Authenticate(ctx, h)
			if err != nil {
				return Principal{}, err
			}
			if all, err = merge(all, p); err != nil {
				return Principal{}, err
			}
		}
		return all, nil
	})
}

// Any returns an Authenticator that asks several in order, up to the first for whose kind of
// credential the handshake has one, which decides alone. It goes on to the next only after an
// [ErrNoCredential], so that an invalid token can't be made up for by another credential. The same
// ID from two of them is the same principal; see [PrefixIDs]. It panics without an Authenticator,
// and if one is nil.
func Any(authenticators ...Authenticator) Authenticator {
	checkAuthenticators("Any", authenticators)
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		for _, a := range authenticators {
			p, err := a.Authenticate(ctx, h)
			if !errors.Is(err, ErrNoCredential) {
				return p, err
			}
		}
		return Principal{}, ErrNoCredential
	})
}

func checkAuthenticators(function string, authenticators []Authenticator) {
	if len(authenticators) == 0 {
		panic("authz: " + function + " needs at least one Authenticator")
	}
	for i, a := range authenticators {
		if a == nil {
			panic(fmt.Sprintf("authz: %s: Authenticator %d must not be nil", function, i))
		}
	}
}
