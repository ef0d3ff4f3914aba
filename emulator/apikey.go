package emulator

import (
	"errors"
	"fmt"
	"net/http"
)

// APIKey is one that the gateway takes where $connect demands one (§11 of docs/gateway-facts.md).
type APIKey struct{ ID, Value string }

// The two places that a key can come from: all that the apiKeySelectionExpression may be.
const (
	keyFromHeader     = "$request.header.x-api-key"
	keyFromAuthorizer = "$context.authorizer.usageIdentifierKey"
)

func checkAPIKeys(keys []APIKey, expression string) error {
	if expression != keyFromHeader && expression != keyFromAuthorizer {
		return fmt.Errorf("APIKeySelectionExpression %q is neither %s nor %s", expression, keyFromHeader, keyFromAuthorizer)
	}
	for _, k := range keys {
		if k.ID == "" || k.Value == "" {
			return errors.New("an APIKey without an ID or a Value")
		}
	}
	return nil
}

// identify finds the API key of a handshake, if the API demands one. It gives the error that refuses the handshake.
func (s *Session) identify(h *Handshake, st stamp) error {
	if len(s.g.cfg.APIKeys) == 0 {
		return nil
	}
	value := headerValue(h.Header, "X-Api-Key")
	if s.g.cfg.APIKeySelectionExpression == keyFromAuthorizer {
		value = h.UsageKey
	}
	for _, k := range s.g.cfg.APIKeys {
		if k.Value == value {
			h.apiKey = k
			return nil
		}
	}
	return s.refuse(http.StatusForbidden, messageForbidden, st)
}
