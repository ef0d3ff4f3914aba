package authz

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/credential"
)

// Principal is the user or the device that a connection belongs to, and what it may do. It is a
// value. Do not change its slices and maps once an [Authenticator] has returned it.
type Principal struct {
	// ID names the user or the device: UTF-8, not empty. [conn.Track] registers the connection as
	// this user's. All authenticators of an API share one namespace of ids; see [PrefixIDs].
	ID string
	// Scopes and Roles are what [RequireScopes] and [RequireRole] ask for. They contain no spaces.
	Scopes []string
	Roles  []string
	// Attributes are further values that every event carries. Names consist of ASCII letters,
	// digits, "_", "-" and ".".
	Attributes map[string]string
	// ExpiresAt is when the credential ends, in whole seconds; the zero time means never. See
	// [CredentialExpiry].
	ExpiresAt time.Time `json:"Expires"` // the name in stored items
	// UsageKey is the API key under which API Gateway's usage plans count the connection; empty for
	// none. An authorizer answers with it as usageIdentifierKey. Later events do not carry it.
	UsageKey string
}

// maxAuthorizerResult is the largest answer of an authorizer, in bytes (AWS Developer Guide,
// "Quotas for configuring and running a WebSocket API": "Authorizer result size").
const maxAuthorizerResult = 8 << 10

// arnRoom is the length, in bytes, that Validate assumes for the ARN in an authorizer's answer.
const arnRoom = 256

// Validate returns an error if no connection can have this principal, because an authorizer's
// answer can't carry it: the ID is empty, a scope or role is empty or contains a space, the name of
// an attribute has a character that is not allowed, a text is not UTF-8, or the answer would exceed
// the 8 KB that API Gateway accepts. Call it before you store a principal for later, as package
// authz/apikey does.
func (p Principal) Validate() error {
	if err := p.check(); err != nil {
		return err
	}
	_, err := p.answer(strings.Repeat("x", arnRoom))
	return err
}

// answer returns the answer of an authorizer that admits the principal to the API of an ARN.
func (p Principal) answer(arn string) ([]byte, error) {
	a := newAnswer(p.ID, "Allow", arn)
	a.Context, a.UsageIdentifierKey = p.context(), p.UsageKey
	out, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("authz: principal %.60q: %w", p.ID, err)
	}
	if len(out) > maxAuthorizerResult {
		return nil, fmt.Errorf("authz: principal %.60q makes an answer of %d bytes, the gateway takes %d; "+
			"the largest part is %s", p.ID, len(out), maxAuthorizerResult, largest(a.Context))
	}
	return out, nil
}

// largest names the part of a context that has the most bytes.
func largest(values map[string]string) string {
	var name string
	for k, v := range values {
		if name == "" || len(v) > len(values[name]) || len(v) == len(values[name]) && k < name {
			name = k
		}
	}
	return fmt.Sprintf("%q with %d", strings.TrimPrefix(name, attribute), len(values[name]))
}

// The keys of a Principal in an authorizer's context. Attributes have a prefix, so that their names
// can't collide with other keys.
const (
	keyPrincipal = "principalId"
	keyScopes    = "scopes"
	keyRoles     = "roles"
	keyExpires   = credential.KeyExpiry
	attribute    = "attr."
)

// HasScope reports whether the principal has a scope.
func (p Principal) HasScope(scope string) bool { return slices.Contains(p.Scopes, scope) }

// HasRole reports whether the principal has a role.
func (p Principal) HasRole(role string) bool { return slices.Contains(p.Roles, role) }

// Expired reports whether the credential has ended.
func (p Principal) Expired(now time.Time) bool {
	return !p.ExpiresAt.IsZero() && !now.Before(p.ExpiresAt)
}

