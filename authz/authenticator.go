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

var (
	// ErrUnauthenticated says that a credential is missing or no good: the handshake is refused with 401. What it is
	// wrapped in is logged, and the client does not learn it.
	ErrUnauthenticated = errors.New("authz: not authenticated")
	// ErrNoCredential is an [ErrUnauthenticated]: there is no credential of the kind that an [Authenticator] knows.
	ErrNoCredential = fmt.Errorf("%w: no credential", ErrUnauthenticated)
	// ErrForbidden says that somebody who is known may not connect: the handshake is refused with 403.
	ErrForbidden = errors.New("authz: forbidden")
)

// Handshake is a connection that is about to open.
type Handshake struct {
	ConnectionID string
	// RouteKey is "$connect".
	RouteKey string
	// APIID, Stage and DomainName say which API it is for, as in [gatesock.Request].
	APIID, Stage, DomainName string
	// Time is when the gateway took it, in UTC.
	Time time.Time
	// Header and Query are those of the HTTP request; Header has canonical keys.
	Header http.Header
	Query  url.Values
	// StageVariables are those of the stage; nil without any.
	StageVariables map[string]string
	// Identity is what the gateway knows about the client by itself.
	Identity gatesock.Identity
}

// Authenticator finds out who connects. It is safe for concurrent use.
type Authenticator interface {
	// Authenticate returns the principal. An error that is an [ErrUnauthenticated] refuses the handshake with 401, an
	// [ErrForbidden] with 403, a [gatesock.Error] with its code's status where there is no authorizer. All others are
	// faults of ours: 500.
	//
	// An Authenticator that only decides, such as [Origins], returns a Principal without ID.
	Authenticate(ctx context.Context, h *Handshake) (Principal, error)
}

// AuthenticatorFunc is a function that is an [Authenticator].
type AuthenticatorFunc func(ctx context.Context, h *Handshake) (Principal, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, h *Handshake) (Principal, error) {
	return f(ctx, h)
}

// Verifier verifies a token by itself, wherever it came from: package authz/jwtauth has one for JWT, package authz/apikey one
// for API keys. It is safe for concurrent use.
type Verifier interface {
	// Verify returns the token's principal. Errors are as those of [Authenticator]; a token that is not of the Verifier's
	// kind at all is an [ErrNoCredential].
	Verify(ctx context.Context, token string) (Principal, error)
}

// VerifierFunc is a function that is a [Verifier].
type VerifierFunc func(ctx context.Context, token string) (Principal, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, token string) (Principal, error) {
	return f(ctx, token)
}

// PrefixIDs returns a Verifier of the same tokens whose principals have the prefix before their ids. All authenticators of
// an API share one namespace: without prefixes the user "7" of an identity provider and the owner "7" of an API key are one
// principal, with one conn.UserGroup, one limit and each other's messages. Give the same Verifier to [Bearer] and to
// [CredentialExpiry]. It panics if the prefix is empty or v is nil.
//
//	authz.Any(
//		authz.Bearer(authz.PrefixIDs("user:", tokens)),
//		authz.Bearer(authz.PrefixIDs("key:", keys), authz.Header("X-Api-Key")),
//	)
//
// Where one of several has no prefix, its ids must not begin with that of another.
func PrefixIDs(prefix string, v Verifier) Verifier {
	if prefix == "" || v == nil {
		panic("authz: PrefixIDs without a prefix or with a nil Verifier")
	}
	return VerifierFunc(func(ctx context.Context, token string) (Principal, error) {
		p, err := v.Verify(ctx, token)
		if err == nil && p.ID != "" {
			p.ID = prefix + p.ID
		}
		return p, err
	})
}

// All asks the authenticators in order. Each must agree, and those that name a principal must name the same one; its
// scopes and roles are those of all together, and it expires with the first. It panics without any.
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

// Any asks the authenticators in order, up to the first whose kind of credential is there: what that one says is final. It
// goes on only after an [ErrNoCredential], so that a bad token is not made good by another way in. The same id from two of
// them is the same principal; see [PrefixIDs]. It panics without any.
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
		panic("authz: " + function + " without an Authenticator")
	}
	for i, a := range authenticators {
		if a == nil {
			panic(fmt.Sprintf("authz: %s: Authenticator %d is nil", function, i))
		}
	}
}
