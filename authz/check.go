package authz

import (
	"encoding/json"
	"fmt"
	"strings"
)

// arnRoom is the length, in bytes, that is allowed for the ARN in an authorizer's answer.
const arnRoom = 256

// Check returns an error if the principal can't connect, since an authorizer's answer can't carry it: its ID is empty,
// a scope or role is empty or contains a space, the name of an attribute has other characters than ASCII letters,
// digits, "_", "-" and ".", something is not UTF-8, or the answer would exceed [MaxAuthorizerResult]. Packages that store
// principals, such as authz/apikey, call it before they do.
func (p Principal) Validate() error {
	if err := p.check(); err != nil {
		return err
	}
	a := newAnswer(p.ID, "Allow", strings.Repeat("x", arnRoom))
	a.Context, a.UsageIdentifierKey = p.context(), p.UsageKey
	out, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("authz: principal %.60q: %w", p.ID, err)
	}
	if len(out) > MaxAuthorizerResult {
		return fmt.Errorf("authz: principal %.60q makes an authorizer's answer of %d bytes, the gateway takes %d; "+
			"the largest part is %s", p.ID, len(out), MaxAuthorizerResult, largest(a.Context))
	}
	return nil
}
