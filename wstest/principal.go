package wstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/gatesock/gatesock/authz"
)

// WithPrincipal connects as a principal whom the API's authorizer has let in: the events of the connection have in
// requestContext.authorizer what they have behind an [authz.Authorizer] that finds that principal, so that [authz.PrincipalFrom],
// [authz.RequireScopes], [authz.RequireRole] and [authz.CredentialExpiry] see it. The API's own authorizer is not asked.
//
//	h.Connect(wstest.WithPrincipal(authz.Principal{ID: "alice", Scopes: []string{"chat:write"}}))
//
// A principal that an authorizer could not let in, as one without an ID, fails the test. See [WithUser] and
// [WithAuthorizerContext].
func WithPrincipal(p authz.Principal) ConnectOption {
	return connectOption(func(r *request) {
		r.user = p.ID
		r.Authorizer, r.UsageKey, r.err = authorizerResult(p)
	})
}

// WithUser is [WithPrincipal] for a principal of whom nothing is known but its ID.
func WithUser(id string) ConnectOption { return WithPrincipal(authz.Principal{ID: id}) }

// WithAuthorizerContext connects as somebody whom an authorizer that is not of package authz has let in: the events of the
// connection have principalID and the values in requestContext.authorizer. They are strings, numbers and booleans, as the
// gateway takes no others. The API's own authorizer is not asked. For principals of package authz there is [WithPrincipal]: how they are
// written is up to that package.
func WithAuthorizerContext(principalID string, values map[string]any) ConnectOption {
	return connectOption(func(r *request) {
		r.user = principalID
		r.Authorizer = map[string]any{}
		maps.Copy(r.Authorizer, values)
		r.Authorizer["principalId"] = principalID
	})
}

// authorizerEvent is an event of a REQUEST authorizer, as far as an [authz.Authorizer] looks at it before it authenticates.
const authorizerEvent = `{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:localapi00/local/$connect",` +
	`"requestContext":{"routeKey":"$connect","connectionId":"wstest"}}`

// authorizerResult returns what an [authz.Authorizer] says of a principal, as the gateway puts it into events, and the usage key.
// It asks one, so that what it writes and refuses is the same here as where it is deployed.
func authorizerResult(p authz.Principal) (values map[string]any, usageKey string, err error) {
	var log bytes.Buffer
	why := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "error" {
			return slog.String(a.Key, clip(a.Value.String()))
		}
		return slog.Attr{} // of an event that nobody has sent
	}})
	authorizer := authz.NewAuthorizer(
		authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) { return p, nil }),
		authz.WithLogger(slog.New(why)),
	)
	out, err := authorizer.Invoke(context.Background(), []byte(authorizerEvent))
	if err != nil {
		return nil, "", fmt.Errorf("an authorizer can't let this principal in: %w: %s", err, strings.TrimSpace(log.String()))
	}
	var answer struct {
		PrincipalID        string         `json:"principalId"`
		Context            map[string]any `json:"context"`
		UsageIdentifierKey string         `json:"usageIdentifierKey"`
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, "", fmt.Errorf("the authorizer's answer: %w", err)
	}
	values = map[string]any{"integrationLatency": 0} // the gateway adds it, and no time passes
	maps.Copy(values, answer.Context)
	values["principalId"] = answer.PrincipalID
	return values, answer.UsageIdentifierKey, nil
}
