package authz

import (
	"encoding/json"
	"fmt"
	"strings"
)

// arnRoom is how long the ARN in an authorizer's answer is taken to be.
const arnRoom = 256

// Check returns why the principal can't connect, as its handshake would be refused: it has no id, a scope or role with a space,
// an attribute whose name is not made of ASCII letters, digits, "_", "-" and ".", a value that is not UTF-8, or more than fits
// into an authorizer's answer ([MaxContext]). What keeps principals, such as package authz/apikey, refuses those that it fails
// for.
func (p Principal) Check() error {
	if err := p.check(); err != nil {
		return err
	}
	a := newAnswer(p.ID, "Allow", strings.Repeat("x", arnRoom))
	a.Context, a.UsageIdentifierKey = p.context(), p.UsageKey
	out, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("authz: principal %.60q: %w", p.ID, err)
	}
	if len(out) > MaxContext {
		return fmt.Errorf("authz: principal %.60q makes an authorizer's answer of %d bytes, the gateway takes %d; the largest part is %s",
			p.ID, len(out), MaxContext, largest(a.Context))
	}
	return nil
}
