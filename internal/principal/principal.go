// Package principal connects clients as if an authorizer of package authz had accepted them, for
// tests and for the workbench.
package principal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/internal/oneline"
)

// authorizerEvent is an event of a REQUEST authorizer, with the members that an [authz.Authorizer]
// needs.
const authorizerEvent = `{"type":"REQUEST","methodArn":"arn:aws:execute-api:us-east-1:123456789012:localapi00/local/$connect",` +
	`"requestContext":{"routeKey":"$connect","connectionId":"gatesock"}}`

// maxText is how many bytes of a reason an error has.
const maxText = 2000

// AuthorizerResult returns the result of an [authz.Authorizer] for a principal, in the form that
// the gateway adds to events, and the usage key. It calls an Authorizer, so that handlers see the
// same result as in the deployed application. The error says why an authorizer does not accept the
// principal.
func AuthorizerResult(p authz.Principal) (values map[string]any, usageKey string, err error) {
	var log bytes.Buffer
	why := slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "error" {
			return slog.String(a.Key, oneline.Of(a.Value.String(), maxText))
		}
		return slog.Attr{} // it describes authorizerEvent
	}})
	authorizer := authz.NewAuthorizer(
		authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) { return p, nil }),
		authz.WithLogger(slog.New(why)),
	)
	out, err := authorizer.Invoke(context.Background(), []byte(authorizerEvent))
	if err != nil {
		return nil, "", fmt.Errorf("an authorizer does not accept this principal: %w: %s", err, strings.TrimSpace(log.String()))
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
	values = map[string]any{"integrationLatency": 0} // the gateway adds it
	maps.Copy(values, answer.Context)
	values["principalId"] = answer.PrincipalID
	return values, answer.UsageIdentifierKey, nil
}