// check returns an error that names the part which an authorizer's context can't carry.
func (p Principal) check() error {
	if p.ID == "" || !utf8.ValidString(p.ID) {
		return fmt.Errorf("authz: the principal's id %q is empty or not UTF-8", p.ID)
	}
	for kind, words := range map[string][]string{"scope": p.Scopes, "role": p.Roles} {
		for _, w := range words {
			if w == "" || !utf8.ValidString(w) || strings.ContainsFunc(w, unicode.IsSpace) {
				return fmt.Errorf("authz: %s %q of principal %q is empty, not UTF-8 or contains a space", kind, w, p.ID)
			}
		}
	}
	for name, value := range p.Attributes {
		if !isName(name) {
			return fmt.Errorf("authz: attribute %q of principal %q: a name consists of letters, digits, dots, _ and -",
				name, p.ID)
		}
		if !utf8.ValidString(value) {
			return fmt.Errorf("authz: attribute %q of principal %q is not UTF-8", name, p.ID)
		}
	}
	return nil
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// context returns the principal as an authorizer's context, without its id.
func (p Principal) context() map[string]string {
	c := make(map[string]string, len(p.Attributes)+3)
	if len(p.Scopes) > 0 {
		c[keyScopes] = strings.Join(p.Scopes, " ")
	}
	if len(p.Roles) > 0 {
		c[keyRoles] = strings.Join(p.Roles, " ")
	}
	if !p.ExpiresAt.IsZero() {
		c[keyExpires] = strconv.FormatInt(p.ExpiresAt.Unix(), 10)
	}
	for name, value := range p.Attributes {
		c[attribute+name] = value
	}
	return c
}

// PrincipalFrom returns the principal of an event's connection, and reports whether there is one:
// it comes from the API's [Authorizer], or from [AuthenticateConnect] and [RestorePrincipal]. From
// the answer of another authorizer it takes the principalId, and all other values as attributes.
func PrincipalFrom(req *gatesock.Request) (Principal, bool) {
	return fromContext(req.Authorizer)
}

// APIKeyAttribute is the attribute of a [Principal] that holds the id of its API key. Package
// authz/apikey sets it.
const APIKeyAttribute = "key"

// AttributeFrom returns an attribute of an event's principal, or an empty string if there is none.
// It is faster than [PrincipalFrom], which builds the whole principal. From the answer of another
// authorizer it returns the value with that name.
func AttributeFrom(req *gatesock.Request, name string) string {
	if value, ok := req.Authorizer[attribute+name]; ok {
		return value
	}
	return req.Authorizer[name]
}

// fromContext reads an authorizer's context. A credential whose exp is not a number has expired:
// what can't be read is not trusted.
func fromContext(values map[string]string) (Principal, bool) {
	p := Principal{ID: values[keyPrincipal]}
	if p.ID == "" {
		return Principal{}, false
	}
	p.Scopes = strings.Fields(values[keyScopes])
	p.Roles = strings.Fields(values[keyRoles])
	var err error
	if p.ExpiresAt, err = credential.Expiry(values); err != nil {
		p.ExpiresAt = time.Unix(0, 0).UTC()
	}
	for k, v := range values {
		switch k {
		case keyPrincipal, keyScopes, keyRoles, keyExpires, "integrationLatency":
			continue
		}
		if p.Attributes == nil {
			p.Attributes = make(map[string]string)
		}
		p.Attributes[strings.TrimPrefix(k, attribute)] = v
	}
	return p, true
}

// setPrincipal adds a principal to an event, in place of the one from the authorizer.
func setPrincipal(req *gatesock.Request, p Principal) {
	values := p.context()
	values[keyPrincipal] = p.ID
	req.Authorizer = values
}

// merge joins what two authenticators return for the same handshake. One that returns no ID may
// still return what the principal may do, and for how long.
func merge(a, b Principal) (Principal, error) {
	if a.ID != b.ID && a.ID != "" && b.ID != "" {
		return Principal{}, fmt.Errorf("%w: the credentials belong to two principals", ErrUnauthenticated)
	}
	a.ID = cmp.Or(a.ID, b.ID)
	a.Scopes = union(a.Scopes, b.Scopes)
	a.Roles = union(a.Roles, b.Roles)
	if len(b.Attributes) > 0 {
		attributes := maps.Clone(b.Attributes)
		maps.Copy(attributes, a.Attributes)
		a.Attributes = attributes
	}
	if a.ExpiresAt.IsZero() || !b.ExpiresAt.IsZero() && b.ExpiresAt.Before(a.ExpiresAt) {
		a.ExpiresAt = b.ExpiresAt
	}
	a.UsageKey = cmp.Or(a.UsageKey, b.UsageKey)
	return a, nil
}

func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}
